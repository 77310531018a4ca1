//! Client secrets: what a confidential app authenticates with (RFC 6749 §2.3.1).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

use crate::{
    base::{Error, Random, epoch_seconds_option, seconds},
    crypto::sha256,
};

/// What every client secret starts with, so that secret scanners know it.
pub const PREFIX: &str = "lks_";
/// The longest that a secret may stay good after it was replaced: a week.
pub const MAX_OLD_VALID_SECONDS: i64 = 7 * 24 * 3600;

/// A client secret. It has no `Debug` and no `Serialize`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct AppSecret(String);

impl AppSecret {
    /// A new one, of 256 bits.
    pub fn draw(random: &Random) -> Result<Self, Error> {
        Ok(Self(format!(
            "{PREFIX}{}",
            data_encoding::BASE64URL_NOPAD.encode(&random.bytes::<32>()?)
        )))
    }

    /// What a client sent.
    pub fn sent(text: String) -> Self {
        Self(text)
    }

    /// The secret, to be shown once.
    pub fn reveal(&self) -> String {
        self.0.clone()
    }

    /// Whether nothing was sent: public apps have no secret.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A client secret as the store keeps it: with 256 random bits, a plain SHA-256 keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecret {
    #[serde(with = "serde_bytes")]
    hash: Vec<u8>,
    /// When it ends: a secret that was replaced is good for a while longer.
    #[serde(default, with = "epoch_seconds_option", skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
}

impl StoredSecret {
    /// How `secret` is stored.
    pub fn new(secret: &AppSecret) -> Self {
        Self { hash: sha256(secret.0.as_bytes()).to_vec(), ends_at: None }
    }

    /// Lets it end `valid_seconds` after `now`, if not before. Answers when.
    pub fn end_after(&mut self, valid_seconds: i64, now: Timestamp) -> Timestamp {
        let end = now + seconds(valid_seconds);
        let end = self.ends_at.map_or(end, |sooner| sooner.min(end));
        self.ends_at = Some(end);
        end
    }

    /// Whether it is good at `now`.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| end > now)
    }

    /// Whether it is `secret`, and good at `now`.
    pub fn matches(&self, secret: &AppSecret, now: Timestamp) -> bool {
        let same: bool = subtle::ConstantTimeEq::ct_eq(
            self.hash.as_slice(),
            sha256(secret.0.as_bytes()).as_slice(),
        )
        .into();
        same && self.is_good(now)
    }
}
