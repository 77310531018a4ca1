//! Text messages and e-mails: their content, and how they are sent.

mod content;
mod language;
mod mail;
mod mail_text;
mod reports;
mod senders;
mod settings;
mod smtp;
mod templates;
mod texts;
mod ways;
mod wording;

use std::{sync::Arc, time::Duration};

pub use self::{
    content::{Content, Subject, escape},
    language::{Language, language, parse_locale},
    mail::Mails,
    mail_text::MailText,
    reports::{DeliveryCount, DeliveryCounts, DeliveryEvent, DeliveryEvents, Reports},
    senders::{Credentials, Delivery, ReceivedReport, ReportLinks},
    settings::{EumSettings, MessageSettings, SmsSettings, VARIABLES},
    smtp::SmtpServer,
    templates::{MailName, MailPreview, MailSource, MailTemplateView, MailTemplates, MailWording},
    texts::{PreparedText, Sent, Texts},
    wording::wording,
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::{display::DisplayErrorContext, metadata::ProvideErrorMetadata};

use self::senders::Senders;
use uuid::Uuid;

use crate::{
    aws::Aws,
    base::{Clock, Environment, Error, MicroUsd, Random},
    crypto::IdentifierHash,
    identifiers::{Address, Channel, Email, PhoneNumber},
    spending::{Fund, Spending},
    table::Store,
};

/// Longer than the work that hides behind it: handing a message to AWS, also on a slow day.
const MINIMUM: Duration = Duration::from_secs(1);
/// The same if a message goes to a vendor by way of the internet.
const MINIMUM_OF_VENDORS: Duration = Duration::from_secs(2);
/// How long a request waits for AWS, or for a vendor, within that time. The rest is for the table.
const HIDDEN_WAIT: Duration = Duration::from_millis(750);
const HIDDEN_WAIT_OF_VENDORS: Duration = Duration::from_millis(1_500);

/// A message that is ready to send. The price of a text is already reserved.
pub enum Prepared {
    /// A text.
    Text(Box<PreparedText>),
    /// An e-mail.
    Mail(Email, MailText),
}

impl Prepared {
    /// [`PreparedText::after`] if it is a text.
    #[must_use]
    pub fn after(self, before: usize) -> Self {
        match self {
            Self::Text(text) => Self::Text(Box::new(text.after(before))),
            mail @ Self::Mail(..) => mail,
        }
    }

    /// Notes that the message carries the code of a challenge, so that the log tells by which sender
    /// codes arrive.
    #[must_use]
    pub fn with_code_of(mut self, challenge_id: Uuid) -> Self {
        if let Self::Text(text) = &mut self {
            text.challenge_id = Some(challenge_id);
        }
        self
    }
}

/// Sends messages: texts to phones, e-mails to e-mail addresses.
#[derive(Clone)]
pub struct Messenger {
    texts: Texts,
    mails: Mails,
    store: Store,
}

impl Messenger {
    /// A sender of both. No call is made.
    ///
    /// # Errors
    /// [`Error::Internal`] if the client of SNS cannot be made.
    pub fn new(
        (aws, environment): (&Aws, &Environment),
        settings: &Arc<MessageSettings>,
        credentials: &Credentials,
        (store, spending): (Store, Spending),
        (clock, random): (&Clock, &Random),
    ) -> Result<Self, Error> {
        let senders = Senders::new((aws, environment), settings, credentials, clock)?;
        Ok(Self {
            texts: Texts::new(senders, settings.clone(), spending, (clock.clone(), random.clone())),
            mails: Mails::new((aws, environment), settings, credentials),
            store,
        })
    }

    /// Asks senders for delivery reports from now on. The links need the current hash keys, which
    /// change while a process lives.
    #[must_use]
    pub fn reported_to(self, links: ReportLinks) -> Self {
        Self { texts: self.texts.reported_to(links), ..self }
    }

    /// The least time that a request takes whose duration must not reveal whether a message was
    /// sent. With slow senders, it is longer.
    pub fn minimum(&self) -> Duration {
        if self.has_vendors() { MINIMUM_OF_VENDORS } else { MINIMUM }
    }

    fn has_vendors(&self) -> bool {
        self.texts.has_vendors() || self.mails.has_vendor()
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
                let text = self.texts.prepare(phone, (fund, prefix), content, language).await?;
                Prepared::Text(Box::new(text))
            }
            Address::Email(email) => {
                Prepared::Mail(email.clone(), self.mail(content, language).await?)
            }
        })
    }

    /// The e-mail as its app words it, or else the built-in one. A code must reach its person, so a
    /// template that cannot be used is only logged.
    async fn mail(&self, content: &Content<'_>, language: Language) -> Result<MailText, Error> {
        let own = self.store.own_mail(content, language).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a template of an e-mail is not used");
            None
        });
        match own {
            Some((_, mail)) => Ok(mail),
            None => content.mail(language),
        }
    }

    /// The price of a text of one segment.
    pub fn price(&self, phone: &PhoneNumber) -> MicroUsd {
        self.texts.price(phone)
    }

    /// Refunds the price of a message that will not be sent.
    pub async fn cancel(&self, prepared: Prepared) {
        if let Prepared::Text(text) = prepared {
            self.texts.cancel(*text).await;
        }
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Error::Undeliverable`] or [`Error::Unavailable`] if it was not sent. The price of a text is
    /// then refunded. A text that may have been sent is no error.
    pub async fn send(&self, prepared: Prepared) -> Result<Sent, Error> {
        match prepared {
            Prepared::Text(text) => self.texts.send(*text).await,
            Prepared::Mail(email, text) => {
                self.mails.send(&email, &text).await?;
                Ok(Sent { channel: Channel::Email, wants_to_know: None })
            }
        }
    }

    /// [`Self::send`] for a request whose duration must not reveal whether a message was sent. It
    /// does not wait for a sender that is slower than [`Self::minimum`]: the message may have been
    /// sent then.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_hidden(&self, prepared: Prepared) -> Result<Option<Sent>, Error> {
        let wait = if self.has_vendors() { HIDDEN_WAIT_OF_VENDORS } else { HIDDEN_WAIT };
        let sent = async { self.send(prepared).await.map(Some) };
        let sent = tokio::time::timeout(wait, sent).await;
        sent.unwrap_or_else(|_| {
            tracing::warn!("a sender is slow; its message may have been sent and stays paid");
            Ok(None)
        })
    }

    /// Tells a sender that the code of a text was right, by [`Sent::wants_to_know`]. If that fails,
    /// it is only logged.
    pub async fn approve(&self, id: &str) {
        self.texts.approve(id).await;
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
