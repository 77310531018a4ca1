//! Argon2id and Argon2i: PHC strings, and the same as Django stores them.

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;

use super::{
    UnusableHash,
    fields::{base64, compared, fields, number, parameter, salt},
};
use crate::base::Error;

/// The most memory, in KiB: 128 MiB. RFC 9106 §4 recommends 64 MiB; Django uses 100 MiB.
const MAX_MEMORY_KIB: u32 = 128 * 1024;
const MAX_PASSES: u32 = 10;
/// Django uses 8 lanes. They are computed one after another, and share the memory.
const MAX_LANES: u32 = 16;
/// Each lane has at least 8 blocks of 1 KiB (RFC 9106 §3.1).
const MIN_LANE_KIB: u32 = 8;

#[derive(Clone)]
pub(super) struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Argon2Hash {
    /// Reads `$argon2id$v=19$m=65536,t=3,p=4$…$…`, and the same after `argon2`. Without a version it
    /// is of the first one, 16.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        let text = text.strip_prefix("argon2").unwrap_or(text);
        let (algorithm, rest) = if let Some(rest) = text.strip_prefix("$argon2id$") {
            (Algorithm::Argon2id, rest)
        } else if let Some(rest) = text.strip_prefix("$argon2i$") {
            (Algorithm::Argon2i, rest)
        } else {
            return Err(UnusableHash::because("is neither Argon2id nor Argon2i"));
        };
        let (version, rest) = match rest.split_once('$') {
            Some(("v=19", rest)) => (Version::V0x13, rest),
            Some(("v=16", rest)) => (Version::V0x10, rest),
            _ => (Version::V0x10, rest),
        };

        let [costs, encoded_salt, hash] = fields(rest, '$')?;
        let (salt, hash) = (salt(base64(encoded_salt)?)?, compared(base64(hash)?)?);
        if salt.len() < argon2::MIN_SALT_LEN {
            return Err(UnusableHash::damaged());
        }
        Ok(Self { algorithm, version, params: parse_costs(costs, hash.len())?, salt, hash })
    }

    pub(super) fn memory_kib(&self) -> u32 {
        self.params.m_cost()
    }

    pub(super) fn class(&self) -> String {
        let Self { algorithm, params, .. } = self;
        let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
        format!("{algorithm} m={memory},t={passes},p={lanes}")
    }

    pub(super) fn matches(&self, password: &str) -> Result<bool, Error> {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let mut computed = vec![0; self.hash.len()];
        argon2
            .hash_password_into(password.as_bytes(), &self.salt, &mut computed)
            .map_err(|error| Error::Internal(format!("argon2: {error}")))?;
        Ok(computed.ct_eq(&self.hash).into())
    }
}

fn parse_costs(costs: &str, hash_bytes: usize) -> Result<Params, UnusableHash> {
    let [memory, passes, lanes] = fields(costs, ',')?;
    let memory = number(parameter(memory, "m")?)?;
    let passes = number(parameter(passes, "t")?)?;
    let lanes = number(parameter(lanes, "p")?)?;

    if memory > MAX_MEMORY_KIB {
        return Err(UnusableHash::because("needs more than 128 MiB of memory for Argon2"));
    }
    if passes > MAX_PASSES {
        return Err(UnusableHash::because(format!("has more than {MAX_PASSES} passes of Argon2")));
    }
    if lanes > MAX_LANES {
        return Err(UnusableHash::because(format!("has more than {MAX_LANES} lanes of Argon2")));
    }
    if memory < MIN_LANE_KIB * lanes {
        return Err(UnusableHash::damaged());
    }
    Params::new(memory, passes, lanes, Some(hash_bytes)).map_err(|_| UnusableHash::damaged())
}
