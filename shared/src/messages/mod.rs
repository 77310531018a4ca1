//! Text messages and e-mails: their content, and how they are sent.

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
    base::{Error, MicroUsd},
    crypto::IdentifierHash,
    identifiers::{Address, Email, PhoneNumber},
    spending::Fund,
};

/// A message that is ready to send. The price of a text is already reserved.
#[derive(Debug)]
pub enum Prepared {
    /// A text.
    Text(PreparedText),
    /// An e-mail.
    Mail(Email, MailText),
}

/// Sends messages: texts to phones, e-mails to e-mail addresses.
#[derive(Clone)]
pub struct Messenger {
    texts: Texts,
    mails: Mails,
}

impl Messenger {
    /// A sender of both.
    pub fn new(texts: Texts, mails: Mails) -> Self {
        Self { texts, mails }
    }

    /// Opens the connection for texts ahead of the first one.
    pub async fn connect(&self) {
        self.texts.connect().await;
    }

    /// Words a message, in the language `locale` or that of the phone's country, and reserves the
    /// price of a text in a fund. `prefix` is the hash of the phone's block of numbers. A prepared
    /// message must be sent or canceled.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if a budget is used up; [`Error::Unavailable`].
    pub async fn prepare(
        &self,
        to: &Address,
        (fund, prefix): (Fund, Option<&IdentifierHash>),
        content: &Content<'_>,
        locale: Option<&str>,
    ) -> Result<Prepared, Error> {
        let language = language(locale, to.country().as_deref());
        Ok(match to {
            Address::Sms(phone) => {
                Prepared::Text(self.texts.prepare(phone, (fund, prefix), content, language).await?)
            }
            Address::Email(email) => Prepared::Mail(email.clone(), content.mail(language)?),
        })
    }

    /// The price of a text of one segment.
    pub fn price(&self, phone: &PhoneNumber) -> MicroUsd {
        self.texts.price(phone)
    }

    /// Refunds the price of a message that will not be sent.
    pub async fn cancel(&self, prepared: Prepared) {
        if let Prepared::Text(text) = prepared {
            self.texts.cancel(text).await;
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be sent. Its price is then refunded, unless it may have
    /// been sent all the same.
    pub async fn send(&self, prepared: Prepared) -> Result<(), Error> {
        match prepared {
            Prepared::Text(text) => self.texts.send(text).await,
            Prepared::Mail(email, text) => self.mails.send(&email, &text).await,
        }
    }
}

/// The error for the log when a message was not sent. AWS's message about a refusal may name the
/// recipient, so only its code is kept.
fn not_sent<E: std::error::Error + ProvideErrorMetadata + 'static>(
    error: SdkError<E, HttpResponse>,
) -> Error {
    Error::Unavailable(match error.as_service_error() {
        Some(refusal) => format!("refused: {}", refusal.code().unwrap_or("without a code")),
        None => DisplayErrorContext(error).to_string(),
    })
}
