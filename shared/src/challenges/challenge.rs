//! A challenge: a code that was sent to an address, and what proving it is for.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Attempts;
use crate::{
    apps::{Sender, SessionTerms},
    audit::Action,
    base::epoch_seconds,
    crypto::IdentifierHash,
    identifiers::{Address, Channel, Username},
    messages::Subject,
    spending::Account,
    users::PasswordHash,
};

/// What a proven challenge is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A session; an account too, where there is none.
    SignIn,
    /// The address becomes its user's.
    NewAddress,
    /// A new password.
    PasswordReset,
}

impl Purpose {
    /// What is tried with a code of it.
    pub fn action(self) -> Action {
        match self {
            Self::SignIn => Action::SignIn,
            Self::NewAddress => Action::AddressChange,
            Self::PasswordReset => Action::PasswordReset,
        }
    }
}

/// What somebody who signs up wants his account to have. It waits in the challenge: nothing exists
/// before its address is proven.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The password.
    pub password: Option<PasswordHash>,
    /// The username.
    pub username: Option<Username>,
    /// The display name.
    pub name: Option<String>,
    /// An e-mail address that nobody has proven.
    pub unverified_email: Option<crate::identifiers::Email>,
}

/// What the use of a code is counted in: where its message was watched for signs of fraud.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// When the message was counted.
    #[serde(with = "epoch_seconds")]
    pub at: Timestamp,
    /// The counters of its source and its prefix.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<IdentifierHash>,
    /// The account of its country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

impl Watched {
    /// Whether anything counts it.
    pub fn is_nothing(&self) -> bool {
        self.counters.is_empty() && self.account.is_none()
    }
}

/// What a challenge keeps to itself: stored encrypted, so that the table names nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeContent {
    /// Where the code goes.
    pub address: Address,
    /// The app that asked, and what it gives to a session.
    pub terms: SessionTerms,
    /// The code.
    pub code: String,
    /// What the message is about.
    pub subject: Subject,
    /// Who sends it.
    pub sender: Sender,
    /// The language that was asked for (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The link that goes with the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What a new account is to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// Whose password it resets, and [`crate::users::User::password_count`] of the one that there was: a change of it, or of
    /// who has the address, ends the challenge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets: Option<(Uuid, u64)>,
    /// Nothing is sent, and no code proves it: there is nobody to prove anything.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decoy: bool,
    /// Whether its caller may not learn that it could not be sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hides_failure: bool,
    /// What its use is counted in.
    #[serde(default, skip_serializing_if = "Watched::is_nothing")]
    pub watched: Watched,
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

/// A challenge as the store keeps it, beside the limits of its address. The code is there as a keyed hash, to
/// compare, and sealed with the address, to send again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// Its id, by [`crate::crypto::HashKeys::challenge_id`].
    pub id: Uuid,
    /// What it is for.
    pub purpose: Purpose,
    /// The user who asked, where only he may prove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// When it ends.
    #[serde(with = "epoch_seconds")]
    pub expires_at: Timestamp,
    /// Tries, used and in all.
    #[serde(flatten)]
    pub attempts: Attempts,
    /// Digits of the code.
    pub code_digits: u32,
    /// [`crate::crypto::HashKeys::code`] of the code.
    #[serde(with = "serde_bytes")]
    pub code_hash: Vec<u8>,
    /// [`ChallengeContent`], as JSON, by [`crate::crypto::HashKeys::seal`].
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
    /// The try that used it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<Uuid>,
}

impl Challenge {
    /// Where it stands at `now`, as the newest of its address and purpose.
    pub fn status(&self, now: Timestamp) -> ChallengeStatus {
        if self.used_by.is_some() {
            ChallengeStatus::Verified
        } else if self.expires_at <= now {
            ChallengeStatus::Expired
        } else if self.attempts.left() == 0 {
            ChallengeStatus::Locked
        } else {
            ChallengeStatus::Pending
        }
    }

    /// Whether `guess`, a hash as [`Self::code_hash`], is of the right code; in constant time.
    pub fn is_right(&self, guess: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(guess, self.code_hash.as_slice()).into()
    }
}

/// A challenge as its client sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChallengeView {
    /// What the code is proven with.
    pub(crate) challenge_id: Uuid,
    pub(crate) channel: Channel,
    /// Where the code went, masked.
    #[schema(example = "+1•••••••123")]
    pub(crate) to: String,
    #[schema(example = 6)]
    pub(crate) code_length: u32,
    /// Seconds until the challenge ends.
    #[schema(example = 300)]
    pub(crate) expires_in: i64,
    /// Seconds until the code may be sent again.
    #[schema(example = 30)]
    pub(crate) resend_in: i64,
    #[schema(example = 5)]
    pub(crate) attempts_left: u32,
}

/// Where a challenge stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChallengeStatusView {
    pub(crate) challenge_id: Uuid,
    pub(crate) status: ChallengeStatus,
    pub(crate) channel: Channel,
    /// Seconds until the challenge ends.
    pub(crate) expires_in: i64,
    /// Seconds until the code may be sent again.
    pub(crate) resend_in: i64,
    pub(crate) attempts_left: u32,
}
