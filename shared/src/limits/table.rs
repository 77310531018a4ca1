//! Counts of messages by source address and by prefix of numbers.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Deserialize;

use crate::{
    base::Error,
    crypto::IdentifierHash,
    table::{Key, NOT_WRITTEN, Store, Updated, WRITTEN_BY, amount, from_item, number, text},
};

const HOUR_SECONDS: i64 = 3_600;
/// The placeholder for [`MAX_NUMBERS`] in expressions.
const MAX_PLACEHOLDER: &str = ":most_numbers";

/// The most numbers that a counter records, so that its item stays small.
const MAX_NUMBERS: i64 = 100;

/// The destination of a message, as far as a counter records it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Destination<'a> {
    /// Nothing to record: the message is not a text, or it is the same text again.
    Nothing,
    /// A text to a country.
    Country(&'a str),
    /// A text to a number with the prefix.
    Number(i64),
    /// A text to a number beyond those that are recorded.
    OneMore,
}

/// The counts of a counter in an hour.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// New texts, sent or not.
    pub texts: i64,
    /// Codes of watched texts that were verified.
    pub verified: i64,
    /// The countries of texts.
    pub countries: BTreeSet<String>,
    /// The numbers of texts.
    pub numbers: BTreeSet<i64>,
}

impl Store {
    /// Counts a message in the current hour, for a source address or a prefix of numbers, and
    /// records its `destination`. Returns all counts of the hour.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if there were `max` messages already.
    pub async fn count_send(
        &self,
        counter: &IdentifierHash,
        destination: Destination<'_>,
        max: u32,
        now: Timestamp,
    ) -> Result<Tally, Error> {
        let hour = now.as_second().div_euclid(HOUR_SECONDS);
        let hour_end = (hour + 1) * HOUR_SECONDS;

        let (add, value) = match destination {
            Destination::Nothing => ("", None),
            Destination::OneMore => (", texts :one", None),
            Destination::Country(country) => (
                ", texts :one, countries :noted",
                Some(AttributeValue::Ss(vec![country.to_owned()])),
            ),
            Destination::Number(number) => {
                (", texts :one, numbers :noted", Some(AttributeValue::Ns(vec![number.to_string()])))
            }
        };
        let has_room = match destination {
            Destination::Number(_) => {
                format!(" AND (attribute_not_exists(numbers) OR size(numbers) < {MAX_PLACEHOLDER})")
            }
            _ => String::new(),
        };

        let mut update = self
            .client
            .update_item()
            .update_expression(format!(
                "ADD sends :one{add} SET expires_at = :hour_end, written_by = :mark"
            ))
            .condition_expression(format!(
                "(attribute_not_exists(sends) OR sends < :max) AND {NOT_WRITTEN}{has_room}"
            ))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":hour_end", number(hour_end))
            .expression_attribute_values(":max", number(max.into()));
        if let Some(value) = value {
            update = update.expression_attribute_values(":noted", value);
        }
        if matches!(destination, Destination::Number(_)) {
            update = update.expression_attribute_values(MAX_PLACEHOLDER, number(MAX_NUMBERS));
        }

        match self
            .update_once(Key::sends(counter, hour), update, (WRITTEN_BY, self.mark()?))
            .await?
        {
            Updated::Done(item) => from_item(item),
            Updated::Refused(Some(item))
                if matches!(destination, Destination::Number(_))
                    && amount(&item, "sends") < i64::from(max) =>
            {
                Box::pin(self.count_send(counter, Destination::OneMore, max, now)).await
            }
            Updated::Refused(_) => {
                Err(Error::SmsLimitReached { retry_after: hour_end - now.as_second() })
            }
        }
    }

    /// Counts a verified code. [`Self::count_send`] counted its message at `counted_at`.
    pub async fn count_verified(
        &self,
        counter: &IdentifierHash,
        counted_at: Timestamp,
    ) -> Result<(), Error> {
        let hour = counted_at.as_second().div_euclid(HOUR_SECONDS);
        let update = self
            .client
            .update_item()
            .update_expression("ADD verified :one SET written_by = :mark")
            .condition_expression(format!("attribute_exists(sends) AND {NOT_WRITTEN}"))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":mark", text(self.mark()?));
        self.update_if(Key::sends(counter, hour), update).await.map(drop)
    }

    /// Refunds one message that [`Self::count_send`] counted at `counted_at`.
    pub async fn release_send(
        &self,
        address: &IdentifierHash,
        counted_at: Timestamp,
    ) -> Result<(), Error> {
        let hour = counted_at.as_second().div_euclid(HOUR_SECONDS);
        let update = self
            .client
            .update_item()
            .update_expression("ADD sends :minus_one SET written_by = :mark")
            .condition_expression(format!("sends > :zero AND {NOT_WRITTEN}"))
            .expression_attribute_values(":minus_one", number(-1))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":mark", text(self.mark()?));
        self.refund(Key::sends(address, hour), update).await
    }
}
