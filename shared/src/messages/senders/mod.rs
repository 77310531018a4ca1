//! Senders of texts, one folder each. A plan names the senders of each country.
//!
//! **A text is never sent twice.** Only a refusal that proves that nothing was sent lets the next
//! sender try. An outcome that nobody knows counts as sent.

mod circuit;
mod client;
mod credentials;
mod end_user_messaging;
mod plan;
mod report;
mod sns;
mod twilio;
mod webhook;

pub(super) use self::credentials::SmtpAccount;
pub(super) use self::report::ReportedText;
pub use self::{
    credentials::Credentials,
    plan::Plan,
    report::{Delivery, ReceivedReport, ReportLinks},
};

use std::sync::Arc;

use uuid::Uuid;

use self::{
    circuit::Circuit, end_user_messaging::EndUserMessaging, sns::Sns, twilio::Twilio,
    webhook::Webhook,
};
use super::MessageSettings;
use crate::{
    aws::Aws,
    base::{Clock, Environment, Error},
    identifiers::PhoneNumber,
};

/// A sender of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SenderName {
    /// Amazon SNS.
    Sns,
    /// AWS End User Messaging.
    EndUserMessaging,
    /// Twilio, by its Messages API.
    Twilio,
    /// A service of the operator, by a webhook.
    Webhook,
}

impl SenderName {
    /// All senders.
    pub const ALL: [Self; 4] = [Self::Sns, Self::EndUserMessaging, Self::Twilio, Self::Webhook];

    /// Its name in the settings, in the log and in the names of prices.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sns => "sns",
            Self::EndUserMessaging => "end_user_messaging",
            Self::Twilio => "twilio",
            Self::Webhook => "webhook",
        }
    }

    /// The sender of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sender| sender.as_str() == name)
    }

    /// Whether it is reached by way of the internet, with its own credentials.
    pub fn is_vendor(self) -> bool {
        matches!(self, Self::Twilio | Self::Webhook)
    }
}

/// A text, ready for any sender. It has no `Debug`, since it has the code.
pub(super) struct Text {
    /// Its id, which is the same for every sender that tries.
    pub id: Uuid,
    /// The phone.
    pub to: PhoneNumber,
    /// The country of the phone (ISO 3166-1).
    pub country: String,
    /// The whole text.
    pub body: String,
    /// The code in it; empty if there is none.
    pub code: String,
    /// The language (BCP 47).
    pub language: &'static str,
    /// The name of the app.
    pub app: String,
}

/// The outcome of handing a text to a sender.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The sender took it.
    Accepted,
    /// It certainly was not sent. The text is for the log: a code of the sender, never its message,
    /// which may name the phone.
    Refused(Refusal, String),
    /// It may have been sent, and is not sent again. The text is for the log.
    Unknown(String),
}

/// Why a sender refused a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The number does not exist, or receives no texts.
    Number,
    /// The person has opted out of texts.
    OptedOut,
    /// The sender's own filter suspects SMS pumping.
    Blocked,
    /// The sender does not send to this country.
    Country,
    /// The origin or the template of the text is not accepted.
    Origin,
    /// Too many texts in a short time, or a quota is used up.
    Limited,
    /// The account is suspended, has no money, or its credentials are wrong.
    Account,
    /// There was no connection.
    Unreachable,
    /// Another documented refusal.
    Other,
}

impl Refusal {
    /// Whether the refusal is about the number or the wish of its owner. No other sender is tried
    /// then: it would be paid for the same dead or pumped number.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Number | Self::OptedOut | Self::Blocked)
    }
}

/// All senders that the plan names.
#[derive(Clone)]
pub(super) struct Senders {
    sns: Arc<Sns>,
    end_user_messaging: Option<Arc<EndUserMessaging>>,
    twilio: Option<Arc<Twilio>>,
    webhook: Option<Arc<Webhook>>,
    circuit: Circuit,
}

impl Senders {
    /// The senders of the settings. No call is made.
    ///
    /// # Errors
    /// [`Error::Internal`] if the credentials of a sender that the plan names are missing.
    pub(super) fn new(
        (aws, environment): (&Aws, &Environment),
        settings: &MessageSettings,
        credentials: &Credentials,
        clock: &Clock,
    ) -> Result<Self, Error> {
        let named = |name| settings.plan.names(name);
        let missing = |name: SenderName| {
            let name = name.as_str();
            Error::Internal(format!("TEXT_SENDERS names {name}, and SENDERS_SECRET_ARN lacks it"))
        };
        let vendors = client::Vendors::new(environment);
        let valid_seconds = settings.valid_seconds;

        let twilio = named(SenderName::Twilio).then(|| {
            let account = credentials.twilio.clone().ok_or_else(|| missing(SenderName::Twilio))?;
            Ok(Twilio::new(vendors.clone(), account, settings.twilio_url.as_deref(), valid_seconds)
                .into())
        });
        let webhook = named(SenderName::Webhook).then(|| {
            let account =
                credentials.webhook.clone().ok_or_else(|| missing(SenderName::Webhook))?;
            Webhook::new(vendors.clone(), account, clock.clone()).map(Arc::new)
        });
        let end_user_messaging = named(SenderName::EndUserMessaging)
            .then(|| Arc::new(EndUserMessaging::new(environment, settings, clock.clone())));

        Ok(Self {
            sns: Sns::new(aws, &settings.sms)?.into(),
            end_user_messaging,
            twilio: twilio.transpose()?,
            webhook: webhook.transpose()?,
            circuit: Circuit::new(clock.clone()),
        })
    }

    /// Opens the connection of SNS ahead of the first text, if the plan has it.
    pub(super) async fn connect(&self, plan: &Plan) {
        if plan.names(SenderName::Sns) {
            self.sns.connect().await;
        }
    }

    /// The senders in the order in which they are tried: those that failed lately come last.
    pub(super) fn order(&self, senders: &[SenderName]) -> Vec<SenderName> {
        self.circuit.order(senders)
    }

    /// Hands a text to a sender, in one try. A vendor is to report at `report_url` whether the text
    /// arrived.
    pub(super) async fn send(
        &self,
        sender: SenderName,
        text: &Text,
        report_url: Option<&str>,
    ) -> Outcome {
        let absent = || Outcome::Refused(Refusal::Account, "it is not set up".to_owned());
        let outcome = match sender {
            SenderName::Sns => self.sns.send(text).await,
            SenderName::EndUserMessaging => match &self.end_user_messaging {
                Some(sender) => sender.send(text).await,
                None => absent(),
            },
            SenderName::Twilio => match &self.twilio {
                Some(twilio) => twilio.send(text, report_url).await,
                None => absent(),
            },
            SenderName::Webhook => match &self.webhook {
                Some(webhook) => webhook.send(text, report_url).await,
                None => absent(),
            },
        };
        self.circuit.note(sender, &outcome);
        outcome
    }
}
