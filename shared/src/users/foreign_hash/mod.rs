//! Hashes of passwords that other services made, so that people keep their passwords when a service
//! moves here.
//!
//! Such a hash is read strictly: it has one of the formats below, nothing after it, and parameters
//! within bounds. Each sign-in with it costs what its parameters say, and they come from outside.
//! With unbounded ones, whoever imports could make every sign-in of a user exhaust the memory or
//! the time of a function.

mod argon2;
mod bcrypt;
mod fields;
mod firebase;
#[cfg(test)]
mod genuine;
mod pbkdf2;
mod scrypt;
#[cfg(test)]
mod tests;

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use self::{
    argon2::Argon2Hash, bcrypt::BcryptHash, firebase::FirebaseHash, pbkdf2::Pbkdf2Hash,
    scrypt::ScryptHash,
};
use crate::base::Error;

/// The maximum length of a hash, in bytes.
const MAX_BYTES: usize = 1024;
/// The lengths that the part of a hash may have which is compared, in bytes. A shorter one would
/// match other passwords, too; PBKDF2 takes longer for longer ones.
const COMPARED_BYTES: std::ops::RangeInclusive<usize> = 16..=64;

/// The hash of a password, as another service made it. The type has no `Serialize`, and its `Debug`
/// shows nothing.
#[derive(Clone)]
pub struct ForeignHash {
    text: Zeroizing<String>,
    algorithm: Algorithm,
}

#[derive(Clone)]
enum Algorithm {
    Bcrypt(BcryptHash),
    Argon2(Argon2Hash),
    Pbkdf2(Pbkdf2Hash),
    Scrypt(ScryptHash),
    Firebase(FirebaseHash),
}

/// Why a hash cannot be used, for people: it continues a sentence that names the hash. It never
/// repeats the hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableHash(String);

impl UnusableHash {
    fn because(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    fn damaged() -> Self {
        Self::because("is cut, damaged, or has parameters that are not known")
    }

    /// The reason, like "has a cost of bcrypt above 14".
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UnusableHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ForeignHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignHash")
    }
}

impl ForeignHash {
    /// Reads a hash of at most 1,024 bytes. The formats and their bounds:
    ///
    /// - bcrypt (`$2a$`, `$2b$`, `$2y$`, and Django's `bcrypt$` and `bcrypt_sha256$`): a cost from 4
    ///   to 14.
    /// - Argon2id and Argon2i (PHC strings, and Django's `argon2$`): at most 128 MiB, 10 passes and
    ///   16 lanes.
    /// - PBKDF2 with SHA-1, SHA-256 or SHA-512 (passlib, PHC strings as Ory Kratos writes them,
    ///   Django, Werkzeug, ASP.NET Core Identity 3): at most 2,000,000 iterations, since Django 6.1
    ///   uses 1,500,000.
    /// - scrypt (PHC strings, Ory Kratos, Django, Werkzeug, Better Auth): at most 64 MiB, a
    ///   parallelization of at most 16, and at most 256 MiB for both multiplied.
    /// - Firebase's scrypt, as Supabase and Ory Kratos write it: at most 64 MiB.
    ///
    /// # Errors
    /// [`UnusableHash`] with the reason.
    pub fn parse(text: &str) -> Result<Self, UnusableHash> {
        if text.len() > MAX_BYTES {
            return Err(UnusableHash::because(format!("is longer than {MAX_BYTES} characters")));
        }
        let algorithm = Algorithm::parse(text)?;
        Ok(Self { text: Zeroizing::new(text.to_owned()), algorithm })
    }

    /// The text that [`Self::parse`] read. It is a secret.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether one of the `typed` texts is the password. The texts are one password in several
    /// forms, like as it was typed and in NFC: other services differ in what they hash. It blocks
    /// for as long as the hash takes, once for each form.
    ///
    /// # Errors
    /// [`Error::Internal`] if the algorithm fails.
    pub fn matches_blocking(&self, typed: &[&str]) -> Result<bool, Error> {
        let mut forms: Vec<_> = typed.iter().map(|form| self.algorithm.prepared(form)).collect();
        forms.dedup();

        for form in &forms {
            if self.algorithm.matches(form)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The memory that it takes to compute the hash, in KiB.
    pub fn memory_kib(&self) -> u32 {
        match &self.algorithm {
            Algorithm::Bcrypt(_) => BcryptHash::MEMORY_KIB,
            Algorithm::Argon2(hash) => hash.memory_kib(),
            Algorithm::Pbkdf2(_) => Pbkdf2Hash::MEMORY_KIB,
            Algorithm::Scrypt(hash) => hash.memory_kib(),
            Algorithm::Firebase(hash) => hash.memory_kib(),
        }
    }

    /// The algorithm and its parameters of cost, like `bcrypt 12`. Hashes of one class take the same
    /// work. It has neither the salt nor the hash.
    pub fn class(&self) -> String {
        match &self.algorithm {
            Algorithm::Bcrypt(hash) => hash.class(),
            Algorithm::Argon2(hash) => hash.class(),
            Algorithm::Pbkdf2(hash) => hash.class(),
            Algorithm::Scrypt(hash) => hash.class(),
            Algorithm::Firebase(hash) => hash.class(),
        }
    }
}

impl Algorithm {
    fn parse(text: &str) -> Result<Self, UnusableHash> {
        let begins = |beginnings: &[&str]| beginnings.iter().any(|it| text.starts_with(it));

        if begins(&["$2", "bcrypt$", "bcrypt_sha256$"]) {
            BcryptHash::parse(text).map(Self::Bcrypt)
        } else if begins(&["$argon2", "argon2$"]) {
            Argon2Hash::parse(text).map(Self::Argon2)
        } else if begins(&["$pbkdf2", "pbkdf2_", "pbkdf2:"]) {
            Pbkdf2Hash::parse(text).map(Self::Pbkdf2)
        } else if begins(&["$scrypt$", "scrypt:", "scrypt$"]) {
            ScryptHash::parse(text).map(Self::Scrypt)
        } else if begins(&FirebaseHash::BEGINNINGS) {
            FirebaseHash::parse(text).map(Self::Firebase)
        } else if let Some(hash) = ScryptHash::of_better_auth(text) {
            Ok(Self::Scrypt(hash))
        } else if let Some(hash) = Pbkdf2Hash::of_asp_net(text) {
            hash.map(Self::Pbkdf2)
        } else {
            Err(UnusableHash::because(
                "has none of the formats that are known: bcrypt, Argon2, PBKDF2, scrypt and \
                 Firebase's scrypt",
            ))
        }
    }

    /// A form of a password, as the service that made the hash prepared it.
    fn prepared(&self, form: &str) -> Zeroizing<String> {
        Zeroizing::new(match self {
            Self::Scrypt(hash) if hash.is_of_nfkc => form.nfkc().collect(),
            _ => form.to_owned(),
        })
    }

    fn matches(&self, password: &str) -> Result<bool, Error> {
        match self {
            Self::Bcrypt(hash) => Ok(hash.matches(password)),
            Self::Argon2(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => Ok(hash.matches(password)),
            Self::Scrypt(hash) => hash.matches(password),
            Self::Firebase(hash) => hash.matches(password),
        }
    }
}
