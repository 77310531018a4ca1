//! A challenge: a code that was sent to an address, and what proving it is for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{address::Address, clock::epoch_seconds, hash_keys::IdentifierHash, one_time_code::Attempts};

/// What a proven challenge is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A session; an account too, where there is none.
    SignIn,
}

/// Where a challenge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeStatus {
    /// It waits for its code.
    Pending,
    /// Its code came; it is used up.
    Verified,
    /// It is too old, was replaced by a newer one, or never existed.
    Expired,
    /// No tries are left.
    Locked,
}

/// A challenge as the store keeps it. The code itself is there as a keyed hash, to compare, and
/// sealed, to send again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// Its id, a version 7 UUID.
    pub id: Uuid,
    /// What it is for.
    pub purpose: Purpose,
    /// Where its code went.
    pub address: Address,
    /// The hash that the address's counters are kept under.
    pub identifier: IdentifierHash,
    /// The app that asked.
    pub client_id: String,
    /// The language that was asked for (BCP 47).
    pub locale: Option<String>,
    /// When it ends.
    #[serde(with = "epoch_seconds")]
    pub expires_at: Timestamp,
    /// Tries, used and in all.
    #[serde(flatten)]
    pub attempts: Attempts,
    /// Digits of the code.
    pub code_digits: u32,
    /// [`crate::hash_keys::HashKeys::code`] of the code.
    #[serde(with = "serde_bytes")]
    pub code_hash: Vec<u8>,
    /// [`crate::hash_keys::HashKeys::seal_code`] of the code.
    #[serde(with = "serde_bytes")]
    pub sealed_code: Vec<u8>,
    /// The hash of the last guess: equal to `code_hash` once the challenge is used up.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub guess: Option<Vec<u8>>,
    /// The attempt that stored `guess`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guess_by: Option<Uuid>,
}

impl Challenge {
    /// Where it stands at `now`. `newest` is the newest challenge of its address and purpose.
    pub fn status(&self, newest: Option<Uuid>, now: Timestamp) -> ChallengeStatus {
        if self.is_used() {
            ChallengeStatus::Verified
        } else if self.expires_at <= now || newest != Some(self.id) {
            ChallengeStatus::Expired
        } else if self.attempts.left() == 0 {
            ChallengeStatus::Locked
        } else {
            ChallengeStatus::Pending
        }
    }

    /// Whether the right code came.
    pub fn is_used(&self) -> bool {
        self.guess.as_deref().is_some_and(|guess| subtle::ConstantTimeEq::ct_eq(guess, &self.code_hash).into())
    }
}
