//! Usernames and display names.

use serde::{Deserialize, Serialize};

use crate::base::Error;

/// The longest display name, in characters.
const MAX_NAME_CHARS: usize = 100;

/// A username: a letter, then 2 to 63 letters, digits, `.`, `_` and `-`; unique without regard to
/// case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Username(String);

impl Username {
    /// Parses a username.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for any other form.
    pub fn parse(input: &str) -> Result<Self, Error> {
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

    /// The username as the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that must be unique: lower case.
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// Parses a display name: 1 to 100 characters, no control characters, no spaces around it.
///
/// # Errors
/// [`Error::InvalidRequest`] for any other form.
pub fn parse_name(input: String) -> Result<String, Error> {
    let fits = (1..=MAX_NAME_CHARS).contains(&input.chars().count())
        && input.trim() == input
        && !input.chars().any(char::is_control);
    if fits {
        Ok(input)
    } else {
        Err(Error::field(
            "name",
            "must be 1 to 100 characters, without control characters and without spaces around it",
        ))
    }
}
