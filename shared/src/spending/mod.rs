//! The budget for texts: the price of a text is reserved before it is sent.

mod budget;
mod settings;
mod table;

pub use self::{
    budget::{AppBudget, Budget, Fund, Limits, Payer, Share, UsedUp},
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

/// The most texts whose price a busy instance reserves in advance with one write, so that most
/// texts need no write. If an instance ends, its unused texts stay charged to the month: too
/// strict, never too lax.
const MAX_PREPAID: i64 = 8;
/// An instance is busy if its last text was this recent. It then reserves twice as many texts as
/// last time.
const BUSY_SECONDS: i64 = 60;
/// At most one part in this many of a share is reserved in advance, so that small budgets are used
/// to the last text.
const PREPAID_PART: i64 = 64;
/// How long an instance remembers that a budget is used up. Asking again sooner would not help.
const USED_UP_SECONDS: i64 = 60;

/// Where the price of a text is booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The day (UTC).
    pub day: Date,
    /// The partition.
    pub shard: i64,
    /// The country that the text goes to.
    pub country: String,
    /// The app, if it has its own budget.
    pub client_id: Option<String>,
}

/// Enforces the budget for texts.
#[derive(Clone)]
pub struct Spending {
    store: Store,
    budget: Arc<Budget>,
    clock: Clock,
    random: Random,
    /// The prices reserved in advance.
    prepaid: Arc<Mutex<BTreeMap<ShareKey, Vec<Prepaid>>>>,
    /// Budgets that are used up: until when this is remembered, and when the budget resets.
    used_up: Arc<RwLock<BTreeMap<PricedKey, (Timestamp, Timestamp)>>>,
}

/// The country that a text goes to, the app that sends it, if it has its own budget, and who
/// may use the share.
type ShareKey = (String, Option<String>, Fund);
/// A share, and the price that no longer fits into it.
type PricedKey = (ShareKey, MicroUsd);

/// Texts whose price was reserved in advance by one write.
#[derive(Debug)]
struct Prepaid {
    last: Reservation,
    /// How many texts were reserved.
    texts: i64,
    /// How many of them are left.
    left: i64,
    used_at: Timestamp,
}

impl Prepaid {
    /// The reservation of the next text.
    fn take(&mut self, now: Timestamp) -> Reservation {
        (self.left, self.used_at) = (self.left - 1, now);
        self.last.country.texts += 1;
        self.last.clone()
    }
}

/// The reserved price of a text.
#[derive(Clone, Debug)]
pub struct Reservation {
    /// Where it is booked.
    pub account: Account,
    /// The price.
    pub price: MicroUsd,
    /// The payers in whose items it is booked, too.
    pub payers: Vec<Payer>,
    /// Whether it is booked in the account. A text about a change is not.
    in_account: bool,
    /// The texts of this day to the country, in this partition.
    pub country: Cohort,
}

impl Spending {
    /// Enforces `budget`.
    pub fn new(store: Store, budget: Arc<Budget>, clock: Clock, random: Random) -> Self {
        Self { store, budget, clock, random, prepaid: Arc::default(), used_up: Arc::default() }
    }

    /// Reserves the price of a text before it is sent. However many requests run together, they
    /// never reserve more than the budgets allow `fund`. The price is that of the dearest of the
    /// `senders` that may get the text, each with its segments. `prefix` is the hash of the block of the text's number.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if a budget is used up; [`Error::Unavailable`].
    pub async fn reserve(
        &self,
        (fund, prefix): (Fund, Option<&IdentifierHash>),
        (country, app): (&str, Option<&AppBudget>),
        senders: &[(&str, usize)],
    ) -> Result<Reservation, Error> {
        let now = self.clock.now();
        let share_key = (country.to_owned(), app.map(|app| app.client_id.clone()), fund);
        let (price, day) =
            (self.budget.price(senders, country), now.to_zoned(TimeZone::UTC).date());
        // A call may be too dear where a text is not, so a refusal is for its price alone.
        let refusal = (share_key.clone(), price);
        let known = self.used_up.read().ok().and_then(|used_up| used_up.get(&refusal).copied());
        if let Some((_, resets_at)) = known.filter(|(until, _)| now < *until) {
            return Err(refused(resets_at, now));
        }

        let mut payers = Vec::new();
        for (payer, limits) in self.budget.payers(fund, country, prefix, app) {
            match self.store.reserve_own_price(&payer, limits, day, price).await {
                Ok(None) => payers.push(payer),
                Ok(Some(used_up)) => {
                    return self
                        .refund_and_fail(&payers, day, price, refused(used_up.until(now), now))
                        .await;
                }
                Err(error) => return self.refund_and_fail(&payers, day, price, error).await,
            }
        }

        if fund == Fund::Notices {
            let account = Account { day, shard: 0, country: country.to_owned(), client_id: None };
            let country = Cohort::default();
            return Ok(Reservation { account, price, payers, in_account: false, country });
        }
        match self.reserve_share(share_key, app.and_then(|app| app.month), (day, price), now).await
        {
            Ok(reservation) => Ok(Reservation { payers, ..reservation }),
            Err(error) => self.refund_and_fail(&payers, day, price, error).await,
        }
    }

