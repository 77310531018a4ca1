//! The settings of keys.

use super::Algorithm;
use crate::base::Reader;

/// Where keys are stored, and how new ones sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySettings {
    /// `JWT_ALGORITHM`.
    pub jwt_algorithm: Algorithm,
    /// `KEYS_SECRET_ARN`. Empty in a Lambda that may not read it.
    pub signing_keys_secret: String,
    /// `HASH_KEYS_SECRET_ARN`. Empty in a Lambda that may not read it.
    pub hash_keys_secret: String,
}

impl KeySettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let mut secret = |name| reader.name_of(name, "the ARN or the name of a secret");
        let (signing_keys_secret, hash_keys_secret) =
            (secret("KEYS_SECRET_ARN"), secret("HASH_KEYS_SECRET_ARN"));
        let parse = |text: &str| text.parse().ok();
        let jwt_algorithm = reader.parsed("JWT_ALGORITHM", "RS256", "RS256, ES256 or EdDSA", parse);
        Self { jwt_algorithm, signing_keys_secret, hash_keys_secret }
    }
}
