//! Keys: keyed hashes, signing keys, and the secrets they come from.

mod edge_secrets;
mod hash_keys;
mod roots;
mod secrets;
mod settings;
pub mod signing_keys;
mod tagged;

pub use self::{
    edge_secrets::EdgeSecrets,
    hash_keys::{HashKeys, IdentifierHash, Place, network, secret_hash, sha256},
    roots::{KNOWN_AFTER_SECONDS, Phase, READ_AGAIN_SECONDS, Roots, USED_SECONDS},
    secrets::Secrets,
    settings::KeySettings,
    signing_keys::{Algorithm, SigningKey, SigningKeys, public_keys},
};
pub(crate) use self::{
    hash_keys::TAG_BYTES,
    signing_keys::PrivateKey,
    tagged::{decode_tagged, encode_tagged},
};
