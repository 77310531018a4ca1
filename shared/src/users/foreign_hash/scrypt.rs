//! scrypt (RFC 7914): PHC strings of passlib and others, Ory Kratos, Django, Werkzeug, Better Auth.

use scrypt::Params;
use subtle::ConstantTimeEq;

use super::{
    UnusableHash,
    fields::{base64, compared, fields, hex, number, parameter, salt},
};
use crate::base::Error;

/// The most memory, in KiB: 64 MiB.
const MAX_MEMORY_KIB: u64 = 64 * 1024;
/// The most memory multiplied by the parallelization, in KiB: 256 MiB. The parallel parts are
/// computed one after another.
const MAX_WORK_KIB: u64 = 256 * 1024;
/// All known services use blocks of 8 or 16.
const MAX_BLOCK: u32 = 32;
/// Django uses 5, OWASP's Password Storage Cheat Sheet has up to 10.
const MAX_PARALLEL: u32 = 16;
/// Ory Kratos writes N itself as `ln`, not its binary logarithm. So does every `ln` above this.
const MAX_LOG_N: u32 = 31;

/// The parameters of cost.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Costs {
    log_n: u8,
    block: u32,
    parallel: u32,
}

impl Costs {
    /// # Errors
    /// [`UnusableHash`] if one is out of bounds.
    pub(super) fn new(log_n: u32, block: u32, parallel: u32) -> Result<Self, UnusableHash> {
        if log_n == 0 || block == 0 || parallel == 0 {
            return Err(UnusableHash::damaged());
        }
        if block > MAX_BLOCK || parallel > MAX_PARALLEL {
            return Err(UnusableHash::because(format!(
                "has a block size of scrypt above {MAX_BLOCK}, or a parallelization above \
                 {MAX_PARALLEL}"
            )));
        }

        // 128 bytes for each of N blocks of this size.
        let memory_kib = 1_u64.checked_shl(log_n).and_then(|n| n.checked_mul(block.into()));
        let memory_kib = memory_kib.map(|memory| memory.div_ceil(8));
        let memory_kib = memory_kib
            .filter(|memory| *memory <= MAX_MEMORY_KIB)
            .ok_or_else(|| UnusableHash::because("needs more than 64 MiB of memory for scrypt"))?;
        if memory_kib * u64::from(parallel) > MAX_WORK_KIB {
            return Err(UnusableHash::because(
                "needs more than 256 MiB of memory for scrypt, multiplied by its parallelization",
            ));
        }
        let log_n = u8::try_from(log_n).map_err(|_| UnusableHash::damaged())?;
        Ok(Self { log_n, block, parallel })
    }

    fn of_n(n: u32, block: u32, parallel: u32) -> Result<Self, UnusableHash> {
        if !n.is_power_of_two() {
            return Err(UnusableHash::damaged());
        }
        Self::new(n.ilog2(), block, parallel)
    }

    pub(super) fn memory_kib(self) -> u32 {
        ((1_u32 << self.log_n) * self.block).div_ceil(8)
    }

    pub(super) fn class(self, name: &str) -> String {
        format!("{name} ln={},r={},p={}", self.log_n, self.block, self.parallel)
    }

    /// # Errors
    /// [`Error::Internal`] if the algorithm fails.
    pub(super) fn compute(
        self,
        password: &str,
        salt: &[u8],
        computed: &mut [u8],
    ) -> Result<(), Error> {
        let failed = |error: String| Error::Internal(format!("scrypt: {error}"));
        let params = Params::new(self.log_n, self.block, self.parallel)
            .map_err(|error| failed(error.to_string()))?;
        scrypt::scrypt(password.as_bytes(), salt, &params, computed)
            .map_err(|error| failed(error.to_string()))
    }
}

#[derive(Clone)]
pub(super) struct ScryptHash {
    costs: Costs,
    salt: Vec<u8>,
    hash: Vec<u8>,
    /// Whether it hashes the password in NFKC.
    pub(super) is_of_nfkc: bool,
}

impl ScryptHash {
    /// Reads the formats that begin with their name.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        if let Some(rest) = text.strip_prefix("scrypt:") {
            Self::of_werkzeug(rest)
        } else if let Some(rest) = text.strip_prefix("scrypt$") {
            Self::of_django(rest)
        } else {
            Self::of_phc(text.strip_prefix("$scrypt$").unwrap_or(text))
        }
    }

    /// `ln=16,r=8,p=1$…$…` after `$scrypt$`.
    fn of_phc(rest: &str) -> Result<Self, UnusableHash> {
        let [costs, salt, hash] = fields(rest, '$')?;
        let [n, block, parallel] = fields(costs, ',')?;
        let n = number(parameter(n, "ln")?)?;
        let block = number(parameter(block, "r")?)?;
        let parallel = number(parameter(parallel, "p")?)?;
        let costs = match n {
            ..=MAX_LOG_N => Costs::new(n, block, parallel)?,
            n => Costs::of_n(n, block, parallel)?,
        };
        Self::new(costs, base64(salt)?, base64(hash)?)
    }

    /// `32768:8:1$salt$…` after `scrypt:`. The salt is a text.
    fn of_werkzeug(rest: &str) -> Result<Self, UnusableHash> {
        let [costs, salt, hash] = fields(rest, '$')?;
        let [n, block, parallel] = fields(costs, ':')?;
        let costs = Costs::of_n(number(n)?, number(block)?, number(parallel)?)?;
        Self::new(costs, salt, hex(hash)?)
    }

    /// `16384$salt$8$5$…` after `scrypt$`. The salt is a text.
    fn of_django(rest: &str) -> Result<Self, UnusableHash> {
        let [n, salt, block, parallel, hash] = fields(rest, '$')?;
        let costs = Costs::of_n(number(n)?, number(block)?, number(parallel)?)?;
        Self::new(costs, salt, base64(hash)?)
    }

    /// The hash of Better Auth: 16 bytes of salt and 64 of the hash, both in hexadecimal digits. The
    /// digits of the salt are the salt, not their bytes. `None` if the text is none.
    pub(super) fn of_better_auth(text: &str) -> Option<Self> {
        let (salt, hash) = text.split_once(':')?;
        let (bytes, hash) = (hex(salt).ok()?, hex(hash).ok()?);
        if (bytes.len(), hash.len()) != (16, 64) {
            return None;
        }
        let hash = Self::new(Costs::of_n(16_384, 16, 1).ok()?, salt, hash).ok()?;
        Some(Self { is_of_nfkc: true, ..hash })
    }

    fn new(costs: Costs, salted: impl Into<Vec<u8>>, hash: Vec<u8>) -> Result<Self, UnusableHash> {
        let (salt, hash) = (salt(salted)?, compared(hash)?);
        // scrypt's longer hashes begin with the shorter ones, so that a cut one would match.
        if !hash.len().is_multiple_of(16) {
            return Err(UnusableHash::damaged());
        }
        Ok(Self { costs, salt, hash, is_of_nfkc: false })
    }

    pub(super) fn memory_kib(&self) -> u32 {
        self.costs.memory_kib()
    }

    pub(super) fn class(&self) -> String {
        self.costs.class("scrypt")
    }

    pub(super) fn matches(&self, password: &str) -> Result<bool, Error> {
        let mut computed = vec![0; self.hash.len()];
        self.costs.compute(password, &self.salt, &mut computed)?;
        Ok(computed.ct_eq(&self.hash).into())
    }
}
