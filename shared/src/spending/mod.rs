//! What texts may cost: a budget that is reserved before a text is sent.

mod budget;
mod settings;
mod table;

pub use self::{
    budget::{AppBudget, Budget, Limits, Payer, Share, UsedUp},
    table::Reserved,
};

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, RwLock},
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    base::{
        Clock, Error, MicroUsd, Random,
        metrics::{self, Metric},
    },
    crypto::IdentifierHash,
    limits::Cohort,
    table::Store,
};

/// The most texts whose price a busy instance puts aside at once, so that most of them take no write. What an instance
/// that ends had left is lost to the month: too strict, never too lax.
const MAX_AHEAD: i64 = 8;
/// Who was sent a text so recently is busy, and puts aside twice as much as the last time.
const BUSY_SECONDS: i64 = 60;
/// No more than this part of a share is put aside at once: a small budget is kept to the text.
const AHEAD_PART: i64 = 64;
/// How long it is remembered that a budget is used up. Nobody is sent anything sooner by asking again.
const USED_UP_SECONDS: i64 = 60;

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

/// Keeps to the budget for texts.
#[derive(Clone)]
pub struct Spending {
    store: Store,
    budget: Arc<Budget>,
    clock: Clock,
    random: Random,
    /// What is put aside for texts to come.
    ahead: Arc<Mutex<BTreeMap<Payers, Vec<Ahead>>>>,
    /// Until when it is known that texts cannot be paid, and when they can be again.
    used_up: Arc<RwLock<BTreeMap<Payers, (Timestamp, Timestamp)>>>,
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
    /// Those in whose own items it is booked, too.
    pub payers: Vec<Payer>,
    /// The texts of this day to the country in this partition.
    pub country: Cohort,
}

impl Spending {
    /// Keeps to `budget`.
    pub fn new(store: Store, budget: Arc<Budget>, clock: Clock, random: Random) -> Self {
        Self { store, budget, clock, random, ahead: Arc::default(), used_up: Arc::default() }
    }

    /// Puts the price of a text aside before it is sent. However many ask at once, never more is put aside
    /// than the budgets allow. The `prefix` stands for the numbers that begin as the text's.
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
        let now = self.clock.now();
        let shared_by = (country.to_owned(), app.map(|app| app.client_id.clone()));
        let known = self.used_up.read().ok().and_then(|used_up| used_up.get(&shared_by).copied());
        if let Some((_, begins_anew)) = known.filter(|(until, _)| now < *until) {
            return Err(refused(begins_anew, now));
        }
        let (price, day) =
            (self.budget.price(country, segments), now.to_zoned(TimeZone::UTC).date());
        let mut payers = Vec::new();
        for (payer, limits) in self.budget.own(country, prefix, app) {
            match self.store.reserve_own_price(&payer, limits, day, price).await {
                Ok(None) => payers.push(payer),
                Ok(Some(used_up)) => {
                    return self
                        .give_up(&payers, day, price, refused(used_up.until(now), now))
                        .await;
                }
                Err(error) => return self.give_up(&payers, day, price, error).await,
            }
        }
        match self.reserve_share(shared_by, app.and_then(|app| app.month), (day, price), now).await
        {
            Ok(reservation) => Ok(Reservation { payers, ..reservation }),
            Err(error) => self.give_up(&payers, day, price, error).await,
        }
    }

    async fn reserve_share(
        &self,
        payers: Payers,
        app: Option<MicroUsd>,
        (day, price): (Date, MicroUsd),
        now: Timestamp,
    ) -> Result<Reservation, Error> {
        let (taken, texts) = self.take_ahead(&payers, (day, price), now);
        if let Some(reservation) = taken {
            return Ok(reservation);
        }
        let (shards, share) = self.budget.shares(&payers.0, app);
        let texts = texts.min(share.least() / AHEAD_PART / price.max(1)).max(1);
        let [start] = self.random.bytes::<1>()?;
        let first = self.budget.first_shard(payers.1.as_deref());
        // Where there is no room for several there may be for one.
        let turns = if texts > 1 { 2 } else { 1 };
        let mut used_up = UsedUp::Month;
        for (turn, texts) in
            (0..turns * shards).map(|turn| (turn, if turn < shards { texts } else { 1 }))
        {
            let shard = (first + (i64::from(start) + turn) % shards) % self.budget.shards();
            let account =
                Account { day, shard, country: payers.0.clone(), client_id: payers.1.clone() };
            match self.store.reserve_price(&account, price, texts, &share).await? {
                Reserved::Yes { month, country } => {
                    if month * 5 > share.month * 4 {
                        metrics::count(Metric::BudgetNearlySpent);
                    }
                    let country = Cohort { texts: country.texts - texts, ..country };
                    let last = Reservation { account, price, payers: Vec::new(), country };
                    let mut ahead = Ahead { last, texts, left: texts, used_at: now };
                    let reservation = ahead.take(now);
                    self.keep_ahead(payers, ahead);
                    return Ok(reservation);
                }
                Reserved::No(UsedUp::Day) => used_up = UsedUp::Day,
                Reserved::No(UsedUp::Month) => {}
            }
        }
        let begins_anew = used_up.until(now);
        if let Ok(mut known) = self.used_up.write() {
            known.insert(
                payers,
                (begins_anew.min(now + crate::base::seconds(USED_UP_SECONDS)), begins_anew),
            );
        }
        Err(refused(begins_anew, now))
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
        let busy_since = now - crate::base::seconds(BUSY_SECONDS);
        let last = kept
            .iter()
            .filter(|it| it.used_at >= busy_since)
            .map(|it| it.texts)
            .max()
            .unwrap_or_default();
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
        let Reservation { account, price, payers, .. } = reservation;
        self.give_own_back(&payers, account.day, price).await;
        if let Err(error) = self.store.give_price_back(&account, price).await {
            tracing::warn!(%error, "the price of a text that was not sent stays counted");
        }
    }

    async fn give_own_back(&self, payers: &[Payer], day: Date, price: MicroUsd) {
        for payer in payers {
            if let Err(error) = self.store.give_own_price_back(payer, day, price).await {
                tracing::warn!(%error, "the price of a text that was not sent stays counted");
            }
        }
    }

    /// Gives back what was booked before an error.
    async fn give_up<T>(
        &self,
        payers: &[Payer],
        day: Date,
        price: MicroUsd,
        error: Error,
    ) -> Result<T, Error> {
        self.give_own_back(payers, day, price).await;
        Err(error)
    }
}

/// The refusal of a text until a budget begins anew.
fn refused(begins_anew: Timestamp, now: Timestamp) -> Error {
    metrics::count(Metric::BudgetRefusals);
    Error::SmsLimitReached { retry_after: crate::base::seconds_until(begins_anew, now).max(1) }
}

/// The alphabet of texts that fit 160 characters (3GPP TS 23.038 §6.2.1, the basic table).
pub(crate) const GSM_7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension: each takes the room of two.
const GSM_7_EXTENSION: &str = "^{}\\[~]|€";

/// How many segments a text is sent, and paid, as (3GPP TS 23.040 §9.2.3.24, TS 23.038 §6.2.1).
pub fn segments(text: &str) -> usize {
    let septets = text.chars().try_fold(0, |septets, c| match c {
        c if GSM_7.contains(c) => Some(septets + 1),
        c if GSM_7_EXTENSION.contains(c) => Some(septets + 2),
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
}
