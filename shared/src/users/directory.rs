//! Looks users up by id. This needs no secret key.

use jiff::Timestamp;
use uuid::Uuid;

use super::{ChangeView, Metadata, User};
use crate::{base::Error, table::Store};

/// Looks users up by id.
#[derive(Clone)]
pub struct Directory {
    pub(crate) store: Store,
}

impl Directory {
    /// The last sign-ins of a user, the latest first; none if there is no such user.
    pub async fn last_sign_ins(&self, id: Uuid) -> Result<Vec<Uuid>, Error> {
        Ok(self.store.user(id).await?.map(|user| user.last_sign_ins()).unwrap_or_default())
    }

    /// The user with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, id: Uuid) -> Result<User, Error> {
        self.store.user(id).await?.ok_or(Error::NotFound)
    }

    /// The metadata of a user.
    pub async fn metadata(&self, user: &User) -> Result<Metadata, Error> {
        self.store.metadata(user).await
    }

    /// The changes of a user that can still be undone at `now`.
    pub async fn undoable_changes(
        &self,
        user: &User,
        now: Timestamp,
    ) -> Result<Vec<ChangeView>, Error> {
        Ok(self.store.past(user.id).await?.views(now))
    }
}
