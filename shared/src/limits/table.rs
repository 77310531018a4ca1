//! Counters of messages and failures: by source, by block of numbers, by mail domain.
//!
//! A counter is one item for each window. Each message is one conditional write, which returns all
//! that the counter knows, so the signs of fraud cost no extra call.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CEILING, DAY, HOUR};
use crate::{
    base::Error,
    crypto::IdentifierHash,
    table::{Item, Key, NOT_WRITTEN, Store, Updated, WRITTEN_BY, amount, from_item, number, text},
};

/// The most numbers that a counter records, so that its item stays small.
const MAX_NUMBERS: i64 = 100;

/// The time that a counter covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The current hour.
    Hour,
    /// The current day (UTC).
    Day,
}

impl Window {
    /// The name of the window that `now` lies in, and when it ends, in epoch seconds.
    fn bucket(self, now: Timestamp) -> (String, i64) {
        let (prefix, seconds) = match self {
            Self::Hour => ("", HOUR),
            Self::Day => ("D", DAY),
        };
        let window = now.as_second().div_euclid(seconds);
        (format!("{prefix}{window}"), (window + 1) * seconds)
    }
}

/// The destination of a message, as far as a counter records it.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    /// Nothing to record: the message is not a text, or it is the same text again.
    Nothing,
    /// A text to a country.
    Country(String),
    /// A text to a number of the block.
    Number(i64),
}

impl Destination {
    /// The attribute that records it, and its value.
    fn noted(&self) -> Option<(&'static str, AttributeValue)> {
        match self {
            Self::Nothing => None,
            Self::Country(country) => {
                Some(("countries", AttributeValue::Ss(vec![country.clone()])))
            }
            Self::Number(number) => Some(("numbers", AttributeValue::Ns(vec![number.to_string()]))),
        }
    }
}

/// The counts of a counter.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Messages, less those that were given back.
    pub sends: i64,
    /// New texts.
    pub texts: i64,
    /// Codes of watched texts that were verified.
    pub verified: i64,
    /// The countries of texts.
    pub countries: BTreeSet<String>,
    /// The numbers of texts.
    pub numbers: BTreeSet<i64>,
}

impl Tally {
    /// Whether the destination is recorded, or the record is full.
    fn has(&self, destination: &Destination) -> bool {
        match destination {
            Destination::Nothing => true,
            Destination::Country(country) => self.countries.contains(country),
            Destination::Number(number) => {
                self.numbers.contains(number)
                    || i64::try_from(self.numbers.len()).is_ok_and(|count| count >= MAX_NUMBERS)
            }
        }
    }

    fn add(&mut self, destination: &Destination) {
        self.sends += 1;
        self.texts += i64::from(*destination != Destination::Nothing);
        match destination {
            Destination::Nothing => {}
            Destination::Country(country) => drop(self.countries.insert(country.clone())),
            Destination::Number(number) => drop(self.numbers.insert(*number)),
        }
    }
}

/// A message that a counter has counted.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The counter.
    pub counter: IdentifierHash,
    /// The window in which it was counted.
    bucket: String,
    /// The limit.
    max: u32,
    destination: Destination,
    /// Whether this message was the first to its destination.
    is_first_there: bool,
    /// The counter after this message.
    pub tally: Tally,
}

impl Counted {
    /// The note for the use of the message's code. A counter that was not half full gets
    /// nothing back, since that would cost every sign-in a write.
    pub fn note(&self, is_watched: bool) -> Option<CounterNote> {
        let is_half_full = self.tally.sends * 2 >= i64::from(self.max);
        (is_watched || is_half_full).then(|| CounterNote {
            counter: self.counter.clone(),
            bucket: self.bucket.clone(),
            is_watched,
            gives_back: is_half_full,
        })
    }
}

/// A counter that the use of a code changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterNote {
    #[serde(rename = "c")]
    counter: IdentifierHash,
    #[serde(rename = "b")]
    bucket: String,
    /// Whether the code counts as verified.
    #[serde(rename = "w", default, skip_serializing_if = "std::ops::Not::not")]
    is_watched: bool,
    /// Whether the message is given back.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    gives_back: bool,
}

impl Store {
    /// Counts a message or a failure in the current window, and records its `destination`.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if there were `max` already, or [`CEILING`] times as many with
    /// those that were given back.
    pub async fn count_send(
        &self,
        counter: &IdentifierHash,
        window: Window,
        destination: Destination,
        max: u32,
        now: Timestamp,
    ) -> Result<Counted, Error> {
        let (bucket, ends_at) = window.bucket(now);
        let mut noted = destination.noted();
        loop {
            let mark = self.mark()?;
            let update = self.count(noted.as_ref(), &destination, max, ends_at);
            let key = Key::counter(counter, &bucket);
            match self.update_once_from(key, update, (WRITTEN_BY, mark)).await? {
                Updated::Done(item) => {
                    // If the response to our own write was lost, this is the item after it.
                    let is_counted = item.get(WRITTEN_BY) == Some(&text(mark));
                    let mut tally: Tally = from_item(item)?;
                    let is_first_there = !is_counted && !tally.has(&destination);
                    if !is_counted {
                        tally.add(&destination);
                    }
                    return Ok(Counted {
                        counter: counter.clone(),
                        bucket,
                        max,
                        destination,
                        is_first_there,
                        tally,
                    });
                }
                // The record of numbers is full, but the counter is not.
                Updated::Refused(Some(item)) if noted.is_some() && has_room(&item, max) => {
                    noted = None;
                }
                Updated::Refused(_) => {
                    return Err(Error::SmsLimitReached { retry_after: ends_at - now.as_second() });
                }
            }
        }
    }

