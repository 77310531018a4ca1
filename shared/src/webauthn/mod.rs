//! Web Authentication (W3C, Level 3): reading and verifying what browsers, phones and security keys
//! send when a credential is made and used. It keeps nothing and asks nobody.
//!
//! No attestation is asked for, so the statement of one is skipped: a passkey is accepted whatever
//! made it. User verification is required in both ceremonies, since a passkey stands for two factors.

mod authenticator_data;
mod cbor;
mod client_data;
mod cose;
mod json;
#[cfg(test)]
mod vectors;

pub use self::{
    authenticator_data::MAX_CREDENTIAL_ID_BYTES,
    cose::ALGORITHMS,
    json::{
        AuthenticationResponse, AuthenticatorAssertion, AuthenticatorAttestation, Base64Url,
        CredentialType, RegistrationResponse,
    },
};

use uuid::Uuid;

use self::{
    authenticator_data::AuthenticatorData, cbor::Value, client_data::ClientData, cose::PublicKey,
};
use crate::crypto::sha256;

/// The fault of a credential, as a predicate: "has a wrong signature".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(&'static str);

impl Fault {
    const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The text.
    pub fn text(self) -> &'static str {
        self.0
    }
}

/// The two ceremonies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ceremony {
    Registration,
    Authentication,
}

impl Ceremony {
    /// The `type` in client data.
    fn client_data_type(self) -> &'static str {
        match self {
            Self::Registration => "webauthn.create",
            Self::Authentication => "webauthn.get",
        }
    }
}

/// The expectations of a ceremony.
pub struct Expected<'a, F> {
    /// The RP ID: a domain.
    pub rp_id: &'a str,
    /// Whether a page, or an app, of this origin may ask for the credential.
    pub is_origin: F,
}

/// A credential that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCredential {
    /// Its id: 1 to 1,023 bytes.
    pub id: Vec<u8>,
    /// The public key, a COSE key.
    pub public_key: Vec<u8>,
    /// The model of the authenticator; nil if it does not tell.
    pub aaguid: Uuid,
    /// How often it has signed.
    pub sign_count: u32,
    /// Whether it may be synced to other devices.
    pub backup_eligible: bool,
    /// Whether it is synced now.
    pub backed_up: bool,
}

/// A use of a credential whose signature is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// How often the credential has signed; 0 if its authenticator does not count.
    pub sign_count: u32,
    /// Whether it is synced now.
    pub backed_up: bool,
}

/// The challenge that a response is for, base64url. The caller has to check that it was made here.
pub type Challenge = String;

/// Reads a credential that was made (WebAuthn Level 3 §7.1). Returns it with the challenge, which the
/// caller has to check.
///
/// # Errors
/// [`Fault`] if it does not meet the expectations, or its user was not verified.
pub fn register(
    response: &RegistrationResponse,
    expected: &Expected<'_, impl Fn(&str) -> bool>,
) -> Result<(NewCredential, Challenge), Fault> {
    let client_data = &response.response.client_data_json.0;
    let challenge = ClientData::check(client_data, Ceremony::Registration, &expected.is_origin)?;

    let object = cbor::read_whole(&response.response.attestation_object.0);
    let object = object.ok_or(Fault::new("has an attestation object that is not CBOR"))?;
    let has_statement = object.of_name("attStmt").is_some_and(Value::is_map);
    let bytes = object.of_name("authData").and_then(Value::bytes).filter(|_| has_statement);
    let bytes = bytes.ok_or(Fault::new("has an attestation object without its parts"))?;
    let data = checked(bytes, expected.rp_id)?;
    let credential = data.credential.as_ref();
    let credential = credential.ok_or(Fault::new("is not a new credential"))?;
    if credential.id != response.id.0 {
        return Err(Fault::new("has another id than its authenticator says"));
    }
    PublicKey::read(credential.public_key)?;

    let made = NewCredential {
        id: credential.id.to_vec(),
        public_key: credential.public_key.to_vec(),
        aaguid: credential.aaguid,
        sign_count: data.sign_count,
        backup_eligible: data.is_backup_eligible(),
        backed_up: data.is_backed_up(),
    };
    Ok((made, challenge))
}

/// Verifies a use of a credential with its public key (WebAuthn Level 3 §7.2). `backup_eligible` is
/// what its registration said. Returns what its authenticator says, and the challenge, which the
/// caller has to check.
///
/// # Errors
/// [`Fault`] if it does not meet the expectations, its user was not verified, or the signature is
/// wrong.
pub fn authenticate(
    response: &AuthenticationResponse,
    (public_key, backup_eligible): (&[u8], bool),
    expected: &Expected<'_, impl Fn(&str) -> bool>,
) -> Result<(Assertion, Challenge), Fault> {
    let AuthenticatorAssertion { client_data_json, authenticator_data, signature, .. } =
        &response.response;
    let client_data = &client_data_json.0;
    let challenge = ClientData::check(client_data, Ceremony::Authentication, &expected.is_origin)?;

    let data = checked(&authenticator_data.0, expected.rp_id)?;
    if data.is_backup_eligible() != backup_eligible {
        return Err(Fault::new("is of another kind than when it was made"));
    }
    let signed = [authenticator_data.0.as_slice(), &sha256(client_data)].concat();
    if !PublicKey::read(public_key)?.has_signed(&signed, &signature.0) {
        return Err(Fault::new("has a wrong signature"));
    }
    let (sign_count, backed_up) = (data.sign_count, data.is_backed_up());
    Ok((Assertion { sign_count, backed_up }, challenge))
}

/// The challenge that a response names, before anything is verified; `None` if it names none.
pub fn claimed_challenge(client_data_json: &Base64Url) -> Option<Challenge> {
    ClientData::read(&client_data_json.0).ok().map(|data| data.challenge)
}

/// Reads authenticator data and checks what holds in both ceremonies.
fn checked<'a>(bytes: &'a [u8], rp_id: &str) -> Result<AuthenticatorData<'a>, Fault> {
    let data = AuthenticatorData::read(bytes)?;
    if data.rp_id_hash != sha256(rp_id.as_bytes()) {
        return Err(Fault::new("is for another domain"));
    }
    if !data.is_verified() {
        return Err(Fault::new(
            "was used without user verification: a PIN, a fingerprint or a face is needed",
        ));
    }
    if data.is_backed_up() && !data.is_backup_eligible() {
        return Err(Fault::new("is synced and may not be, which contradicts itself"));
    }
    Ok(data)
}
