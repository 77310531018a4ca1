//! The most common passwords, which attackers try first: a filter of 100,000, made by `build.rs`.
//!
//! It is a binary fuse filter with 16 bits for each password: 238 kB, a quarter of the list. It is
//! read where it lies in the binary, three places for each lookup, so it costs a cold start nothing
//! and no memory. It refuses every password of the list, and one of 65,536 others.

use xorf::{BinaryFuse16Ref, Filter as _, FilterRef as _};

use crate::crypto::sha256;

/// Data in the alignment that the filter needs.
#[repr(align(2))]
struct Aligned<T: ?Sized>(T);

static DESCRIPTOR: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/common_passwords.descriptor"));
static FINGERPRINTS: &Aligned<[u8]> =
    &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/common_passwords.fingerprints")));

/// Whether a password is one of the most common ones. It must be in lower case.
pub(super) fn is_common(lower: &str) -> bool {
    let [a, b, c, d, e, f, g, h, ..] = sha256(lower.as_bytes());
    let key = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    BinaryFuse16Ref::from_dma(DESCRIPTOR, &FINGERPRINTS.0).contains(&key)
}

#[cfg(test)]
mod tests {
    use std::io;

    use flate2::read::GzDecoder;

    use super::*;

    fn list() -> String {
        let packed = include_bytes!("../../common-passwords/list.txt.gz");
        io::read_to_string(GzDecoder::new(&packed[..])).unwrap()
    }

    #[test]
    fn the_hundred_thousand_most_common_passwords_are_refused() {
        let list = list();
        assert_eq!(list.lines().count(), 100_000);
        for password in list.lines() {
            assert!(is_common(password), "{password}");
        }
        for password in ["password1", "qwertyuiop", "iloveyou1", "1q2w3e4r5t", "trustno1"] {
            assert!(list.lines().any(|line| line == password), "{password}");
        }
    }

    #[test]
    fn the_list_has_what_no_other_rule_refuses_in_the_form_that_is_compared() {
        for password in list().lines() {
            assert!(password.chars().count() >= 8, "{password}");
            assert_eq!(password, password.to_lowercase());
        }
    }

    #[test]
    fn ten_thousand_random_passwords_are_not_refused() {
        let refused = (0..10_000_u32).filter(|number| {
            let random = sha256(&number.to_be_bytes());
            is_common(&data_encoding::BASE32_NOPAD.encode(&random).to_lowercase())
        });
        assert_eq!(refused.count(), 0);
    }
}
