//! What texts may cost: a budget that is reserved before a text is sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, RwLock},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Clock,
    config::Settings,
    error::Error,
    fraud::Cohort,
    hash_keys::{IdentifierHash, sha256},
    metrics::{self, Metric},
    random::Random,
    store::{Reserved, Store},
};

/// A millionth of a US dollar.
pub type MicroUsd = i64;
/// A US dollar.
pub const USD: MicroUsd = 1_000_000;

/// An amount in US dollars, to show.
#[expect(clippy::cast_precision_loss, reason = "no budget is that large")]
pub fn in_usd(amount: MicroUsd) -> f64 {
    amount as f64 / USD as f64
}

/// How many partitions a budget is spread over at most: no counter is a hot key.
const MAX_SHARDS: i64 = 16;
/// The most texts whose price a busy instance puts aside at once, so that most of them take no write. What an instance
/// that ends had left is lost to the month: too strict, never too lax.
const MAX_AHEAD: i64 = 8;
/// Who was sent a text so recently is busy, and puts aside twice as much as the last time.
const BUSY_SECONDS: i64 = 60;
/// No more than this part of a share is put aside at once: a small budget is kept to the text.
const AHEAD_PART: i64 = 64;
/// How long it is remembered that a budget is used up. Nobody is sent anything sooner by asking again.
const USED_UP_SECONDS: i64 = 60;

/// What a segment of a text costs, by country: rounded-up list prices of Amazon SNS for transactional texts
/// with the carriers' fees, as of 2025. `SMS_PRICES_USD` overrides them.
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
/// What a segment costs in a country that is not in the table: as much as the dearest.
const DEAREST: MicroUsd = 400_000;

/// What may be spent.
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
    /// `SMS_PREFIX_MONTHLY_BUDGET_USD` and `SMS_PREFIX_DAILY_BUDGET_USD`: for numbers that begin alike.
    pub prefix: SpendingLimits,
    /// `SMS_PRICES_USD`: what a segment costs, by country.
    pub prices: BTreeMap<String, MicroUsd>,
}

/// The most that may be spent by one of those who share a budget, where that is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpendingLimits {
    /// In a month (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<MicroUsd>,
    /// In a day (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<MicroUsd>,
}

impl SpendingLimits {
    /// Whether anything is limited.
    pub fn are_set(&self) -> bool {
        self.both().next().is_some()
    }

    fn both(&self) -> impl Iterator<Item = MicroUsd> {
        [self.month, self.day].into_iter().flatten()
    }

    /// In how many of so many partitions these limits lie, and each one's share. A share is a dollar at least, so that a
    /// small budget is not spent in crumbs that are too small for a text.
    fn spread(&self, most: i64) -> (i64, Self) {
        let partitions = self.both().map(|budget| (budget / USD).clamp(1, most)).min().unwrap_or(most);
        let part = |budget: Option<MicroUsd>| budget.map(|budget| budget / partitions);
        (partitions, Self { month: part(self.month), day: part(self.day) })
    }
}

/// What an app may spend on texts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppBudget {
    /// The app.
    pub client_id: String,
    /// The most that its texts may cost.
    #[serde(flatten)]
    pub limits: SpendingLimits,
}

/// What one partition may spend on one text's behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// In a month.
    pub month: MicroUsd,
    /// In a day.
    pub day: Option<MicroUsd>,
    /// In this country.
    pub country: SpendingLimits,
    /// For this app.
    pub app: SpendingLimits,
}

impl Share {
    fn least(&self) -> MicroUsd {
        let whole = [Some(self.month), self.day].into_iter().flatten();
        whole.chain(self.country.both()).chain(self.app.both()).min().unwrap_or_default()
    }

    /// Whether anything of it begins anew each day.
    fn has_days(&self) -> bool {
        [self.day, self.country.day, self.app.day].iter().any(Option::is_some)
    }
}

/// Where a text is booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The day (UTC).
    pub day: Date,
    /// The partition.
    pub shard: i64,
    /// The country that it goes to.
    pub country: String,
    /// The app, where that has a budget of its own.
    pub client_id: Option<String>,
}

