//! The sessions that there are: which of them live, and ending them. This takes no key.

use uuid::Uuid;

use crate::{
    base::{Clock, Error},
    table::Store,
    tokens::RefreshToken,
    users::{Session, User, UserStatus},
};

/// The sessions that there are.
#[derive(Clone)]
pub struct LiveSessions {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl LiveSessions {
    /// Ends sessions of a user. From here on nothing accepts them.
    pub async fn end(&self, user_id: Uuid, session_ids: &[Uuid]) -> Result<(), Error> {
        self.store.end_sessions(user_id, session_ids).await
    }

    /// The user and the live session of a refresh token; nothing where it was used, or the session has ended.
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
