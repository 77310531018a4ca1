//! Users, and who owns which identifier.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    CHANGE_TRIES, Item, Store, Updated,
    accounts::owner_item,
    from_item,
    keys::{self, Key},
    number, text, to_item,
    transactions::Outcome,
};
use crate::{
    error::Error,
    hash_keys::{HashKeys, IdentifierHash},
    session::{AuthenticationMethod, MAX_SESSIONS, Session},
    user::{User, UserStatus},
};

/// The outcome of making a user.
#[derive(Debug)]
pub enum Created {
    /// It is made.
    Yes,
    /// Nothing is made: somebody else has this identifier.
    Taken(IdentifierHash),
}

/// The outcome of beginning a session.
#[derive(Debug)]
pub enum Begun {
    /// It lives; this is its user.
    Yes(Box<User>),
    /// The user has a second factor, and the session does not.
    SecondFactorDue,
    /// What there is of the user was written down before anybody proved the address.
    Unproven,
    /// There is no such user.
    NoUser,
}

/// The outcome of a conditional change of a user.
enum Changed {
    /// The user as he is now.
    Yes(Box<User>),
    /// The condition did not hold, for this user or for want of one.
    Refused(Option<Box<User>>),
}

impl Store {
    /// A user; nothing where there is none.
    pub async fn user(&self, id: Uuid) -> Result<Option<User>, Error> {
        self.get(Key::user(id)).await
    }

    /// Makes a user, with a first session where there is one, and gives it its identifiers, all or nothing.
    pub async fn create_user(&self, user: &User, session: Option<&Session>, keys: &HashKeys) -> Result<Created, Error> {
        let identifiers: Vec<_> = user.identifiers(keys).into_iter().collect();
        let mut items = Vec::new();
        for identifier in &identifiers {
            items.push(self.put_if_absent(&owner_item(identifier, user.id)?)?);
        }
        items.push(self.put_if_absent(&user_item(user)?)?);
        if let Some(session) = session {
            items.push(self.put_if_absent(&to_item(Key::session(user.id, session.id), session)?)?);
        }
        items.extend(self.moved_admin(None, Some(user))?);
        for _ in 0..CHANGE_TRIES {
            match self.transact(items.clone()).await? {
                Outcome::Done => return Ok(Created::Yes),
                Outcome::Refused(place) => {
                    let identifier = identifiers.get(place).cloned();
                    return identifier
                        .map(Created::Taken)
                        .ok_or_else(|| Error::Internal("an id is there twice".into()));
                }
                Outcome::Busy => {}
            }
        }
        Err(Error::Unavailable("a transaction was in conflict too often".into()))
    }

    /// Adds a session to its user and notes the sign-in; who is new to the app gets its `default_role`.
    ///
    /// # Errors
    /// [`Error::UserDisabled`] for a disabled user; then there is no session.
    pub async fn begin_session(
        &self,
        session: &Session,
        ends_at: Timestamp,
        default_role: Option<&str>,
    ) -> Result<Begun, Error> {
        self.put(to_item(Key::session(session.user_id, session.id), session)?).await?;
        let mut update = "SET sessions.#id = :ends_at, last_sign_in_at = :now".to_owned();
        let mut names = HashMap::from([(placeholder(0), session.id.to_string())]);
        let mut values = HashMap::from([
            (":active".to_owned(), text("active")),
            (":ends_at".to_owned(), number(ends_at.as_second())),
            (":now".to_owned(), number(session.created_at.as_second())),
        ]);
        if let Some(role) = default_role {
            update.push_str(", #roles.#app = if_not_exists(#roles.#app, :default_roles)");
            names.insert("#roles".to_owned(), "roles".to_owned());
            names.insert("#app".to_owned(), session.client_id.clone());
            values.insert(":default_roles".to_owned(), AttributeValue::L(vec![text(role)]));
        }
        update.push_str(" ADD version :one");
        let mut condition = "attribute_exists(pk) AND user_status = :active".to_owned();
        if !session.amr.contains(&AuthenticationMethod::Mfa) {
            condition.push_str(" AND attribute_not_exists(totp)");
        }
        if session.amr.iter().any(|method| method.proves_address()) {
            condition.push_str(" AND attribute_not_exists(unproven)");
        }
        let begun = match self.change_sessions(session.user_id, &update, &condition, names, values).await? {
            Changed::Yes(user) => {
                if let Some(surplus) = user.sessions.len().checked_sub(MAX_SESSIONS).filter(|surplus| *surplus > 0) {
                    // Version 7 ids order by time: the first are the oldest.
                    let oldest: Vec<_> = user.sessions.keys().take(surplus).copied().collect();
                    self.end_sessions(user.id, &oldest).await?;
                }
                return Ok(Begun::Yes(user));
            }
            Changed::Refused(Some(user)) if user.status == UserStatus::Disabled => Err(Error::UserDisabled),
            Changed::Refused(Some(user))
                if user.unproven && session.amr.iter().any(|method| method.proves_address()) =>
            {
                Ok(Begun::Unproven)
            }
            Changed::Refused(Some(_)) => Ok(Begun::SecondFactorDue),
            Changed::Refused(None) => Ok(Begun::NoUser),
        };
        // There is no session: nothing of it stays.
        self.delete(Key::session(session.user_id, session.id)).await?;
        begun
    }

    /// Takes away what somebody could have put there before the address was proven: password, second
    /// factor and sessions.
    pub async fn clear_unproven(&self, user_id: Uuid, keys: &HashKeys) -> Result<(), Error> {
        self.change_user(user_id, keys, |user| {
            user.unproven = false;
            user.password = None;
            user.password_count += 1;
            user.totp = false;
            user.sessions.clear();
            Ok(())
        })
        .await?;
        self.delete_second_factor(user_id).await
    }

    /// Ends sessions of a user. From here on nothing accepts them; what they stored is swept away.
    pub async fn end_sessions(&self, user_id: Uuid, session_ids: &[Uuid]) -> Result<(), Error> {
        if session_ids.is_empty() {
            return Ok(());
        }
        let remove: Vec<_> = (0..session_ids.len()).map(|index| format!("sessions.{}", placeholder(index))).collect();
        let update = format!("REMOVE {} ADD version :one", remove.join(", "));
        let names = session_ids.iter().enumerate().map(|(index, id)| (placeholder(index), id.to_string())).collect();
        self.change_sessions(user_id, &update, "attribute_exists(pk)", names, HashMap::new()).await?;
        for id in session_ids {
            self.delete(Key::session(user_id, *id)).await?;
        }
        Ok(())
    }

    async fn change_sessions(
        &self,
        user_id: Uuid,
        update: &str,
        condition: &str,
        names: HashMap<String, String>,
        values: Item,
    ) -> Result<Changed, Error> {
        let update = self
            .client
            .update_item()
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":one", number(1));
        Ok(match self.update_if(Key::user(user_id), update).await? {
            Updated::Done(item) => Changed::Yes(from_item(item)?),
            Updated::Refused(item) => Changed::Refused(item.map(from_item).transpose()?),
        })
    }
}

/// A user, on the list of users.
pub(super) fn user_item(user: &User) -> Result<Item, Error> {
    let item = to_item(Key::user(user.id), user)?;
    Ok(Store::on_list(item, &keys::users_list(keys::shard(user.id)), &user.id.to_string()))
}

/// The name that stands for the `index`th session in an expression.
fn placeholder(index: usize) -> String {
    if index == 0 { "#id".to_owned() } else { format!("#id{index}") }
}
