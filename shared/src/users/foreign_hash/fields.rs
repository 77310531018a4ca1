//! The fields that the texts of hashes consist of.

use data_encoding::BASE64_NOPAD;

use super::{COMPARED_BYTES, UnusableHash};

/// Exactly `N` fields with `separator` between them.
pub(super) fn fields<const N: usize>(
    text: &str,
    separator: char,
) -> Result<[&str; N], UnusableHash> {
    let fields: Vec<&str> = text.split(separator).collect();
    fields.try_into().map_err(|_| UnusableHash::damaged())
}

/// The value of a parameter like `m=65536`.
pub(super) fn parameter<'a>(text: &'a str, name: &str) -> Result<&'a str, UnusableHash> {
    let value = text.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    value.ok_or_else(UnusableHash::damaged)
}

/// A decimal number without a sign and without leading zeros. One that is too large for 32 bits
/// becomes the largest, which is out of all bounds.
pub(super) fn number(text: &str) -> Result<u32, UnusableHash> {
    let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_decimal || (text.starts_with('0') && text != "0") {
        return Err(UnusableHash::damaged());
    }
    Ok(text.parse().unwrap_or(u32::MAX))
}

/// Standard Base64 (RFC 4648 §4), with its padding or without.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, UnusableHash> {
    let bare = text.trim_end_matches('=');
    if bare.len() != text.len() && !text.len().is_multiple_of(4) {
        return Err(UnusableHash::damaged());
    }
    BASE64_NOPAD.decode(bare.as_bytes()).map_err(|_| UnusableHash::damaged())
}

/// passlib's Base64: it has `.` instead of `+`, and no padding.
pub(super) fn adapted_base64(text: &str) -> Result<Vec<u8>, UnusableHash> {
    if text.contains('+') {
        return Err(UnusableHash::damaged());
    }
    BASE64_NOPAD.decode(text.replace('.', "+").as_bytes()).map_err(|_| UnusableHash::damaged())
}

/// Hexadecimal digits in lower case.
pub(super) fn hex(text: &str) -> Result<Vec<u8>, UnusableHash> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| UnusableHash::damaged())
}

/// A salt, which may not be empty.
pub(super) fn salt(salt: impl Into<Vec<u8>>) -> Result<Vec<u8>, UnusableHash> {
    let salt = salt.into();
    if salt.is_empty() { Err(UnusableHash::because("has no salt")) } else { Ok(salt) }
}

/// The part of a hash that is compared. It has a length of the range [`COMPARED_BYTES`].
pub(super) fn compared(hash: Vec<u8>) -> Result<Vec<u8>, UnusableHash> {
    if COMPARED_BYTES.contains(&hash.len()) { Ok(hash) } else { Err(UnusableHash::damaged()) }
}
