//! Addresses for messages: a phone or an e-mail address.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Email, PhoneNumber};

/// How a code is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A text message.
    Sms,
    /// A message in WhatsApp.
    Whatsapp,
    /// A call that reads the code aloud.
    Voice,
    /// An e-mail.
    Email,
}

impl Channel {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Whatsapp => "whatsapp",
            Self::Voice => "voice",
            Self::Email => "email",
        }
    }
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
    /// The phone number, if it is one.
    pub fn phone(&self) -> Option<&PhoneNumber> {
        match self {
            Self::Sms(phone) => Some(phone),
            Self::Email(_) => None,
        }
    }

    /// The address itself.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Sms(phone) => phone.as_str(),
            Self::Email(email) => email.as_str(),
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
