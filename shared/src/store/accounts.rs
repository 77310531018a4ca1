//! Changes to users, and the identifiers that they own.

use aws_sdk_dynamodb::types::TransactWriteItem;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    CHANGE_TRIES, Item, Store,
    keys::Key,
    text, to_item,
    transactions::{Outcome, version},
};
use crate::{
    error::Error,
    hash_keys::{HashKeys, IdentifierHash},
    user::User,
};

/// A link by which a password can be set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResetLink {
    /// Whose password.
    pub user_id: Uuid,
    /// [`User::password_count`] when it was made.
    pub password_count: u64,
    /// When it ends.
    #[serde(with = "crate::clock::epoch_seconds")]
    pub expires_at: Timestamp,
}

impl Store {
    /// Changes a user. Where another change comes first, `change` is applied anew to what that one
    /// left. Identifiers that the change gives or takes move in the same transaction.
    ///
    /// # Errors
    /// What `change` refuses; [`Error::TokenInvalid`] where there is no such user; [`Error::Conflict`]
    /// where somebody else has a new identifier.
    pub async fn change_user(
        &self,
        id: Uuid,
        keys: &HashKeys,
        mut change: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<User, Error> {
        let mut written: Option<User> = None;
        for _ in 0..CHANGE_TRIES {
            let before = self.user(id).await?.ok_or(Error::TokenInvalid)?;
            // Our own write, whose answer was lost.
            if written.as_ref() == Some(&before) {
                return Ok(before);
            }
            let mut after = before.clone();
            change(&mut after)?;
            if after == before {
                return Ok(before);
            }
            after.version += 1;
            let (owned, owns) = (before.identifiers(keys), after.identifiers(keys));
            let mut items = vec![self.put_over(to_item(Key::user(id), &after)?, before.version)?];
            for identifier in owns.difference(&owned) {
                items.push(self.put_if_absent(&owner_item(identifier, id)?)?);
            }
            for identifier in owned.difference(&owns) {
                items.push(self.delete_owner(identifier, id)?);
            }
            match self.transact(items).await? {
                Outcome::Done => return Ok(after),
                Outcome::Refused(place) if place > 0 => return Err(Error::taken("address")),
                Outcome::Refused(_) | Outcome::Busy => written = Some(after),
            }
        }
        Err(Error::Unavailable("a user is changed too often at once".into()))
    }

    /// Deletes a user and gives its identifiers free, then sweeps what else was stored of it.
    pub async fn delete_user(&self, id: Uuid, keys: &HashKeys) -> Result<(), Error> {
        for _ in 0..CHANGE_TRIES {
            let Some(user) = self.user(id).await? else { break };
            let mut items = vec![self.delete_where(Key::user(id), "version", version(user.version))?];
            for identifier in user.identifiers(keys) {
                items.push(self.delete_owner(&identifier, id)?);
            }
            if matches!(self.transact(items).await?, Outcome::Done) {
                break;
            }
        }
        if self.user(id).await?.is_some() {
            return Err(Error::Unavailable("a user is changed too often at once".into()));
        }
        for session in self.sessions(id).await? {
            self.delete(Key::session(id, session.id)).await?;
        }
        Ok(())
    }

    /// Keeps a reset link under the hash of its token.
    pub async fn put_reset_link(&self, token_hash: &IdentifierHash, link: &ResetLink) -> Result<(), Error> {
        self.put(to_item(Key::reset_link(token_hash), link)?).await
    }

    /// The reset link of a token; nothing where there is none, or its time is over.
    pub async fn reset_link(&self, token_hash: &IdentifierHash, now: Timestamp) -> Result<Option<ResetLink>, Error> {
        let link = self.get::<ResetLink>(Key::reset_link(token_hash)).await?;
        Ok(link.filter(|link| link.expires_at > now))
    }

    /// Forgets a reset link.
    pub async fn delete_reset_link(&self, token_hash: &IdentifierHash) -> Result<(), Error> {
        self.delete(Key::reset_link(token_hash)).await
    }

    fn delete_owner(&self, identifier: &IdentifierHash, user_id: Uuid) -> Result<TransactWriteItem, Error> {
        self.delete_where(Key::owner(identifier), "user_id", text(user_id))
    }
}

/// The item that says whose an identifier is.
pub(super) fn owner_item(identifier: &IdentifierHash, user_id: Uuid) -> Result<Item, Error> {
    to_item(Key::owner(identifier), &std::collections::BTreeMap::from([("user_id", user_id.to_string())]))
}
