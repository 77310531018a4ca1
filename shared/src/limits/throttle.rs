//! The limits of one identifier: how often it gets messages (rate limit), and how often a code,
//! password or second factor can be wrong (lockout).
//!
//! The rules are pure. `challenges/table.rs` keeps the state and makes each change one conditional
//! write. Every endpoint that sends a code or checks a secret goes through here, for known and
//! unknown identifiers alike. A new challenge never resets a count (NIST SP 800-63B-4 §3.2.2).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::base::Error;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The steps of the lockout, highest first: failures in a row, and the seconds to wait after the
/// last of them. Above them all is [`OFF_AFTER`].
const LADDER: [(u32, i64); 3] = [(50, DAY), (20, HOUR), (10, 15 * 60)];
/// After this many failures in a row the lockout does not end by itself (NIST SP 800-63B-4 §3.2.2:
/// no more than 100). Only an administrator helps, or another address of the same user.
pub const OFF_AFTER: u32 = 100;
/// The factors by which the cooldown grows from one message to the next.
const COOLDOWN_GROWTH: [i64; 4] = [1, 2, 4, 10];
/// The seconds after the last failure until the failures in a row are forgotten.
const MEMORY_OF_FAILURES: i64 = 30 * DAY;

/// The settings behind the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Seconds between the first message and the second. Later cooldowns are longer.
    pub cooldown_seconds: i64,
    /// The most messages in any 60 minutes.
    pub sends_per_hour: u32,
    /// The most messages in any 24 hours.
    pub sends_per_day: u32,
    /// The most failures in any 24 hours.
    pub failures_per_day: u32,
}

/// The state of one identifier. Times are epoch seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Throttle {
    /// Messages of the last 24 hours, oldest first.
    sends: Vec<i64>,
    /// Messages since the last success, or since the last hour without a message.
    sends_in_row: u32,
    /// The millisecond part of the last message's time, since `sends` has only whole seconds. The
    /// cooldown is short enough for it to matter.
    #[serde(skip_serializing_if = "is_zero")]
    last_send_millis: u32,
    /// Failures of the last 24 hours, oldest first.
    failures: Vec<i64>,
    /// Failures since the last success.
    failures_in_row: u32,
    /// Failures of the second factor since it was last right. A right first factor does not reset
    /// them.
    #[serde(skip_serializing_if = "is_zero")]
    second_failures_in_row: u32,
    last_failure_at: i64,
    /// The time until which the holder of the address wants no messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped_until: Option<i64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How long until something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wait {
    Seconds(i64),
    Forever,
}

impl Throttle {
    /// Counts a message before it is sent.
    ///
    /// # Errors
    /// [`Error::OtpLocked`], [`Error::ResendTooSoon`] or [`Error::SmsLimitReached`]: if several
    /// limits forbid a message now, the one with the longest wait.
    pub fn reserve_send(&mut self, limits: &Limits, now: Timestamp) -> Result<(), Error> {
        self.forget_old(now);
        if let Some(error) = self.send_refusal(limits, now) {
            return Err(error);
        }

        if self.sends.last().is_none_or(|last| *last <= now.as_second() - HOUR) {
            self.sends_in_row = 0;
        }
        self.sends.push(now.as_second());
        self.last_send_millis = now.subsec_millisecond().unsigned_abs();
        self.sends_in_row += 1;
        Ok(())
    }

    /// The refusal with the longest wait, if a message is forbidden now.
    fn send_refusal(&self, limits: &Limits, now: Timestamp) -> Option<Error> {
        let locked = self
            .wait(limits, now)
            .map(|wait| (wait, Error::OtpLocked { retry_after: wait.seconds() }));
        let resend_in = self.resend_in(limits, now);
        let cooling = (resend_in > 0)
            .then_some((Wait::Seconds(resend_in), Error::ResendTooSoon { retry_after: resend_in }));
        let capped = [(limits.sends_per_hour, HOUR), (limits.sends_per_day, DAY)]
            .into_iter()
            .filter_map(|(max, window)| window_wait(&self.sends, max, window, now))
            .max()
            .map(|retry_after| {
                (Wait::Seconds(retry_after), Error::SmsLimitReached { retry_after })
            });
        let stopped =
            self.stopped_until.map(|until| until - now.as_second()).filter(|wait| *wait > 0).map(
                |retry_after| (Wait::Seconds(retry_after), Error::SmsLimitReached { retry_after }),
            );

        [locked, cooling, capped, stopped]
            .into_iter()
            .flatten()
            .max_by_key(|(wait, _)| *wait)
            .map(|(_, error)| error)
    }

