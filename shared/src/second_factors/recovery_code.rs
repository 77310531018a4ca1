//! Recovery codes, for users who lost their authenticator app (NIST SP 800-63B-4 §3.1.2, look-up
//! secrets).

use std::collections::BTreeSet;

use data_encoding::BASE32_NOPAD;
use uuid::Uuid;
use zeroize::ZeroizeOnDrop;

use crate::{
    base::{Error, Random, plain_code},
    crypto::{HashKeys, IdentifierHash},
};

/// How many codes a set has.
pub const CODES: usize = 10;
/// Characters of a code: 80 bits in base32.
const CHARS: usize = 16;
/// Characters between two dashes.
const GROUP: usize = 4;

/// A recovery code, without dashes and in upper case. It has no `Debug` and no `Serialize`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// A new set of [`CODES`] codes.
    pub fn draw_set(random: &Random) -> Result<Vec<Self>, Error> {
        (0..CODES).map(|_| Ok(Self(BASE32_NOPAD.encode(&random.bytes::<10>()?)))).collect()
    }

    /// Reads a code that somebody typed, without regard to case and to signs that are neither letter
    /// nor digit, and as [`plain_code`] reads it. `None` if it does not have the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut code = plain_code(text).to_ascii_uppercase();
        code.retain(char::is_alphanumeric);

        let fits = code.len() == CHARS
            && code.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'));
        fits.then_some(Self(code))
    }

    /// The code as it is shown, only once: in groups of four.
    pub fn shown(&self) -> String {
        let groups: Vec<_> = self.0.as_bytes().chunks(GROUP).map(String::from_utf8_lossy).collect();
        groups.join("-")
    }

    /// The hash that is stored.
    pub fn hash(&self, user_id: Uuid, keys: &HashKeys) -> IdentifierHash {
        keys.recovery_code(user_id, &self.0)
    }

    /// The hash of this code among the `stored` ones, by whichever root; its hash by the current one
    /// if it is not among them.
    pub fn hash_among(
        &self,
        stored: &BTreeSet<IdentifierHash>,
        user_id: Uuid,
        keys: &HashKeys,
    ) -> IdentifierHash {
        let mut hashes = keys.recovery_codes(user_id, &self.0);
        hashes.find(|hash| stored.contains(hash)).unwrap_or_else(|| self.hash(user_id, keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_as_it_is_shown_and_as_people_type_it() {
        let codes = RecoveryCode::draw_set(&Random::system()).unwrap();
        assert_eq!(codes.len(), CODES);
        for code in codes {
            let shown = code.shown();
            assert_eq!((shown.len(), shown.matches('-').count()), (19, 3));
            for typed in [
                shown.clone(),
                shown.to_lowercase(),
                shown.replace('-', ""),
                shown.replace('-', " "),
                shown.replace('-', "\u{2011}"),
                shown.replace('-', "\u{2013}"),
                shown.replace('-', "\u{a0}"),
                format!("\t{shown}\r\n"),
            ] {
                assert_eq!(RecoveryCode::parse(&typed).unwrap().0, code.0);
            }
        }
        for odd in [
            "",
            "AAAA-AAAA-AAAA-AAA",
            "AAAA-AAAA-AAAA-AAA1",
            "AAAA-AAAA-AAAA-AAAA-A",
            "ÄAAA-AAAA-AAAA-AAAA",
        ] {
            assert!(RecoveryCode::parse(odd).is_none(), "{odd}");
        }
    }
}
