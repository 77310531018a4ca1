//! The second factor: an authenticator app, with recovery codes for when it is lost.

use std::{collections::BTreeSet, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    apps::{DEFAULT_CLIENT_ID, SessionTerms},
    base::{Error, Random, epoch_seconds},
    challenges::Attempts,
    crypto::IdentifierHash,
    passkeys::PasskeyProof,
    users::{AuthenticationMethod, Recognised},
};

/// Which second factor a user sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecondFactorMethod {
    /// The code that an authenticator app shows.
    Totp,
    /// One of the recovery codes that the user got when they set up the app.
    RecoveryCode,
    /// One of the user's passkeys.
    Passkey,
}

impl SecondFactorMethod {
    /// The methods of a user who has a second factor, and passkeys or none.
    pub fn of(has_passkeys: bool) -> Vec<Self> {
        let passkey = has_passkeys.then_some(Self::Passkey);
        [Self::Totp, Self::RecoveryCode].into_iter().chain(passkey).collect()
    }

    /// The method, and that there are two factors, as the `amr` of tokens names them.
    pub fn authentication_methods(self) -> &'static [AuthenticationMethod] {
        match self {
            Self::Totp => &[AuthenticationMethod::Otp, AuthenticationMethod::Mfa],
            Self::RecoveryCode => &[AuthenticationMethod::RecoveryCode, AuthenticationMethod::Mfa],
            Self::Passkey => &PasskeyProof::METHODS,
        }
    }
}

/// An authenticator app as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The secret, by [`crate::crypto::HashKeys::seal_second_factor`].
    #[serde(with = "serde_bytes")]
    pub sealed_secret: Vec<u8>,
    /// The time step of the last accepted code. Only later ones are accepted.
    pub last_step: i64,
    /// The hashes of the unused recovery codes.
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

/// An authenticator app that has not been confirmed yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The secret, sealed.
    #[serde(with = "serde_bytes")]
    pub sealed_secret: Vec<u8>,
    /// Until when it can be confirmed.
    #[serde(with = "epoch_seconds")]
    pub expires_at: Timestamp,
}

/// The prefix of every [`MfaToken`], by which secret scanners recognise it.
const PREFIX: &str = "lkm_";

/// Separates the secret of an [`MfaToken`] from the app. Base64 does not contain it.
const BEFORE_APP: char = '.';

/// Proof of a right first factor. It is good for the second step of that sign-in, and for nothing
/// else.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, example = "lkm_…")]
pub struct MfaToken(String);

impl MfaToken {
    /// A new token for a sign-in to an app: 256 random bits, then the app if it is not the default
    /// one. So the app is known, and can be asked to authenticate, before a try is spent.
    pub fn draw(client_id: &str, random: &Random) -> Result<Self, Error> {
        let secret = data_encoding::BASE64URL_NOPAD.encode(&random.bytes::<32>()?);
        Ok(Self(match client_id {
            DEFAULT_CLIENT_ID => format!("{PREFIX}{secret}"),
            client_id => format!("{PREFIX}{secret}{BEFORE_APP}{client_id}"),
        }))
    }

    /// The app in a token that a client sent. It is true if the store knows the token.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] if the text has not the form of such a token.
    pub fn client_id(token: &str) -> Result<&str, Error> {
        if !token.starts_with(PREFIX) {
            return Err(Error::TokenInvalid);
        }
        Ok(token.split_once(BEFORE_APP).map_or(DEFAULT_CLIENT_ID, |(_, client_id)| client_id))
    }

    /// The token as its client gets it.
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
    /// The user who signs in.
    pub user_id: Uuid,
    /// The app they sign in to, and the terms of the session.
    pub terms: SessionTerms,
    /// How they were recognised so far.
    #[serde(flatten)]
    pub recognised: Recognised,
    /// Tries of the second factor.
    #[serde(flatten)]
    pub attempts: Attempts,
    /// When it expires.
    #[serde(with = "epoch_seconds")]
    pub expires_at: Timestamp,
    /// Identifies the request that used it up, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_by: Option<Uuid>,
}

/// How a sign-in goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MfaStatus {
    /// The second factor is required.
    MfaRequired,
}

/// A sign-in whose first factor was right and which now needs the second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MfaRequired {
    /// Always `mfa_required`.
    pub status: MfaStatus,
    /// Always `true`.
    pub mfa_required: bool,
    /// Send it to `POST /v1/auth/mfa` with the second factor.
    pub mfa_token: MfaToken,
    /// The second factors that are accepted.
    pub methods: Vec<SecondFactorMethod>,
    /// Seconds until the token expires.
    #[schema(example = 300)]
    pub expires_in: i64,
}