    /// Whether a message was sent in the last 24 hours.
    pub fn was_sent_to(&self, now: Timestamp) -> bool {
        self.sends.iter().any(|at| *at > now.as_second() - DAY)
    }

    /// Stops messages for 24 hours, because the holder of the address did not ask for any. Returns
    /// when the stop ends, in epoch seconds. A stop that is already running is not extended.
    /// Otherwise, if no message was sent in the last 24 hours, nothing is stopped: `None`.
    pub fn stop(&mut self, now: Timestamp) -> Option<i64> {
        let running = self.stopped_until.filter(|until| *until > now.as_second());
        running.or_else(|| {
            self.was_sent_to(now).then(|| *self.stopped_until.insert(now.as_second() + DAY))
        })
    }

    /// Refunds the message counted at `sent_at`, because it could not be sent.
    pub fn release_send(&mut self, sent_at: Timestamp) {
        if let Some(position) = self.sends.iter().rposition(|at| *at == sent_at.as_second()) {
            self.sends.remove(position);
            self.last_send_millis = 0;
            self.sends_in_row = self.sends_in_row.saturating_sub(1);
        }
    }

    /// Seconds until the cooldown between two messages is over.
    pub fn resend_in(&self, limits: &Limits, now: Timestamp) -> i64 {
        let Some(last) = self.sends.last() else { return 0 };
        let step = usize::try_from(self.sends_in_row.saturating_sub(1)).unwrap_or(usize::MAX);
        let growth = COOLDOWN_GROWTH.get(step).or(COOLDOWN_GROWTH.last()).copied().unwrap_or(1);

        let ends_at =
            (last + limits.cooldown_seconds * growth) * 1000 + i64::from(self.last_send_millis);
        let left = (ends_at - now.as_millisecond()).max(0);
        // Rounded up, so that a client that waits as long as it is told is not too early.
        left.div_euclid(1000) + i64::from(left % 1000 > 0)
    }

