//! How passwords are stored.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use tokio::{sync::Semaphore, time::Instant};
use uuid::Uuid;

use super::{ForeignHash, Password};
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

/// A password hash as the store keeps it, with what it takes to compare a password with it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(Kept);

/// The attributes of the two kinds have no name in common, except for the version.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Own(OwnHash),
    Foreign(SealedHash),
}

/// An argon2id hash, with the parameters that it was made with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct OwnHash {
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

/// A hash that another service made. It has no pepper, and it may be weak, so it is sealed: a copy
/// of the table alone does not let anybody guess the password.
///
/// It is sealed with a key of the root's pepper, and bound to its user. While the root is replaced,
/// and after the previous one is forgotten, it opens as it did, since the pepper is kept. `latchkey
/// keys move` leaves it as it is. The first right password replaces it by an argon2id hash with the
/// pepper of the current root.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SealedHash {
    /// The version of the root that the key comes from.
    #[serde(default = "first_version", skip_serializing_if = "is_first_version")]
    version: u32,
    /// The text of the hash, by [`HashKeys::seal_foreign_hash`].
    #[serde(with = "serde_bytes")]
    sealed_foreign: Vec<u8>,
}

impl PasswordHash {
    /// Whether another service made it.
    pub fn is_foreign(&self) -> bool {
        matches!(self.0, Kept::Foreign(_))
    }
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
    /// One permit stands for the memory of one of our hashes.
    permits: Arc<Semaphore>,
    all_permits: u32,
    /// The measured times of hashes of other services, by their classes.
    times: Arc<Mutex<BTreeMap<String, Duration>>>,
}

impl PasswordHasher {
    /// A hasher with the peppers in `keys`, for a function with `function_memory_mb` of memory.
    pub fn new(keys: Arc<HashKeys>, function_memory_mb: usize) -> Self {
        // Hashes may use half of the memory.
        let at_once = (function_memory_mb * 1024 / 2 / MEMORY_KIB as usize).clamp(1, 8);
        Self {
            keys,
            memories: Arc::default(),
            permits: Arc::new(Semaphore::new(at_once)),
            all_permits: u32::try_from(at_once).unwrap_or(1),
            times: Arc::default(),
        }
    }

    /// The same hasher with other `keys`.
    #[must_use]
    pub fn with(&self, keys: Arc<HashKeys>) -> Self {
        Self { keys, ..self.clone() }
    }

    /// Whether another service made a hash, or it was made with less memory or fewer passes than new
    /// hashes, or with the pepper of a previous root.
    pub fn is_outdated(&self, hash: &PasswordHash) -> bool {
        match &hash.0 {
            Kept::Foreign(_) => true,
            Kept::Own(hash) => {
                (hash.memory_kib, hash.passes) < (MEMORY_KIB, PASSES)
                    || hash.version < self.keys.version()
            }
        }
    }

    /// Hashes a password with a new salt.
    pub async fn hash(&self, password: &Password, random: &Random) -> Result<PasswordHash, Error> {
        let salt = random.bytes::<SALT_BYTES>()?.to_vec();
        let mut hash = OwnHash { salt, hash: Vec::new(), ..self.dummy() };
        hash.hash = self.compute(password, &hash).await?;
        Ok(PasswordHash(Kept::Own(hash)))
    }

    /// The time that hashes of the class of this one take here, if it was noted in this process.
    pub(crate) fn known_time(&self, hash: &ForeignHash) -> Option<Duration> {
        self.times.lock().ok()?.get(&hash.class()).copied()
    }

    /// Notes the time that hashes of the class of this one take here.
    pub(crate) fn note_time(&self, hash: &ForeignHash, time: Duration) {
        if let Ok(mut times) = self.times.lock() {
            times.insert(hash.class(), time);
        }
    }

    /// Measures the time that a hash takes here: the least of two, since a machine may be busy.
    pub(crate) async fn measure(&self, hash: &ForeignHash) -> Result<Duration, Error> {
        let nobodys = Password::parse("password", "nobody's password".to_owned())?;
        let mut least = Duration::MAX;
        for _ in 0..2 {
            let start = Instant::now();
            self.matches_foreign(&nobodys, hash.clone()).await?;
            least = least.min(start.elapsed());
        }
        Ok(least)
    }

