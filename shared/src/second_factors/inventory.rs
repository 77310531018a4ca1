//! Which second factor a user has. Reading this needs no key.

use super::SecondFactor;
use crate::{base::Error, passkeys::Passkey, table::Store, users::User};

/// The second factors of users.
#[derive(Clone)]
pub struct Inventory {
    pub(crate) store: Store,
}

impl Inventory {
    /// The second factor of a user; `None` if it is switched off.
    pub async fn of(&self, user: &User) -> Result<Option<SecondFactor>, Error> {
        if user.totp { self.store.second_factor(user.id).await } else { Ok(None) }
    }

    /// The passkeys of a user.
    pub async fn passkeys(&self, user: &User) -> Result<Vec<Passkey>, Error> {
        self.store.passkeys_of(user).await
    }

    /// The second factor that a user removed within 72 hours, and that undoing brings back.
    pub async fn removed(&self, user: &User) -> Result<Option<SecondFactor>, Error> {
        self.store.removed_second_factor(user.id).await
    }
}