    /// Checks that a password may be tried now. `max_failures` in a row are allowed.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] with the wait.
    pub fn check_password(
        &self,
        max_failures: u32,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Error> {
        let first_step = LADDER.last().map_or(0, |(_, wait)| *wait);
        let early = (self.failures_in_row >= max_failures)
            .then(|| Wait::Seconds(self.last_failure_at + first_step - now.as_second()))
            .filter(|wait| *wait > Wait::Seconds(0));

        match self.wait(limits, now).max(early) {
            None => Ok(()),
            Some(wait) => Err(Error::TooManyAttempts { retry_after: wait.seconds() }),
        }
    }

    /// Counts a password as wrong before it is compared. If it is right,
    /// [`Self::take_back_failure`] refunds it.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] with the wait.
    pub fn spend_password(
        &mut self,
        max_failures: u32,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<(), Error> {
        self.forget_old(now);
        self.check_password(max_failures, limits, now)?;
        self.failures.push(now.as_second());
        self.failures_in_row += 1;
        self.last_failure_at = now.as_second();
        Ok(())
    }

    /// Refunds the failure counted at `now`, because the password was right, and resets failures in
    /// a row, but not those of the second factor.
    pub fn take_back_failure(&mut self, now: Timestamp) {
        if let Some(position) = self.failures.iter().rposition(|at| *at == now.as_second()) {
            self.failures.remove(position);
        }
        if self.last_failure_at == now.as_second() {
            // No lockout is longer than a day. If no failure is left, none is running.
            self.last_failure_at = self.failures.last().copied().unwrap_or(now.as_second() - DAY);
        }
        self.failures_in_row = 0;
    }

    /// Counts a second factor as wrong before it is compared. If it is right,
    /// [`Self::pass_second_factor`] refunds it.
    ///
    /// # Errors
    /// [`Error::OtpLocked`] with the wait.
    pub fn spend_second_factor(&mut self, limits: &Limits, now: Timestamp) -> Result<(), Error> {
        self.forget_old(now);
        self.check(limits, now)?;
        self.failures.push(now.as_second());
        self.second_failures_in_row += 1;
        self.last_failure_at = now.as_second();
        Ok(())
    }

    /// Refunds the failure counted at `now`, because the second factor was right, and resets all
    /// failures in a row.
    pub fn pass_second_factor(&mut self, now: Timestamp) {
        self.take_back_failure(now);
        self.second_failures_in_row = 0;
    }

    /// Counts a wrong code or password.
    ///
    /// # Errors
    /// [`Error::OtpLocked`] if the identifier is already locked. The caller must then not reveal
    /// the result of the comparison.
    pub fn record_failure(&mut self, limits: &Limits, now: Timestamp) -> Result<(), Error> {
        self.forget_old(now);
        self.check(limits, now)?;
        self.failures.push(now.as_second());
        self.failures_in_row += 1;
        self.last_failure_at = now.as_second();
        Ok(())
    }

    /// Whether a code or password was wrong since the last success.
    pub fn has_failed(&self) -> bool {
        self.failures_in_row > 0
    }

    /// Resets failures and messages in a row, and ends a stop, since the holder uses codes. The
    /// counts of the day stay.
    pub fn record_success(&mut self) {
        self.stopped_until = None;
        self.failures_in_row = 0;
        self.sends_in_row = self.sends_in_row.min(1);
    }

    /// Resets all failures, and ends a stop, when an administrator vouches for the user. Returns
    /// whether there was anything to reset.
    pub fn forget_failures(&mut self) -> bool {
        let had = self.max_failures_in_row() > 0
            || !self.failures.is_empty()
            || self.stopped_until.is_some();
        self.stopped_until = None;
        self.failures.clear();
        self.failures_in_row = 0;
        self.second_failures_in_row = 0;
        had
    }

    /// Checks that a code, password or second factor may be tried now.
    ///
    /// # Errors
    /// [`Error::OtpLocked`] with the wait.
    pub fn check(&self, limits: &Limits, now: Timestamp) -> Result<(), Error> {
        match self.wait(limits, now) {
            None => Ok(()),
            Some(wait) => Err(Error::OtpLocked { retry_after: wait.seconds() }),
        }
    }

    /// How long the lockout lasts, if there is one.
    fn wait(&self, limits: &Limits, now: Timestamp) -> Option<Wait> {
        if self.max_failures_in_row() >= OFF_AFTER {
            return Some(Wait::Forever);
        }

        let lockout = LADDER
            .iter()
            .find(|(failures, _)| self.max_failures_in_row() >= *failures)
            .map(|(_, wait)| self.last_failure_at + wait - now.as_second())
            .filter(|wait| *wait > 0);
        lockout
            .max(window_wait(&self.failures, limits.failures_per_day, DAY, now))
            .map(Wait::Seconds)
    }

    /// The failures in a row of the first or of the second factor, whichever are more.
    fn max_failures_in_row(&self) -> u32 {
        self.failures_in_row.max(self.second_failures_in_row)
    }

    /// When nothing in the state counts any more (epoch seconds); `None` means never.
    pub fn ends_at(&self) -> Option<i64> {
        if self.max_failures_in_row() >= OFF_AFTER {
            return None;
        }

        let sends = self.sends.last().map(|at| at + DAY);
        let failures = self.failures.last().map(|at| at + DAY);
        let in_row =
            (self.max_failures_in_row() > 0).then_some(self.last_failure_at + MEMORY_OF_FAILURES);
        Some(
            [sends, failures, in_row, self.stopped_until]
                .into_iter()
                .flatten()
                .max()
                .unwrap_or_default(),
        )
    }

    /// Drops messages and failures that no longer count.
    fn forget_old(&mut self, now: Timestamp) {
        if self.max_failures_in_row() < OFF_AFTER
            && self.last_failure_at <= now.as_second() - MEMORY_OF_FAILURES
        {
            (self.failures_in_row, self.second_failures_in_row) = (0, 0);
        }
        self.sends.retain(|at| *at > now.as_second() - DAY);
        self.failures.retain(|at| *at > now.as_second() - DAY);
    }
}

impl Wait {
    fn seconds(self) -> Option<i64> {
        match self {
            Self::Seconds(seconds) => Some(seconds),
            Self::Forever => None,
        }
    }
}

/// Seconds until fewer than `max` of `times` lie within the last `window` seconds; `None` if that
/// is the case now.
fn window_wait(times: &[i64], max: u32, window: i64, now: Timestamp) -> Option<i64> {
    let position = times.len().checked_sub(usize::try_from(max).ok()?)?;
    let wait = times.get(position)? + window - now.as_second();
    (wait > 0).then_some(wait)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    const LIMITS: Limits =
        Limits { cooldown_seconds: 30, sends_per_hour: 5, sends_per_day: 10, failures_per_day: 20 };

    fn start() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn send(throttle: &mut Throttle, now: Timestamp) -> Result<(), Error> {
        throttle.reserve_send(&LIMITS, now)
    }

    #[test]
    fn the_cooldown_grows_and_the_hour_and_the_day_are_capped() {
        let (mut throttle, mut now) = (Throttle::default(), start());
        for cooldown in [30, 60, 120, 300] {
            send(&mut throttle, now).unwrap();
            assert_eq!(throttle.resend_in(&LIMITS, now), cooldown);
            now += (cooldown - 1).seconds();
            assert_eq!(send(&mut throttle, now), Err(Error::ResendTooSoon { retry_after: 1 }));
            now += 1.seconds();
        }

        send(&mut throttle, now).unwrap();
        // Five in this hour: the cap outlasts the cooldown of 300 s.
        let sixth = send(&mut throttle, now + 300.seconds());
        assert_eq!(sixth, Err(Error::SmsLimitReached { retry_after: 3_600 - 510 - 300 }));

        now = start() + 2.hours();
        for _ in 0..5 {
            send(&mut throttle, now).unwrap();
            now += 30.minutes();
        }
        assert!(
            matches!(send(&mut throttle, now), Err(Error::SmsLimitReached { retry_after }) if retry_after > 10 * HOUR)
        );
        assert_eq!(send(&mut throttle, start() + 24.hours()), Ok(()));
    }

    #[test]
    fn a_cooldown_is_as_long_as_it_says() {
        let mut throttle = Throttle::default();
        let sent = start() + 930.milliseconds();
        send(&mut throttle, sent).unwrap();
        assert_eq!(throttle.resend_in(&LIMITS, sent), 30);
        for (millis, left) in [(1, 30), (29_000, 1), (29_999, 1), (30_000, 0)] {
            assert_eq!(throttle.resend_in(&LIMITS, sent + millis.milliseconds()), left, "{millis}");
        }
    }

    #[test]
    fn a_message_that_was_not_sent_does_not_count() {
        let mut throttle = Throttle::default();
        send(&mut throttle, start()).unwrap();
        let before = throttle.clone();
        let later = start() + 1.minute();
        send(&mut throttle, later).unwrap();
        throttle.release_send(later);
        assert_eq!(throttle, before);
    }

    #[test]
    fn a_stop_blocks_messages_for_a_day() {
        let mut throttle = Throttle::default();
        send(&mut throttle, start()).unwrap();
        let stopped = start() + 1.hour();
        let until = Some(stopped.as_second() + DAY);
        assert_eq!(throttle.stop(stopped), until);
        assert_eq!(throttle.stop(stopped + 1.hour()), until, "a second stop does not extend it");
        assert_eq!(send(&mut throttle, stopped), Err(Error::SmsLimitReached { retry_after: DAY }));
        assert_eq!(throttle.ends_at(), until);
        assert_eq!(throttle.check(&LIMITS, stopped), Ok(()), "codes that were sent can be used");

        let mut used = throttle.clone();
        used.record_success();
        assert_eq!(send(&mut used, stopped), Ok(()), "using a code ends the stop");

        let mut unlocked = throttle.clone();
        assert!(unlocked.forget_failures());
        assert_eq!(send(&mut unlocked, stopped), Ok(()));

        assert_eq!(throttle.clone().stop(stopped + 24.hours()), None, "nothing was sent since");
        assert_eq!(send(&mut throttle, stopped + 24.hours()), Ok(()));
    }

    #[test]
    fn failures_in_a_row_climb_the_ladder() {
        let limits = Limits { failures_per_day: 100, ..LIMITS };
        let (mut throttle, mut now) = (Throttle::default(), start());
        let mut waits = Vec::new();
        for failure in 1..=OFF_AFTER {
            throttle.record_failure(&limits, now).unwrap();
            match throttle.check(&limits, now) {
                Ok(()) => {}
                Err(Error::OtpLocked { retry_after: Some(wait) }) => {
                    waits.push((failure, wait));
                    assert_eq!(
                        throttle.record_failure(&limits, now),
                        Err(Error::OtpLocked { retry_after: Some(wait) })
                    );
                    now += wait.seconds();
                }
                other => assert_eq!(
                    (failure, other),
                    (OFF_AFTER, Err(Error::OtpLocked { retry_after: None }))
                ),
            }
        }

        for (from, wait) in [(10, 15 * 60), (20, HOUR), (50, DAY)] {
            assert_eq!(
                waits.iter().find(|(failure, _)| *failure == from).map(|(_, wait)| *wait),
                Some(wait)
            );
        }
        assert_eq!(waits.first().map(|(failure, _)| *failure), Some(10));
        assert_eq!(throttle.ends_at(), None);
        assert_eq!(
            send(&mut throttle, now + 1000.hours()),
            Err(Error::OtpLocked { retry_after: None })
        );
        throttle.record_success();
        assert_eq!(throttle.check(&limits, now + 24.hours()), Ok(()));
    }

    #[test]
    fn a_right_password_does_not_restart_the_second_factor_lockout() {
        let (mut throttle, mut now) = (Throttle::default(), start());
        for _ in 0..10 {
            throttle.spend_second_factor(&LIMITS, now).unwrap();
        }

        let wait = 15 * 60;
        assert_eq!(throttle.check(&LIMITS, now), Err(Error::OtpLocked { retry_after: Some(wait) }));
        for later in [wait.seconds(), 25.hours()] {
            now += later;
            throttle.spend_password(10, &LIMITS, now).unwrap();
            throttle.take_back_failure(now);
            assert_eq!(throttle.check(&LIMITS, now), Ok(()));
        }

        throttle.spend_second_factor(&LIMITS, now).unwrap();
        assert_eq!(
            throttle.check(&LIMITS, now),
            Err(Error::OtpLocked { retry_after: Some(wait) }),
            "failures in a row go on counting"
        );
    }

    #[test]
    fn success_resets_failures_in_a_row_but_not_those_of_the_day() {
        let (mut throttle, mut now) = (Throttle::default(), start());
        for _ in 0..LIMITS.failures_per_day {
            throttle.record_failure(&LIMITS, now).unwrap();
            throttle.record_success();
            now += 1.minute();
        }
        assert_eq!(
            throttle.check(&LIMITS, now),
            Err(Error::OtpLocked { retry_after: Some(DAY - 20 * 60) })
        );
        assert_eq!(throttle.check(&LIMITS, start() + 24.hours()), Ok(()));
    }
}
