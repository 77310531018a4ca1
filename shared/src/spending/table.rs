//! The amounts spent on texts. A month is spread over partitions, each with its share of the budgets.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::civil::Date;

use super::{Account, Limits, Payer, Share, UsedUp};
use crate::{
    base::{Error, MicroUsd, seconds},
    limits::Cohort,
    table::{Item, Key, NOT_WRITTEN, Store, Updated, WRITTEN_BY, amount, number, text},
};

/// How long the spending of a month is kept, in seconds.
const KEPT_SECONDS: i64 = 400 * 24 * 3600;
/// A country's texts are counted for each day. The next text removes the counts of this many
/// previous days.
const STALE_DAYS: i8 = 3;

/// The outcome of reserving a price.
#[derive(Debug)]
pub enum Reserved {
    /// It is reserved.
    Yes {
        /// The total reserved in this month and partition, including it.
        month: MicroUsd,
        /// The texts of this day to the country, in this partition.
        country: Cohort,
    },
    /// A budget has no room for it.
    No(UsedUp),
}

impl Store {
    /// Reserves the price of `text_count` texts and counts them, unless a share has no room for
    /// them.
    pub async fn reserve_price(
        &self,
        account: &Account,
        price: MicroUsd,
        text_count: i64,
        share: &Share,
    ) -> Result<Reserved, Error> {
        let price = price * text_count;
        let limits = [
            ("#month", Some(share.month)),
            ("#day", share.day),
            ("#country", share.country),
            ("#app", share.app),
        ];
        let mut names = price_attributes(account);
        let (condition, mut values) = match room_for(&limits, price) {
            Ok(room) => room,
            Err(used_up) => return Ok(Reserved::No(used_up)),
        };
        values.extend([
            (":price".to_owned(), number(price)),
            (":texts".to_owned(), number(text_count)),
            (":expires_at".to_owned(), number(expires_at(account.day))),
        ]);

        let spent: Vec<_> = names.keys().map(|name| format!("{name} :price")).collect();
        let stale = stale_counts(account);
        let remove: Vec<_> = stale.keys().map(String::as_str).collect();
        let remove = if remove.is_empty() {
            String::new()
        } else {
            format!(" REMOVE {}", remove.join(", "))
        };
        names.insert("#texts".to_owned(), texts(account, account.day.day()));
        names.extend(stale);

        let update = self
            .client
            .update_item()
            .update_expression(format!(
                "ADD {}, #texts :texts SET expires_at = :expires_at, written_by = :mark{remove}",
                spent.join(", ")
            ))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        let key = Key::spending(account.day, account.shard);
        let item = match self.update_once(key, update, (WRITTEN_BY, self.mark()?)).await? {
            Updated::Done(item) => item,
            Updated::Refused(item) => {
                return Ok(Reserved::No(used_up(
                    &limits,
                    &price_attributes(account),
                    item.as_ref(),
                    price,
                )));
            }
        };

        let day = account.day.day();
        let country = Cohort {
            texts: amount(&item, &texts(account, day)),
            verified: amount(&item, &verified(account, day)),
        };
        Ok(Reserved::Yes { month: amount(&item, SPENT), country })
    }

    /// Refunds the price of a text.
    pub async fn give_price_back(&self, account: &Account, price: MicroUsd) -> Result<(), Error> {
        let mut names = price_attributes(account);
        let spent: Vec<_> = names.keys().map(|name| format!("{name} :back")).collect();
        names.insert("#texts".to_owned(), texts(account, account.day.day()));

        let update = self
            .client
            .update_item()
            .update_expression(format!(
                "ADD {}, #texts :minus_one SET written_by = :mark",
                spent.join(", ")
            ))
            .condition_expression(format!("#month >= :price AND {NOT_WRITTEN}"))
            .expression_attribute_values(":mark", text(self.mark()?))
            .set_expression_attribute_names(Some(names))
            .expression_attribute_values(":back", number(-price))
            .expression_attribute_values(":price", number(price))
            .expression_attribute_values(":minus_one", number(-1));

        self.refund(Key::spending(account.day, account.shard), update).await
    }

