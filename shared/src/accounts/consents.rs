//! Consents: what people allow the apps of others.

use uuid::Uuid;

use super::Accounts;
use crate::{
    base::{Error, whole_seconds},
    users::User,
};

impl Accounts {
    /// Remembers that a user has allowed an app these scopes. Returns the user.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user was deleted.
    pub async fn allow(&self, user_id: Uuid, client_id: &str, scope: &str) -> Result<User, Error> {
        let now = whole_seconds(self.clock.now());
        let allow = |user: &mut User| {
            user.allow(client_id, scope, now);
            Ok(())
        };
        self.store.change_user(user_id, &self.hash_keys, allow).await
    }

    /// Takes a consent back and ends the sessions of its app, in one write.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none.
    pub async fn withdraw_consent(&self, user_id: Uuid, client_id: &str) -> Result<(), Error> {
        let withdraw = |user: &mut User| match user.withdraw_consent(client_id) {
            true => Ok(()),
            false => Err(Error::NotFound),
        };
        self.store.change_user(user_id, &self.hash_keys, withdraw).await.map(drop)
    }
}
