//! Identifiers of people: phones, e-mail addresses, usernames, and their ids elsewhere.

mod address;
mod display_name;
mod email;
mod external_id;
mod identifier;
pub mod phone;
mod username;

pub use self::{
    address::{Address, Channel},
    display_name::{display_name, parse_name},
    email::Email,
    external_id::ExternalId,
    identifier::Identifier,
    phone::{AllowedCountries, MAX_CHARS, PhoneNumber, country, prepare},
    username::Username,
};
