//! Reads the addresses and identifiers of requests.

use super::Challenges;
use crate::{
    base::Error,
    identifiers::{Address, Email, Identifier, PhoneNumber, Username},
};

impl Challenges {
    /// The address in a request: a phone or an e-mail address, but not both.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], [`Error::InvalidPhone`], [`Error::CountryNotAllowed`],
    /// [`Error::InvalidEmail`].
    pub fn address(&self, phone: Option<&str>, email: Option<&str>) -> Result<Address, Error> {
        match (phone, email) {
            (Some(phone), None) => self.phone(phone).map(Address::Sms),
            (None, Some(email)) => self.email(email).map(Address::Email),
            (Some(_), Some(_)) => {
                Err(Error::field("email", "must not be sent together with a phone"))
            }
            (None, None) => {
                Err(Error::field("phone", "is missing: send a phone or an e-mail address"))
            }
        }
    }

    /// Reads an identifier: a phone, an e-mail address or a username. A username starts with a
    /// letter and has no `@`, so the three cannot be confused.
    ///
    /// # Errors
    /// As [`Self::address`]; [`Error::InvalidRequest`] if it is none of them.
    pub fn identifier(&self, text: &str) -> Result<Identifier, Error> {
        let trimmed = text.trim();
        if trimmed.contains('@') {
            self.email(trimmed).map(|email| Identifier::Address(Address::Email(email)))
        } else if trimmed.starts_with(|c: char| c.is_ascii_alphabetic()) {
            Username::parse(trimmed).map(Identifier::Username)
        } else {
            self.phone(text).map(|phone| Identifier::Address(Address::Sms(phone)))
        }
    }

    /// Reads an e-mail address.
    ///
    /// # Errors
    /// [`Error::InvalidEmail`]; [`Error::InvalidRequest`] if the deployment sends no e-mails.
    pub fn email(&self, input: &str) -> Result<Email, Error> {
        let email = Email::parse(input)?;
        match self.messages.email_from {
            Some(_) => Ok(email),
            None => Err(Error::field(
                "email",
                "cannot be used, since this deployment sends no e-mails: use a phone",
            )),
        }
    }

    /// Reads a phone: a test phone, or one that can receive texts.
    ///
    /// # Errors
    /// [`Error::InvalidPhone`], [`Error::CountryNotAllowed`].
    pub fn phone(&self, input: &str) -> Result<PhoneNumber, Error> {
        match PhoneNumber::from_e164(input.trim()) {
            Ok(phone) if self.settings.test_phones.code(&phone, self.clock.now()).is_some() => {
                Ok(phone)
            }
            _ => PhoneNumber::parse(
                input,
                self.settings.default_region,
                &self.settings.allowed_countries,
            ),
        }
    }
}
