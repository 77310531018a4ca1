//! Text messages: their price is reserved, and a sender gets them.

use std::sync::Arc;

use super::{
    Content, Language,
    senders::{Outcome, Plan, ReportLinks, SenderName, Senders, Text},
};
use crate::{
    base::{
        Error, MicroUsd, Random,
        metrics::{self, Metric},
    },
    crypto::IdentifierHash,
    identifiers::PhoneNumber,
    spending::{self, Fund, Reservation, Spending},
};

/// Sends texts, and reserves their price before.
#[derive(Clone)]
pub struct Texts {
    senders: Arc<Senders>,
    plan: Arc<Plan>,
    spending: Spending,
    random: Random,
    report_links: Option<ReportLinks>,
}

/// A text whose price is reserved. It has no `Debug`, since it has the code.
pub struct PreparedText {
    text: Text,
    /// The senders that may get it, in this order.
    senders: Vec<SenderName>,
    /// The reserved price.
    pub reservation: Reservation,
}

impl PreparedText {
    /// Lets the text begin with another sender of its plan: the one after as many as there were
    /// texts `before`. A person who asks again did not get the text, or it came late.
    #[must_use]
    pub fn after(mut self, before: usize) -> Self {
        let turns = before.checked_rem(self.senders.len()).unwrap_or_default();
        self.senders.rotate_left(turns);
        self
    }
}

impl Texts {
    /// Sends texts by the senders of a plan.
    pub(super) fn new(senders: Senders, plan: Plan, spending: Spending, random: Random) -> Self {
        let (senders, plan) = (senders.into(), plan.into());
        Self { senders, plan, spending, random, report_links: None }
    }

    /// Asks senders for delivery reports from now on.
    pub(super) fn reported_to(self, links: ReportLinks) -> Self {
        Self { report_links: Some(links), ..self }
    }

    /// Opens the connection ahead of the first text.
    pub async fn connect(&self) {
        self.senders.connect().await;
    }

    /// Whether any text goes to a vendor by way of the internet.
    pub(super) fn has_vendors(&self) -> bool {
        self.plan.has_vendors()
    }

    /// The price of a text of one segment.
    pub fn price(&self, phone: &PhoneNumber) -> MicroUsd {
        let country = phone.country().unwrap_or_default();
        self.spending.price(&names(self.plan.senders(&country)), &country)
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
        let senders = self.plan.senders(&country).to_vec();
        let segments = spending::segments(&body);
        let text = Text {
            id: uuid::Builder::from_random_bytes(self.random.bytes()?).into_uuid(),
            to: phone.clone(),
            country: country.clone(),
            body,
            code: content.code.to_owned(),
            language: language.tag(),
            app: content.sender.app_name.clone(),
        };

        let payer = (country.as_str(), content.sender.budget.as_ref());
        let reservation =
            self.spending.reserve((fund, prefix), payer, (&names(&senders), segments)).await?;
        Ok(PreparedText { text, senders, reservation })
    }

    /// Refunds the price of a text that will not be sent.
    pub async fn cancel(&self, prepared: PreparedText) {
        self.spending.give_back(prepared.reservation).await;
    }

    /// Sends a text by the first sender that does not refuse it. A text that may have been sent
    /// counts as sent: it stays paid, and no other sender gets it.
    ///
    /// # Errors
    /// [`Error::Undeliverable`] if the number or its owner refuses texts; [`Error::Unavailable`] if
    /// all senders refuse. The price is then refunded.
    pub async fn send(&self, prepared: PreparedText) -> Result<(), Error> {
        let PreparedText { text, senders, reservation } = prepared;
        let mut error = Error::Unavailable("no sender is set up".to_owned());
        for sender in self.senders.order(&senders) {
            // Also if the circuit of the first one is open, so that its alarm goes on.
            if senders.first() != Some(&sender) {
                metrics::count(Metric::TextsFellBack);
            }

            let name = sender.as_str();
            let report_url = self.report_links.as_ref().and_then(|it| it.url(sender, &text));
            match self.senders.send(sender, &text, report_url.as_deref()).await {
                Outcome::Accepted => {
                    metrics::count(Metric::TextsSent);
                    return Ok(());
                }
                Outcome::Unknown(why) => {
                    metrics::count(Metric::TextsRefused);
                    tracing::warn!(sender = name, why, "a text may have been sent; it stays paid");
                    return Ok(());
                }
                Outcome::Refused(refusal, why) => {
                    metrics::count(Metric::TextsRefused);
                    tracing::warn!(sender = name, ?refusal, why, "a text was refused");
                    if refusal.is_final() {
                        error = Error::Undeliverable;
                        break;
                    }
                    error = Error::Unavailable(format!("{name} refused a text: {why}"));
                }
            }
        }

        self.spending.give_back(reservation).await;
        Err(error)
    }
}

/// The names of senders, by which prices are set.
fn names(senders: &[SenderName]) -> Vec<&'static str> {
    senders.iter().map(|sender| sender.as_str()).collect()
}
