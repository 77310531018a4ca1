//! Text messages: their price is reserved, and a sender gets them.

use std::sync::Arc;

use uuid::Uuid;

use super::{
    Content, Language, MessageSettings,
    senders::{Outcome, Refusal, ReportLinks, Senders, Spoken, Text},
    ways::Way,
};
use crate::{
    apps::SenderName,
    base::{
        Clock, Error, MicroUsd, Random,
        metrics::{self, Metric},
    },
    crypto::IdentifierHash,
    identifiers::{Channel, PhoneNumber},
    limits::{Recorded, SentText},
    spending::{self, Fund, Reservation, Spending},
};

/// Sends texts, and reserves their price before.
#[derive(Clone)]
pub struct Texts {
    senders: Arc<Senders>,
    settings: Arc<MessageSettings>,
    spending: Spending,
    clock: Clock,
    random: Random,
    report_links: Option<ReportLinks>,
}

/// A text whose price is reserved. It has no `Debug`, since it has the code.
pub struct PreparedText {
    text: Text,
    /// The ways that it may go, in this order.
    ways: Vec<Way>,
    /// The reserved price.
    pub reservation: Reservation,
    /// The challenge whose code it carries; `None` for a notice.
    pub(super) challenge_id: Option<Uuid>,
}

/// A message that was sent, or may have been.
#[derive(Debug)]
pub struct Sent {
    /// The channel that was used.
    pub channel: Channel,
    /// The id by which the sender wants to know if the code was right, if it does.
    pub wants_to_know: Option<String>,
}

impl PreparedText {
    /// Lets the text begin with another sender of its plan: the one after as many as there were
    /// texts `before`. A person who asks again did not get the text, or it came late.
    #[must_use]
    pub fn after(mut self, before: usize) -> Self {
        let turns = before.checked_rem(self.ways.len()).unwrap_or_default();
        self.ways.rotate_left(turns);
        self
    }
}

impl Texts {
    /// Sends texts by the senders of the settings.
    pub(super) fn new(
        senders: Senders,
        settings: Arc<MessageSettings>,
        spending: Spending,
        (clock, random): (Clock, Random),
    ) -> Self {
        Self { senders: senders.into(), settings, spending, clock, random, report_links: None }
    }

    /// Asks senders for delivery reports from now on.
    pub(super) fn reported_to(self, links: ReportLinks) -> Self {
        Self { report_links: Some(links), ..self }
    }

    /// [`Messenger::approve`](super::Messenger::approve).
    pub(super) async fn approve(&self, id: &str) {
        self.senders.approve(id).await;
    }

    /// Opens the connection ahead of the first text.
    pub async fn connect(&self) {
        self.senders.connect().await;
    }

    /// Whether any text goes to a vendor by way of the internet.
    pub(super) fn has_vendors(&self) -> bool {
        self.senders.has_vendors()
    }

    /// The price of a text of one segment, by the senders of the deployment.
    pub fn price(&self, phone: &PhoneNumber) -> MicroUsd {
        let country = phone.country().unwrap_or_default();
        let ways = self.settings.ways(&country, None, None);
        self.spending.price(&priced(&ways, 1), &country)
    }

    /// Words a text to `phone`, and reserves the price of its dearest sender in a fund. `prefix` is
    /// the hash of the phone's block of numbers.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if a budget is used up; [`Error::Unavailable`].
    pub async fn prepare(
        &self,
        phone: &PhoneNumber,
        (fund, prefix): (Fund, Option<&IdentifierHash>),
        content: &Content<'_>,
        language: Language,
    ) -> Result<PreparedText, Error> {
        let body = content.text(language)?;
        let country = phone.country().unwrap_or_default();
        let (app, chosen) = (content.sender.text_senders.as_ref(), content.channel);
        let ways = match content.code {
            "" => self.settings.ways_of_notice(&country, app),
            _ => self.settings.ways(&country, app, chosen),
        };
        let priced = priced(&ways, spending::segments(&body));
        let text = Text {
            id: uuid::Builder::from_random_bytes(self.random.bytes()?).into_uuid(),
            to: phone.clone(),
            country: country.clone(),
            body,
            spoken: Spoken::of(content, language)?,
            code: content.code.to_owned(),
            language: language.tag(),
            app: content.sender.app_name.clone(),
        };

        let payer = (country.as_str(), content.sender.budget.as_ref());
        let reservation = self.spending.reserve((fund, prefix), payer, &priced).await?;
        Ok(PreparedText { text, ways, reservation, challenge_id: None })
    }

