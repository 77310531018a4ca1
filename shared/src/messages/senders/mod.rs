//! Senders of texts, one folder each. A plan names the senders of each country.
//!
//! **A text is never sent twice.** Only a refusal that proves that nothing was sent lets the next
//! sender try. An outcome that nobody knows counts as sent.

mod circuit;
mod client;
mod credentials;
mod end_user_messaging;
mod kaleyra;
mod plan;
mod report;
mod set_up;
mod sns;
mod twilio;
mod vonage;
mod webhook;

pub(super) use self::credentials::SmtpAccount;
pub(super) use self::report::ReportedText;
pub use self::{
    credentials::Credentials,
    plan::Plan,
    report::{Delivery, ReceivedReport, ReportLinks},
};

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use self::{
    circuit::Circuit,
    set_up::{Means, Sender},
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
    /// Vonage, by its Messages API.
    Vonage,
    /// Kaleyra, by its SMS API.
    Kaleyra,
    /// A service of the operator, by a webhook.
    Webhook,
}

impl SenderName {
    /// All senders.
    pub const ALL: [Self; 6] = [
        Self::Sns,
        Self::EndUserMessaging,
        Self::Twilio,
        Self::Vonage,
        Self::Kaleyra,
        Self::Webhook,
    ];

    /// Its name in the settings, in the log and in the names of prices.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sns => "sns",
            Self::EndUserMessaging => "end_user_messaging",
            Self::Twilio => "twilio",
            Self::Vonage => "vonage",
            Self::Kaleyra => "kaleyra",
            Self::Webhook => "webhook",
        }
    }

    /// The sender of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sender| sender.as_str() == name)
    }

    /// Whether it is reached by way of the internet, with its own credentials.
    pub fn is_vendor(self) -> bool {
        !matches!(self, Self::Sns | Self::EndUserMessaging)
    }

    /// Whether it reports to an address of ours, and signs its reports.
    fn is_reporting(self) -> bool {
        matches!(self, Self::Twilio | Self::Vonage | Self::Webhook)
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
    all: Arc<BTreeMap<SenderName, Sender>>,
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
        let means = Means {
            aws,
            environment,
            settings,
            credentials,
            clock,
            client: client::Vendors::new(environment),
        };
        let named = SenderName::ALL.into_iter().filter(|name| settings.plan.names(*name));
        let all = named.map(|name| Ok((name, Sender::set_up(name, &means)?)));
        Ok(Self {
            all: Arc::new(all.collect::<Result<_, Error>>()?),
            circuit: Circuit::new(clock.clone()),
        })
    }

    /// Opens the connection of SNS ahead of the first text, if the plan has it.
    pub(super) async fn connect(&self) {
        if let Some(Sender::Sns(sns)) = self.all.get(&SenderName::Sns) {
            sns.connect().await;
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
        name: SenderName,
        text: &Text,
        report_url: Option<&str>,
    ) -> Outcome {
        let outcome = match self.all.get(&name) {
            Some(sender) => sender.send(text, report_url).await,
            None => Outcome::Refused(Refusal::Account, "it is not set up".to_owned()),
        };
        self.circuit.note(name, &outcome);
        outcome
    }
}
