//! Sealing: authenticated encryption with AES-256-GCM.

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};

use zeroize::Zeroizing;

use super::{HashKeys, Keys};
use crate::base::{Error, Random};

impl HashKeys {
    /// Encrypts the private content of a challenge (AES-256-GCM), bound to the challenge.
    pub fn seal_challenge(
        &self,
        id: uuid::Uuid,
        content: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.of_challenge(id).challenge_seal, id, content, random)
    }

    /// Decrypts what [`Self::seal_challenge`] sealed for this challenge.
    pub fn open_challenge(&self, id: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        open(&self.of_challenge(id).challenge_seal, id, sealed)
    }

    /// Encrypts the secret of an authenticator app (AES-256-GCM), bound to its user.
    pub fn seal_second_factor(
        &self,
        user_id: uuid::Uuid,
        secret: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.current.second_factor_seal, user_id, secret, random)
    }

    /// Decrypts what [`Self::seal_second_factor`] sealed for this user. Returns also whether the
    /// previous root did, so that it is to be sealed again.
    pub fn open_second_factor(
        &self,
        user_id: uuid::Uuid,
        sealed: &[u8],
    ) -> Result<(Vec<u8>, bool), Error> {
        let (version, secret) = self.open_any(user_id, sealed, |keys| &keys.second_factor_seal)?;
        Ok((secret, version < self.version))
    }

    /// Encrypts the hash of a password that another service made (AES-256-GCM), bound to its user. The
    /// key is of the current root.
    pub(crate) fn seal_foreign_hash(
        &self,
        user_id: uuid::Uuid,
        hash: &str,
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.current.kept.foreign_hash_seal()?, user_id, hash.as_bytes(), random)
    }

    /// Decrypts what [`Self::seal_foreign_hash`] sealed for this user since a version of the root. It
    /// still opens when that root is gone, like a password's pepper: only the person can replace
    /// the hash.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is no such version, or it was not sealed for this user.
    pub(crate) fn open_foreign_hash(
        &self,
        user_id: uuid::Uuid,
        version: u32,
        sealed: &[u8],
    ) -> Result<Zeroizing<String>, Error> {
        let kept = self.kept(version);
        let kept = kept.ok_or_else(|| Error::Internal("there is no key of this root".into()))?;
        let hash = open(&kept.foreign_hash_seal()?, user_id, sealed)?;
        let hash = String::from_utf8(hash).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            Error::Internal("a sealed value is no text".into())
        })?;
        Ok(Zeroizing::new(hash))
    }

    /// Encrypts the response to a request with an `Idempotency-Key` (AES-256-GCM), bound to the
    /// request.
    pub fn seal_answer(
        &self,
        mark: uuid::Uuid,
        answer: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.current.answer_seal, mark, answer, random)
    }

    /// Decrypts what [`Self::seal_answer`] sealed for this request.
    pub fn open_answer(&self, mark: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.open_any(mark, sealed, |keys| &keys.answer_seal).map(|(_, answer)| answer)
    }

    /// Encrypts what the hosted page carries from step to step (AES-256-GCM), bound to its id.
    pub(crate) fn seal_flow(
        &self,
        id: uuid::Uuid,
        content: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.current.flow_seal, id, content, random)
    }

    /// Decrypts what [`Self::seal_flow`] sealed for this id.
    pub(crate) fn open_flow(&self, id: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.open_any(id, sealed, |keys| &keys.flow_seal).map(|(_, content)| content)
    }

    /// Encrypts an authorization code (AES-256-GCM), bound to its session.
    pub(crate) fn seal_code(
        &self,
        session_id: uuid::Uuid,
        content: &[u8],
        random: &Random,
    ) -> Result<Vec<u8>, Error> {
        seal(&self.current.code_seal, session_id, content, random)
    }

    /// Decrypts what [`Self::seal_code`] sealed for this session.
    pub(crate) fn open_code(
        &self,
        session_id: uuid::Uuid,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        self.open_any(session_id, sealed, |keys| &keys.code_seal).map(|(_, content)| content)
    }

    /// Decrypts what the key for a purpose, of any root, has sealed.
    fn open_any(
        &self,
        id: uuid::Uuid,
        sealed: &[u8],
        key: impl Fn(&Keys) -> &LessSafeKey,
    ) -> Result<(u32, Vec<u8>), Error> {
        let mut result = Err(Error::Internal("there is no key".into()));
        for (version, keys) in self.all() {
            result = open(key(keys), id, sealed).map(|content| (version, content));
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

/// Encrypts with AES-256-GCM, bound to an id. The random nonce comes first in the result.
fn seal(
    key: &LessSafeKey,
    id: uuid::Uuid,
    content: &[u8],
    random: &Random,
) -> Result<Vec<u8>, Error> {
    let nonce: [u8; 12] = random.bytes()?;
    let mut sealed = content.to_vec();

    key.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::from(id.as_bytes()),
        &mut sealed,
    )
    .map_err(|_| Error::Internal("could not encrypt a sealed value".into()))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Decrypts what [`seal`] sealed with the same key and id.
fn open(key: &LessSafeKey, id: uuid::Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
    let broken = || Error::Internal("could not decrypt a sealed value".into());
    let (nonce, ciphertext) = sealed.split_first_chunk::<12>().ok_or_else(broken)?;
    let mut ciphertext = ciphertext.to_vec();
    let content = key
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(id.as_bytes()),
            &mut ciphertext,
        )
        .map_err(|_| broken())?;
    Ok(content.to_vec())
}