impl Budget {
    /// What a text of so many segments costs in a country.
    pub fn price(&self, country: &str, segments: usize) -> MicroUsd {
        let listed = || PRICES.iter().find(|(listed, _)| *listed == country).map(|(_, price)| *price);
        let price = self.prices.get(country).copied().or_else(listed).unwrap_or(DEAREST);
        price * i64::try_from(segments).unwrap_or(i64::MAX / DEAREST)
    }

    /// How many partitions the whole is spread over.
    fn shards(&self) -> i64 {
        let whole = self.day.map_or(self.month, |day| day.min(self.month));
        (whole / USD).clamp(1, MAX_SHARDS)
    }

    /// The partition that the budget of an app begins in, so that small ones do not all lie in the first. Where countries
    /// have budgets all begin there, since a text must find both.
    fn first_shard(&self, client_id: Option<&str>) -> i64 {
        let by_country = !(self.countries.is_empty() && self.countries_by_day.is_empty());
        let place = client_id.filter(|_| !by_country).map(|id| sha256(id.as_bytes()));
        place.and_then(|digest| digest.first().copied()).map_or(0, |byte| i64::from(byte) % self.shards())
    }

    /// How many partitions, from the first on, have a share for such a text, and what that is. The budget of a country
    /// or an app lies in fewer partitions than the whole, and what others spend there counts against all the same.
    fn shares(&self, country: &str, app: SpendingLimits) -> (i64, Share) {
        let of_country = SpendingLimits {
            month: self.countries.get(country).copied(),
            day: self.countries_by_day.get(country).copied(),
        };
        let all = self.shards();
        let ((in_country, country), (in_app, app)) = (of_country.spread(all), app.spread(all));
        let (month, day) = (self.month / all, self.day.map(|day| day / all));
        (in_country.min(in_app), Share { month, day, country, app })
    }
}

/// Keeps to the budget for texts.
#[derive(Clone)]
pub struct Spending {
    store: Store,
    budget: Budget,
    clock: Clock,
    random: Random,
    /// What is put aside for texts to come.
    ahead: Arc<Mutex<BTreeMap<Payers, Vec<Ahead>>>>,
    /// Until when it is known that texts cannot be paid.
    used_up: Arc<RwLock<BTreeMap<Payers, Timestamp>>>,
}

/// The country that a text goes to and, where that has a budget of its own, the app that sends it.
type Payers = (String, Option<String>);

/// Texts whose price one write put aside.
#[derive(Debug)]
struct Ahead {
    last: Reservation,
    /// How many they were.
    texts: i64,
    /// How many are left.
    left: i64,
    used_at: Timestamp,
}

impl Ahead {
    /// The next of them.
    fn take(&mut self, now: Timestamp) -> Reservation {
        (self.left, self.used_at) = (self.left - 1, now);
        self.last.country.texts += 1;
        self.last.clone()
    }
}

/// The price of a text, put aside.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// Where.
    pub account: Account,
    /// How much.
    pub price: MicroUsd,
    /// Of what.
    pub share: Share,
    /// The numbers that begin alike, where they have a budget of their own.
    pub prefix: Option<IdentifierHash>,
    /// The texts of this day to the country in this partition.
    pub country: Cohort,
}

impl Spending {
    /// As the settings want it.
    pub fn new(store: Store, settings: &Settings, clock: Clock, random: Random) -> Self {
        Self {
            store,
            budget: settings.sms_budget.clone(),
            clock,
            random,
            ahead: Arc::default(),
            used_up: Arc::default(),
        }
    }

    /// Puts the price of a text aside before it is sent. However many ask at once, never more is put aside
    /// than the budgets allow. A `prefix` are the numbers that begin as the text's.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] where a budget is used up; [`Error::Unavailable`].
    pub async fn reserve(
        &self,
        country: &str,
        prefix: Option<&IdentifierHash>,
        app: Option<&AppBudget>,
        segments: usize,
    ) -> Result<Reservation, Error> {
        let (now, limits) = (self.clock.now(), self.budget.prefix);
        let (price, day) = (self.budget.price(country, segments), now.to_zoned(TimeZone::UTC).date());
        let Some(prefix) = prefix.filter(|_| limits.are_set()) else {
            return self.reserve_share(country, app, (day, price), now).await;
        };
        if !self.store.reserve_prefix_price(prefix, day, price, limits).await? {
            return Err(self.refused(limits.day.is_some(), now));
        }
        match self.reserve_share(country, app, (day, price), now).await {
            Ok(reservation) => Ok(Reservation { prefix: Some(prefix.clone()), ..reservation }),
            Err(error) => {
                self.give_prefix_back(prefix, day, price).await;
                Err(error)
            }
        }
    }

