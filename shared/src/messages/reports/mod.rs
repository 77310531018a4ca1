//! The delivery reports of senders: whether a text arrived, and how many texts of a day did.
//!
//! No client learns any of this. A phone that belongs to nobody gets no text, so whether a text
//! arrived would tell who has an account.

mod events;
mod table;

use std::sync::Arc;

use jiff::{civil::Date, tz::TimeZone};
use serde::Serialize;
use utoipa::ToSchema;

pub use self::events::{DeliveryEvent, DeliveryEvents};
use super::senders::{Credentials, Delivery, ReceivedReport, Report, ReportLinks, ReportedText};
use crate::{
    base::{
        Clock, Error,
        metrics::{self, Metric},
    },
    table::Store,
};

/// The most days whose counts are returned together.
const MAX_DAYS: u8 = 31;

/// Receives the reports of senders.
#[derive(Clone)]
pub struct Reports {
    store: Store,
    credentials: Arc<Credentials>,
    links: ReportLinks,
}

impl Reports {
    /// Receives reports at `links`, signed by those who have the `credentials`.
    pub fn new(store: Store, credentials: Arc<Credentials>, links: ReportLinks) -> Self {
        Self { store, credentials, links }
    }

    /// Receives what arrived at the address of `sender` and `token`: one report, or several of WhatsApp. A
    /// report that says nothing new changes nothing.
    ///
    /// If the process ends between the two writes, the text is missing in the counts. It is never
    /// counted twice.
    ///
    /// # Errors
    /// [`Error::NotFound`] for everything that is not accepted; [`Error::Unavailable`].
    pub async fn receive(
        &self,
        (sender, token): (&str, &str),
        received: ReceivedReport<'_>,
    ) -> Result<(), Error> {
        let read = self.links.read((sender, token), received, &self.credentials);
        for (text, report) in read.ok_or(Error::NotFound)? {
            note(&self.store, &text, report).await?;
        }
        Ok(())
    }

    /// The challenge to answer with, if a sender makes sure with this `query` that the address is ours. Meta
    /// does so once, with the token of the account.
    ///
    /// # Errors
    /// [`Error::NotFound`] for everything else.
    pub fn challenge(&self, address: (&str, &str), query: &str) -> Result<String, Error> {
        ReportLinks::challenge(address, query, &self.credentials).ok_or(Error::NotFound)
    }
}

/// Notes what a report says of a text, and counts it.
async fn note(store: &Store, text: &ReportedText, report: Report) -> Result<(), Error> {
    let Some(delivery) = report.delivery else { return Ok(()) };
    let Some(change) = store.note_delivery(text, delivery).await? else {
        return Ok(());
    };
    match delivery {
        Delivery::Delivered => metrics::count(Metric::TextsDelivered),
        Delivery::Failed => {
            let (sender, country, reason) = (text.sender.as_str(), &text.country, report.reason);
            tracing::warn!(sender, country, reason, "a text did not arrive");
            metrics::count(Metric::TextsUndelivered);
        }
        Delivery::Queued | Delivery::Sent => {}
    }
    if let Err(error) = store.count_delivery(text, &change).await {
        tracing::warn!(%error, "a delivery report is missing in the counts");
    }
    Ok(())
}

/// By how much a report changes the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CountChange {
    sent: i64,
    delivered: i64,
    failed: i64,
}

impl CountChange {
    /// The change if a text was at `before`, and is at `now`.
    fn of(before: Option<Delivery>, now: Delivery) -> Self {
        let is = |at: Option<Delivery>, delivery| i64::from(at == Some(delivery));
        Self {
            sent: i64::from(before.is_none()),
            delivered: is(Some(now), Delivery::Delivered),
            failed: is(Some(now), Delivery::Failed) - is(before, Delivery::Failed),
        }
    }
}

/// Counts what senders reported.
#[derive(Clone)]
pub struct DeliveryCounts {
    /// The table.
    pub store: Store,
    /// The clock.
    pub clock: Clock,
}

impl DeliveryCounts {
    /// The counts of the last `days`, of which today (UTC) is one. The last day comes first.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] unless `days` is from 1 to 31; [`Error::Unavailable`].
    pub async fn of_last(&self, days: u8) -> Result<Vec<DeliveryCount>, Error> {
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(Error::field("days", format!("must be from 1 to {MAX_DAYS}")));
        }
        let today = self.clock.now().to_zoned(TimeZone::UTC).date();
        let dates = std::iter::successors(Some(today), |day: &Date| day.yesterday().ok());
        let read = dates.take(days.into()).map(|day| self.store.delivery_counts(day));
        Ok(futures_util::future::try_join_all(read).await?.into_iter().flatten().collect())
    }
}

/// The texts of a day to a country, as their sender reported on them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryCount {
    /// The day on which the texts were sent (UTC).
    #[schema(value_type = String, format = Date, example = "2027-01-15")]
    pub day: Date,
    /// The sender, as `TEXT_SENDERS` names it.
    #[schema(example = "twilio")]
    pub sender: String,
    /// The country of the phones (ISO 3166-1); empty if a number belongs to none.
    #[schema(example = "US")]
    pub country: String,
    /// The texts that the sender has reported on.
    #[schema(example = 120)]
    pub sent: i64,
    /// Those of them that arrived.
    #[schema(example = 117)]
    pub delivered: i64,
    /// Those of them that will not arrive.
    #[schema(example = 2)]
    pub failed: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_counts_once_as_sent_and_at_its_end_as_delivered_or_failed() {
        use Delivery::{Delivered, Failed, Queued, Sent};
        let change = |sent, delivered, failed| CountChange { sent, delivered, failed };
        for (before, now, expected) in [
            (None, Queued, change(1, 0, 0)),
            (None, Sent, change(1, 0, 0)),
            (None, Delivered, change(1, 1, 0)),
            (None, Failed, change(1, 0, 1)),
            (Some(Queued), Sent, change(0, 0, 0)),
            (Some(Sent), Failed, change(0, 0, 1)),
            (Some(Sent), Delivered, change(0, 1, 0)),
            (Some(Failed), Delivered, change(0, 1, -1)),
        ] {
            assert_eq!(CountChange::of(before, now), expected, "{before:?} {now:?}");
        }
    }
}
