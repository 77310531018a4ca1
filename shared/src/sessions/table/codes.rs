//! Authorization codes in the table. A code is a session that waits in its user's item.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Changed, placeholder};
use crate::{
    authorization::AuthorizationCode,
    base::{Error, ShortId},
    table::{Store, bytes, number, text},
    users::{Session, SessionKind, User, UserStatus},
};
use aws_sdk_dynamodb::types::AttributeValue;

/// A code to be written.
pub(in crate::sessions) struct NewCode<'a> {
    /// The id of the session that begins when the code is used.
    pub id: Uuid,
    /// That session, which waits.
    pub session: &'a Session,
    /// The session of the browser, and the hash of its cookie.
    pub browser: (Uuid, &'a [u8]),
    /// The role of people who are new to the app.
    pub default_role: Option<&'a str>,
    /// The sessions that end.
    pub replaced: Vec<Uuid>,
}

/// The outcome of using a code.
pub(in crate::sessions) enum Exchange {
    /// The session has begun. Holds the user.
    Begun(Box<User>),
    /// The code was used before.
    Used {
        /// When it was used.
        at: Timestamp,
    },
    /// The code has expired, or the session of the browser has ended.
    Ended,
    /// The user is disabled.
    Disabled,
}

impl Store {
    /// Writes a code, if the session of the browser has not ended. Returns whether it was written.
    pub(in crate::sessions) async fn add_code(
        &self,
        user_id: Uuid,
        new: NewCode<'_>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let as_stored = serde_dynamo::to_attribute_value(new.session)
            .map_err(|error| Error::Internal(error.to_string()))?;
        let (browser, cookie) = new.browser;
        let mut names = HashMap::from([
            (placeholder(0), ShortId(new.id).to_string()),
            (placeholder(1), ShortId(browser).to_string()),
        ]);
        let mut values = HashMap::from([
            (":active".to_owned(), text(UserStatus::Active.name())),
            (":session".to_owned(), as_stored),
            (":cookie".to_owned(), bytes(cookie)),
            (":now_millis".to_owned(), number(now.as_millisecond())),
        ]);

        let mut update = "SET sessions.#id = :session, sessions.#id1.l = :now_millis".to_owned();
        if let Some(role) = new.default_role {
            update.push_str(", #roles.#app = if_not_exists(#roles.#app, :default_roles)");
            names.insert("#roles".to_owned(), "roles".to_owned());
            names.insert("#app".to_owned(), new.session.client_id.clone());
            values.insert(":default_roles".to_owned(), AttributeValue::L(vec![text(role)]));
        }
        let removed = new.replaced.iter().enumerate().map(|(index, id)| {
            let name = placeholder(index + 2);
            names.insert(name.clone(), ShortId(*id).to_string());
            format!("sessions.{name}")
        });
        let removed: Vec<_> = removed.collect();
        if !removed.is_empty() {
            update.push_str(&format!(" REMOVE {}", removed.join(", ")));
        }
        update.push_str(" ADD version :one");

        let condition = "user_status = :active AND sessions.#id1.h = :cookie";
        let changed = self.change_sessions(user_id, &update, condition, names, values).await?;
        Ok(matches!(changed, Changed::Yes(_)))
    }

    /// Puts the apps that were entered from one session of a browser under another, and ends the
    /// former, in one write. Nothing is written if one of these sessions has ended meanwhile; returns
    /// whether it was written.
    pub(in crate::sessions) async fn replace_browser(
        &self,
        user: &User,
        former: Uuid,
        next: Uuid,
    ) -> Result<bool, Error> {
        let mut names = HashMap::from([(placeholder(0), ShortId(former).to_string())]);
        let (mut update, mut condition, mut values) =
            (String::new(), "attribute_exists(pk)".to_owned(), HashMap::new());
        for (index, (id, _)) in user.sessions.iter().filter(|(_, it)| it.is_of(former)).enumerate()
        {
            let name = placeholder(index + 1);
            let joint = if index == 0 { "SET " } else { ", " };
            update.push_str(&format!("{joint}sessions.{name}.g.b = :next"));
            condition.push_str(&format!(" AND attribute_exists(sessions.{name})"));
            names.insert(name, ShortId(*id).to_string());
            values.insert(":next".to_owned(), text(ShortId(next)));
        }
        update.push_str(&format!(" REMOVE sessions.{} ADD version :one", placeholder(0)));
        let changed = self.change_sessions(user.id, &update, &condition, names, values).await?;
        Ok(matches!(changed, Changed::Yes(_)))
    }

