//! Texts and e-mails: what they say, and how they are sent.

mod content;
mod language;
mod mail;
mod settings;
mod sms;
mod wording;

pub use self::{
    content::{Content, MailText, Subject, escape},
    language::{Language, language, parse_locale},
    mail::Mails,
    settings::{MessageSettings, SmsSettings},
    sms::{PreparedText, Texts},
    wording::wording,
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};

use crate::{
    base::Error,
    crypto::IdentifierHash,
    identifiers::{Address, Email},
};

/// A message that can be sent: a text is paid.
#[derive(Debug)]
pub enum Prepared {
    /// A text.
    Text(PreparedText),
    /// An e-mail.
    Mail(Email, MailText),
}

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

    /// Words a message, in the language that was asked for or that the phone's country speaks, and puts the price of a
    /// text aside; the `prefix` stands for the numbers that begin as the phone's. What is prepared must be sent or canceled.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] where a budget is used up; [`Error::Unavailable`].
    pub async fn prepare(
        &self,
        to: &Address,
        prefix: Option<&IdentifierHash>,
        content: &Content<'_>,
        locale: Option<&str>,
    ) -> Result<Prepared, Error> {
        let language = language(locale, to.country().as_deref());
        Ok(match to {
            Address::Sms(phone) => {
                Prepared::Text(self.texts.prepare(phone, prefix, content, language).await?)
            }
            Address::Email(email) => Prepared::Mail(email.clone(), content.mail(language)?),
        })
    }

    /// Gives back what a message would have cost that will not be sent.
    pub async fn cancel(&self, prepared: Prepared) {
        if let Prepared::Text(text) = prepared {
            self.texts.cancel(text).await;
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where it cannot be sent: then its price is given back, unless it may have been sent.
    pub async fn send(&self, prepared: Prepared) -> Result<(), Error> {
        match prepared {
            Prepared::Text(text) => self.texts.send(text).await,
            Prepared::Mail(email, text) => self.mails.send(&email, &text).await,
        }
    }
}

/// That a message was not sent, for the log. What AWS says to a refusal may name the recipient; its code does not.
fn not_sent<E: std::error::Error + ProvideErrorMetadata + 'static>(
    error: SdkError<E, HttpResponse>,
) -> Error {
    Error::Unavailable(match error.as_service_error() {
        Some(refusal) => format!("refused: {}", refusal.code().unwrap_or("without a code")),
        None => DisplayErrorContext(error).to_string(),
    })
}