    /// Reserves the price of a text from a partition's share, or takes one that was reserved in
    /// advance.
    async fn reserve_share(
        &self,
        key: ShareKey,
        app: Option<MicroUsd>,
        (day, price): (Date, MicroUsd),
        now: Timestamp,
    ) -> Result<Reservation, Error> {
        let (taken, texts) = self.take_prepaid(&key, (day, price), now);
        if let Some(reservation) = taken {
            return Ok(reservation);
        }

        let (shards, whole) = self.budget.shares(&key.0, app);
        let share = whole.of(|budget| self.budget.part(key.2, budget));
        let texts = texts.min(share.least() / PREPAID_PART / price.max(1)).max(1);
        let [start] = self.random.bytes::<1>()?;
        let first = self.budget.first_shard(key.1.as_deref());
        // If no share has room for several texts, one may still have room for a single text.
        let turns = if texts > 1 { 2 } else { 1 };
        let mut used_up = UsedUp::Month;

        for (turn, texts) in
            (0..turns * shards).map(|turn| (turn, if turn < shards { texts } else { 1 }))
        {
            let shard = (first + (i64::from(start) + turn) % shards) % self.budget.shards();
            let account = Account { day, shard, country: key.0.clone(), client_id: key.1.clone() };
            match self.store.reserve_price(&account, price, texts, &share).await? {
                Reserved::Yes { month, country } => {
                    if month * 5 > whole.month * 4 || month > share.month - price {
                        metrics::count(Metric::BudgetNearlySpent);
                    }
                    let country = Cohort { texts: country.texts - texts, ..country };
                    let last = Reservation {
                        account,
                        price,
                        payers: Vec::new(),
                        in_account: true,
                        country,
                    };
                    let mut prepaid = Prepaid { last, texts, left: texts, used_at: now };
                    let reservation = prepaid.take(now);
                    self.keep_prepaid(key, prepaid);
                    return Ok(reservation);
                }
                Reserved::No(UsedUp::Day) => used_up = UsedUp::Day,
                Reserved::No(UsedUp::Month) => {}
            }
        }

        let resets_at = used_up.until(now);
        if let Ok(mut known) = self.used_up.write() {
            known.insert(
                (key, price),
                (resets_at.min(now + crate::base::seconds(USED_UP_SECONDS)), resets_at),
            );
        }
        Err(refused(resets_at, now))
    }

    /// A reservation that was made in advance; if there is none, for how many texts to reserve
    /// next.
    fn take_prepaid(
        &self,
        key: &ShareKey,
        (day, price): (Date, MicroUsd),
        now: Timestamp,
    ) -> (Option<Reservation>, i64) {
        let Ok(mut prepaid) = self.prepaid.lock() else { return (None, 1) };
        let Some(kept) = prepaid.get_mut(key) else { return (None, 1) };
        // The rest of previous days stays spent.
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
        (None, (last * 2).clamp(1, MAX_PREPAID))
    }

    fn keep_prepaid(&self, key: ShareKey, prepaid: Prepaid) {
        if let Ok(mut kept) = self.prepaid.lock() {
            kept.entry(key).or_default().push(prepaid);
        }
    }

    /// The price of a text to a country, by the dearest of its senders, each with its segments.
    pub fn price(&self, senders: &[(&str, usize)], country: &str) -> MicroUsd {
        self.budget.price(senders, country)
    }

    /// Refunds the price of a text that AWS refused. If the refund fails, the budget is too strict
    /// by one text, never too lax.
    pub async fn give_back(&self, reservation: Reservation) {
        let Reservation { account, price, payers, in_account, .. } = reservation;
        self.refund_payers(&payers, account.day, price).await;
        if in_account && let Err(error) = self.store.give_price_back(&account, price).await {
            log_failed_refund(&error);
        }
    }

    /// Refunds a price in the payers' own items.
    async fn refund_payers(&self, payers: &[Payer], day: Date, price: MicroUsd) {
        for payer in payers {
            if let Err(error) = self.store.give_own_price_back(payer, day, price).await {
                log_failed_refund(&error);
            }
        }
    }

    /// Refunds what was booked before an error, and returns the error.
    async fn refund_and_fail<T>(
        &self,
        payers: &[Payer],
        day: Date,
        price: MicroUsd,
        error: Error,
    ) -> Result<T, Error> {
        self.refund_payers(payers, day, price).await;
        Err(error)
    }
}

fn log_failed_refund(error: &Error) {
    tracing::warn!(%error, "could not refund the price of an unsent text; its budget stays charged");
}

/// The refusal of a text until a budget resets.
fn refused(resets_at: Timestamp, now: Timestamp) -> Error {
    metrics::count(Metric::BudgetRefusals);
    Error::SmsLimitReached { retry_after: crate::base::seconds_until(resets_at, now).max(1) }
}

/// The alphabet of texts of up to 160 characters (3GPP TS 23.038 §6.2.1, the basic table).
pub(crate) const GSM_7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension: each of these counts as two characters.
const GSM_7_EXTENSION: &str = "^{}\\[~]|€";

/// The number of segments in which a text is sent and paid (3GPP TS 23.040 §9.2.3.24, TS 23.038
/// §6.2.1).
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
    fn a_text_has_as_many_segments_as_phones_receive() {
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
