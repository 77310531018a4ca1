//! Which second factor a user has. This takes no key.

use super::SecondFactor;
use crate::{base::Error, table::Store, users::User};

/// The second factors that are set up.
#[derive(Clone)]
pub struct Inventory {
    pub(crate) store: Store,
}

impl Inventory {
    /// The second factor of a user; nothing where it is off.
    pub async fn of(&self, user: &User) -> Result<Option<SecondFactor>, Error> {
        if user.totp { self.store.second_factor(user.id).await } else { Ok(None) }
    }
}
