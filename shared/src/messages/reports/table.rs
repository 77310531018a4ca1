//! The reports of senders in the table: an item for each text, and the counts of each day.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use jiff::civil::Date;

use super::{CountChange, Delivery, DeliveryCount, ReportedText};
use crate::{
    aws::unavailable,
    base::Error,
    table::{Item, Key, NOT_WRITTEN, Store, Updated, WRITTEN_BY, amount, number, text},
};

/// How long the counts of a day are kept, in seconds.
const KEPT_SECONDS: i64 = 90 * 24 * 3600;

impl Store {
    /// Notes what became of a text. Returns how that changes the counts; `None` if it says nothing
    /// new. The item and the token in the report's address end at the same time, so no report can
    /// come again after that.
    pub(super) async fn note_delivery(
        &self,
        reported: &ReportedText,
        delivery: Delivery,
    ) -> Result<Option<CountChange>, Error> {
        let update = self
            .client
            .update_item()
            .update_expression(
                "SET delivery_before = if_not_exists(delivery, :none), delivery = :delivery, \
                 expires_at = :expires_at, written_by = :mark",
            )
            .condition_expression("attribute_not_exists(delivery) OR delivery < :delivery")
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":delivery", number(delivery as i64))
            .expression_attribute_values(":expires_at", number(reported.ends_at()));
        let key = Key::report(&reported.hash());
        Ok(match self.update_once(key, update, (WRITTEN_BY, self.mark()?)).await? {
            Updated::Done(item) => {
                Some(CountChange::of(noted(amount(&item, "delivery_before")), delivery))
            }
            Updated::Refused(_) => None,
        })
    }

    /// Adds a change to the counts of the text's day.
    pub(super) async fn count_delivery(
        &self,
        reported: &ReportedText,
        change: &CountChange,
    ) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression(
                "ADD sent :sent, delivered :delivered, failed :failed \
                 SET expires_at = :expires_at, written_by = :mark",
            )
            .condition_expression(NOT_WRITTEN)
            .expression_attribute_values(":sent", number(change.sent))
            .expression_attribute_values(":delivered", number(change.delivered))
            .expression_attribute_values(":failed", number(change.failed))
            .expression_attribute_values(":expires_at", number(reported.ends_at() + KEPT_SECONDS));
        let (sender, country) = (reported.sender.as_str(), &reported.country);
        let key = Key::deliveries(reported.date(), sender, country);
        self.update_once(key, update, (WRITTEN_BY, self.mark()?)).await.map(drop)
    }

    /// The counts of a day, by sender and country. There are few enough for one page.
    pub(super) async fn delivery_counts(&self, day: Date) -> Result<Vec<DeliveryCount>, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(Key::deliveries_of(day)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_read(answer.consumed_capacity.as_ref());
        let items = answer.items.unwrap_or_default();
        Ok(items.iter().filter_map(|item| count(day, item)).collect())
    }
}

/// The delivery that an item notes by its number.
fn noted(number: i64) -> Option<Delivery> {
    [Delivery::Queued, Delivery::Sent, Delivery::Failed, Delivery::Delivered]
        .into_iter()
        .find(|delivery| *delivery as i64 == number)
}

fn count(day: Date, item: &Item) -> Option<DeliveryCount> {
    let (sender, country) = item.get("sk").map(AttributeValue::as_s)?.ok()?.split_once('#')?;
    Some(DeliveryCount {
        day,
        sender: sender.to_owned(),
        country: country.to_owned(),
        sent: amount(item, "sent"),
        delivered: amount(item, "delivered"),
        failed: amount(item, "failed"),
    })
}
