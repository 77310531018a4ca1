//! Sessions in the table. They are a part of their user's item.

mod codes;

pub(super) use self::codes::{Exchange, NewCode};

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    base::{Error, ShortId},
    table::{Item, Key, Store, Updated, bytes, from_item, number, text},
    users::{AuthenticationMethod, IDLE_SECONDS, MAX_SESSIONS, Session, User, UserStatus},
};

/// How many expired sessions a user must have before these are removed, all in one write.
const SWEPT_AT_ONCE: usize = 5;

/// The outcome of using a refresh token.
#[derive(Debug)]
pub enum Rotation {
    /// The successor is now the current token. This is also the outcome if the client retries
    /// before the successor was used. Holds the user.
    Rotated(Box<User>),
    /// The token was already used, and so was its successor, or the token on another branch.
    Replayed,
    /// The session was idle for too long.
    Expired,
    /// There is no such session.
    Ended,
    /// The user is disabled. The token is not used up, so it works again once the user is enabled.
    Disabled,
}

/// A session to begin, and what must hold for that.
#[derive(Clone, Copy)]
pub struct NewSession<'a> {
    /// Its id.
    pub id: Uuid,
    /// The session.
    pub session: &'a Session,
    /// The session of an app that waits until its code is used, and its id.
    pub code: Option<(Uuid, &'a Session)>,
    /// The role of people who are new to the app.
    pub default_role: Option<&'a str>,
    /// [`User::password_count`] of the password that was compared, if there was one.
    pub password_count: Option<u64>,
    /// [`User::sign_in_epoch`] when the user was recognised ([`crate::users::Recognised`]).
    pub sign_in_epoch: Option<u64>,
    /// The user must have signed in after this, or have been brought along, if it is set.
    pub idle_since: Option<Timestamp>,
}

impl NewSession<'_> {
    fn has_two_factors(&self) -> bool {
        self.session.amr.contains(&AuthenticationMethod::Mfa)
    }

    fn proves_address(&self) -> bool {
        self.session.amr.iter().any(|method| method.proves_address())
    }

    /// The refusal of this session of `user`, by the conditions of [`Store::begin_session`].
    pub fn refusal(&self, user: &User) -> Option<Begun> {
        let is_idle = self.idle_since.is_some_and(|since| {
            let used = user.last_sign_in_at.or(user.imported_at);
            used.is_some_and(|at| at.as_second() <= since.as_second())
        });
        let is_second_factor_due = user.totp && !self.has_two_factors();
        if user.status == UserStatus::Disabled {
            Some(Begun::Disabled)
        } else if user.unproven && self.proves_address() {
            Some(Begun::Unproven)
        } else if self.password_count.is_some_and(|count| count != user.password_count)
            || self.sign_in_epoch.is_some_and(|epoch| epoch != user.sign_in_epoch)
        {
            Some(Begun::Outdated)
        } else if is_second_factor_due {
            let (sign_in_epoch, has_passkeys) = (user.sign_in_epoch, !user.passkeys.is_empty());
            Some(Begun::SecondFactorDue { sign_in_epoch, has_passkeys })
        } else if is_idle {
            Some(Begun::Idle)
        } else {
            user.erase_at.map(|_| Begun::ToBeErased)
        }
    }
}

/// The outcome of beginning a session.
#[derive(Debug)]
pub enum Begun {
    /// The session has begun. Holds the user.
    Yes(Box<User>),
    /// The user has a second factor, and did not use it for this session.
    SecondFactorDue {
        /// [`User::sign_in_epoch`].
        sign_in_epoch: u64,
        /// Whether a passkey can be that second factor.
        has_passkeys: bool,
    },
    /// An administrator created this user, and nobody has proven an address yet.
    Unproven,
    /// The password has changed since it was compared, or sign-ins that waited for their second
    /// factor have ended.
    Outdated,
    /// The user is disabled.
    Disabled,
    /// The user is to be erased, which this sign-in takes back.
    ToBeErased,
    /// The user has not signed in since the time that was asked for.
    Idle,
    /// There is no such user.
    NoUser,
}

/// The outcome of a conditional change of a user.
enum Changed {
    /// The condition held. Holds the user after the change.
    Yes(Box<User>),
    /// The condition did not hold. Holds the user, if there is one.
    Refused(Option<Box<User>>),
}

