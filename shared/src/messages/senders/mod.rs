//! Senders of texts, one folder each. A plan names the senders of each country.
//!
//! **A text is never sent twice.** Only a refusal that proves that nothing was sent lets the next
//! sender try. An outcome that nobody knows counts as sent.

mod circuit;
mod client;
mod credentials;
mod end_user_messaging;
mod kaleyra;
mod report;
mod secret;
mod set_up;
mod sns;
mod twilio;
mod vonage;
mod webhook;
mod whatsapp;
mod whatsapp_aws;

pub(super) use self::credentials::SmtpAccount;
pub(super) use self::report::{Report, ReportAddress, ReportedText};
pub use self::{
    credentials::Credentials,
    report::{Delivery, ReceivedReport, ReportLinks},
};

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use self::{
    circuit::Circuit,
    set_up::{Means, Sender},
};
use super::{Content, Language, MessageSettings, ways::Way};
use crate::{
    apps::SenderName,
    aws::Aws,
    base::{Clock, Environment, Error},
    identifiers::{Channel, PhoneNumber},
};

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
    /// The words of a call, if the person has chosen one.
    pub spoken: Option<Box<Spoken>>,
    /// The code in it; empty if there is none.
    pub code: String,
    /// The language (BCP 47).
    pub language: &'static str,
    /// The name of the app.
    pub app: String,
}

/// The words of a call.
pub(super) struct Spoken {
    /// In the language of the text.
    pub words: String,
    /// The same in English, for senders without a voice for that language.
    pub in_english: String,
}

impl Spoken {
    /// The words for a person who has chosen to be called; `None` for everybody else.
    ///
    /// # Errors
    /// [`Error::Internal`] as [`Content::spoken`].
    pub(super) fn of(
        content: &Content<'_>,
        language: Language,
    ) -> Result<Option<Box<Self>>, Error> {
        if content.channel != Some(Channel::Voice) {
            return Ok(None);
        }
        let in_english = content.spoken(Language::English)?;
        Ok(Some(Box::new(Self { words: content.spoken(language)?, in_english })))
    }
}

/// The outcome of handing a text to a sender.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The sender took it.
    Accepted,
    /// The sender took it, and is to be told by this id if the code was right.
    AcceptedAs(String),
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
    /// The number cannot be reached on this channel.
    Channel,
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

impl Outcome {
    /// Whether a sender has the text, or may have it.
    pub(super) fn may_be_sent(&self) -> bool {
        !matches!(self, Self::Refused(..))
    }

    /// The outcome of a call that has no words. Only a person who has chosen a call gets one.
    fn without_words() -> Self {
        Self::Refused(Refusal::Other, "there are no words for a call".to_owned())
    }
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
    /// Whether SNS is likely to get the first text.
    connects: bool,
    /// The client of those that are not reached by an AWS SDK, if one of them is likely to get it.
    client: Option<client::Vendors>,
}

impl Senders {
    /// The senders of the settings, and all others that can be set up, since apps may name them. No
    /// call is made. A sender that cannot be set up is logged, and refuses every text, so that the
    /// next one gets it.
    ///
    /// # Errors
    /// [`Error::Internal`] if the client of SNS cannot be made.
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
        let client = means.client.clone();
        let is_named = |name| settings.plan.names(name) || settings.calls.names(name);
        let mut all = BTreeMap::new();
        for name in SenderName::ALL {
            if let Some(sender) = Sender::set_up(name, &means)? {
                all.insert(name, sender);
            }
        }
        for problem in credentials.problems() {
            tracing::error!(
                problem,
                "the secret of the senders is wrong, and this part of it is left out; \
                 docs/senders.md has its form"
            );
        }
        for problem in credentials.lacking(settings) {
            tracing::error!(
                problem,
                "a sender is not set up; the next sender of the country gets its texts, and without \
                 one no text is sent"
            );
        }
        Ok(Self {
            all: Arc::new(all),
            circuit: Circuit::new(clock.clone()),
            connects: settings.plan.names(SenderName::Sns),
            client: SenderName::ALL
                .into_iter()
                .any(|name| !name.has_sdk() && is_named(name))
                .then_some(client),
        })
    }

    /// Whether any text may go by way of the internet.
    pub(super) fn has_vendors(&self) -> bool {
        self.all.keys().any(|name| name.is_vendor())
    }

    /// Gets ready for the first text: opens the connection of SNS, and reads the root certificates for
    /// the others, if the settings name them.
    pub(super) async fn connect(&self) {
        if let Some(client) = &self.client {
            client.read_roots();
        }
        if let Some(Sender::Sns(sns)) = self.all.get(&SenderName::Sns).filter(|_| self.connects) {
            sns.connect().await;
        }
    }

    /// The ways in the order in which they are tried: those of senders that failed lately come last.
    pub(super) fn order(&self, ways: &[Way]) -> Vec<Way> {
        self.circuit.order(ways)
    }

    /// Hands a text to a sender, in one try. A vendor is to report at `report` whether the text
    /// arrived.
    pub(super) async fn send(
        &self,
        way: Way,
        text: &Text,
        report: Option<&ReportAddress>,
    ) -> Outcome {
        let outcome = match self.all.get(&way.sender) {
            Some(sender) => sender.send(way.channel, text, report).await,
            None => Outcome::Refused(Refusal::Account, "it is not set up".to_owned()),
        };
        self.circuit.note(way.sender, &outcome);
        outcome
    }

    /// Tells the sender that asked for it that the code of a text was right. If that fails, it is only
    /// logged.
    pub(super) async fn approve(&self, id: &str) {
        if let Some(Sender::Twilio(twilio)) = self.all.get(&SenderName::Twilio) {
            twilio.approve(id).await;
        }
    }
}
