//! The secrets by which the API recognises its edge.

use subtle::{Choice, ConstantTimeEq as _};
use zeroize::ZeroizeOnDrop;

/// The fewest characters of a secret.
const MIN_CHARS: usize = 32;
/// The most characters of a secret: all settings together must fit into the 4 KB that Lambda allows.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_CHARS: usize = 64;

/// The secrets that the edge may send: one, or two while the secret is rotated. There are none if
/// the API has no edge. The type has no `Debug`.
#[derive(Clone, Default, ZeroizeOnDrop)]
#[cfg_attr(test, derive(PartialEq))]
pub struct EdgeSecrets(Vec<String>);

impl EdgeSecrets {
    /// Reads one or two secrets, separated by a comma: each 32 to 64 letters, digits, `_` or `-`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let secrets: Vec<_> = text.split(',').map(|secret| secret.trim().to_owned()).collect();
        let is_secret = |secret: &String| {
            (MIN_CHARS..=MAX_CHARS).contains(&secret.len())
                && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        (secrets.len() <= 2 && secrets.iter().all(is_secret)).then_some(Self(secrets))
    }

    /// Whether the API has no edge.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `sent` is one of the secrets. The time that it takes depends on the lengths alone.
    pub fn has(&self, sent: &[u8]) -> bool {
        let same = self.0.iter().map(|secret| secret.as_bytes().ct_eq(sent));
        same.fold(Choice::from(0), |any, same| any | same).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_secret_or_two_are_accepted_and_nothing_else() {
        let (old, new) = ("o".repeat(32), "n".repeat(64));
        let both = EdgeSecrets::parse(&format!("{new}, {old}")).unwrap();
        assert!(both.has(old.as_bytes()) && both.has(new.as_bytes()));
        for other in ["", "o", &old[1..], &format!("{old}o"), &format!("{new},{old}")] {
            assert!(!both.has(other.as_bytes()), "{other}");
        }

        let three = format!("{old},{new},{old}");
        for bad in ["", ",", &old[1..], &format!("{new}n"), &format!("{old},"), &three] {
            assert!(EdgeSecrets::parse(bad).is_none(), "{bad}");
        }
        assert!(EdgeSecrets::parse(&format!("{}é", &old[2..])).is_none());

        assert!(EdgeSecrets::default().is_empty());
        assert!(!EdgeSecrets::default().has(b""));
    }
}
