//! A passkey, as the store keeps it and as the API shows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::keepers::keeper;
use crate::{
    base::{Error, api_time, epoch_seconds},
    crypto::sha256,
    identifiers::display_name,
    webauthn::{Base64Url, NewCredential},
};

/// The longest name of a passkey, in characters.
const MAX_NAME_CHARS: usize = 64;
/// The most transports that are kept. The registry has seven.
const MAX_TRANSPORTS: usize = 8;
/// The longest name of a transport, in characters.
const MAX_TRANSPORT_CHARS: usize = 32;
/// The name of a passkey whose keeper is not known.
const NAMELESS: &str = "Passkey";

/// The id of a passkey: a version 8 UUID of the SHA-256 of its credential id, so that a credential is
/// found by it and belongs to one user.
pub fn passkey_id(credential_id: &[u8]) -> Uuid {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = sha256(credential_id);
    Uuid::new_v8([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
}

/// A passkey as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// The user whose it is. Only if the user names it, too, does it open anything.
    pub user_id: Uuid,
    /// The id of the credential.
    #[serde(with = "serde_bytes")]
    pub credential_id: Vec<u8>,
    /// The public key, a COSE key.
    #[serde(with = "serde_bytes")]
    pub public_key: Vec<u8>,
    /// The model of its authenticator; nil if it does not tell.
    pub aaguid: Uuid,
    /// How often it has signed, as far as we know.
    pub sign_count: u32,
    /// Whether it may be synced to other devices. That never changes.
    pub backup_eligible: bool,
    /// Whether it was synced when it was last used.
    pub backed_up: bool,
    /// How it can be reached, like `internal` or `usb`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transports: Vec<String>,
    /// The name that its user gave it.
    pub name: String,
    /// When it was added.
    #[serde(with = "epoch_seconds")]
    pub created_at: Timestamp,
    /// When it was last used, on the day of that use at the latest.
    #[serde(with = "epoch_seconds")]
    pub last_used_at: Timestamp,
}

impl Passkey {
    /// A passkey that is added now. Without a name it has that of its keeper.
    pub fn new(
        user_id: Uuid,
        credential: NewCredential,
        (name, transports): (Option<String>, &[String]),
        now: Timestamp,
    ) -> Self {
        let NewCredential { id, public_key, aaguid, sign_count, backup_eligible, backed_up } =
            credential;
        let name = name.unwrap_or_else(|| keeper(aaguid).unwrap_or(NAMELESS).to_owned());
        Self {
            user_id,
            credential_id: id,
            public_key,
            aaguid,
            sign_count,
            backup_eligible,
            backed_up,
            transports: known_transports(transports),
            name,
            created_at: now,
            last_used_at: now,
        }
    }

    /// Its id.
    pub fn id(&self) -> Uuid {
        passkey_id(&self.credential_id)
    }
}

/// Reads the name of a passkey.
///
/// # Errors
/// [`Error::InvalidRequest`].
pub fn parse_passkey_name(input: &str) -> Result<String, Error> {
    display_name(input, MAX_NAME_CHARS, "")
}

/// Transports that have the form of one. Those that are not known yet are kept, as WebAuthn asks.
fn known_transports(sent: &[String]) -> Vec<String> {
    let is_name = |text: &&String| {
        let is_letter =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=MAX_TRANSPORT_CHARS).contains(&text.len()) && text.bytes().all(is_letter)
    };
    let mut transports: Vec<_> = sent.iter().filter(is_name).cloned().collect();
    transports.sort();
    transports.dedup();
    transports.truncate(MAX_TRANSPORTS);
    transports
}

/// A passkey as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Passkey)]
pub struct PasskeyView {
    id: Uuid,
    /// The name that its user gave it, or that of the app that keeps it.
    #[schema(example = "Google Password Manager")]
    name: String,
    /// The app that keeps it, if it is a known one.
    #[schema(example = "Google Password Manager")]
    keeper: Option<&'static str>,
    /// The id of its credential, as browsers know it: base64url.
    credential_id: Base64Url,
    /// How it can be reached, like `internal` or `usb`.
    transports: Vec<String>,
    /// Whether it is synced to other devices of its user.
    synced: bool,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last used. It is written once a day.
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
}

impl From<Passkey> for PasskeyView {
    fn from(passkey: Passkey) -> Self {
        Self {
            id: passkey.id(),
            keeper: keeper(passkey.aaguid),
            name: passkey.name,
            credential_id: Base64Url(passkey.credential_id),
            transports: passkey.transports,
            synced: passkey.backed_up,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
        }
    }
}
