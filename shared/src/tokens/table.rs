//! The published key set.

use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};

use crate::{
    base::Error,
    table::{Key, Store, to_item},
};

#[derive(Serialize, Deserialize)]
struct PublicKeys {
    /// A JWK set (RFC 7517 §5), as JSON.
    jwks: String,
}

impl Store {
    /// The public keys with which tokens are verified; an empty set before the first rotation.
    pub async fn public_keys(&self) -> Result<JwkSet, Error> {
        let Some(keys) = self.get::<PublicKeys>(Key::public_keys()).await? else {
            return Ok(JwkSet { keys: Vec::new() });
        };
        serde_json::from_str(&keys.jwks)
            .map_err(|error| Error::Internal(format!("the key set cannot be read: {error}")))
    }

    /// Publishes the public keys.
    pub async fn put_public_keys(&self, keys: &JwkSet) -> Result<(), Error> {
        let jwks =
            serde_json::to_string(keys).map_err(|error| Error::Internal(error.to_string()))?;
        self.put(to_item(Key::public_keys(), &PublicKeys { jwks })?).await
    }
}
