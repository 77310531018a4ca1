//! Keys for hashing and sealing (authenticated encryption): one for each purpose, all derived from
//! one root secret. While the root is replaced there are two ([`super::Roots`]): what is new is
//! made with the current one, and what the other one made is accepted.

mod identifiers;
mod sealing;
mod tags;

pub use self::identifiers::{IdentifierHash, Place, network};
pub(crate) use self::tags::TAG_BYTES;

use aws_lc_rs::{
    aead::{AES_256_GCM, LessSafeKey, UnboundKey},
    hkdf, hmac,
};
use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

use super::Roots;
use crate::base::Error;

/// The minimum length of a root secret, in bytes.
const MIN_ROOT_BYTES: usize = 32;

/// The keyed hashes of the service. Each purpose has its own key (HKDF-SHA-256, RFC 5869), so that
/// what is computed for one purpose is worthless for another.
pub struct HashKeys {
    version: u32,
    current: Keys,
    /// The keys of the other root, while the root is replaced.
    other: Option<(u32, Keys)>,
    /// Whether the other root is the previous one, so that what it made moves.
    is_moving: bool,
    /// The keys that are kept of roots that are gone.
    kept: Vec<(u32, KeptKeys)>,
}

/// The keys that are derived from one root.
struct Keys {
    identifiers: hmac::Key,
    codes: hmac::Key,
    challenge_seal: LessSafeKey,
    second_factor_seal: LessSafeKey,
    answer_seal: LessSafeKey,
    flow_seal: LessSafeKey,
    code_seal: LessSafeKey,
    refresh_tokens: hmac::Key,
    refresh_successors: hmac::Key,
    cursors: hmac::Key,
    challenge_ids: hmac::Key,
    stop_links: hmac::Key,
    device_tokens: hmac::Key,
    browser_cookies: hmac::Key,
    reset_links: hmac::Key,
    undo_links: hmac::Key,
    report_links: hmac::Key,
    passkey_challenges: hmac::Key,
    proofs: hmac::Key,
    kept: KeptKeys,
}

/// The keys without which a password or a recovery code can never be checked again. Only the person
/// can give these again, so the keys stay when their root goes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ZeroizeOnDrop)]
pub(super) struct KeptKeys {
    password_pepper: [u8; 32],
    recovery_codes: [u8; 32],
}

impl Keys {
    fn derive(root: &[u8]) -> Result<Self, Error> {
        let kept = KeptKeys::derive(root)?;
        let root = extract(root)?;
        let hmac_key = |purpose: &str| -> Result<hmac::Key, Error> {
            let info = [purpose.as_bytes()];
            Ok(root.expand(&info, hmac::HMAC_SHA256).map_err(derivation)?.into())
        };
        let seal_key = |purpose: &str| -> Result<LessSafeKey, Error> {
            let info = [purpose.as_bytes()];
            let key: UnboundKey = root.expand(&info, &AES_256_GCM).map_err(derivation)?.into();
            Ok(LessSafeKey::new(key))
        };

        Ok(Self {
            identifiers: hmac_key("identifiers")?,
            codes: hmac_key("one-time codes")?,
            challenge_seal: seal_key("challenge seal")?,
            second_factor_seal: seal_key("second factor seal")?,
            answer_seal: seal_key("answer seal")?,
            flow_seal: seal_key("flow seal")?,
            code_seal: seal_key("authorization code seal")?,
            refresh_tokens: hmac_key("refresh tokens")?,
            refresh_successors: hmac_key("refresh successors")?,
            cursors: hmac_key("cursors")?,
            challenge_ids: hmac_key("challenge ids")?,
            stop_links: hmac_key("stop links")?,
            device_tokens: hmac_key("device tokens")?,
            browser_cookies: hmac_key("browser cookies")?,
            reset_links: hmac_key("reset links")?,
            undo_links: hmac_key("undo links")?,
            report_links: hmac_key("report links")?,
            passkey_challenges: hmac_key("passkey challenges")?,
            proofs: hmac_key("proofs of work")?,
            kept,
        })
    }
}

impl KeptKeys {
    /// # Errors
    /// [`Error::Internal`] for a root of fewer than [`MIN_ROOT_BYTES`] bytes.
    pub(super) fn derive(root: &[u8]) -> Result<Self, Error> {
        let root = extract(root)?;
        let bytes = |purpose: &str| -> Result<[u8; 32], Error> {
            let mut bytes = [0; 32];
            root.expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
                .and_then(|expanded| expanded.fill(&mut bytes))
                .map_err(derivation)?;
            Ok(bytes)
        };
        Ok(Self {
            password_pepper: bytes("password pepper")?,
            recovery_codes: bytes("recovery codes")?,
        })
    }

