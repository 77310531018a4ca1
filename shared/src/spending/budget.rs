//! Budgets for texts, and their prices.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    base::{MicroUsd, USD},
    crypto::{IdentifierHash, sha256},
};

/// The most partitions that a budget is spread over, so that no counter is a hot key.
const MAX_SHARDS: i64 = 16;

/// The price of a segment of a text, by country: rounded-up list prices of Amazon SNS for
/// transactional texts including carrier fees, as of 2025. `SMS_PRICES_USD` overrides them.
/// <https://aws.amazon.com/sns/sms-pricing/>
const PRICES: [(&str, MicroUsd); 33] = [
    ("AE", 110_000),
    ("AR", 75_000),
    ("AT", 100_000),
    ("AU", 50_000),
    ("BD", 320_000),
    ("BE", 100_000),
    ("BR", 35_000),
    ("CA", 12_000),
    ("CH", 70_000),
    ("CL", 60_000),
    ("CO", 45_000),
    ("DE", 100_000),
    ("DK", 60_000),
    ("EG", 250_000),
    ("ES", 80_000),
    ("FR", 80_000),
    ("GB", 50_000),
    ("ID", 400_000),
    ("IE", 80_000),
    ("IN", 50_000),
    ("IT", 90_000),
    ("JP", 80_000),
    ("KE", 200_000),
    ("MX", 50_000),
    ("NG", 330_000),
    ("NL", 110_000),
    ("PH", 200_000),
    ("PK", 330_000),
    ("PL", 50_000),
    ("SE", 70_000),
    ("SG", 60_000),
    ("US", 12_000),
    ("ZA", 40_000),
];
/// The price of a segment in a country that is not listed: the highest listed price.
const HIGHEST_PRICE: MicroUsd = 400_000;
/// The end of the name under which the price of a sender's calls is set.
const CALLS: &str = "_voice";

/// The budgets of the deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// `SMS_MONTHLY_BUDGET_USD`: in a month (UTC).
    pub month: MicroUsd,
    /// `SMS_DAILY_BUDGET_USD`: in a day (UTC).
    pub day: Option<MicroUsd>,
    /// `SMS_COUNTRY_BUDGETS_USD`: in a month, by country.
    pub countries: BTreeMap<String, MicroUsd>,
    /// `SMS_COUNTRY_DAILY_BUDGETS_USD`: in a day, by country.
    pub countries_by_day: BTreeMap<String, MicroUsd>,
    /// `SMS_PREFIX_MONTHLY_BUDGET_USD` and `SMS_PREFIX_DAILY_BUDGET_USD`: for numbers with the same
    /// prefix.
    pub prefix: Limits,
    /// `SMS_PRICES_USD`: the price of a segment, by country.
    pub prices: BTreeMap<String, MicroUsd>,
    /// `TEXT_PRICES_USD`: the price of a segment, by sender and country.
    pub sender_prices: BTreeMap<(String, String), MicroUsd>,
    /// `SMS_BUDGET_RESERVED_PERCENT`: the share of each budget that is kept for known devices.
    pub reserved_percent: u32,
    /// `SMS_NOTICES_DAILY_BUDGET_USD`: for texts about changes of accounts, in a day (UTC).
    pub notices_day: MicroUsd,
}

/// Which budget pays for a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fund {
    /// The part of the budgets that strangers may use.
    Strangers,
    /// All of the budgets: the asker has signed in on this device before.
    KnownDevices,
    /// The budget of texts about changes of accounts.
    Notices,
}

/// The most that may be spent. `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// In a month (UTC).
    pub month: Option<MicroUsd>,
    /// In a day (UTC).
    pub day: Option<MicroUsd>,
}

/// The budget of an app for texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppBudget {
    /// The app.
    pub client_id: String,
    /// In a month (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<MicroUsd>,
    /// In a day (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<MicroUsd>,
}

/// A payer: a country, an app or a prefix that has its own limits. Its spending is counted in one
/// item, exact to the text, because the budget of a day is too small to be spread over partitions.
/// One item can count some thousand texts a second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payer {
    /// The texts to a country.
    Country(String),
    /// The texts of an app.
    App(String),
    /// The texts to numbers with the same prefix.
    Prefix(IdentifierHash),
    /// The texts about changes of accounts.
    Notices,
}

