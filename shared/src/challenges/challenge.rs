//! A challenge: a code that is sent to an address, and the purpose of proving it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::Attempts;
use crate::{
    apps::{Sender, SessionTerms},
    audit::Action,
    base::epoch_seconds,
    identifiers::{Address, Channel, Username},
    limits::{Asker, CounterNote, Messages},
    messages::Subject,
    spending::Account,
    users::PasswordHash,
};

/// The purpose of a challenge: what is done once it is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A session starts. An account is created if there is none.
    SignIn,
    /// The address becomes its user's.
    NewAddress,
    /// The user gets a new password.
    PasswordReset,
}

impl Purpose {
    /// The counters of its messages.
    pub fn messages(self) -> Messages {
        match self {
            Self::SignIn | Self::NewAddress => Messages::Codes,
            Self::PasswordReset => Messages::Resets,
        }
    }

    /// The action that its code is used for, for the audit trail.
    pub fn action(self) -> Action {
        match self {
            Self::SignIn => Action::SignIn,
            Self::NewAddress => Action::AddressChange,
            Self::PasswordReset => Action::PasswordReset,
        }
    }
}

/// The data of somebody who signs up. They wait in the challenge, since no account exists before
/// its address is proven.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The password.
    pub password: Option<PasswordHash>,
    /// The username.
    pub username: Option<Username>,
    /// The display name.
    pub name: Option<String>,
    /// An e-mail address that is not verified.
    pub unverified_email: Option<crate::identifiers::Email>,
}

/// The changes that the use of a code makes beside its challenge: counters that count it as verified, or that
/// give its message back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Watched {
    /// The counters of its source, and of its block of numbers or its mail domain.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counters: Vec<CounterNote>,
    /// The budget account of its country.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
}

impl Watched {
    /// Whether there is nothing to count.
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty() && self.account.is_none()
    }
}

/// The confidential content of a challenge. It is stored encrypted, so that the table identifies
/// nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChallengeContent {
    /// The address that the code is sent to.
    pub address: Address,
    /// The app of the request, and its terms for a session.
    pub terms: SessionTerms,
    /// The code.
    pub code: String,
    /// The subject of the message.
    pub subject: Subject,
    /// The sender of the message.
    pub sender: Sender,
    /// The channel that the person has chosen, if they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The requested language (BCP 47).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The link that is sent with the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The data of the account that a sign-up asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// The user whose password it resets, and their [`crate::users::User::password_count`] at the
    /// time. If that changes, or the address gets another owner, the challenge no longer works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resets: Option<(Uuid, u64)>,
    /// Whether it is a decoy for an address without an account: nothing is sent, and no code proves
    /// it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub decoy: bool,
    /// Whether a failure to send is hidden from the caller, since it would reveal who has an
    /// account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hides_failure: bool,
    /// The page of a sign-in that it was requested on, by the id of its flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Uuid>,
    /// The counters that the use of the code is added to.
    #[serde(default, skip_serializing_if = "Watched::is_empty")]
    pub watched: Watched,
}

/// The status of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChallengeStatus {
    /// It is waiting for its code.
    Pending,
    /// It was proven with its code and cannot be used again.
    Verified,
    /// It expired, was replaced by a newer one, or never existed.
    Expired,
    /// It has no tries left.
    Locked,
}

/// A challenge as the store keeps it, in one item with the limits of its address. The code is there
/// twice: as a keyed hash, to compare, and encrypted with the address, to send it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// The id, made by [`crate::crypto::HashKeys::challenge_id`].
    pub id: Uuid,
    /// The purpose.
    pub purpose: Purpose,
    /// The user who requested it, if only they may prove it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Uuid>,
    /// The asker.
    pub asker: Asker,
    /// When its messages were counted, in epoch milliseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent_at: Vec<i64>,
    /// When it expires.
    #[serde(with = "epoch_seconds")]
    pub expires_at: Timestamp,
    /// The tries: used, and in all.
    #[serde(flatten)]
    pub attempts: Attempts,
    /// The number of digits of the code.
    pub code_digits: u32,
    /// The hash of the code, by [`crate::crypto::HashKeys::code`].
    #[serde(with = "serde_bytes")]
    pub code_hash: Vec<u8>,
    /// The [`ChallengeContent`] as JSON, encrypted by [`crate::crypto::HashKeys::seal`].
    #[serde(with = "serde_bytes")]
    pub sealed: Vec<u8>,
    /// The id by which the sender of its last message wants to know if the code was right, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wants_to_know: Option<String>,
    /// The mark of the try that proved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<Uuid>,
    /// Whether a use of its code was counted, and the code given back then. It must not count again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_counted: bool,
}

impl Challenge {
    /// The status at `now`.
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

    /// Whether `guess` equals [`Self::code_hash`]. The comparison takes constant time.
    pub fn is_right(&self, guess: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(guess, self.code_hash.as_slice()).into()
    }
}

/// A challenge as its client sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChallengeView {
    /// The id to send with the code.
    pub challenge_id: Uuid,
    /// The channel on which the code was sent.
    pub channel: Channel,
    /// The address that the code was sent to, masked.
    #[schema(example = "+1•••••••123")]
    pub to: String,
    /// How many digits the code has.
    #[schema(example = 6)]
    pub code_length: u32,
    /// Seconds until the challenge expires.
    #[schema(example = 300)]
    pub(crate) expires_in: i64,
    /// Seconds until the code may be sent again.
    #[schema(example = 30)]
    pub(crate) resend_in: i64,
    #[schema(example = 5)]
    pub(crate) attempts_left: u32,
}

/// The status of a challenge.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChallengeStatusView {
    pub(crate) challenge_id: Uuid,
    pub(crate) status: ChallengeStatus,
    pub(crate) channel: Channel,
    /// Seconds until the challenge expires.
    pub(crate) expires_in: i64,
    /// Seconds until the code may be sent again.
    pub(crate) resend_in: i64,
    pub(crate) attempts_left: u32,
}