    /// The key that hashes of other services are sealed with. It comes from the pepper, so that it is
    /// kept as long as the pepper.
    fn foreign_hash_seal(&self) -> Result<LessSafeKey, Error> {
        let pepper = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &self.password_pepper);
        let info = [b"foreign hash seal".as_slice()];
        let key: UnboundKey = pepper.expand(&info, &AES_256_GCM).map_err(derivation)?.into();
        Ok(LessSafeKey::new(key))
    }

    fn recovery_code(&self, user_id: uuid::Uuid, code: &str) -> IdentifierHash {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.recovery_codes);
        data_encoding::HEXLOWER.encode(&sign(&key, &[user_id.as_bytes(), code.as_bytes()])).into()
    }
}

fn extract(root: &[u8]) -> Result<hkdf::Prk, Error> {
    if root.len() < MIN_ROOT_BYTES {
        return Err(Error::Internal("the root secret of the hash keys is too short".into()));
    }
    Ok(hkdf::Salt::new(hkdf::HKDF_SHA256, b"latchkey").extract(root))
}

impl HashKeys {
    /// Derives the keys from the only `root` that there is.
    ///
    /// # Errors
    /// [`Error::Internal`] for a root of fewer than 32 bytes.
    pub fn derive(root: &[u8]) -> Result<Self, Error> {
        let current = Keys::derive(root)?;
        Ok(Self { version: 1, current, other: None, is_moving: false, kept: Vec::new() })
    }

    /// Derives the keys from all roots in use.
    ///
    /// # Errors
    /// [`Error::Internal`] for a root of fewer than 32 bytes.
    pub fn of(roots: &Roots) -> Result<Self, Error> {
        let other =
            roots.other().map(|(version, root)| Ok::<_, Error>((version, Keys::derive(root)?)));
        let (version, root) = roots.current();
        Ok(Self {
            version,
            current: Keys::derive(root)?,
            other: other.transpose()?,
            is_moving: roots.is_moving(),
            kept: roots.kept().map(|(version, kept)| (version, kept.clone())).collect(),
        })
    }

    /// The version of the root that everything new is made with.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Whether there are two roots, so that the table may have items under both.
    pub fn are_two(&self) -> bool {
        self.other.is_some()
    }

    /// Whether what the previous root made moves to the current one.
    pub fn are_moving(&self) -> bool {
        self.is_moving
    }

    fn all(&self) -> impl Iterator<Item = (u32, &Keys)> {
        let other = self.other.iter().map(|(version, keys)| (*version, keys));
        std::iter::once((self.version, &self.current)).chain(other)
    }

    fn of_version(&self, version: u32) -> &Keys {
        self.all().find(|(it, _)| *it == version).map_or(&self.current, |(_, keys)| keys)
    }

    /// The secret that goes into the hashes of passwords since a version of the root; `None` if
    /// there is no such version.
    pub fn password_pepper(&self, version: u32) -> Option<&[u8]> {
        self.kept(version).map(|kept| kept.password_pepper.as_slice())
    }

    fn kept(&self, version: u32) -> Option<&KeptKeys> {
        self.every_kept().find(|(it, _)| *it == version).map(|(_, kept)| kept)
    }

    /// The keys that are kept of every root that there ever was, the current one first.
    fn every_kept(&self) -> impl Iterator<Item = (u32, &KeptKeys)> {
        let gone = self.kept.iter().map(|(version, kept)| (*version, kept));
        self.all().map(|(version, keys)| (version, &keys.kept)).chain(gone)
    }

    /// The hash under which a recovery code is stored.
    pub fn recovery_code(&self, user_id: uuid::Uuid, code: &str) -> IdentifierHash {
        self.current.kept.recovery_code(user_id, code)
    }

    /// The hashes under which a recovery code may be stored, by every root that there ever was.
    pub fn recovery_codes(
        &self,
        user_id: uuid::Uuid,
        code: &str,
    ) -> impl Iterator<Item = IdentifierHash> {
        self.every_kept().map(move |(_, kept)| kept.recovery_code(user_id, code))
    }
}

/// The SHA-256 digest of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    digest
}

/// The first 128 bits of the SHA-256 of a secret with at least 128 random bits, by which a session
/// knows it: finding another secret with this hash is no easier than guessing the secret.
pub fn secret_hash(secret: &[u8]) -> Vec<u8> {
    sha256(secret).first_chunk::<16>().map(|half| half.to_vec()).unwrap_or_default()
}

fn derivation(_: aws_lc_rs::error::Unspecified) -> Error {
    Error::Internal("could not derive a key".into())
}

/// The HMAC-SHA-256 of `parts`, one after another.
fn sign(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.sign().as_ref());
    bytes
}
