//! The settings of the budget for texts.

use std::collections::BTreeMap;

use super::{Budget, Limits};
use crate::{
    base::{MicroUsd, Reader, list, usd},
    identifiers::phone,
};

/// The accepted form of an amount of money.
const AMOUNT: &str = "an amount in US dollars from 0 to 1000000, with up to 6 decimals, like 99.50";
/// The accepted form of amounts by country.
const AMOUNTS: &str = "countries and amounts in US dollars, like US=0.012,IN=0.05";
/// The accepted form of amounts by sender and country.
const SENDER_AMOUNTS: &str =
    "senders, countries and amounts in US dollars, like twilio:IN=0.083,webhook:IN=0.002";

impl Budget {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            month: reader.parsed("SMS_MONTHLY_BUDGET_USD", "100", AMOUNT, usd),
            day: reader.optional("SMS_DAILY_BUDGET_USD", AMOUNT, usd),
            countries: reader.list("SMS_COUNTRY_BUDGETS_USD", AMOUNTS, usd_by_country),
            countries_by_day: reader.list("SMS_COUNTRY_DAILY_BUDGETS_USD", AMOUNTS, usd_by_country),
            prefix: Limits {
                month: reader.optional("SMS_PREFIX_MONTHLY_BUDGET_USD", AMOUNT, usd),
                day: reader.optional("SMS_PREFIX_DAILY_BUDGET_USD", AMOUNT, usd),
            },
            prices: reader.list("SMS_PRICES_USD", AMOUNTS, usd_by_country),
            sender_prices: reader.list("TEXT_PRICES_USD", SENDER_AMOUNTS, usd_by_sender),
            reserved_percent: reader.number("SMS_BUDGET_RESERVED_PERCENT", 20, 0, 90),
            notices_day: reader.parsed("SMS_NOTICES_DAILY_BUDGET_USD", "5", AMOUNT, usd),
        }
    }
}

/// Parses amounts by sender and country.
fn usd_by_sender(text: &str) -> Option<BTreeMap<(String, String), MicroUsd>> {
    list(text)
        .map(|pair| {
            let (sender, (code, amount)) = pair
                .split_once(':')
                .and_then(|(sender, it)| Some((sender, it.split_once('=')?)))?;
            phone::country(code)?;
            let is_name = !sender.is_empty()
                && sender.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            is_name.then_some(())?;
            Some(((sender.to_owned(), code.to_owned()), usd(amount)?))
        })
        .collect()
}

/// Parses amounts by country.
fn usd_by_country(text: &str) -> Option<BTreeMap<String, MicroUsd>> {
    list(text)
        .map(|pair| {
            let (code, amount) = pair.split_once('=')?;
            phone::country(code)?;
            Some((code.to_owned(), usd(amount)?))
        })
        .collect()
}
