//! Texts and e-mails: what they say, and how they are sent.

mod content;
mod language;
mod mail;
mod sms;

pub use self::{
    content::{Content, MailText, Subject},
    language::{Language, language, parse_locale},
    mail::Mails,
    sms::Texts,
};
use crate::{address::Address, error::Error};

/// Sends messages by text or e-mail, as the address wants.
#[derive(Clone)]
pub struct Messenger {
    texts: Texts,
    mails: Mails,
}

impl Messenger {
    /// A sender by both ways.
    pub fn new(texts: Texts, mails: Mails) -> Self {
        Self { texts, mails }
    }

    /// Opens the connection for texts.
    pub async fn connect(&self) {
        self.texts.connect().await;
    }

    /// Sends a message, in the language that was asked for or that the phone's country speaks.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it cannot be sent.
    pub async fn send(&self, to: &Address, content: &Content<'_>, locale: Option<&str>) -> Result<(), Error> {
        let language = language(locale, to.country().as_deref());
        match to {
            Address::Sms(phone) => self.texts.send(phone, content, language).await,
            Address::Email(email) => self.mails.send(email, &content.mail(language)?).await,
        }
    }
}
