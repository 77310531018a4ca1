//! What was spent on texts: a month is spread over some partitions, each with its share of the budgets.

use std::collections::HashMap;

use jiff::civil::Date;
use uuid::Uuid;

use super::{NOT_WRITTEN, Store, Updated, keys::Key, number, text};
use crate::{
    clock::seconds,
    error::Error,
    spending::{MicroUsd, Share},
};

/// How long the accounts of a month are kept.
const KEPT_SECONDS: i64 = 400 * 24 * 3600;

/// The outcome of putting a price aside.
#[derive(Debug)]
pub enum Reserved {
    /// It is put aside; so much is now, in this month and partition.
    Yes {
        /// In the month.
        month: MicroUsd,
    },
    /// A budget has no room for it.
    No,
}

impl Store {
    /// Puts the price of a text aside, unless a share has no room for it.
    pub async fn reserve_price(
        &self,
        (day, shard): (Date, i64),
        country: &str,
        price: MicroUsd,
        share: &Share,
    ) -> Result<Reserved, Error> {
        let limits = [("#month", Some(share.month)), ("#day", share.day), ("#country", share.country)];
        let mark = text(Uuid::from_bytes(self.random.bytes()?));
        let mut conditions = vec![NOT_WRITTEN.to_owned()];
        let mut values = HashMap::from([(":price".to_owned(), number(price)), (":mark".to_owned(), mark.clone())]);
        for (name, limit) in limits {
            let Some(limit) = limit else { continue };
            if price > limit {
                return Ok(Reserved::No);
            }
            let room = name.replace('#', ":");
            conditions.push(format!("(attribute_not_exists({name}) OR {name} <= {room})"));
            values.insert(room, number(limit - price));
        }
        let update = self
            .client
            .update_item()
            .update_expression(
                "ADD #month :price, #day :price, #country :price SET expires_at = :expires_at, written_by = :mark",
            )
            .condition_expression(conditions.join(" AND "))
            .set_expression_attribute_names(Some(names(day, country)))
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":expires_at", number(expires_at(day)));
        let item = match self.update_if(Key::spending(day, shard), update).await? {
            Updated::Done(item) => item,
            // Our own write, whose answer was lost.
            Updated::Refused(Some(item)) if item.get("written_by") == Some(&mark) => item,
            Updated::Refused(_) => return Ok(Reserved::No),
        };
        let month = item.get("spent").and_then(|spent| spent.as_n().ok()).and_then(|spent| spent.parse().ok());
        Ok(Reserved::Yes { month: month.unwrap_or_default() })
    }

    /// Gives the price of a text back.
    pub async fn give_price_back(
        &self,
        (day, shard): (Date, i64),
        country: &str,
        price: MicroUsd,
    ) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("ADD #month :back, #day :back, #country :back SET written_by = :mark")
            .condition_expression(format!("#month >= :price AND {NOT_WRITTEN}"))
            .expression_attribute_values(":mark", text(Uuid::from_bytes(self.random.bytes()?)))
            .set_expression_attribute_names(Some(names(day, country)))
            .expression_attribute_values(":back", number(-price))
            .expression_attribute_values(":price", number(price));
        self.update_if(Key::spending(day, shard), update).await.map(drop)
    }
}

/// The attributes that a text is counted in.
fn names(day: Date, country: &str) -> HashMap<String, String> {
    let name = |placeholder: &str, name: String| (placeholder.to_owned(), name);
    HashMap::from([
        name("#month", "spent".to_owned()),
        name("#day", format!("spent_on_{:02}", day.day())),
        name("#country", format!("spent_in_{country}")),
    ])
}

fn expires_at(day: Date) -> i64 {
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()).unwrap_or_default();
    (start + seconds(KEPT_SECONDS)).as_second()
}