    /// Refunds the price of a text that will not be sent.
    pub async fn cancel(&self, prepared: PreparedText) {
        self.spending.give_back(prepared.reservation).await;
    }

    /// Sends a text by the first sender that does not refuse it. A text that
    /// may have been sent counts as sent: it stays paid, and no other sender gets it.
    ///
    /// # Errors
    /// [`Error::Undeliverable`] if the number or its owner refuses texts, or the number is not
    /// reached on the channel; [`Error::Unavailable`] if all senders refuse. The price is then
    /// refunded.
    pub async fn send(&self, prepared: PreparedText) -> Result<Sent, Error> {
        let PreparedText { text, ways, reservation, challenge_id } = prepared;
        let mut error = Error::Unavailable("no sender is set up".to_owned());
        for way in self.senders.order(&ways) {
            // Also if the circuit of the first one is open, so that its alarm goes on.
            if ways.first() != Some(&way) {
                metrics::count(Metric::TextsFellBack);
            }

            let name = way.sender.as_str();
            let report = self.report_links.as_ref().and_then(|it| it.address_of(way.sender, &text));
            let outcome = self.senders.send(way, &text, report.as_ref()).await;
            let sent = Sent { channel: way.channel, wants_to_know: None };
            if let Some(id) = challenge_id.filter(|_| outcome.may_be_sent()) {
                self.record(id, way, &text.country);
            }
            match outcome {
                Outcome::Accepted => {
                    metrics::count(Metric::TextsSent);
                    return Ok(sent);
                }
                Outcome::AcceptedAs(id) => {
                    metrics::count(Metric::TextsSent);
                    return Ok(Sent { wants_to_know: Some(id), ..sent });
                }
                Outcome::Unknown(why) => {
                    metrics::count(Metric::TextsRefused);
                    tracing::warn!(sender = name, why, "a text may have been sent; it stays paid");
                    return Ok(sent);
                }
                Outcome::Refused(refusal, why) => {
                    metrics::count(Metric::TextsRefused);
                    tracing::warn!(sender = name, ?refusal, why, "a text was refused");
                    error = match refusal {
                        _ if refusal.is_final() => {
                            error = Error::Undeliverable;
                            break;
                        }
                        Refusal::Channel => Error::Undeliverable,
                        _ => Error::Unavailable(format!("{name} refused a text: {why}")),
                    };
                }
            }
        }

        self.spending.give_back(reservation).await;
        Err(error)
    }

    /// Records in the log that the code of a challenge was sent.
    fn record(&self, challenge_id: Uuid, way: Way, country: &str) {
        let sent = SentText {
            at: self.clock.now(),
            challenge_id,
            sender: way.sender.as_str().to_owned(),
            channel: way.channel,
            country: country.to_owned(),
        };
        Recorded::TextSent(sent).log();
    }
}

/// The names by which the prices of ways are set, each with its segments. Only a plain text has more
/// than one.
fn priced(ways: &[Way], segments: usize) -> Vec<(&'static str, usize)> {
    let priced = |way: &Way| match (way.channel, way.sender) {
        (Channel::Voice, SenderName::Twilio) => ("twilio_voice", 1),
        (Channel::Voice, _) => ("end_user_messaging_voice", 1),
        (Channel::Whatsapp, sender) => (sender.as_str(), 1),
        (_, sender) => (sender.as_str(), segments),
    };
    ways.iter().map(priced).collect()
}
