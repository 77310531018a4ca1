//! Authenticator data (WebAuthn Level 3 §6.1): what an authenticator says about itself and a
//! credential, in bytes that it signs.

use uuid::Uuid;

use super::{Fault, cbor};

/// The longest id of a credential, in bytes (WebAuthn Level 3 §7.1, step 25).
pub const MAX_CREDENTIAL_ID_BYTES: usize = 1023;

const USER_PRESENT: u8 = 1;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const HAS_CREDENTIAL: u8 = 1 << 6;
const HAS_EXTENSIONS: u8 = 1 << 7;

/// Authenticator data that was read.
#[derive(Debug)]
pub(super) struct AuthenticatorData<'a> {
    /// The SHA-256 of the RP ID.
    pub(super) rp_id_hash: [u8; 32],
    flags: u8,
    /// How often the credential has signed; 0 if its authenticator does not count.
    pub(super) sign_count: u32,
    /// The new credential, at a registration.
    pub(super) credential: Option<AttestedCredential<'a>>,
}

/// A new credential.
#[derive(Debug)]
pub(super) struct AttestedCredential<'a> {
    /// The model of the authenticator; nil if it does not tell.
    pub(super) aaguid: Uuid,
    /// The id of the credential.
    pub(super) id: &'a [u8],
    /// The public key, a COSE key.
    pub(super) public_key: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads authenticator data, to its last byte.
    ///
    /// # Errors
    /// [`Fault`] if it is not well-formed.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Fault> {
        Self::parse(bytes).ok_or(Fault::new("has authenticator data that cannot be read"))
    }

    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (rp_id_hash, bytes) = bytes.split_first_chunk()?;
        let (flags, bytes) = bytes.split_first()?;
        let (sign_count, mut rest) = bytes.split_first_chunk()?;

        let mut credential = None;
        if flags & HAS_CREDENTIAL != 0 {
            let (read, after) = AttestedCredential::parse(rest)?;
            (credential, rest) = (Some(read), after);
        }
        if flags & HAS_EXTENSIONS != 0 {
            let (extensions, after) = cbor::read(rest)?;
            rest = extensions.is_map().then_some(after)?;
        }
        rest.is_empty().then_some(Self {
            rp_id_hash: *rp_id_hash,
            flags: *flags,
            sign_count: u32::from_be_bytes(*sign_count),
            credential,
        })
    }

    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Whether somebody was there, and the authenticator has verified who: by a PIN, a finger, a face.
    pub(super) fn is_verified(&self) -> bool {
        self.has(USER_PRESENT) && self.has(USER_VERIFIED)
    }

    /// Whether the credential may be synced to other devices.
    pub(super) fn is_backup_eligible(&self) -> bool {
        self.has(BACKUP_ELIGIBLE)
    }

    /// Whether it is synced now.
    pub(super) fn is_backed_up(&self) -> bool {
        self.has(BACKED_UP)
    }
}

impl<'a> AttestedCredential<'a> {
    fn parse(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (aaguid, bytes) = bytes.split_first_chunk()?;
        let (length, bytes) = bytes.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let (id, bytes) = bytes.split_at_checked(length)?;
        let (key, rest) = cbor::read(bytes)?;
        let public_key = bytes.get(..bytes.len() - rest.len())?;
        let fits = !id.is_empty() && id.len() <= MAX_CREDENTIAL_ID_BYTES && key.is_map();
        fits.then_some((Self { aaguid: Uuid::from_bytes(*aaguid), id, public_key }, rest))
    }
}
