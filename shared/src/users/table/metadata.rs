//! The metadata of users in the table.

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use crate::{
    base::Error,
    crypto::HashKeys,
    table::{CHANGE_TRIES, Key, Store, from_item, to_item},
    users::{Metadata, MetadataPatch, UNDO_SECONDS, User},
};

impl Store {
    /// The metadata of a user. Nothing is read for a user who has none.
    pub async fn metadata(&self, user: &User) -> Result<Metadata, Error> {
        if !user.has_metadata() {
            return Ok(Metadata::default());
        }
        Ok(self.get(Key::metadata(user.id)).await?.unwrap_or_default())
    }

    /// The metadata of several users, in their order.
    pub async fn all_metadata(&self, users: &[User]) -> Result<Vec<Metadata>, Error> {
        let having = users.iter().filter(|user| user.has_metadata());
        let keys = having.map(|user| Key::metadata(user.id).attributes());
        let mut items = self.get_all(keys.collect()).await?;
        let mut metadata = Vec::new();
        for user in users {
            let pk = Key::metadata(user.id).pk();
            let place = items.iter().position(|item| item.get("pk") == Some(&pk));
            let item = place.map(|place| items.swap_remove(place));
            metadata.push(item.map(from_item).transpose()?.unwrap_or_default());
        }
        Ok(metadata)
    }

    /// As [`Self::change_user`], with a change of the metadata in the same transaction. Returns also
    /// the changed metadata.
    ///
    /// # Errors
    /// As [`Self::change_user`]; [`Error::InvalidRequest`] as [`Metadata::patched`].
    pub async fn change_user_with_metadata(
        &self,
        id: Uuid,
        keys: &HashKeys,
        patch: &MetadataPatch,
        change: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<(User, Metadata), Error> {
        let whose = (id, Some(UNDO_SECONDS), Vec::new());
        self.write_user_with_metadata(whose, keys, patch, change).await
    }

    /// As [`Self::change_user_with_metadata`], with more writes in the same transaction, which have no
    /// condition. It cannot be undone.
    ///
    /// # Errors
    /// As [`Self::change_user_with_metadata`].
    pub(crate) async fn change_user_with_metadata_unnoted(
        &self,
        (id, more): (Uuid, Vec<TransactWriteItem>),
        keys: &HashKeys,
        patch: &MetadataPatch,
        change: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<(User, Metadata), Error> {
        self.write_user_with_metadata((id, None, more), keys, patch, change).await
    }

    async fn write_user_with_metadata(
        &self,
        (id, undo_seconds, more): (Uuid, Option<i64>, Vec<TransactWriteItem>),
        keys: &HashKeys,
        patch: &MetadataPatch,
        mut change: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<(User, Metadata), Error> {
        if patch.is_empty() {
            let user = self.write_user((id, undo_seconds, None), keys, change, more).await?;
            let metadata = self.metadata(&user).await?;
            return Ok((user, metadata));
        }

        for _ in 0..CHANGE_TRIES {
            let before: Metadata = self.get(Key::metadata(id)).await?.unwrap_or_default();
            let after = before.patched(patch)?;
            let version = before.version + u64::from(after != before);
            let after = Metadata { version, ..after };
            let mut writes = self.metadata_write(id, &before, &after)?;
            writes.extend(more.iter().cloned());
            let mut refused = false;
            let changed = self.write_user(
                (id, undo_seconds, None),
                keys,
                |user| {
                    change(user).inspect_err(|_| refused = true)?;
                    user.note_metadata(&before, &after);
                    Ok(())
                },
                writes,
            );
            match changed.await {
                // Another change of the metadata came first.
                Err(Error::PreconditionFailed) if !refused => {}
                changed => return Ok((changed?, after)),
            }
        }
        Err(Error::Unavailable("too many requests changed metadata at the same time".into()))
    }

    /// The write that makes `after` of the metadata `before`; none if they are the same.
    pub(super) fn metadata_write(
        &self,
        id: Uuid,
        before: &Metadata,
        after: &Metadata,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        if after == before {
            return Ok(Vec::new());
        }
        let item = to_item(Key::metadata(id), after)?;
        Ok(vec![match before.version {
            0 => self.put_if_absent(&item)?,
            version => self.put_over(item, version)?,
        }])
    }
}
