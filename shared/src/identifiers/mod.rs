//! Identifiers of people: phones, e-mail addresses, usernames.

mod address;
mod display_name;
mod email;
mod identifier;
pub mod phone;
mod username;

pub use self::{
    address::{Address, Channel},
    display_name::{display_name, parse_name},
    email::Email,
    identifier::Identifier,
    phone::{AllowedCountries, MAX_CHARS, PhoneNumber, country, prepare},
    username::Username,
};
