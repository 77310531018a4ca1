//! Identifiers of people: phones, e-mail addresses, usernames.

mod address;
mod email;
mod identifier;
pub mod phone;
mod username;

pub use self::{
    address::{Address, Channel},
    email::Email,
    identifier::Identifier,
    phone::{AllowedCountries, MAX_CHARS, PhoneNumber, country, prepare},
    username::{Username, parse_name},
};