    async fn reserve_share(
        &self,
        country: &str,
        app: Option<&AppBudget>,
        (day, price): (Date, MicroUsd),
        now: Timestamp,
    ) -> Result<Reservation, Error> {
        let payers = (country.to_owned(), app.map(|app| app.client_id.clone()));
        let (shards, share) = self.budget.shares(country, app.map(|app| app.limits).unwrap_or_default());
        if self.used_up.read().is_ok_and(|used_up| used_up.get(&payers).is_some_and(|until| now < *until)) {
            return Err(self.refused(share.has_days(), now));
        }
        let (taken, texts) = self.take_ahead(&payers, (day, price), now);
        if let Some(reservation) = taken {
            return Ok(reservation);
        }
        let texts = texts.min(share.least() / AHEAD_PART / price.max(1)).max(1);
        let [start] = self.random.bytes::<1>()?;
        let first = self.budget.first_shard(payers.1.as_deref());
        // Where there is no room for several there may be for one.
        let turns = if texts > 1 { 2 } else { 1 };
        for (turn, texts) in (0..turns * shards).map(|turn| (turn, if turn < shards { texts } else { 1 })) {
            let shard = (first + (i64::from(start) + turn) % shards) % self.budget.shards();
            let account = Account { day, shard, country: payers.0.clone(), client_id: payers.1.clone() };
            match self.store.reserve_price(&account, price, texts, &share).await? {
                Reserved::Yes { month, country } => {
                    if month * 5 > share.month * 4 {
                        metrics::count(Metric::BudgetNearlySpent);
                    }
                    let country = Cohort { texts: country.texts - texts, ..country };
                    let last = Reservation { account, price, share, prefix: None, country };
                    let mut ahead = Ahead { last, texts, left: texts, used_at: now };
                    let reservation = ahead.take(now);
                    self.keep_ahead(payers, ahead);
                    return Ok(reservation);
                }
                Reserved::No => {}
            }
        }
        if let Ok(mut used_up) = self.used_up.write() {
            used_up.insert(payers, now + crate::clock::seconds(USED_UP_SECONDS));
        }
        Err(self.refused(share.has_days(), now))
    }

    /// A text whose price was put aside before; and where there is none, for how many to put it aside.
    fn take_ahead(
        &self,
        payers: &Payers,
        (day, price): (Date, MicroUsd),
        now: Timestamp,
    ) -> (Option<Reservation>, i64) {
        let Ok(mut ahead) = self.ahead.lock() else { return (None, 1) };
        let Some(kept) = ahead.get_mut(payers) else { return (None, 1) };
        // What is left of days before stays spent.
        kept.retain(|it| it.last.account.day == day);
        if let Some(found) = kept.iter_mut().find(|it| it.left > 0 && it.last.price == price) {
            return (Some(found.take(now)), 1);
        }
        let busy_since = now - crate::clock::seconds(BUSY_SECONDS);
        let last = kept.iter().filter(|it| it.used_at >= busy_since).map(|it| it.texts).max().unwrap_or_default();
        kept.retain(|it| it.left > 0);
        (None, (last * 2).clamp(1, MAX_AHEAD))
    }

    fn keep_ahead(&self, payers: Payers, ahead: Ahead) {
        if let Ok(mut kept) = self.ahead.lock() {
            kept.entry(payers).or_default().push(ahead);
        }
    }

    /// Gives back what was put aside for a text that AWS refused. Where that fails, the budget is too strict
    /// by one text, never too lax.
    pub async fn give_back(&self, reservation: Reservation) {
        let Reservation { account, price, share, prefix, .. } = reservation;
        if let Some(prefix) = prefix {
            self.give_prefix_back(&prefix, account.day, price).await;
        }
        if let Err(error) = self.store.give_price_back(&account, price, &share).await {
            tracing::warn!(%error, "the price of a text that was not sent stays counted");
        }
    }

    async fn give_prefix_back(&self, prefix: &IdentifierHash, day: Date, price: MicroUsd) {
        if let Err(error) = self.store.give_prefix_price_back(prefix, day, price).await {
            tracing::warn!(%error, "the price of a text that was not sent stays counted for its prefix");
        }
    }