impl Store {
    /// Replaces the hash `current` of a refresh secret by `next`, in one conditional write.
    pub async fn rotate_refresh(
        &self,
        (user_id, session_id): (Uuid, Uuid),
        current: &[u8],
        next: &[u8],
        now: Timestamp,
    ) -> Result<Rotation, Error> {
        let idle_since =
            now.as_second().saturating_sub(IDLE_SECONDS).saturating_add(1).saturating_mul(1000);

        let values = HashMap::from([
            (":active".to_owned(), text(UserStatus::Active.name())),
            (":current".to_owned(), bytes(current)),
            (":next".to_owned(), bytes(next)),
            (":idle_since".to_owned(), number(idle_since)),
            (":now".to_owned(), number(now.as_second())),
            (":now_millis".to_owned(), number(now.as_millisecond())),
        ]);
        let update = "SET sessions.#id.h = :next, sessions.#id.l = :now_millis ADD version :one";
        let condition = "user_status = :active AND sessions.#id.h = :current \
                         AND sessions.#id.l >= :idle_since AND sessions.#id.e > :now";
        let names = HashMap::from([(placeholder(0), ShortId(session_id).to_string())]);

        let user = match self.change_sessions(user_id, update, condition, names, values).await? {
            Changed::Yes(user) => return Ok(Rotation::Rotated(user)),
            Changed::Refused(None) => return Ok(Rotation::Ended),
            Changed::Refused(Some(user)) => user,
        };

        if user.status == UserStatus::Disabled {
            return Ok(Rotation::Disabled);
        }
        let Some(session) = user.sessions.get(&session_id) else { return Ok(Rotation::Ended) };
        if session.expires_at() <= now {
            return Ok(Rotation::Expired);
        }

        // If the successor is already the current token, the client retries, or our own write
        // succeeded and its response was lost. Once the successor itself was used, another use
        // of the previous token is a replay. No clock limits the retry: a phone may sleep for hours
        // between a request and its response.
        if session.refresh_hash == next {
            return Ok(Rotation::Rotated(user));
        }
        Ok(Rotation::Replayed)
    }

    /// Adds a session to its user and records the time of the sign-in. A user who is new to the app
    /// gets its default role.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_session(&self, user_id: Uuid, new: &NewSession<'_>) -> Result<Begun, Error> {
        let NewSession { id: session_id, session, code, .. } = *new;
        let stored = |session: &Session| {
            serde_dynamo::to_attribute_value(session)
                .map_err(|error| Error::Internal(error.to_string()))
        };

        // The right side of an assignment is the value before the write.
        let mut update = "SET sessions.#id = :session, last_sign_in_at = :now, \
                          e3 = if_not_exists(e2, :event), e2 = if_not_exists(e1, :event), e1 = :event"
            .to_owned();
        let mut names = HashMap::from([(placeholder(0), ShortId(session_id).to_string())]);
        let mut values = HashMap::from([
            (":active".to_owned(), text(UserStatus::Active.name())),
            (":session".to_owned(), stored(session)?),
            (":now".to_owned(), number(session.created_at.as_second())),
            (":event".to_owned(), text(ShortId(session_id))),
        ]);
        if let Some((id, waiting)) = code {
            update.push_str(", sessions.#id1 = :code");
            names.insert(placeholder(1), ShortId(id).to_string());
            values.insert(":code".to_owned(), stored(waiting)?);
        }
        if let Some(role) = new.default_role {
            update.push_str(", #roles.#app = if_not_exists(#roles.#app, :default_roles)");
            names.insert("#roles".to_owned(), "roles".to_owned());
            names.insert("#app".to_owned(), session.client_id.clone());
            values.insert(":default_roles".to_owned(), AttributeValue::L(vec![text(role)]));
        }
        update.push_str(" ADD version :one");