impl Payer {
    /// The part of its item's key that names the payer.
    pub(super) fn key_part(&self) -> String {
        match self {
            Self::Country(country) => format!("COUNTRY#{country}"),
            Self::App(client_id) => format!("APP#{client_id}"),
            Self::Prefix(hash) => format!("PREFIX#{}", hash.as_str()),
            Self::Notices => "NOTICES".to_owned(),
        }
    }
}

/// The period for which a budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedUp {
    /// The day (UTC).
    Day,
    /// The month (UTC).
    Month,
}

impl UsedUp {
    /// When the next period begins.
    pub(super) fn until(self, now: Timestamp) -> Timestamp {
        let today = now.to_zoned(TimeZone::UTC).date();
        let next = match self {
            Self::Day => today.tomorrow(),
            Self::Month => today.last_of_month().tomorrow(),
        };
        next.and_then(|date| date.to_zoned(TimeZone::UTC)).map_or(now, |zoned| zoned.timestamp())
    }
}

/// One partition's share of the budgets that apply to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// In a month.
    pub month: MicroUsd,
    /// In a day.
    pub day: Option<MicroUsd>,
    /// In a month, in this country.
    pub country: Option<MicroUsd>,
    /// In a month, for this app.
    pub app: Option<MicroUsd>,
}

impl Share {
    /// The part of the share that a fund may use.
    pub(super) fn of(self, part: impl Fn(MicroUsd) -> MicroUsd) -> Self {
        Self {
            month: part(self.month),
            day: self.day.map(&part),
            country: self.country.map(&part),
            app: self.app.map(&part),
        }
    }

    /// The smallest of the shares.
    pub(super) fn least(&self) -> MicroUsd {
        [Some(self.month), self.day, self.country, self.app]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_default()
    }
}

impl Budget {
    /// The price of a text to a country, by the dearest of the `senders` that may get it, each with
    /// its number of segments. A call whose price is not set counts with the highest price.
    pub fn price(&self, senders: &[(&str, usize)], country: &str) -> MicroUsd {
        let listed =
            || PRICES.iter().find(|(listed, _)| *listed == country).map(|(_, price)| *price);
        let usual = || self.prices.get(country).copied().or_else(listed).unwrap_or(HIGHEST_PRICE);
        let of = |(sender, segments): &(&str, usize)| {
            let own = self.sender_prices.get(&((*sender).to_owned(), country.to_owned())).copied();
            let price = match sender.ends_with(CALLS) {
                true => own.unwrap_or(HIGHEST_PRICE),
                false => own.unwrap_or_else(usual),
            };
            price.saturating_mul(i64::try_from(*segments).unwrap_or(i64::MAX))
        };
        senders.iter().map(of).max().unwrap_or_else(usual)
    }

    /// The part of a budget that a fund may use. A part of each is kept for known devices, so that
    /// people who have signed in before still can on the day of an attack.
    pub(super) fn part(&self, fund: Fund, budget: MicroUsd) -> MicroUsd {
        match fund {
            Fund::Strangers => {
                budget / 100 * (100 - i64::from(self.reserved_percent.min(100)))
                    + budget % 100 * (100 - i64::from(self.reserved_percent.min(100))) / 100
            }
            Fund::KnownDevices | Fund::Notices => budget,
        }
    }

    /// How many partitions the budget of the deployment is spread over.
    pub(super) fn shards(&self) -> i64 {
        let whole = self.day.map_or(self.month, |day| day.min(self.month));
        (whole / USD).clamp(1, MAX_SHARDS)
    }

    /// The first partition of an app's budget, so that small budgets do not all lie in partition 0.
    /// If countries have budgets, all start at 0, since a text must find the budgets of its app and
    /// of its country in the same partition.
    pub(super) fn first_shard(&self, client_id: Option<&str>) -> i64 {
        let digest =
            client_id.filter(|_| self.countries.is_empty()).map(|id| sha256(id.as_bytes()));
        digest
            .and_then(|digest| digest.first().copied())
            .map_or(0, |byte| i64::from(byte) % self.shards())
    }

