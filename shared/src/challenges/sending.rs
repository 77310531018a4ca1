//! Counting, paying and sending the message of a challenge, unless it is suspected of fraud.

use jiff::Timestamp;
use uuid::Uuid;

use super::{ChallengeContent, Challenges, Identity, Watched};
use crate::{
    base::{
        Error,
        metrics::{self, Metric},
        with_minimum_duration,
    },
    crypto::{IdentifierHash, Place},
    identifiers::{Address, PhoneNumber},
    limits::{Cohort, Decision, Destination, Recorded, Signs, Tally, Verdict, fraud},
    messages::{Content, Messenger, Prepared, PreparedText},
};

/// A counter that has counted a message, with its state after that.
pub(super) struct Counter {
    hash: IdentifierHash,
    tally: Tally,
}

impl Counter {
    fn cohort(&self) -> Cohort {
        Cohort { texts: self.tally.texts, verified: self.tally.verified }
    }
}

/// The counters that have counted a message.
#[derive(Clone, Copy)]
pub(super) struct Counters<'a> {
    /// The counter of its source. `None` for test phones.
    pub(super) source: Option<&'a Counter>,
    /// The counter of its number range. `None` for e-mails and test phones.
    pub(super) prefix: Option<&'a Counter>,
}

impl Counters<'_> {
    /// Whether the message goes to a test phone, to which no limits apply.
    pub(super) fn are_of_a_test_phone(&self) -> bool {
        self.source.is_none()
    }
}

/// A message to be counted.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    /// The address that it goes to.
    pub(super) address: &'a Address,
    /// The IP address that the request came from.
    pub(super) ip: Option<&'a str>,
    /// Whether its code is sent for the first time.
    pub(super) is_first: bool,
}

