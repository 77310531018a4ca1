//! Reset links in the table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    base::Error,
    crypto::IdentifierHash,
    table::{Key, Store, to_item},
};

/// A link by which a user can set a new password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResetLink {
    /// The user whose password it sets.
    pub user_id: Uuid,
    /// [`crate::users::User::password_count`] when the link was made. The link works only while the
    /// count is the same.
    pub password_count: u64,
    /// When it expires.
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

    /// The reset link of a token; `None` if there is none, or it has expired.
    pub async fn reset_link(
        &self,
        token_hash: &IdentifierHash,
        now: Timestamp,
    ) -> Result<Option<ResetLink>, Error> {
        let link = self.get::<ResetLink>(Key::reset_link(token_hash)).await?;
        Ok(link.filter(|link| link.expires_at > now))
    }

    /// Deletes a reset link.
    pub async fn delete_reset_link(&self, token_hash: &IdentifierHash) -> Result<(), Error> {
        self.delete(Key::reset_link(token_hash)).await
    }
}
