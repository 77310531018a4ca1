//! How somebody says who they are.

use super::{Address, Username};

/// How somebody says who he is.
#[derive(Debug)]
pub enum Identifier {
    /// By phone or e-mail address.
    Address(Address),
    /// By username.
    Username(Username),
}

impl Identifier {
    /// The identifier for other eyes.
    pub fn masked(&self) -> String {
        match self {
            Self::Address(address) => address.masked(),
            Self::Username(username) => {
                format!("{}•••", username.as_str().chars().take(1).collect::<String>())
            }
        }
    }
}
