//! Texts: what they say, and how they are sent.

mod language;
mod sms;

pub use self::{
    language::{Language, language, parse_locale},
    sms::{CodeText, Texts},
};
