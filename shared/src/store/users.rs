//! Users, and who owns which identifier.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    CHANGE_TRIES, Item, Store, accounts::owner_item, from_item, keys::Key, number, text, to_item,
    transactions::Outcome, unavailable,
};
use crate::{
    error::Error,
    hash_keys::{HashKeys, IdentifierHash},
    session::{MAX_SESSIONS, Session},
    user::User,
};

/// The outcome of making a user.
#[derive(Debug)]
pub enum Created {
    /// It is made.
    Yes,
    /// Nothing is made: somebody else has this identifier.
    Taken(IdentifierHash),
}

impl Store {
    /// A user; nothing where there is none.
    pub async fn user(&self, id: Uuid) -> Result<Option<User>, Error> {
        self.get(Key::user(id)).await
    }

    /// Makes a user with a first session, and gives it its identifiers, all or nothing.
    pub async fn create_user(&self, user: &User, session: &Session, keys: &HashKeys) -> Result<Created, Error> {
        let identifiers: Vec<_> = user.identifiers(keys).into_iter().collect();
        let mut items = Vec::new();
        for identifier in &identifiers {
            items.push(self.put_if_absent(&owner_item(identifier, user.id)?)?);
        }
        items.push(self.put_if_absent(&to_item(Key::user(user.id), user)?)?);
        items.push(self.put_if_absent(&to_item(Key::session(user.id, session.id), session)?)?);
        for _ in 0..CHANGE_TRIES {
            match self.transact(items.clone()).await? {
                Outcome::Done => return Ok(Created::Yes),
                Outcome::Refused(place) => {
                    let identifier = identifiers.get(place).cloned();
                    return identifier
                        .map(Created::Taken)
                        .ok_or_else(|| Error::Internal("an id is there twice".into()));
                }
                Outcome::Busy => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        Err(Error::Unavailable("a transaction was in conflict too often".into()))
    }

    /// Adds a session to its user and notes the sign-in; who is new to the app gets its `default_role`.
    /// Answers the user; nothing where there is none.
    ///
    /// # Errors
    /// [`Error::UserDisabled`] for a disabled user; then there is no session.
    pub async fn begin_session(
        &self,
        session: &Session,
        ends_at: Timestamp,
        default_role: Option<&str>,
    ) -> Result<Option<User>, Error> {
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
        let condition = "attribute_exists(pk) AND user_status = :active";
        let user = self.change_sessions(session.user_id, &update, condition, names, values).await?;
        match user {
            Some(user) if user.sessions.len() > MAX_SESSIONS => {
                // Version 7 ids order by time: the first are the oldest.
                let oldest: Vec<_> = user.sessions.keys().take(user.sessions.len() - MAX_SESSIONS).copied().collect();
                self.end_sessions(user.id, &oldest).await?;
                Ok(Some(user))
            }
            Some(user) => Ok(Some(user)),
            None => {
                // The user was deleted in the meantime: nothing of it stays.
                self.delete(Key::session(session.user_id, session.id)).await?;
                Ok(None)
            }
        }
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
    ) -> Result<Option<User>, Error> {
        let result = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::user(user_id).attributes()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":one", number(1))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match result {
            Ok(answer) => {
                self.count_write(answer.consumed_capacity.as_ref());
                answer.attributes.map(from_item).transpose()
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item {
                    Some(_) => Err(Error::UserDisabled),
                    None => Ok(None),
                },
                _ => Err(unavailable(error)),
            },
        }
    }
}

/// The name that stands for the `index`th session in an expression.
fn placeholder(index: usize) -> String {
    if index == 0 { "#id".to_owned() } else { format!("#id{index}") }
}
