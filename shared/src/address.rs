//! Where a person is reached: a phone today; the types leave room for an e-mail address.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::phone::PhoneNumber;

/// How a code travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// An e-mail.
    Email,
}

/// A phone or an e-mail address that a code can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "channel", content = "address", rename_all = "snake_case")]
pub enum Address {
    /// A phone.
    Sms(PhoneNumber),
}

impl Address {
    /// How a code reaches it.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Sms(_) => Channel::Sms,
        }
    }

    /// The address for other eyes.
    pub fn masked(&self) -> String {
        match self {
            Self::Sms(phone) => phone.masked(),
        }
    }

    /// The canonical text that counters and uniqueness are keyed by (hashed).
    pub fn canonical(&self) -> &str {
        match self {
            Self::Sms(phone) => phone.as_str(),
        }
    }
}