    /// The write that counts a message.
    fn count(
        &self,
        noted: Option<&(&'static str, AttributeValue)>,
        destination: &Destination,
        max: u32,
        ends_at: i64,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        let texts = if *destination == Destination::Nothing { "" } else { ", texts :one" };
        let (add, room) = match noted {
            None => (String::new(), ""),
            Some((attribute @ "numbers", _)) => (
                format!(", {attribute} :noted"),
                " AND (attribute_not_exists(numbers) OR size(numbers) < :most)",
            ),
            Some((attribute, _)) => (format!(", {attribute} :noted"), ""),
        };

        let mut update = self
            .client
            .update_item()
            .update_expression(format!(
                "ADD sends :one, all_sends :one{texts}{add} SET expires_at = :ends, written_by = :mark"
            ))
            .condition_expression(format!(
                "(attribute_not_exists(sends) OR (sends < :max AND all_sends < :ceiling)) \
                 AND {NOT_WRITTEN}{room}"
            ))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":ends", number(ends_at))
            .expression_attribute_values(":max", number(max.into()))
            .expression_attribute_values(":ceiling", number(ceiling(max)));
        if let Some((attribute, value)) = noted {
            update = update.expression_attribute_values(":noted", value.clone());
            if *attribute == "numbers" {
                update = update.expression_attribute_values(":most", number(MAX_NUMBERS));
            }
        }
        update
    }

    /// How many messages or failures are counted in the current window.
    pub async fn counted(
        &self,
        counter: &IdentifierHash,
        window: Window,
        now: Timestamp,
    ) -> Result<i64, Error> {
        let tally: Option<Tally> = self.get(Key::counter(counter, &window.bucket(now).0)).await?;
        Ok(tally.map_or(0, |tally| tally.sends))
    }

    /// As [`Self::counted`], for half the price and perhaps without the last second: a hint.
    pub async fn counted_lately(
        &self,
        counter: &IdentifierHash,
        window: Window,
        now: Timestamp,
    ) -> Result<i64, Error> {
        let key = Key::counter(counter, &window.bucket(now).0);
        let tally: Option<Tally> = self.get_lately(key).await?;
        Ok(tally.map_or(0, |tally| tally.sends))
    }

    /// Refunds a message that was counted and not sent, with all that was recorded of it.
    pub async fn release_send(&self, counted: &Counted) -> Result<(), Error> {
        let is_text = counted.destination != Destination::Nothing;
        let texts = if is_text { ", texts :minus_one" } else { "" };
        let noted = counted.destination.noted().filter(|_| counted.is_first_there);
        let delete =
            noted.as_ref().map_or(String::new(), |(name, _)| format!(" DELETE {name} :noted"));

        let mut update = self
            .client
            .update_item()
            .update_expression(format!(
                "ADD sends :minus_one, all_sends :minus_one{texts} SET written_by = :mark{delete}"
            ))
            .condition_expression(format!("sends > :zero AND {NOT_WRITTEN}"))
            .expression_attribute_values(":minus_one", number(-1))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":mark", text(self.mark()?));
        if let Some((_, value)) = noted {
            update = update.expression_attribute_values(":noted", value);
        }
        self.refund(Key::counter(&counted.counter, &counted.bucket), update).await
    }

    /// Counts the use of a code whose message was counted before.
    pub async fn count_used(&self, note: &CounterNote) -> Result<(), Error> {
        let changes = [
            note.is_watched.then_some("verified :one"),
            note.gives_back.then_some("sends :minus_one"),
        ];
        let changes: Vec<_> = changes.into_iter().flatten().collect();
        let mut update = self
            .client
            .update_item()
            .update_expression(format!("ADD {} SET written_by = :mark", changes.join(", ")))
            .condition_expression(format!("sends > :zero AND {NOT_WRITTEN}"))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":mark", text(self.mark()?));
        if note.is_watched {
            update = update.expression_attribute_values(":one", number(1));
        }
        if note.gives_back {
            update = update.expression_attribute_values(":minus_one", number(-1));
        }
        self.refund(Key::counter(&note.counter, &note.bucket), update).await
    }
}

/// The number of messages that nothing gives back.
fn ceiling(max: u32) -> i64 {
    i64::from(max) * i64::from(CEILING)
}

fn has_room(item: &Item, max: u32) -> bool {
    amount(item, "sends") < i64::from(max) && amount(item, "all_sends") < ceiling(max)
}
