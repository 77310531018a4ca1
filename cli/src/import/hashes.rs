//! Hashes of passwords: whether Latchkey verifies them, and forms that it does.

use data_encoding::{BASE64, BASE64_NOPAD};
use shared::users::ForeignHash;

/// The names of formats that Latchkey does not verify, by their beginnings.
const NAMED: [(&str, &str); 12] = [
    ("$1$", "MD5-crypt"),
    ("$5$", "SHA-256-crypt"),
    ("$6$", "SHA-512-crypt"),
    ("$P$", "phpass"),
    ("$H$", "phpass"),
    ("{", "LDAP"),
    ("md5$", "Django's MD5"),
    ("sha1$", "Django's SHA-1"),
    ("unsalted_", "Django's hashes without salt"),
    ("crypt$", "crypt"),
    ("$bcrypt-sha256$", "passlib's bcrypt of SHA-256"),
    ("$argon2d$", "argon2d"),
];

/// Checks that Latchkey can verify passwords by a hash.
///
/// # Errors
/// The reason as it continues "passwords whose hash". It has nothing of the hash.
pub(crate) fn check(hash: &str) -> Result<(), String> {
    let unusable = match ForeignHash::parse(hash) {
        Ok(_) => return Ok(()),
        Err(unusable) => unusable,
    };
    let named = NAMED.iter().find(|(beginning, _)| hash.starts_with(beginning));
    Err(match named {
        Some((_, name)) => format!("is of a format that is not read: {name}"),
        None => unusable.reason().to_owned(),
    })
}

/// PBKDF2 as a PHC string. `digest` is `sha1`, `sha256` or `sha512`.
pub(crate) fn pbkdf2(digest: &str, iterations: u64, salt: &[u8], hash: &[u8]) -> String {
    let (salt, bytes) = (BASE64_NOPAD.encode(salt), hash.len());
    format!("$pbkdf2-{digest}$i={iterations},l={bytes}${salt}${}", BASE64_NOPAD.encode(hash))
}

/// The bytes of base64 in either alphabet (RFC 4648 §4 and §5), padded or not.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_end_matches('=').replace('-', "+").replace('_', "/");
    BASE64_NOPAD.decode(text.as_bytes()).ok()
}

/// The same bytes in base64 as RFC 4648 §4 writes it, with padding.
pub(crate) fn standard_base64(text: &str) -> Option<String> {
    base64(text).map(|bytes| BASE64.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_names_the_format_and_has_nothing_of_the_hash() {
        assert_eq!(check("$2b$10$U4C0ZY8OG8y41F9LusfKyu3HRMBL0rCZcKBVsXhgr.n8Ou6FPhzO2"), Ok(()));
        let reasons = [
            ("$6$rounds=5000$salt$hash", "is of a format that is not read: SHA-512-crypt"),
            ("sha1$salt$hash", "is of a format that is not read: Django's SHA-1"),
            ("{SSHA}hash", "is of a format that is not read: LDAP"),
            (
                "$2b$16$U4C0ZY8OG8y41F9LusfKyu3HRMBL0rCZcKBVsXhgr.n8Ou6FPhzO2",
                "has a cost of bcrypt above 14",
            ),
        ];
        for (hash, reason) in reasons {
            assert_eq!(check(hash), Err(reason.to_owned()));
        }
        let unknown = check("5f4dcc3b5aa765d61d8327deb882cf99").unwrap_err();
        assert!(unknown.starts_with("has none of the formats"), "{unknown}");
    }

    #[test]
    fn base64_is_read_in_both_alphabets() {
        assert_eq!(standard_base64("-_8").as_deref(), Some("+/8="));
        assert_eq!(standard_base64("+/8=").as_deref(), Some("+/8="));
        assert_eq!(standard_base64("not base64"), None);
    }
}
