//! bcrypt, as it comes from OpenBSD, PHP, Node and Go, and as Django stores it.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{UnusableHash, fields::fields};
use crate::crypto::sha256;

/// The costs that bcrypt knows begin with 4. Each one more doubles the work; Django, PHP and Ory
/// Kratos use 12 or less.
const MIN_COST: u32 = 4;
const MAX_COST: u32 = 14;
const SALT_CHARS: usize = 22;
const CHARS: usize = 53;
/// bcrypt reads so many bytes of a password with the NUL after it, and no more.
const READ_BYTES: usize = 72;
/// The Base64 of bcrypt has an alphabet in another order.
const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#[derive(Clone)]
pub(super) struct BcryptHash {
    cost: u32,
    salt: [u8; 16],
    hash: [u8; 23],
    /// Whether it hashes the hexadecimal SHA-256 of the password (Django).
    is_of_sha256: bool,
}

impl BcryptHash {
    /// The S-boxes and subkeys of Blowfish take 4 KiB.
    pub(super) const MEMORY_KIB: u32 = 5;

    /// Reads `$2b$12$…`, and the same after `bcrypt$` or `bcrypt_sha256$`.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        let of_sha256 = text.strip_prefix("bcrypt_sha256$");
        let bare = of_sha256.or_else(|| text.strip_prefix("bcrypt$")).unwrap_or(text);
        let ["", version, cost, rest] = fields(bare, '$')? else {
            return Err(UnusableHash::damaged());
        };
        // `2x` marks hashes of a faulty implementation, which differ for characters beyond ASCII.
        if !["2a", "2b", "2y"].contains(&version) {
            return Err(UnusableHash::because("is not bcrypt of the versions 2a, 2b and 2y"));
        }

        let digits = rest.split_at_checked(SALT_CHARS).filter(|_| rest.len() == CHARS);
        let (salt, hash) = digits.ok_or_else(UnusableHash::damaged)?;
        // Some implementations leave bits after the end of the salt, and ignore them.
        let (salt, _) = decode(salt).ok_or_else(UnusableHash::damaged)?;
        let (hash, left) = decode(hash).ok_or_else(UnusableHash::damaged)?;
        if left != 0 {
            return Err(UnusableHash::damaged());
        }
        Ok(Self { cost: parse_cost(cost)?, salt, hash, is_of_sha256: of_sha256.is_some() })
    }

    pub(super) fn class(&self) -> String {
        format!("bcrypt {}", self.cost)
    }

    /// Whether `password` is the password. As everywhere else, only its first 72 bytes count, unless
    /// its SHA-256 is hashed. None with a NUL matches: in most implementations it ends there.
    pub(super) fn matches(&self, password: &str) -> bool {
        let digest = Zeroizing::new(match self.is_of_sha256 {
            true => data_encoding::HEXLOWER.encode(&sha256(password.as_bytes())),
            false => String::new(),
        });
        let password = if self.is_of_sha256 { &digest } else { password };
        if password.contains('\0') {
            return false;
        }

        let mut read = Zeroizing::new(Vec::with_capacity(READ_BYTES));
        read.extend(password.bytes().chain([0]).take(READ_BYTES));
        let computed = bcrypt::bcrypt(self.cost, self.salt, &read);
        let computed = computed.first_chunk().unwrap_or(&[0; 23]);
        computed.ct_eq(&self.hash).into()
    }
}

/// The cost, which has two digits.
fn parse_cost(text: &str) -> Result<u32, UnusableHash> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(cost @ MIN_COST..=MAX_COST) if is_number => Ok(cost),
        Ok(cost) if is_number && cost > MAX_COST => {
            Err(UnusableHash::because(format!("has a cost of bcrypt above {MAX_COST}")))
        }
        _ => Err(UnusableHash::damaged()),
    }
}

/// Decodes bcrypt's Base64. Returns also the bits that are left after the last byte.
fn decode<const N: usize>(text: &str) -> Option<([u8; N], u32)> {
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(N), 0, 0);
    for digit in text.bytes() {
        let value = ALPHABET.iter().position(|it| *it == digit)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    Some((bytes.try_into().ok()?, bits))
}
