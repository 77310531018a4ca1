//! The identifier that somebody signs in with.

use super::{Address, Username};

/// The identifier that somebody signs in with.
#[derive(Debug)]
pub enum Identifier {
    /// A phone or an e-mail address.
    Address(Address),
    /// A username.
    Username(Username),
}

impl Identifier {
    /// The identifier as others may see it: mostly hidden.
    pub fn masked(&self) -> String {
        match self {
            Self::Address(address) => address.masked(),
            Self::Username(username) => {
                format!("{}•••", username.as_str().chars().take(1).collect::<String>())
            }
        }
    }
}