    /// Begins the session of a code, in one conditional write, with the hashes of the code and of
    /// the session's first refresh token. `browser` is the session in which the code was made. If
    /// another one has replaced it, the code's session is under that one, and ends with it.
    pub(in crate::sessions) async fn exchange_code(
        &self,
        (user_id, session_id): (Uuid, Uuid),
        browser: Uuid,
        (code, refresh): (Vec<u8>, Vec<u8>),
        ends_at: Timestamp,
        now: Timestamp,
    ) -> Result<Exchange, Error> {
        let update = "SET sessions.#id.h = :refresh, sessions.#id.b = :now, \
                      sessions.#id.l = :now_millis, sessions.#id.e = :ends_at \
                      REMOVE sessions.#id.k ADD version :one";
        let condition = "user_status = :active AND sessions.#id.h = :code AND sessions.#id.e > :now \
                         AND (attribute_exists(sessions.#id1) OR sessions.#id.g.b <> :browser)";
        let names = HashMap::from([
            (placeholder(0), ShortId(session_id).to_string()),
            (placeholder(1), ShortId(browser).to_string()),
        ]);
        let values = HashMap::from([
            (":active".to_owned(), text(UserStatus::Active.name())),
            (":code".to_owned(), bytes(&code)),
            (":browser".to_owned(), text(ShortId(browser))),
            (":refresh".to_owned(), bytes(&refresh)),
            (":now".to_owned(), number(now.as_second())),
            (":now_millis".to_owned(), number(now.as_millisecond())),
            (":ends_at".to_owned(), number(ends_at.as_second())),
        ]);

        let user = match self.change_sessions(user_id, update, condition, names, values).await? {
            Changed::Yes(user) => return Ok(Exchange::Begun(user)),
            Changed::Refused(None) => return Ok(Exchange::Ended),
            Changed::Refused(Some(user)) => user,
        };
        if user.status == UserStatus::Disabled {
            return Ok(Exchange::Disabled);
        }
        match user.sessions.get(&session_id) {
            // This is our own write, whose response was lost.
            Some(session) if session.refresh_hash == refresh => Ok(Exchange::Begun(user)),
            Some(session) if session.refresh_hash != code => {
                Ok(Exchange::Used { at: session.created_at })
            }
            _ => Ok(Exchange::Ended),
        }
    }

    /// Undoes the exchange of a code for a refresh token with this hash, which nobody got.
    pub(in crate::sessions) async fn give_back_code(
        &self,
        code: &AuthorizationCode,
        refresh: &[u8],
    ) -> Result<(), Error> {
        let update = "SET sessions.#id.h = :code, sessions.#id.e = :ends_at, \
                      sessions.#id.k = :kind ADD version :one";
        let kind = serde_dynamo::to_attribute_value(SessionKind::Code)
            .map_err(|error| Error::Internal(error.to_string()))?;
        let names = HashMap::from([(placeholder(0), ShortId(code.session_id).to_string())]);
        let values = HashMap::from([
            (":code".to_owned(), bytes(&code.hash())),
            (":refresh".to_owned(), bytes(refresh)),
            (":ends_at".to_owned(), number(code.ends_at)),
            (":kind".to_owned(), kind),
        ]);
        let condition = "sessions.#id.h = :refresh";
        self.change_sessions(code.user_id, update, condition, names, values).await.map(drop)
    }
}
