//! Firebase's modified scrypt: the key that scrypt derives from the password encrypts a key of the
//! project, and the result is the hash (<https://github.com/firebase/scrypt>).

use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{
    UnusableHash,
    fields::{base64, compared, fields, number, parameter, salt},
    scrypt::Costs,
};
use crate::base::Error;

/// The maximum length of the separator after the salt, in bytes. Firebase's has one.
const MAX_SEPARATOR_BYTES: usize = 16;
const AES_KEY_BYTES: usize = 32;

#[derive(Clone)]
pub(super) struct FirebaseHash {
    costs: Costs,
    /// The salt, and the project's separator after it.
    salt: Vec<u8>,
    /// The key of the project. It is no secret of the user, but is needed for every hash.
    signer_key: Zeroizing<Vec<u8>>,
    hash: Vec<u8>,
}

impl FirebaseHash {
    /// The names under which the formats of Supabase and of Ory Kratos are known.
    pub(super) const BEGINNINGS: [&str; 3] = ["$fbscrypt$", "$firescrypt$", "$firebase-scrypt$"];

    /// Reads both formats, after any of the names.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        let rest = Self::BEGINNINGS.iter().find_map(|name| text.strip_prefix(name));
        let rest = rest.ok_or_else(UnusableHash::damaged)?;
        if rest.starts_with("v=") { Self::of_supabase(rest) } else { Self::of_kratos(rest) }
    }

    /// `v=1,n=14,r=8,p=1,ss=…,sk=…$salt$hash`.
    fn of_supabase(rest: &str) -> Result<Self, UnusableHash> {
        let [parameters, salt, hash] = fields(rest, '$')?;
        let [version, n, block, parallel, separator, signer_key] = fields(parameters, ',')?;
        if version != "v=1" {
            return Err(UnusableHash::damaged());
        }
        let costs = [parameter(n, "n")?, parameter(block, "r")?, parameter(parallel, "p")?];
        let keys = [parameter(separator, "ss")?, parameter(signer_key, "sk")?];
        Self::new(costs, keys, salt, hash)
    }

    /// `ln=14,r=8,p=1$salt$hash$separator$signer key`.
    fn of_kratos(rest: &str) -> Result<Self, UnusableHash> {
        let [costs, salt, hash, separator, signer_key] = fields(rest, '$')?;
        let [n, block, parallel] = fields(costs, ',')?;
        let costs = [parameter(n, "ln")?, parameter(block, "r")?, parameter(parallel, "p")?];
        Self::new(costs, [separator, signer_key], salt, hash)
    }

    fn new(
        [n, block, parallel]: [&str; 3],
        [separator, signer_key]: [&str; 2],
        encoded_salt: &str,
        hash: &str,
    ) -> Result<Self, UnusableHash> {
        let parallel = number(parallel)?;
        if parallel != 1 {
            return Err(UnusableHash::damaged());
        }
        let costs = Costs::new(number(n)?, number(block)?, parallel)?;

        let (signer_key, hash) = (Zeroizing::new(base64(signer_key)?), compared(base64(hash)?)?);
        let (mut salt, separator) = (salt(base64(encoded_salt)?)?, base64(separator)?);
        // The hash is the encrypted key, so it has the same length.
        if separator.len() > MAX_SEPARATOR_BYTES || hash.len() != signer_key.len() {
            return Err(UnusableHash::damaged());
        }
        salt.extend(separator);
        Ok(Self { costs, salt, signer_key, hash })
    }

    pub(super) fn memory_kib(&self) -> u32 {
        self.costs.memory_kib()
    }

    pub(super) fn class(&self) -> String {
        self.costs.class("firebase-scrypt")
    }

    pub(super) fn matches(&self, password: &str) -> Result<bool, Error> {
        let mut key = Zeroizing::new([0; AES_KEY_BYTES]);
        self.costs.compute(password, &self.salt, key.as_mut_slice())?;

        let mut computed = self.signer_key.to_vec();
        let failed = |_| Error::Internal("could not encrypt the key of a Firebase project".into());
        let key = UnboundCipherKey::new(&AES_256, key.as_slice()).map_err(failed)?;
        EncryptingKey::ctr(key)
            .and_then(|key| {
                let zero = EncryptionContext::Iv128(FixedLength::from([0; 16]));
                key.less_safe_encrypt(&mut computed, zero)
            })
            .map_err(failed)?;
        Ok(computed.ct_eq(&self.hash).into())
    }
}
