//! Credentials as clients send them: the JSON of WebAuthn Level 3 §5.1 (`toJSON()`).

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use utoipa::ToSchema;

use super::MAX_CREDENTIAL_ID_BYTES;

/// Bytes as base64url without padding (RFC 4648 §5), which is how WebAuthn writes them in JSON.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String)]
pub struct Base64Url(pub Vec<u8>);

impl<'de> Deserialize<'de> for Base64Url {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes());
        bytes.map(Self).map_err(|_| D::Error::custom("must be base64url without padding"))
    }
}

impl Serialize for Base64Url {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

/// The only type of credential that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum CredentialType {
    /// A public-key credential.
    #[serde(rename = "public-key")]
    PublicKey,
}

/// A new credential: `RegistrationResponseJSON`. Other fields are ignored.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RegistrationResponseJSON)]
pub struct RegistrationResponse {
    /// The id of the credential.
    pub id: Base64Url,
    #[serde(rename = "type")]
    #[schema(inline)]
    _type: CredentialType,
    /// The words of its authenticator.
    pub response: AuthenticatorAttestation,
}

/// The response of an authenticator that made a credential.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthenticatorAttestationResponseJSON)]
pub struct AuthenticatorAttestation {
    /// The client data.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: Base64Url,
    /// The attestation object. Its statement is not read.
    pub attestation_object: Base64Url,
    /// How the authenticator can be reached, like `internal` or `usb`.
    #[serde(default, deserialize_with = "or_none")]
    pub transports: Vec<String>,
}

/// Reads `null` as a list without members.
fn or_none<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(json).map(Option::unwrap_or_default)
}

/// A use of a credential: `AuthenticationResponseJSON`. Other fields are ignored.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthenticationResponseJSON)]
pub struct AuthenticationResponse {
    /// The id of the credential.
    pub id: Base64Url,
    #[serde(rename = "type")]
    #[schema(inline)]
    _type: CredentialType,
    /// The words of its authenticator.
    pub response: AuthenticatorAssertion,
}

/// The response of an authenticator that used a credential.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuthenticatorAssertionResponseJSON)]
pub struct AuthenticatorAssertion {
    /// The client data.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: Base64Url,
    /// The authenticator data.
    pub authenticator_data: Base64Url,
    /// The signature of both.
    pub signature: Base64Url,
    /// The user handle, if the credential was found by it.
    #[serde(default)]
    pub user_handle: Option<Base64Url>,
}

impl AuthenticationResponse {
    /// Whether the id has a length that a credential can have.
    pub fn has_id(&self) -> bool {
        (1..=MAX_CREDENTIAL_ID_BYTES).contains(&self.id.0.len())
    }
}
