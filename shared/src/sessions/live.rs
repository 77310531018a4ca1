//! Looks up and revokes sessions. Neither needs a signing key.

use uuid::Uuid;

use crate::{
    base::{Clock, Error},
    table::Store,
    tokens::RefreshToken,
    users::{Session, User, UserStatus},
};

/// The sessions of all users.
#[derive(Clone)]
pub struct LiveSessions {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl LiveSessions {
    /// Whether a user has this session, live or expired.
    pub async fn exists(&self, user_id: Uuid, session_id: Uuid) -> Result<bool, Error> {
        let user = self.store.user(user_id).await?;
        Ok(user.is_some_and(|user| user.sessions.contains_key(&session_id)))
    }

    /// Revokes sessions of a user. From then on nothing accepts them.
    pub async fn end(&self, user_id: Uuid, session_ids: &[Uuid]) -> Result<(), Error> {
        self.store.end_sessions(user_id, session_ids).await
    }

    /// Revokes all sessions of a user, also those that began after the user was read.
    pub async fn end_all(&self, user_id: Uuid) -> Result<(), Error> {
        self.store.end_all_sessions(user_id).await
    }

    /// The user and the session of a refresh token. `None` if the token was already used, the
    /// session has ended, or the user is disabled.
    pub async fn of_refresh_token(
        &self,
        token: &RefreshToken,
    ) -> Result<Option<(User, Session)>, Error> {
        let user = self.store.user(token.user_id).await?;
        let Some(user) = user.filter(|user| user.status == UserStatus::Active) else {
            return Ok(None);
        };

        let session = user.live_session(token.session_id, self.clock.now());
        let session = session.filter(|session| session.refresh_hash == token.hash()).cloned();
        Ok(session.map(|session| (user, session)))
    }
}