    /// A budget is used up until the next day or month.
    fn refused(&self, has_days: bool, now: Timestamp) -> Error {
        metrics::count(Metric::BudgetRefusals);
        let today = now.to_zoned(TimeZone::UTC).date();
        let next = if has_days { today.tomorrow() } else { today.last_of_month().tomorrow() };
        let begins_at = next.ok().and_then(|date| date.to_zoned(TimeZone::UTC).ok()).map(|zoned| zoned.timestamp());
        Error::SmsLimitReached { retry_after: crate::clock::seconds_until(begins_at.unwrap_or(now), now).max(1) }
    }
}

/// How many segments a text is sent, and paid, as (3GPP TS 23.040 §9.2.3.24, TS 23.038 §6.2.1).
pub fn segments(text: &str) -> usize {
    const GSM_7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
    const EXTENDED: &str = "^{}\\[~]|€";
    let septets = text.chars().try_fold(0, |septets, c| match c {
        c if GSM_7.contains(c) => Some(septets + 1),
        c if EXTENDED.contains(c) => Some(septets + 2),
        _ => None,
    });
    let (length, alone, joined) = match septets {
        Some(septets) => (septets, 160, 153),
        None => (text.encode_utf16().count(), 70, 67),
    };
    if length <= alone { 1 } else { length.div_ceil(joined) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_as_many_segments_as_phones_get() {
        for (text, expected) in [
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("ж".repeat(70), 1),
            ("ж".repeat(71), 2),
            ("ж".repeat(135), 3),
            ("😀".repeat(35), 1),
            ("😀".repeat(36), 2),
        ] {
            assert_eq!(segments(&text), expected, "{text}");
        }
    }

    #[test]
    fn the_shares_of_a_budget_are_never_more_than_the_budget() {
        for month in [0, 1, USD / 2, USD, 7 * USD + 3, 16 * USD, 100 * USD, 1_000_000 * USD] {
            for day in [None, Some(USD / 3), Some(5 * USD)] {
                for limit in [None, Some(USD / 3), Some(2 * USD)] {
                    check_shares(month, day, SpendingLimits { month: Some(3 * USD), day: limit });
                }
            }
        }
    }

    /// Of a budget, with the limits of one country and one app.
    fn check_shares(month: MicroUsd, day: Option<MicroUsd>, limits: SpendingLimits) {
        let of_country = |limit: Option<MicroUsd>| limit.map(|limit| ("IN".to_owned(), limit)).into_iter().collect();
        let (countries, countries_by_day) = (of_country(limits.month), of_country(limits.day));
        let budget = Budget { month, day, countries, countries_by_day, ..Budget::default() };
        let none = SpendingLimits::default();
        let holds = |shards: i64, share: SpendingLimits, whole: SpendingLimits| {
            for (share, whole) in [(share.month, whole.month), (share.day, whole.day)] {
                assert!(share.is_some() == whole.is_some());
                assert!(shards * share.unwrap_or_default() <= whole.unwrap_or_default());
            }
        };
        let (all, _) = budget.shares("US", none);
        for (country, app) in [("US", none), ("IN", none), ("US", limits), ("IN", limits)] {
            let (shards, share) = budget.shares(country, app);
            assert!((1..=all).contains(&shards));
            // Whoever else spends, does so in the same partitions.
            holds(
                all,
                SpendingLimits { month: Some(share.month), day: share.day },
                SpendingLimits { month: Some(month), day },
            );
            holds(budget.shares(country, none).0, share.country, if country == "IN" { limits } else { none });
            holds(budget.shares("US", app).0, share.app, app);
        }
    }

    #[test]
    fn what_is_not_listed_costs_as_much_as_the_dearest() {
        let budget = Budget { prices: BTreeMap::from([("US".to_owned(), 8_310)]), ..Budget::default() };
        assert_eq!(budget.price("US", 2), 16_620);
        assert_eq!(budget.price("DE", 1), 100_000);
        assert_eq!(budget.price("TV", 1), DEAREST);
        assert!(PRICES.iter().all(|(_, price)| *price <= DEAREST));
        assert!(PRICES.is_sorted_by_key(|(country, _)| *country));
    }
}
