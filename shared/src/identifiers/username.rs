//! Usernames.

use serde::{Deserialize, Serialize};

use crate::base::Error;

/// The usernames that people cannot give themselves: others would take them for the service's own.
const RESERVED: [&str; 10] = [
    "admin",
    "administrator",
    "root",
    "support",
    "help",
    "security",
    "system",
    "moderator",
    "staff",
    "owner",
];

/// A username: a letter, then 2 to 63 letters, digits, `.`, `_` and `-`; unique without regard to
/// case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// Parses a username. Spaces around it do not count.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for any other form.
    pub fn parse(input: &str) -> Result<Self, Error> {
        let input = input.trim();
        let fits = (3..=64).contains(&input.len())
            && input.starts_with(|c: char| c.is_ascii_alphabetic())
            && input.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));

        if fits {
            Ok(Self(input.to_owned()))
        } else {
            Err(Error::field(
                "username",
                "must be a letter, then 2 to 63 letters, digits, '.', '_' or '-'",
            ))
        }
    }

    /// Parses a username that somebody chooses for themselves. In any letter case, it is none of
    /// the reserved ones and not the name of the service, whether or not that is written with
    /// spaces or other marks.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for any other form.
    pub fn choose(input: &str, app_name: &str) -> Result<Self, Error> {
        let username = Self::parse(input)?;
        let is_reserved = RESERVED.contains(&username.canonical().as_str())
            || letters(&username.0) == letters(app_name);
        if is_reserved { Err(Error::field("username", "is reserved")) } else { Ok(username) }
    }

    /// The username as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that must be unique: lower case.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// The letters and digits of a name, in lower case.
fn letters(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_usernames_are_refused_in_any_letter_case() {
        for name in RESERVED {
            for name in [name.to_owned(), name.to_uppercase()] {
                let refused = Username::choose(&name, "Shop");
                assert_eq!(refused, Err(Error::field("username", "is reserved")), "{name}");
                assert!(Username::parse(&name).is_ok(), "an administrator may give it");
            }
        }
        for name in ["AcmeShop", "acme-shop", "Acme.Shop", "ACME_SHOP"] {
            assert!(Username::choose(name, "Acme Shop!").is_err(), "{name}");
        }
        for name in ["admin2", "rooted", "helper", "acme", "shopper"] {
            assert!(Username::choose(name, "Acme Shop").is_ok(), "{name}");
        }
    }
}
