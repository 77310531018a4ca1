//! PBKDF2 (RFC 8018): passlib, PHC strings as Ory Kratos writes them, Django, Werkzeug, ASP.NET Core
//! Identity.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use subtle::ConstantTimeEq;

use super::{
    UnusableHash,
    fields::{adapted_base64, base64, compared, fields, hex, number, parameter, salt},
};

/// The most iterations of HMAC. Django 6.1 uses 1,500,000.
const MAX_ITERATIONS: u32 = 2_000_000;
/// The first byte of a hash of ASP.NET Core Identity 3.
const ASP_NET_3: u8 = 1;

#[derive(Clone, Copy)]
enum Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Digest {
    /// SHA-384 is missing on purpose: under its name, Ory Kratos computes SHA3-384.
    fn named(name: &str) -> Result<Self, UnusableHash> {
        match name {
            "sha1" => Ok(Self::Sha1),
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            _ => Err(Self::unknown()),
        }
    }

    fn unknown() -> UnusableHash {
        UnusableHash::because("is PBKDF2 with another digest than SHA-1, SHA-256 and SHA-512")
    }

    fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn algorithm(self) -> pbkdf2::Algorithm {
        match self {
            Self::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        }
    }
}

#[derive(Clone)]
pub(super) struct Pbkdf2Hash {
    digest: Digest,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Pbkdf2Hash {
    pub(super) const MEMORY_KIB: u32 = 1;

    /// Reads the formats that begin with their name.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        if let Some(rest) = text.strip_prefix("pbkdf2_") {
            Self::of_django(rest)
        } else if let Some(rest) = text.strip_prefix("pbkdf2:") {
            Self::of_werkzeug(rest)
        } else {
            Self::of_dollars(text.strip_prefix("$pbkdf2").unwrap_or(text))
        }
    }

    /// `-sha256$29000$…$…` of passlib, or `-sha256$i=27500,l=32$…$…` of a PHC string, after
    /// `$pbkdf2`. Without a digest it is SHA-1.
    fn of_dollars(rest: &str) -> Result<Self, UnusableHash> {
        let [name, costs, salt, hash] = fields(rest, '$')?;
        let digest = match name {
            "" => Digest::Sha1,
            name => Digest::named(name.strip_prefix('-').ok_or_else(UnusableHash::damaged)?)?,
        };
        if !costs.contains('=') {
            let (salt, hash) = (adapted_base64(salt)?, adapted_base64(hash)?);
            return Self::new(digest, number(costs)?, salt, hash, digest.bytes());
        }

        let [iterations, length] = fields(costs, ',')?;
        let iterations = number(parameter(iterations, "i")?)?;
        let length = number(parameter(length, "l")?)?;
        let length = usize::try_from(length).map_err(|_| UnusableHash::damaged())?;
        Self::new(digest, iterations, base64(salt)?, base64(hash)?, length)
    }

    /// `sha256$600000$salt$…` after `pbkdf2_`. The salt is a text.
    fn of_django(rest: &str) -> Result<Self, UnusableHash> {
        let [name, iterations, salt, hash] = fields(rest, '$')?;
        let digest = Digest::named(name)?;
        Self::new(digest, number(iterations)?, salt, base64(hash)?, digest.bytes())
    }

    /// `sha256:600000$salt$…` after `pbkdf2:`. The salt is a text.
    fn of_werkzeug(rest: &str) -> Result<Self, UnusableHash> {
        let [method, salt, hash] = fields(rest, '$')?;
        let [name, iterations] = fields(method, ':')?;
        let digest = Digest::named(name)?;
        Self::new(digest, number(iterations)?, salt, hex(hash)?, digest.bytes())
    }

    /// The hash of ASP.NET Core Identity 3, in Base64: a 1, the digest, the iterations and the length
    /// of the salt in 32 bits each, the salt, and the rest. `None` if the text is none.
    pub(super) fn of_asp_net(text: &str) -> Option<Result<Self, UnusableHash>> {
        let bytes = base64(text).ok()?;
        let (digest, rest) = bytes.strip_prefix(&[ASP_NET_3])?.split_first_chunk()?;
        let (iterations, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (salt, hash) = rest.split_at_checked(length)?;

        let digest = match u32::from_be_bytes(*digest) {
            0 => Digest::Sha1,
            1 => Digest::Sha256,
            2 => Digest::Sha512,
            _ => return Some(Err(Digest::unknown())),
        };
        let iterations = u32::from_be_bytes(*iterations);
        Some(Self::new(digest, iterations, salt, hash.to_vec(), hash.len()))
    }

    fn new(
        digest: Digest,
        iterations: u32,
        salted: impl Into<Vec<u8>>,
        hash: Vec<u8>,
        hash_bytes: usize,
    ) -> Result<Self, UnusableHash> {
        let (salt, hash) = (salt(salted)?, compared(hash)?);
        let iterations = NonZeroU32::new(iterations).ok_or_else(UnusableHash::damaged)?;
        if hash.len() != hash_bytes {
            return Err(UnusableHash::damaged());
        }

        let hash = Self { digest, iterations, salt, hash };
        if hash.work() > u64::from(MAX_ITERATIONS) {
            return Err(UnusableHash::because("has more than 2,000,000 iterations of PBKDF2"));
        }
        Ok(hash)
    }

    /// The number of HMACs: a hash that is longer than a digest takes all iterations for each digest.
    fn work(&self) -> u64 {
        let digests = self.hash.len().div_ceil(self.digest.bytes());
        u64::from(self.iterations.get()) * digests as u64
    }

    pub(super) fn class(&self) -> String {
        format!("pbkdf2-{} {}", self.digest.name(), self.work())
    }

    pub(super) fn matches(&self, password: &str) -> bool {
        let mut computed = vec![0; self.hash.len()];
        let (algorithm, password) = (self.digest.algorithm(), password.as_bytes());
        pbkdf2::derive(algorithm, self.iterations, &self.salt, password, &mut computed);
        computed.ct_eq(&self.hash).into()
    }
}
