//! What was spent on texts: a month is spread over some partitions, each with its share of the budgets.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::civil::Date;
use uuid::Uuid;

use super::{NOT_WRITTEN, Store, Updated, amount, keys::Key, number, text};
use crate::{
    clock::seconds,
    error::Error,
    fraud::Cohort,
    hash_keys::IdentifierHash,
    spending::{Account, MicroUsd, Share, SpendingLimits},
};

/// How long the accounts of a month are kept.
const KEPT_SECONDS: i64 = 400 * 24 * 3600;
/// Some attributes are of a day; those of so many days before are taken out with the next text.
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
        let limits = [
            ("#month", Some(share.month)),
            ("#day", share.day),
            ("#country", share.country.month),
            ("#country_day", share.country.day),
            ("#app", share.app.month),
            ("#app_day", share.app.day),
        ];
        let Some((conditions, mut values)) = room(&limits, price) else { return Ok(Reserved::No) };
        let mark = text(Uuid::from_bytes(self.random.bytes()?));
        values.extend([
            (":price".to_owned(), number(price)),
            (":texts".to_owned(), number(texts_ahead)),
            (":mark".to_owned(), mark.clone()),
            (":expires_at".to_owned(), number(expires_at(account.day))),
        ]);
        let mut names = money(account, share);
        let spent: Vec<_> = names.keys().map(|name| format!("{name} :price")).collect();
        let stale = stale_days(account, share);
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
            .condition_expression(conditions)
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
    pub async fn give_price_back(&self, account: &Account, price: MicroUsd, share: &Share) -> Result<(), Error> {
        let mut names = money(account, share);
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

    /// Puts the price of a text aside for the numbers that begin as its own; `false` where their limits have no room
    /// for it.
    pub async fn reserve_prefix_price(
        &self,
        prefix: &IdentifierHash,
        day: Date,
        price: MicroUsd,
        limits: SpendingLimits,
    ) -> Result<bool, Error> {
        let Some((conditions, mut values)) = room(&[("#month", limits.month), ("#day", limits.day)], price) else {
            return Ok(false);
        };
        let mark = text(Uuid::from_bytes(self.random.bytes()?));
        values.extend([
            (":price".to_owned(), number(price)),
            (":mark".to_owned(), mark.clone()),
            (":expires_at".to_owned(), number(expires_at(day))),
        ]);
        let update = self
            .client
            .update_item()
            .update_expression("ADD #month :price, #day :price SET expires_at = :expires_at, written_by = :mark")
            .condition_expression(conditions)
            .expression_attribute_names("#month", SPENT)
            .expression_attribute_names("#day", spent_on(day))
            .set_expression_attribute_values(Some(values));
        Ok(match self.update_if(Key::prefix_spending(prefix, day), update).await? {
            Updated::Done(_) => true,
            // Our own write, whose answer was lost.
            Updated::Refused(item) => item.is_some_and(|item| item.get("written_by") == Some(&mark)),
        })
    }

    /// Gives back what [`Self::reserve_prefix_price`] put aside.
    pub async fn give_prefix_price_back(
        &self,
        prefix: &IdentifierHash,
        day: Date,
        price: MicroUsd,
    ) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("ADD #month :back, #day :back SET written_by = :mark")
            .condition_expression(format!("#month >= :price AND {NOT_WRITTEN}"))
            .expression_attribute_names("#month", SPENT)
            .expression_attribute_names("#day", spent_on(day))
            .expression_attribute_values(":mark", text(Uuid::from_bytes(self.random.bytes()?)))
            .expression_attribute_values(":back", number(-price))
            .expression_attribute_values(":price", number(price));
        self.update_if(Key::prefix_spending(prefix, day), update).await.map(drop)
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

fn spent_on(day: Date) -> String {
    format!("spent_on_{:02}", day.day())
}

/// The condition that each of these attributes has room for a price, and its values; nothing where one never has.
fn room(limits: &[(&str, Option<MicroUsd>)], price: MicroUsd) -> Option<(String, HashMap<String, AttributeValue>)> {
    let mut conditions = vec![NOT_WRITTEN.to_owned()];
    let mut values = HashMap::new();
    for (name, limit) in limits.iter().filter_map(|(name, limit)| limit.map(|limit| (name, limit))) {
        if price > limit {
            return None;
        }
        let room = name.replace('#', ":");
        conditions.push(format!("(attribute_not_exists({name}) OR {name} <= {room})"));
        values.insert(room, number(limit - price));
    }
    Some((conditions.join(" AND "), values))
}

/// The attributes that a text's price is booked in, by placeholder. Days of a country and an app are of interest where
/// they have a limit alone: an item of more than 1 KB costs twice as much to write.
fn money(account: &Account, share: &Share) -> HashMap<String, String> {
    let day = account.day.day();
    let mut names = HashMap::from([
        ("#month".to_owned(), SPENT.to_owned()),
        ("#day".to_owned(), spent_on(account.day)),
        ("#country".to_owned(), format!("spent_in_{}", account.country)),
    ]);
    if let Some(client_id) = &account.client_id {
        names.insert("#app".to_owned(), format!("spent_by_{client_id}"));
    }
    names.extend(country_day(account, share, day).map(|name| ("#country_day".to_owned(), name)));
    names.extend(app_day(account, share, day).map(|name| ("#app_day".to_owned(), name)));
    names
}

fn country_day(account: &Account, share: &Share, day: i8) -> Option<String> {
    share.country.day.map(|_| format!("spent_in_{}_on_{day:02}", account.country))
}

fn app_day(account: &Account, share: &Share, day: i8) -> Option<String> {
    share.app.day.and(account.client_id.as_ref()).map(|client_id| format!("spent_by_{client_id}_on_{day:02}"))
}

/// The attribute that counts the texts to a country on a day of the month.
fn texts(account: &Account, day: i8) -> String {
    format!("texts_{}_{day:02}", account.country)
}

/// The attribute that counts the verified codes among them.
fn verified(account: &Account, day: i8) -> String {
    format!("verified_{}_{day:02}", account.country)
}

/// The attributes of days before that are of no interest any more, by placeholder.
fn stale_days(account: &Account, share: &Share) -> HashMap<String, String> {
    let today = account.day.day();
    let of_day = |day: i8| {
        [
            Some(texts(account, day)),
            Some(verified(account, day)),
            country_day(account, share, day),
            app_day(account, share, day),
        ]
    };
    let names = ((today - STALE_DAYS).max(1)..today).flat_map(of_day).flatten();
    names.enumerate().map(|(index, name)| (format!("#stale_{index}"), name)).collect()
}

fn expires_at(day: Date) -> i64 {
    let start = day.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()).unwrap_or_default();
    (start + seconds(KEPT_SECONDS)).as_second()
}