    /// Whether `hash`, as it is kept for a user, is this hash that another service made.
    pub fn keeps(
        &self,
        (user_id, hash): (Uuid, Option<&PasswordHash>),
        foreign: &ForeignHash,
    ) -> bool {
        let Some(PasswordHash(Kept::Foreign(sealed))) = hash else { return false };
        let kept = self.keys.open_foreign_hash(user_id, sealed.version, &sealed.sealed_foreign);
        kept.is_ok_and(|kept| kept.as_bytes().ct_eq(foreign.as_str().as_bytes()).into())
    }

    /// Seals a hash that another service made, for the user that it belongs to. It is not computed.
    pub fn keep_foreign(
        &self,
        hash: &ForeignHash,
        user_id: Uuid,
        random: &Random,
    ) -> Result<PasswordHash, Error> {
        Ok(PasswordHash(Kept::Foreign(SealedHash {
            version: self.keys.version(),
            sealed_foreign: self.keys.seal_foreign_hash(user_id, hash.as_str(), random)?,
        })))
    }

    /// Whether `password` matches the hash of the user with this id. Without a hash this takes the
    /// time of one of ours and returns `false`. A hash of another service takes the time of that
    /// service.
    pub async fn matches(
        &self,
        password: &Password,
        hash: Option<(Uuid, &PasswordHash)>,
    ) -> Result<bool, Error> {
        let own = match hash {
            None => None,
            Some((_, PasswordHash(Kept::Own(hash)))) => Some(hash),
            Some((user_id, PasswordHash(Kept::Foreign(sealed)))) => {
                match self.open(user_id, sealed) {
                    Ok(foreign) => return self.matches_foreign(password, foreign).await,
                    // Nobody can sign in with it, but its owner can set a new password.
                    Err(error) => {
                        tracing::error!(%user_id, %error, "the hash of a password cannot be read");
                        None
                    }
                }
            }
        };

        let dummy = self.dummy();
        let computed = self.compute(password, own.unwrap_or(&dummy)).await?;
        let equal: bool = computed.ct_eq(&own.unwrap_or(&dummy).hash).into();
        Ok(equal && own.is_some())
    }

    /// A hash of no password, made like new ones.
    fn dummy(&self) -> OwnHash {
        OwnHash {
            version: self.keys.version(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: vec![0; SALT_BYTES],
            hash: vec![0; HASH_BYTES],
        }
    }

    fn open(&self, user_id: Uuid, sealed: &SealedHash) -> Result<ForeignHash, Error> {
        let SealedHash { version, sealed_foreign } = sealed;
        let text = self.keys.open_foreign_hash(user_id, *version, sealed_foreign)?;
        ForeignHash::parse(&text).map_err(|unusable| Error::Internal(format!("it {unusable}")))
    }

    async fn matches_foreign(
        &self,
        password: &Password,
        foreign: ForeignHash,
    ) -> Result<bool, Error> {
        let (password, memory_kib) = (password.clone(), foreign.memory_kib());
        self.work(memory_kib, move || {
            foreign.matches_blocking(&password.forms().collect::<Vec<_>>())
        })
        .await
    }

    /// Hashes `password` with the salt and the parameters of `like`.
    async fn compute(&self, password: &Password, like: &OwnHash) -> Result<Vec<u8>, Error> {
        let (hasher, password, like) = (self.clone(), password.clone(), like.clone());
        self.work(like.memory_kib, move || hasher.compute_blocking(&password, &like)).await
    }

    /// Does `work` that takes this much memory, on a thread that may block. It waits until the memory
    /// is free, and holds it until the work is done, even if the request is given up. Work that takes
    /// more memory than all hashes may use is done alone.
    async fn work<T: Send + 'static>(
        &self,
        memory_kib: u32,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let permits = memory_kib.div_ceil(MEMORY_KIB).clamp(1, self.all_permits);
        let permits = self.permits.clone().acquire_many_owned(permits).await;
        let permits = permits.map_err(|error| Error::Internal(error.to_string()))?;
        tokio::task::spawn_blocking(move || {
            let _held = permits;
            work()
        })
        .await
        .map_err(|error| Error::Internal(error.to_string()))?
    }

    fn compute_blocking(&self, password: &Password, like: &OwnHash) -> Result<Vec<u8>, Error> {
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
mod tests;
