//! What was spent on texts: a month is spread over some partitions, each with its share of the budgets.

use std::collections::HashMap;

use uuid::Uuid;

use super::{NOT_WRITTEN, Store, Updated, amount, keys::Key, number, text};
use crate::{
    clock::seconds,
    error::Error,
    fraud::Cohort,
    spending::{Account, MicroUsd, Share},
};

/// How long the accounts of a month are kept.
const KEPT_SECONDS: i64 = 400 * 24 * 3600;
/// The counts of a country's texts are of a day; those of so many days before are taken out with the next text.
const STALE_DAYS: i8 = 3;

/// The outcome of putting a price aside.
#[derive(Debug)]
pub enum Reserved {
    /// It is put aside.
    Yes {
        /// So much is now, in this month and partition.
        month: MicroUsd,
        /// The texts of this day to the country in this partition.
        country: Cohort,
    },
    /// A budget has no room for it.
    No,
}

impl Store {
    /// Puts the price of so many texts aside and counts them, unless a share has no room for them.
    pub async fn reserve_price(
        &self,
        account: &Account,
        price: MicroUsd,
        texts_ahead: i64,
        share: &Share,
    ) -> Result<Reserved, Error> {
        let price = price * texts_ahead;
        let limits =
            [("#month", Some(share.month)), ("#day", share.day), ("#country", share.country), ("#app", share.app)];
        let mark = text(Uuid::from_bytes(self.random.bytes()?));
        let mut conditions = vec![NOT_WRITTEN.to_owned()];
        let mut values = HashMap::from([
            (":price".to_owned(), number(price)),
            (":texts".to_owned(), number(texts_ahead)),
            (":mark".to_owned(), mark.clone()),
            (":expires_at".to_owned(), number(expires_at(account))),
        ]);
        for (name, limit) in limits {
            let Some(limit) = limit else { continue };
            if price > limit {
                return Ok(Reserved::No);
            }
            let room = name.replace('#', ":");
            conditions.push(format!("(attribute_not_exists({name}) OR {name} <= {room})"));
            values.insert(room, number(limit - price));
        }
        let mut names = money(account);
        let spent: Vec<_> = names.keys().map(|name| format!("{name} :price")).collect();
        let stale = stale_counts(account);
        let remove: Vec<_> = stale.keys().map(String::as_str).collect();
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        names.insert("#texts".to_owned(), texts(account, account.day.day()));
        names.extend(stale);
        let update = self
            .client
            .update_item()
            .update_expression(format!(
                "ADD {}, #texts :texts SET expires_at = :expires_at, written_by = :mark{remove}",
                spent.join(", ")
            ))
            .condition_expression(conditions.join(" AND "))
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        let item = match self.update_if(Key::spending(account.day, account.shard), update).await? {
            Updated::Done(item) => item,
            // Our own write, whose answer was lost.
            Updated::Refused(Some(item)) if item.get("written_by") == Some(&mark) => item,
            Updated::Refused(_) => return Ok(Reserved::No),
        };
        let day = account.day.day();
        let country =
            Cohort { texts: amount(&item, &texts(account, day)), verified: amount(&item, &verified(account, day)) };
        Ok(Reserved::Yes { month: amount(&item, SPENT), country })
    }

    /// Gives the price of a text back.
    pub async fn give_price_back(&self, account: &Account, price: MicroUsd) -> Result<(), Error> {
        let mut names = money(account);
        let spent: Vec<_> = names.keys().map(|name| format!("{name} :back")).collect();
        names.insert("#texts".to_owned(), texts(account, account.day.day()));
        let update = self
            .client
            .update_item()
            .update_expression(format!("ADD {}, #texts :minus_one SET written_by = :mark", spent.join(", ")))
            .condition_expression(format!("#month >= :price AND {NOT_WRITTEN}"))
            .expression_attribute_values(":mark", text(Uuid::from_bytes(self.random.bytes()?)))
            .set_expression_attribute_names(Some(names))
            .expression_attribute_values(":back", number(-price))
            .expression_attribute_values(":price", number(price))
            .expression_attribute_values(":minus_one", number(-1));
        self.update_if(Key::spending(account.day, account.shard), update).await.map(drop)
    }

    /// Counts that the code of a text was verified.
    pub async fn count_verified_text(&self, account: &Account) -> Result<(), Error> {
        let day = account.day.day();
        let update = self
            .client
            .update_item()
            .update_expression("ADD #verified :one SET written_by = :mark")
            .condition_expression(format!("attribute_exists(#texts) AND {NOT_WRITTEN}"))
            .expression_attribute_names("#texts", texts(account, day))
            .expression_attribute_names("#verified", verified(account, day))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":mark", text(Uuid::from_bytes(self.random.bytes()?)));
        self.update_if(Key::spending(account.day, account.shard), update).await.map(drop)
    }
}

/// What was spent in the month.
const SPENT: &str = "spent";

/// The attributes that a text's price is booked in.
fn money(account: &Account) -> HashMap<String, String> {
    let mut names = HashMap::from([
        ("#month".to_owned(), SPENT.to_owned()),
        ("#day".to_owned(), format!("spent_on_{:02}", account.day.day())),
        ("#country".to_owned(), format!("spent_in_{}", account.country)),
    ]);
    if let Some(client_id) = &account.client_id {
        names.insert("#app".to_owned(), format!("spent_by_{client_id}"));
    }
    names
}

/// The attribute that counts the texts to a country on a day of the month.
fn texts(account: &Account, day: i8) -> String {
    format!("texts_{}_{day:02}", account.country)
}

/// The attribute that counts the verified codes among them.
fn verified(account: &Account, day: i8) -> String {
    format!("verified_{}_{day:02}", account.country)
}

/// The attributes that count the texts of days before, by placeholder.
fn stale_counts(account: &Account) -> HashMap<String, String> {
    let today = account.day.day();
    let days = (today - STALE_DAYS).max(1)..today;
    let both = days.flat_map(|day| {
        [(format!("#texts_{day}"), texts(account, day)), (format!("#verified_{day}"), verified(account, day))]
    });
    both.collect()
}

fn expires_at(account: &Account) -> i64 {
    let start = account.day.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()).unwrap_or_default();
    (start + seconds(KEPT_SECONDS)).as_second()
}
