//! Client secrets, with which confidential apps authenticate (RFC 6749 §2.3.1).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

use crate::{
    base::{Error, Random, epoch_seconds_option, seconds},
    crypto::sha256,
};

/// The prefix of every client secret, by which secret scanners recognise it.
pub const PREFIX: &str = "lks_";
/// The maximum time that a replaced secret may stay valid: a week.
pub const MAX_OLD_VALID_SECONDS: i64 = 7 * 24 * 3600;

/// A client secret. It has no `Debug` and no `Serialize`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct AppSecret(String);

impl AppSecret {
    /// A new secret of 256 random bits.
    pub fn draw(random: &Random) -> Result<Self, Error> {
        Ok(Self(format!(
            "{PREFIX}{}",
            data_encoding::BASE64URL_NOPAD.encode(&random.bytes::<32>()?)
        )))
    }

    /// The secret that a client sent.
    pub fn sent(text: String) -> Self {
        Self(text)
    }

    /// The text of the secret, to be shown once.
    pub fn reveal(&self) -> String {
        self.0.clone()
    }

    /// Whether no secret was sent, as by a public app.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A client secret as the store keeps it: its SHA-256. A slow hash is not needed, since the secret
/// has 256 random bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSecret {
    #[serde(with = "serde_bytes")]
    hash: Vec<u8>,
    /// When it expires, if it was replaced.
    #[serde(default, with = "epoch_seconds_option", skip_serializing_if = "Option::is_none")]
    ends_at: Option<Timestamp>,
}

impl StoredSecret {
    /// `secret` as it is stored.
    pub fn new(secret: &AppSecret) -> Self {
        Self { hash: sha256(secret.0.as_bytes()).to_vec(), ends_at: None }
    }

    /// Makes it expire `valid_seconds` after `now`, unless it expires sooner. Returns when it
    /// expires.
    pub fn end_after(&mut self, valid_seconds: i64, now: Timestamp) -> Timestamp {
        let end = now + seconds(valid_seconds);
        let end = self.ends_at.map_or(end, |sooner| sooner.min(end));
        self.ends_at = Some(end);
        end
    }

    /// Whether it is valid at `now`.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|end| end > now)
    }

    /// Whether it is `secret` and valid at `now`. The comparison takes constant time.
    pub fn matches(&self, secret: &AppSecret, now: Timestamp) -> bool {
        let same: bool = subtle::ConstantTimeEq::ct_eq(
            self.hash.as_slice(),
            sha256(secret.0.as_bytes()).as_slice(),
        )
        .into();

        same && self.is_good(now)
    }
}
