//! The id that a user has elsewhere.

use serde::{Deserialize, Serialize};

use crate::base::Error;

/// The longest id, in characters.
const MAX_CHARS: usize = 255;

/// The id that a user has in another system, such as the service that they came from. It is compared
/// character by character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExternalId(String);

impl ExternalId {
    /// Reads an id: 1 to 255 characters, no control characters, no spaces around it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for any other form.
    pub fn parse(input: &str) -> Result<Self, Error> {
        let fits = (1..=MAX_CHARS).contains(&input.chars().count())
            && input.trim() == input
            && !input.chars().any(char::is_control);
        if fits {
            return Ok(Self(input.to_owned()));
        }
        let text = format!(
            "must be 1 to {MAX_CHARS} characters, without control characters and spaces around it"
        );
        Err(Error::field("external_id", text))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_other_systems_stay_as_they_are() {
        for id in ["1", "auth0|5f7c8ec7c33c6c004bbafe82", "3f2504e0-4f89-11d3", "Ünï côde", "a:b/c"]
        {
            assert_eq!(ExternalId::parse(id).unwrap().as_str(), id);
        }
        for id in ["", " a", "a ", "a\nb", "a\0", &"x".repeat(256)] {
            assert!(ExternalId::parse(id).is_err(), "{id:?}");
        }
    }
}