        let mut condition = "attribute_exists(pk) AND user_status = :active \
                             AND attribute_not_exists(erase_at) \
                             AND (attribute_not_exists(e1) OR e1 <> :event)"
            .to_owned();
        if !new.has_two_factors() {
            condition.push_str(" AND attribute_not_exists(totp)");
        }
        if new.proves_address() {
            condition.push_str(" AND attribute_not_exists(unproven)");
        }
        if let Some(count) = new.password_count {
            condition.push_str(" AND password_count = :password_count");
            values.insert(":password_count".to_owned(), AttributeValue::N(count.to_string()));
        }
        if let Some(since) = new.idle_since {
            condition.push_str(
                " AND (last_sign_in_at > :idle_since OR attribute_not_exists(last_sign_in_at) \
                 AND (attribute_not_exists(im) OR im > :idle_since))",
            );
            values.insert(":idle_since".to_owned(), number(since.as_second()));
        }
        match new.sign_in_epoch {
            Some(0) => condition.push_str(" AND attribute_not_exists(sign_in_epoch)"),
            Some(epoch) => {
                condition.push_str(" AND sign_in_epoch = :sign_in_epoch");
                values.insert(":sign_in_epoch".to_owned(), AttributeValue::N(epoch.to_string()));
            }
            None => {}
        }

        match self.change_sessions(user_id, &update, &condition, names, values).await? {
            Changed::Yes(user) => {
                self.sweep_sessions(&user, session.last_used_at).await?;
                Ok(Begun::Yes(user))
            }
            // This is our own write, whose response was lost.
            Changed::Refused(Some(user)) if user.last_sign_in == Some(session_id) => {
                Ok(Begun::Yes(user))
            }
            Changed::Refused(Some(user)) => new.refusal(&user).ok_or_else(|| {
                Error::Internal("a session was refused for no reason that is known".into())
            }),
            Changed::Refused(None) => Ok(Begun::NoUser),
        }
    }

    /// Removes expired sessions if there are at least [`SWEPT_AT_ONCE`], and the oldest ones if the
    /// user has more than [`MAX_SESSIONS`]. Expired sessions are removed together, because removing
    /// a single one costs as much as a sign-in.
    async fn sweep_sessions(&self, user: &User, now: Timestamp) -> Result<(), Error> {
        let over = user
            .sessions
            .iter()
            .filter(|(_, session)| session.expires_at() <= now)
            .map(|(id, _)| *id);
        let mut swept: Vec<_> = over.collect();
        if swept.len() < SWEPT_AT_ONCE {
            swept.clear();
        }

        let surplus = (user.sessions.len() - swept.len()).saturating_sub(MAX_SESSIONS);
        let oldest = user.live_sessions(now).map(|(id, _)| id).take(surplus);
        swept.extend(oldest);
        self.end_sessions(user.id, &swept).await.map(drop)
    }

    /// Revokes sessions of a user. From then on nothing accepts them.
    pub async fn end_sessions(
        &self,
        user_id: Uuid,
        session_ids: &[Uuid],
    ) -> Result<Option<User>, Error> {
        if session_ids.is_empty() {
            return Ok(None);
        }

        let remove: Vec<_> = (0..session_ids.len())
            .map(|index| format!("sessions.{}", placeholder(index)))
            .collect();
        let update = format!("REMOVE {} ADD version :one", remove.join(", "));
        let names = session_ids
            .iter()
            .enumerate()
            .map(|(index, id)| (placeholder(index), ShortId(*id).to_string()))
            .collect();
        let condition = "attribute_exists(pk)";
        let changed = self.change_sessions(user_id, &update, condition, names, HashMap::new());
        Ok(match changed.await? {
            Changed::Yes(user) => Some(*user),
            Changed::Refused(_) => None,
        })
    }

    /// Revokes all sessions of a user, also those that the caller has not read.
    pub async fn end_all_sessions(&self, user_id: Uuid) -> Result<(), Error> {
        let names = HashMap::from([("#sessions".to_owned(), "sessions".to_owned())]);
        let none = HashMap::from([(":none".to_owned(), AttributeValue::M(HashMap::new()))]);
        // Signing out everywhere also ends sign-ins that wait, and forgets all known devices.
        let update =
            "SET #sessions = :none ADD version :one, device_epoch :one, sign_in_epoch :one";
        self.change_sessions(user_id, update, "attribute_exists(pk)", names, none).await.map(drop)
    }

    /// Updates a user if `condition` holds, and raises the user's version.
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

/// The name that stands for the `index`th session in an expression.
fn placeholder(index: usize) -> String {
    if index == 0 { "#id".to_owned() } else { format!("#id{index}") }
}
