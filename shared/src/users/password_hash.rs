//! How passwords are stored.

use std::sync::{Arc, Mutex};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use super::Password;
use crate::{
    base::{Error, Random},
    crypto::HashKeys,
};

/// OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, 2 passes, 1 lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;

/// A password hash as the store keeps it, with the parameters that it was made with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    /// The version of the root that its pepper comes from.
    #[serde(default = "first_version", skip_serializing_if = "is_first_version")]
    version: u32,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    #[serde(with = "serde_bytes")]
    salt: Vec<u8>,
    #[serde(with = "serde_bytes")]
    hash: Vec<u8>,
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash")
    }
}

fn first_version() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_first_version(version: &u32) -> bool {
    *version == first_version()
}

/// Hashes passwords. It limits how many are hashed at the same time, to stay within the function's
/// memory.
#[derive(Clone)]
pub struct PasswordHasher {
    keys: Arc<HashKeys>,
    /// Work memory to be used again: allocating it costs half as much as a hash.
    memories: Arc<Mutex<Vec<Vec<Block>>>>,
    permits: Arc<Semaphore>,
}

impl PasswordHasher {
    /// A hasher with the peppers in `keys`, for a function with `function_memory_mb` of memory.
    pub fn new(keys: Arc<HashKeys>, function_memory_mb: usize) -> Self {
        // Hashes may use half of the memory.
        let at_once = (function_memory_mb * 1024 / 2 / MEMORY_KIB as usize).clamp(1, 8);
        Self { keys, memories: Arc::default(), permits: Arc::new(Semaphore::new(at_once)) }
    }

    /// The same hasher with other `keys`.
    #[must_use]
    pub fn with(&self, keys: Arc<HashKeys>) -> Self {
        Self { keys, ..self.clone() }
    }

    /// Whether a hash was made with less memory or fewer passes than new hashes, or with the pepper
    /// of a previous root.
    pub fn is_outdated(&self, hash: &PasswordHash) -> bool {
        (hash.memory_kib, hash.passes) < (MEMORY_KIB, PASSES) || hash.version < self.keys.version()
    }

    /// Hashes a password with a new salt.
    pub async fn hash(&self, password: &Password, random: &Random) -> Result<PasswordHash, Error> {
        let mut hash = PasswordHash {
            version: self.keys.version(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: random.bytes::<SALT_BYTES>()?.to_vec(),
            hash: Vec::new(),
        };
        hash.hash = self.compute(password, &hash).await?;
        Ok(hash)
    }

    /// Whether `password` matches `hash`. Without a hash this takes the same time and returns
    /// `false`.
    pub async fn matches(
        &self,
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, Error> {
        let dummy = PasswordHash {
            version: self.keys.version(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: vec![0; SALT_BYTES],
            hash: vec![0; HASH_BYTES],
        };

        let computed = self.compute(password, hash.unwrap_or(&dummy)).await?;
        let equal: bool = computed.ct_eq(&hash.unwrap_or(&dummy).hash).into();
        Ok(equal && hash.is_some())
    }

    /// Hashes `password` with the salt and the parameters of `like`.
    async fn compute(&self, password: &Password, like: &PasswordHash) -> Result<Vec<u8>, Error> {
        let _permit =
            self.permits.acquire().await.map_err(|error| Error::Internal(error.to_string()))?;
        let (hasher, password, like) = (self.clone(), password.clone(), like.clone());
        tokio::task::spawn_blocking(move || hasher.compute_blocking(&password, &like))
            .await
            .map_err(|error| Error::Internal(error.to_string()))?
    }

    fn compute_blocking(&self, password: &Password, like: &PasswordHash) -> Result<Vec<u8>, Error> {
        let failed = |error: argon2::Error| Error::Internal(format!("argon2: {error}"));
        let params = Params::new(like.memory_kib, like.passes, like.lanes, Some(HASH_BYTES))
            .map_err(failed)?;
        let blocks = params.block_count();
        // No password is of a root that nothing is kept of. It would take the same time, and not match.
        let pepper = self.keys.password_pepper(like.version).unwrap_or_default();
        let argon2 = Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params)
            .map_err(failed)?;

        let reused = self.memories.lock().ok().and_then(|mut memories| memories.pop());
        let mut memory = reused.unwrap_or_default();
        memory.resize(blocks, Block::default());

        let mut hash = vec![0; HASH_BYTES];
        argon2
            .hash_password_into_with_memory(
                password.normalized().as_bytes(),
                &like.salt,
                &mut hash,
                &mut memory,
            )
            .map_err(failed)?;

        if let Ok(mut memories) = self.memories.lock() {
            memories.push(memory);
        }
        Ok(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::parse("password", text.into()).ok().unwrap()
    }

    fn keys(byte: u8) -> Arc<HashKeys> {
        Arc::new(HashKeys::derive(&[byte; 32]).unwrap())
    }

    #[tokio::test]
    async fn a_hash_matches_only_its_password() {
        let (hasher, random) = (PasswordHasher::new(keys(1), 512), Random::system());
        let hash = hasher.hash(&password("correct horse"), &random).await.unwrap();
        assert_eq!(hasher.matches(&password("correct horse"), Some(&hash)).await, Ok(true));
        assert_eq!(hasher.matches(&password("Correct horse"), Some(&hash)).await, Ok(false));
        assert_eq!(hasher.matches(&password("correct horse"), None).await, Ok(false));
        let other = PasswordHasher::new(keys(2), 512);
        assert_eq!(other.matches(&password("correct horse"), Some(&hash)).await, Ok(false));
        assert_ne!(hasher.hash(&password("correct horse"), &random).await.unwrap().hash, hash.hash);
    }
}
