//! The second factor: an authenticator app, with recovery codes beside it.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    apps::SessionTerms,
    base::{Error, Random, epoch_seconds},
    challenges::Attempts,
    crypto::IdentifierHash,
    users::{AuthenticationMethod, Recognised},
};

/// How somebody proves his second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactorMethod {
    /// The code that an authenticator app shows.
    Totp,
    /// One of the codes that were given with it.
    RecoveryCode,
}

impl SecondFactorMethod {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Totp, Self::RecoveryCode];

    /// How tokens tell it.
    pub fn authentication_method(self) -> AuthenticationMethod {
        match self {
            Self::Totp => AuthenticationMethod::Otp,
            Self::RecoveryCode => AuthenticationMethod::RecoveryCode,
        }
    }
}

/// An authenticator app as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The secret, by [`crate::crypto::HashKeys::seal_second_factor`].
    #[serde(with = "serde_bytes")]
    pub sealed_secret: Vec<u8>,
    /// The step of the last code that was accepted: only later ones are.
    pub last_step: i64,
    /// The hashes of the recovery codes that are left.
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "serde_dynamo::string_set"
    )]
    pub recovery_codes: BTreeSet<IdentifierHash>,
    /// When it was set up.
    #[serde(with = "epoch_seconds")]
    pub created_at: Timestamp,
}

/// An authenticator app that was not confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The secret, sealed.
    #[serde(with = "serde_bytes")]
    pub sealed_secret: Vec<u8>,
    /// When it ends.
    #[serde(with = "epoch_seconds")]
    pub expires_at: Timestamp,
}

/// What every [`MfaToken`] starts with, so that secret scanners know it.
const PREFIX: &str = "lkm_";

/// Stands for a first factor that was right: opens the second step of that sign-in, and nothing else.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "lkm_…")]
pub struct MfaToken(String);

impl MfaToken {
    /// A new one, of 256 bits.
    pub fn draw(random: &Random) -> Result<Self, Error> {
        Ok(Self(format!(
            "{PREFIX}{}",
            data_encoding::BASE64URL_NOPAD.encode(&random.bytes::<32>()?)
        )))
    }

    /// The token as its client has it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MfaToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MfaToken")
    }
}

/// A sign-in that waits for its second factor, as the store keeps it under the hash of its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingSignIn {
    /// Who signs in.
    pub user_id: Uuid,
    /// To which app.
    pub terms: SessionTerms,
    /// How he was recognised so far.
    #[serde(flatten)]
    pub recognised: Recognised,
    /// Tries of the second factor.
    #[serde(flatten)]
    pub attempts: Attempts,
    /// When it ends.
    #[serde(with = "epoch_seconds")]
    pub expires_at: Timestamp,
    /// Who used it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<Uuid>,
}

/// A sign-in whose first factor was right, and which needs the second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MfaRequired {
    /// Always `true`.
    pub mfa_required: bool,
    /// For `POST /v1/auth/mfa`.
    pub mfa_token: MfaToken,
    /// How the second factor can be proven.
    pub methods: Vec<SecondFactorMethod>,
    /// Seconds until the token ends.
    #[schema(example = 300)]
    pub expires_in: i64,
}
