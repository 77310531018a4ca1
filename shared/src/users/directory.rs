//! Looks users up by id. This needs no secret key.

use uuid::Uuid;

use super::User;
use crate::{base::Error, table::Store};

/// Looks users up by id.
#[derive(Clone)]
pub struct Directory {
    pub(crate) store: Store,
}

impl Directory {
    /// The user with this id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, id: Uuid) -> Result<User, Error> {
        self.store.user(id).await?.ok_or(Error::NotFound)
    }
}
