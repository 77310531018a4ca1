//! Reset links.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    base::Error,
    crypto::IdentifierHash,
    table::{Key, Store, to_item},
};

/// A link by which a password can be set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResetLink {
    /// Whose password.
    pub user_id: Uuid,
    /// [`crate::users::User::password_count`] when it was made.
    pub password_count: u64,
    /// When it ends.
    #[serde(with = "crate::base::epoch_seconds")]
    pub expires_at: Timestamp,
}

impl Store {
    /// Keeps a reset link under the hash of its token.
    pub async fn put_reset_link(
        &self,
        token_hash: &IdentifierHash,
        link: &ResetLink,
    ) -> Result<(), Error> {
        self.put(to_item(Key::reset_link(token_hash), link)?).await
    }

    /// The reset link of a token; nothing where there is none, or its time is over.
    pub async fn reset_link(
        &self,
        token_hash: &IdentifierHash,
        now: Timestamp,
    ) -> Result<Option<ResetLink>, Error> {
        let link = self.get::<ResetLink>(Key::reset_link(token_hash)).await?;
        Ok(link.filter(|link| link.expires_at > now))
    }

    /// Forgets a reset link.
    pub async fn delete_reset_link(&self, token_hash: &IdentifierHash) -> Result<(), Error> {
        self.delete(Key::reset_link(token_hash)).await
    }
}
