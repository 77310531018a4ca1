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
        self.store.end_sessions(user_id, session_ids).await.map(drop)
    }

    /// Revokes a session of `user`, in one write. If it is that of a browser, the sessions of the apps
    /// that were entered from it end with it, except those with the scope `offline_access`.
    pub async fn end_with_apps(&self, user: &User, session_id: Uuid) -> Result<(), Error> {
        let after = self.store.end_sessions(user.id, &user.ending_with(session_id)).await?;

        // An app may have been entered since the user was read. Later, nobody can.
        let late = after.map(|user| user.entered_from(session_id)).unwrap_or_default();
        self.store.end_sessions(user.id, &late).await.map(drop)
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