impl Challenges {
    /// Counts a message against its source and does `work`. If `work` fails, the count is refunded.
    /// With `hides`, this takes a minimum time, so that the duration does not reveal what was done.
    pub(super) async fn counted_for_source<T>(
        &self,
        message: Message<'_>,
        hides: bool,
        now: Timestamp,
        work: impl AsyncFnOnce(Option<&Counter>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let source = self.count_source(message.address, message.ip, message.is_first, now).await?;
        let done = if hides {
            with_minimum_duration(work(source.as_ref())).await
        } else {
            work(source.as_ref()).await
        };

        if let Err(error) = &done {
            self.release_counter(source.as_ref(), error, now).await;
        }
        done
    }

    /// Counts a message against its number range and does `work` with both counters. If `work`
    /// fails, the count is refunded.
    pub(super) async fn counted_for_prefix<T>(
        &self,
        message: Message<'_>,
        source: Option<&Counter>,
        now: Timestamp,
        work: impl AsyncFnOnce(Counters<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let prefix =
            self.count_prefix(message.address, source.is_none(), message.is_first, now).await?;
        let done = work(Counters { source, prefix: prefix.as_ref() }).await;

        if let Err(error) = &done {
            self.release_counter(prefix.as_ref(), error, now).await;
        }
        done
    }

    /// Counts a message against its source. Returns `None` for test phones, to which no limits
    /// apply. Only the first message of a challenge is noted for the signs of fraud, since a code
    /// is verified at most once.
    async fn count_source(
        &self,
        address: &Address,
        ip: Option<&str>,
        is_first: bool,
        now: Timestamp,
    ) -> Result<Option<Counter>, Error> {
        if self.test_code(address, now).is_some() {
            return Ok(None);
        }

        let (hash, country) = (self.hash_keys.source(ip), address.country());
        let noted = country
            .as_deref()
            .filter(|_| is_first)
            .map_or(Destination::Nothing, Destination::Country);
        let tally =
            self.store.count_send(&hash, noted, self.limits.sends_per_ip_per_hour, now).await?;
        Ok(Some(Counter { hash, tally }))
    }

    /// Counts a text against the range of numbers that start like its own, since SMS pumping uses
    /// blocks of numbers. Returns `None` for e-mails and test phones.
    async fn count_prefix(
        &self,
        address: &Address,
        is_test: bool,
        is_first: bool,
        now: Timestamp,
    ) -> Result<Option<Counter>, Error> {
        let Some(phone) = address.phone().filter(|_| !is_test) else { return Ok(None) };
        let hash = self.hash_keys.prefix(phone);
        let noted = if is_first {
            Destination::Number(self.place_in_prefix(phone))
        } else {
            Destination::Nothing
        };
        let tally =
            self.store.count_send(&hash, noted, self.limits.sends_per_prefix_per_hour, now).await?;
        Ok(Some(Counter { hash, tally }))
    }

    /// The place of a number in its range, plus a secret offset, so that the table contains no
    /// digits of the number.
    fn place_in_prefix(&self, phone: &PhoneNumber) -> i64 {
        let hash = self.hash_keys.identifier("place in prefix", phone.prefix());
        let offset =
            hash.as_str().get(..12).and_then(|digits| i64::from_str_radix(digits, 16).ok());
        let rest =
            phone.as_str().strip_prefix('+').and_then(|digits| digits.get(phone.prefix().len()..));
        offset.unwrap_or_default()
            + rest.and_then(|rest| rest.parse::<i64>().ok()).unwrap_or_default()
    }

    /// The link that stops messages to an address. It is sent from the second message within 24
    /// hours on, unless a registered template is used, which has no place for it.
    pub(super) fn stop_link(
        &self,
        identity: &Identity,
        place: &Place,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        if !identity.throttle().was_sent_to(now) || self.messages.sms.template_id.is_some() {
            return Ok(None);
        }

        let token = self.hash_keys.stop_token(place, now)?;
        Ok(Some(format!("{}/stop/{token}", self.settings.issuer)))
    }

    /// Refunds the count of [`Self::count_source`] or [`Self::count_prefix`], unless the message
    /// was not sent because it is suspected of fraud. Such messages stay counted, so that an
    /// attacker reaches the limits.
    async fn release_counter(&self, counter: Option<&Counter>, error: &Error, now: Timestamp) {
        if let Some(counter) = counter
            && *error != Error::FraudSuspected
            && let Err(error) = self.store.release_send(&counter.hash, now).await
        {
            tracing::warn!(
                %error,
                "a message that was not sent stays counted for its source or number range"
            );
        }
    }

    /// Words the message of a challenge and reserves its price. Returns `None` if nothing is to be
    /// sent: for test phones, for decoys, and if suspected SMS pumping is dropped quietly.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if a budget is used up; [`Error::FraudSuspected`];
    /// [`Error::Unavailable`].
    pub(super) async fn prepare(
        &self,
        id: Uuid,
        content: &mut ChallengeContent,
        counters: Counters<'_>,
        stop_link: Option<&str>,
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<Option<Prepared>, Error> {
        if counters.are_of_a_test_phone() || content.decoy {
            return Ok(None);
        }

        let message = Content {
            subject: content.subject,
            sender: &content.sender,
            code: &content.code,
            valid_minutes: self.settings.ttl_seconds.unsigned_abs().div_ceil(60),
            link: content.link.as_deref(),
            stop_link,
        };
        let prefix = counters.prefix.map(|counter| &counter.hash);
        let prepared = match messenger
            .prepare(&content.address, prefix, &message, content.locale.as_deref())
            .await
        {
            Err(error) => return hide(error, content),
            Ok(prepared) => prepared,
        };

        let Prepared::Text(text) = &prepared else { return Ok(Some(prepared)) };
        match self.decide(id, content, text, counters, now) {
            Verdict::Sent => Ok(Some(prepared)),
            Verdict::Withheld => {
                messenger.cancel(prepared).await;
                Ok(None)
            }
            Verdict::Denied => {
                messenger.cancel(prepared).await;
                hide(Error::FraudSuspected, content)
            }
        }
    }

    /// Decides by its counters whether a text is sent, and logs the decision. Notes in `content`
    /// which counters the use of its code is added to.
    fn decide(
        &self,
        id: Uuid,
        content: &mut ChallengeContent,
        text: &PreparedText,
        counters: Counters<'_>,
        now: Timestamp,
    ) -> Verdict {
        let country = text.reservation.country;
        let cohort = |counter: Option<&Counter>| counter.map(Counter::cohort).unwrap_or_default();
        let (numbers, own) =
            (counters.prefix.map(|counter| &counter.tally.numbers), content.address.phone());
        let sequence = numbers
            .zip(own)
            .map(|(numbers, own)| fraud::sequence_of(self.place_in_prefix(own), numbers));
        let signs = Signs {
            countries: counters.source.map_or(0, |counter| counter.tally.countries.len()),
            sequence: sequence.unwrap_or_default(),
            source: cohort(counters.source),
            prefix: cohort(counters.prefix),
            country,
        };

        let watching = [counters.source, counters.prefix].into_iter().flatten();
        let watching = watching.filter(|counter| counter.cohort().watches_newest());
        content.watched = Watched {
            at: now,
            counters: watching.map(|counter| counter.hash.clone()).collect(),
            account: country.watches_newest().then(|| text.reservation.account.clone()),
        };

        let reasons = self.limits.fraud_rules.reasons(&signs);
        if !reasons.is_empty() {
            metrics::count(Metric::TextsSuspected);
        }
        let verdict = self.limits.fraud_mode.verdict(&reasons);

        let name = |counter: Option<&Counter>| {
            counter.map_or_else(String::new, |counter| short(&counter.hash))
        };
        let decision = Decision {
            at: now,
            challenge_id: id,
            source: name(counters.source),
            prefix: name(counters.prefix),
            number: short(&self.hash_keys.address(&content.address)),
            country: text.reservation.account.country.clone(),
            micro_usd: text.reservation.price,
            signs,
            reasons,
            verdict,
        };
        Recorded::SendDecision(Box::new(decision)).log();
        verdict
    }

    /// Sends the message of a challenge, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it cannot be sent, unless that must be hidden from the caller.
    pub(super) async fn send(
        &self,
        message: Option<Prepared>,
        content: &ChallengeContent,
        messenger: &Messenger,
    ) -> Result<(), Error> {
        let Some(message) = message else { return Ok(()) };
        match messenger.send(message).await {
            Err(error) => hide(error, content).map(|_: Option<Prepared>| ()),
            Ok(()) => Ok(()),
        }
    }
}

/// The result of a message that could not be sent. The error is returned, unless it would reveal
/// who has an account: then it is only logged.
fn hide(error: Error, content: &ChallengeContent) -> Result<Option<Prepared>, Error> {
    match error {
        Error::Unavailable(_) | Error::SmsLimitReached { .. } | Error::FraudSuspected
            if content.hides_failure =>
        {
            tracing::error!(%error, "a code could not be sent; the caller is not told");
            Ok(None)
        }
        error => Err(error),
    }
}

/// A part of a hash that is long enough to distinguish it in a log.
fn short(hash: &IdentifierHash) -> String {
    hash.place().as_str().to_owned()
}
