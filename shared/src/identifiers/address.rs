//! Addresses for messages: a phone or an e-mail address.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Email, PhoneNumber};
use crate::base::Error;

/// How a code is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// An e-mail.
    Email,
}

/// A phone number or an e-mail address that a code can be sent to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "channel", content = "address", rename_all = "snake_case")]
pub enum Address {
    /// A phone number.
    Sms(PhoneNumber),
    /// An e-mail address.
    Email(Email),
}

impl Address {
    /// How a code is sent to it.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Sms(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }

    /// Checks the channel that a request asks for, if it does: each kind of address has one.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for another channel.
    pub fn check_channel(&self, asked: Option<Channel>) -> Result<(), Error> {
        let expected = match self {
            Self::Sms(_) => "must be sms for a phone number",
            Self::Email(_) => "must be email for an e-mail address",
        };
        match asked {
            Some(asked) if asked != self.channel() => Err(Error::field("channel", expected)),
            _ => Ok(()),
        }
    }

    /// The phone number, if it is one.
    pub fn phone(&self) -> Option<&PhoneNumber> {
        match self {
            Self::Sms(phone) => Some(phone),
            Self::Email(_) => None,
        }
    }

    /// The address as others may see it: mostly hidden.
    pub fn masked(&self) -> String {
        match self {
            Self::Sms(phone) => phone.masked(),
            Self::Email(email) => email.masked(),
        }
    }

    /// The country of a phone number, as ISO 3166-1 alpha-2.
    pub fn country(&self) -> Option<String> {
        match self {
            Self::Sms(phone) => phone.country(),
            Self::Email(_) => None,
        }
    }
}
