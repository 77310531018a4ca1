//! Looking users up by their ids. This takes no key.

use uuid::Uuid;

use super::User;
use crate::{base::Error, table::Store};

/// The users by their ids.
#[derive(Clone)]
pub struct Directory {
    pub(crate) store: Store,
}

impl Directory {
    /// A user.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, id: Uuid) -> Result<User, Error> {
        self.store.user(id).await?.ok_or(Error::NotFound)
    }
}