    /// Reserves the price of a text in a payer's own item. Returns the budget that is used up, if
    /// it has no room for the price.
    pub async fn reserve_own_price(
        &self,
        payer: &Payer,
        limits: Limits,
        day: Date,
        price: MicroUsd,
    ) -> Result<Option<UsedUp>, Error> {
        let limits = [("#month", limits.month), ("#day", limits.day)];
        let (condition, mut values) = match room_for(&limits, price) {
            Ok(room) => room,
            Err(used_up) => return Ok(Some(used_up)),
        };
        values.extend([
            (":price".to_owned(), number(price)),
            (":expires_at".to_owned(), number(expires_at(day))),
        ]);

        let update = self
            .client
            .update_item()
            .update_expression(
                "ADD #month :price, #day :price SET expires_at = :expires_at, written_by = :mark",
            )
            .condition_expression(condition)
            .set_expression_attribute_names(Some(payer_attributes(day)))
            .set_expression_attribute_values(Some(values));

        let key = Key::payer_spending(day, &payer.key_part());
        Ok(match self.update_once(key, update, (WRITTEN_BY, self.mark()?)).await? {
            Updated::Done(_) => None,
            Updated::Refused(item) => {
                Some(used_up(&limits, &payer_attributes(day), item.as_ref(), price))
            }
        })
    }

    /// Refunds what [`Self::reserve_own_price`] reserved.
    pub async fn give_own_price_back(
        &self,
        payer: &Payer,
        day: Date,
        price: MicroUsd,
    ) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("ADD #month :back, #day :back SET written_by = :mark")
            .condition_expression(format!("#month >= :price AND {NOT_WRITTEN}"))
            .set_expression_attribute_names(Some(payer_attributes(day)))
            .expression_attribute_values(":mark", text(self.mark()?))
            .expression_attribute_values(":back", number(-price))
            .expression_attribute_values(":price", number(price));
        self.refund(Key::payer_spending(day, &payer.key_part()), update).await
    }

    /// Counts a verified code of a text.
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
            .expression_attribute_values(":mark", text(self.mark()?));
        self.update_if(Key::spending(account.day, account.shard), update).await.map(drop)
    }
}

/// The attribute with what was spent in the month.
const SPENT: &str = "spent";

/// The condition that every attribute with a limit has room for a price, and the values in it.
///
/// # Errors
/// The budget whose limit has no room for the price even if nothing is spent.
fn room_for(
    limits: &[(&str, Option<MicroUsd>)],
    price: MicroUsd,
) -> Result<(String, HashMap<String, AttributeValue>), UsedUp> {
    let mut conditions = vec![NOT_WRITTEN.to_owned()];
    let mut values = HashMap::new();
    for (name, limit) in limits {
        let Some(limit) = limit else { continue };
        if price > *limit {
            return Err(window(name));
        }
        let room = name.replace('#', ":");
        conditions.push(format!("(attribute_not_exists({name}) OR {name} <= {room})"));
        values.insert(room, number(limit - price));
    }
    Ok((conditions.join(" AND "), values))
}

/// Which of the limits refused a price, according to the current item. A month has precedence over
/// a day.
fn used_up(
    limits: &[(&str, Option<MicroUsd>)],
    names: &HashMap<String, String>,
    item: Option<&Item>,
    price: MicroUsd,
) -> UsedUp {
    let is_used_up = |(name, limit): &&(&str, Option<MicroUsd>)| {
        let spent =
            item.zip(names.get(*name)).map_or(0, |(item, attribute)| amount(item, attribute));
        limit.is_some_and(|limit| spent + price > limit)
    };
    let months = limits.iter().filter(is_used_up).any(|(name, _)| window(name) == UsedUp::Month);
    if months { UsedUp::Month } else { UsedUp::Day }
}

/// The period of a limit: `#day` is of a day, all others are of a month.
fn window(name: &str) -> UsedUp {
    if name == "#day" { UsedUp::Day } else { UsedUp::Month }
}

/// The attributes in which one payer's prices are booked.
fn payer_attributes(day: Date) -> HashMap<String, String> {
    HashMap::from([
        ("#month".to_owned(), "paid".to_owned()),
        ("#day".to_owned(), format!("paid_on_{:02}", day.day())),
    ])
}

/// The attributes in which a text's price is booked.
fn price_attributes(account: &Account) -> HashMap<String, String> {
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

/// The attributes with the counts of previous days, by placeholder.
fn stale_counts(account: &Account) -> HashMap<String, String> {
    let today = account.day.day();
    let days = (today - STALE_DAYS).max(1)..today;
    let both = days.flat_map(|day| {
        [
            (format!("#texts_{day}"), texts(account, day)),
            (format!("#verified_{day}"), verified(account, day)),
        ]
    });
    both.collect()
}

/// When the item expires if `day` is its last day with a text (epoch seconds).
fn expires_at(day: Date) -> i64 {
    let start =
        day.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()).unwrap_or_default();
    (start + seconds(KEPT_SECONDS)).as_second()
}