    /// How many partitions, from the first on, have a share for such a text, and the share. A share
    /// is at least a dollar, so that a small budget is not split into parts too small for a text.
    /// The budget of a country or an app therefore lies in fewer partitions than the budget of the
    /// deployment. Spending of others in those partitions counts against the deployment's share all
    /// the same.
    pub(super) fn shares(&self, country: &str, app: Option<MicroUsd>) -> (i64, Share) {
        let of_country = self.countries.get(country).copied();
        let partitions = |budget: MicroUsd, most: i64| (budget / USD).clamp(1, most);
        let all = self.shards();
        let part = |budget: MicroUsd| budget / partitions(budget, all);

        let reached =
            [of_country, app].into_iter().flatten().map(|budget| partitions(budget, all)).min();
        let (month, day) = (self.month / all, self.day.map(|day| day / all));
        (
            reached.unwrap_or(all),
            Share { month, day, country: of_country.map(part), app: app.map(part) },
        )
    }

    /// The payers of a text, each with its own limits, in addition to the shares.
    pub(super) fn payers(
        &self,
        fund: Fund,
        country: &str,
        prefix: Option<&IdentifierHash>,
        app: Option<&AppBudget>,
    ) -> Vec<(Payer, Limits)> {
        let day = |day: MicroUsd| Limits { month: None, day: Some(day) };
        if fund == Fund::Notices {
            return vec![(Payer::Notices, day(self.notices_day))];
        }

        let of_country = self
            .countries_by_day
            .get(country)
            .map(|it| (Payer::Country(country.to_owned()), day(*it)));
        let of_app = app.and_then(|app| Some((Payer::App(app.client_id.clone()), day(app.day?))));
        let of_prefix = prefix.filter(|_| self.prefix != Limits::default());
        let of_prefix = of_prefix.map(|prefix| (Payer::Prefix(prefix.clone()), self.prefix));
        let part = |budget: Option<MicroUsd>| budget.map(|budget| self.part(fund, budget));
        let payers = [of_country, of_app, of_prefix].into_iter().flatten();
        payers
            .map(|(payer, it)| (payer, Limits { month: part(it.month), day: part(it.day) }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_a_budget_are_never_more_than_the_budget() {
        for month in [0, 1, USD / 2, USD, 7 * USD + 3, 16 * USD, 100 * USD, 1_000_000 * USD] {
            for day in [None, Some(USD / 3), Some(5 * USD)] {
                let countries = BTreeMap::from([("IN".to_owned(), 3 * USD)]);
                let budget = Budget { month, day, countries, ..Budget::default() };
                let (all, _) = budget.shares("US", None);
                for (country, app) in
                    [("US", None), ("IN", None), ("US", Some(5 * USD)), ("IN", Some(5 * USD))]
                {
                    let (shards, share) = budget.shares(country, app);
                    assert!((1..=all).contains(&shards));
                    // All spending is in the same partitions.
                    assert!(all * share.month <= month);
                    assert!(day.is_none_or(|day| all * share.day.unwrap() <= day));
                    let (of_country, _) = budget.shares(country, None);
                    assert!(country == "US" || of_country * share.country.unwrap() <= 3 * USD);
                    let (of_app, _) = budget.shares("US", app);
                    assert!(app.is_none_or(|app| of_app * share.app.unwrap() <= app));
                }
            }
        }
    }

    #[test]
    fn an_unlisted_country_has_the_highest_price() {
        let budget =
            Budget { prices: BTreeMap::from([("US".to_owned(), 8_310)]), ..Budget::default() };
        assert_eq!(budget.price(&[("sns", 2)], "US"), 16_620);
        assert_eq!(budget.price(&[("sns", 1)], "DE"), 100_000);
        assert_eq!(budget.price(&[], "TV"), HIGHEST_PRICE);
        assert!(PRICES.iter().all(|(_, price)| *price <= HIGHEST_PRICE));
        assert!(PRICES.is_sorted_by_key(|(country, _)| *country));
    }

    #[test]
    fn a_text_costs_what_the_dearest_of_its_senders_asks() {
        let sender_prices = [(("twilio", "IN"), 83_000), (("webhook", "IN"), 2_000)]
            .map(|((sender, country), price)| ((sender.to_owned(), country.to_owned()), price));
        let budget = Budget { sender_prices: sender_prices.into(), ..Budget::default() };
        assert_eq!(budget.price(&[("webhook", 2)], "IN"), 4_000);
        assert_eq!(budget.price(&[("webhook", 1), ("twilio", 1)], "IN"), 83_000);
        assert_eq!(budget.price(&[("twilio_voice", 1)], "IN"), HIGHEST_PRICE);
        assert_eq!(budget.price(&[("sns", 1), ("webhook", 1)], "IN"), 50_000);
    }
}
