//! The options of ceremonies, in the JSON that browsers read (WebAuthn Level 3 §5.1,
//! `parseCreationOptionsFromJSON` and `parseRequestOptionsFromJSON`).

use serde::Serialize;
use utoipa::ToSchema;

use super::{CHALLENGE_SECONDS, Passkey};
use crate::{
    users::User,
    webauthn::{ALGORITHMS, Base64Url, CredentialType},
};

/// The site that a passkey is for.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct PasskeySite {
    /// `PASSKEY_RP_ID`.
    #[schema(example = "example.com")]
    id: String,
    /// `APP_NAME`.
    name: String,
}

/// The user that a passkey is for, as keepers of passkeys show them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PasskeyUser {
    /// The user handle: random bytes, base64url.
    id: Base64Url,
    /// The username, the e-mail address or the phone.
    #[schema(example = "ann@example.com")]
    name: String,
    /// The display name, or the same as `name`.
    display_name: String,
}

/// A kind of key that is accepted.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
struct PasskeyAlgorithm {
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: CredentialType,
    /// A COSE algorithm: -7 is ES256, -8 is EdDSA, -257 is RS256.
    #[schema(example = -7)]
    alg: i64,
}

/// A credential by its id.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct PasskeyDescriptor {
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: CredentialType,
    /// The id, base64url.
    id: Base64Url,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transports: Vec<String>,
}

/// The demands on what keeps the new passkey.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PasskeySelection {
    /// Always `required`: a passkey is found without naming the user first.
    #[schema(example = "required")]
    resident_key: &'static str,
    /// Always `true`, for older clients.
    require_resident_key: bool,
    /// Always `required`: a PIN, a fingerprint or a face.
    #[schema(example = "required")]
    user_verification: &'static str,
}

/// The options with which a browser makes a passkey: `PublicKeyCredentialCreationOptionsJSON`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PublicKeyCredentialCreationOptionsJSON)]
pub struct CreationOptions {
    rp: PasskeySite,
    user: PasskeyUser,
    /// Good for 5 minutes, for this user.
    challenge: String,
    pub_key_cred_params: Vec<PasskeyAlgorithm>,
    /// Milliseconds that the ceremony may take.
    #[schema(example = 300_000)]
    timeout: i64,
    /// The passkeys that the user has: a device that keeps one of them makes no other.
    exclude_credentials: Vec<PasskeyDescriptor>,
    authenticator_selection: PasskeySelection,
    /// Always `none`.
    #[schema(example = "none")]
    attestation: &'static str,
}

impl CreationOptions {
    /// The options for a user with this handle, who has these passkeys.
    pub(super) fn new(
        (rp_id, app_name): (&str, &str),
        (user, handle): (&User, Vec<u8>),
        passkeys: Vec<Passkey>,
        challenge: String,
    ) -> Self {
        let name = user.display_name();
        Self {
            rp: PasskeySite { id: rp_id.to_owned(), name: app_name.to_owned() },
            user: PasskeyUser {
                id: Base64Url(handle),
                display_name: user.name.clone().unwrap_or_else(|| name.clone()),
                name,
            },
            challenge,
            pub_key_cred_params: ALGORITHMS
                .map(|alg| PasskeyAlgorithm { kind: CredentialType::PublicKey, alg })
                .to_vec(),
            timeout: CHALLENGE_SECONDS * 1000,
            exclude_credentials: descriptors(passkeys),
            authenticator_selection: PasskeySelection {
                resident_key: "required",
                require_resident_key: true,
                user_verification: "required",
            },
            attestation: "none",
        }
    }
}

/// The options with which a browser uses a passkey: `PublicKeyCredentialRequestOptionsJSON`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PublicKeyCredentialRequestOptionsJSON)]
pub struct RequestOptions {
    /// Good for 5 minutes, once.
    challenge: String,
    /// Milliseconds that the ceremony may take.
    #[schema(example = 300_000)]
    timeout: i64,
    /// `PASSKEY_RP_ID`.
    #[schema(example = "example.com")]
    rp_id: String,
    /// The passkeys of the user who gives a second factor. Otherwise it is empty: the person chooses
    /// a passkey, which says who they are.
    allow_credentials: Vec<PasskeyDescriptor>,
    /// Always `required`: a PIN, a fingerprint or a face.
    #[schema(example = "required")]
    user_verification: &'static str,
}

impl RequestOptions {
    /// The options for the use of any of these passkeys; of any at all if there are none.
    pub(super) fn new(rp_id: &str, passkeys: Vec<Passkey>, challenge: String) -> Self {
        Self {
            challenge,
            timeout: CHALLENGE_SECONDS * 1000,
            rp_id: rp_id.to_owned(),
            allow_credentials: descriptors(passkeys),
            user_verification: "required",
        }
    }
}

fn descriptors(passkeys: Vec<Passkey>) -> Vec<PasskeyDescriptor> {
    let descriptor = |passkey: Passkey| PasskeyDescriptor {
        kind: CredentialType::PublicKey,
        id: Base64Url(passkey.credential_id),
        transports: passkey.transports,
    };
    passkeys.into_iter().map(descriptor).collect()
}
