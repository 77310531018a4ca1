//! Messages to one address: how many, how often, and who asked for them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DAY, HOUR};
use crate::base::Error;

/// The factors by which the cooldown grows from one message to the next.
const COOLDOWN_GROWTH: [i64; 4] = [1, 2, 4, 10];
/// A used code gives its message back to the limits of the hour and the day. This many times a
/// limit is the ceiling that nothing gives back, since fraudsters who own numbers can use codes,
/// too.
pub const CEILING: u32 = 5;

/// The settings behind the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Seconds between the first message and the second. Later cooldowns are longer.
    pub cooldown_seconds: i64,
    /// The most messages in any 60 minutes.
    pub sends_per_hour: u32,
    /// The most messages in any 24 hours.
    pub sends_per_day: u32,
}

/// The messages of the last 24 hours that one kind of asker requested, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sends {
    /// Messages whose code was not used.
    #[serde(rename = "o", skip_serializing_if = "Vec::is_empty")]
    open: Vec<Sent>,
    /// The times of messages that were given back, since their code was used or the owner was
    /// recognised, in epoch milliseconds. They count towards [`CEILING`] only.
    #[serde(rename = "u", skip_serializing_if = "Vec::is_empty")]
    used: Vec<i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    /// When, in epoch milliseconds.
    #[serde(rename = "a")]
    at: i64,
    /// The source that asked for it. Each source has its own cooldown, so that a stranger's request
    /// does not make a person wait who asks from elsewhere. Empty: it causes no cooldown any more.
    #[serde(rename = "s", default, skip_serializing_if = "String::is_empty")]
    source: String,
}

impl Sends {
    /// Counts a message before it is sent. `source` tells whose cooldown it starts.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn reserve(&mut self, limits: &Limits, source: &str, now: Timestamp) -> Result<(), Error> {
        self.forget_old(now);
        self.check(limits, source, now)?;
        self.open.push(Sent { at: now.as_millisecond(), source: source.to_owned() });
        Ok(())
    }

    /// Checks that a message may be sent now.
    ///
    /// # Errors
    /// [`Error::ResendTooSoon`] or [`Error::SmsLimitReached`]: the one with the longer wait.
    pub fn check(&self, limits: &Limits, source: &str, now: Timestamp) -> Result<(), Error> {
        let resend_in = self.resend_in(limits, source, now);
        let open: Vec<_> = self.open.iter().map(|sent| sent.at).collect();
        let mut all: Vec<_> = open.iter().chain(&self.used).copied().collect();
        all.sort_unstable();

        let windows = [(limits.sends_per_hour, HOUR), (limits.sends_per_day, DAY)];
        let capped = windows
            .into_iter()
            .flat_map(|(max, window)| {
                [
                    window_wait(&open, max, window, now),
                    window_wait(&all, max.saturating_mul(CEILING), window, now),
                ]
            })
            .flatten()
            .max()
            .unwrap_or_default();

        match (resend_in, capped) {
            (0, 0) => Ok(()),
            (resend_in, capped) if resend_in > capped => {
                Err(Error::ResendTooSoon { retry_after: resend_in })
            }
            (_, capped) => Err(Error::SmsLimitReached { retry_after: capped }),
        }
    }

    /// Refunds the message that was counted at `at`, because it was not sent.
    pub fn release(&mut self, source: &str, at: Timestamp) {
        let sent = Sent { at: at.as_millisecond(), source: source.to_owned() };
        if let Some(position) = self.open.iter().rposition(|open| *open == sent) {
            self.open.remove(position);
        }
    }

    /// Gives back the messages of a challenge whose code was used, which `source` asked for and
    /// which were counted `at` these times, and ends the cooldown of that source.
    pub fn give_back(&mut self, source: &str, at: &[i64]) {
        let (used, mut open): (Vec<_>, Vec<_>) =
            self.open.drain(..).partition(|sent| sent.source == source && at.contains(&sent.at));
        for sent in open.iter_mut().filter(|sent| sent.source == source) {
            sent.source.clear();
        }
        self.open = open;
        self.used.extend(used.into_iter().map(|sent| sent.at));
    }

    /// Seconds until this source may ask for the next message.
    pub fn resend_in(&self, limits: &Limits, source: &str, now: Timestamp) -> i64 {
        let mut in_row = 0;
        let mut last = None::<i64>;
        for sent in self.open.iter().filter(|sent| sent.source == source) {
            let continues = last.is_some_and(|last| sent.at - last < HOUR * 1000);
            in_row = if continues { in_row + 1 } else { 0 };
            last = Some(sent.at);
        }

        let Some(last) = last else { return 0 };
        let growth = COOLDOWN_GROWTH.get(in_row).or(COOLDOWN_GROWTH.last()).copied().unwrap_or(1);
        // Rounded up, so that a client that waits as long as it is told is not too early.
        seconds_until(last + limits.cooldown_seconds * growth * 1000, now)
    }

    /// Whether a message was sent in the last 24 hours.
    pub fn was_sent(&self, now: Timestamp) -> bool {
        self.last_at().is_some_and(|at| at > now.as_millisecond() - DAY * 1000)
    }

    /// The messages that were given back, which still count towards the ceiling.
    pub(super) fn used(&self) -> Self {
        Self { open: Vec::new(), used: self.used.clone() }
    }

    /// The same with all messages given back: they count towards the ceiling only.
    pub(super) fn given_back(&self) -> Self {
        let open = self.open.iter().map(|sent| sent.at);
        Self { open: Vec::new(), used: self.used.iter().copied().chain(open).collect() }
    }

    /// When nothing of this counts any more, in epoch seconds.
    pub(super) fn ends_at(&self) -> Option<i64> {
        self.last_at().map(|at| at / 1000 + DAY + 1)
    }

    fn last_at(&self) -> Option<i64> {
        self.open.iter().map(|sent| sent.at).chain(self.used.iter().copied()).max()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.used.is_empty()
    }

    fn forget_old(&mut self, now: Timestamp) {
        let since = now.as_millisecond() - DAY * 1000;
        self.open.retain(|sent| sent.at > since);
        self.used.retain(|at| *at > since);
    }
}

/// Whole seconds from `now` until `end` (epoch milliseconds), rounded up; 0 if that is over.
fn seconds_until(end: i64, now: Timestamp) -> i64 {
    let left = (end - now.as_millisecond()).max(0);
    left.div_euclid(1000) + i64::from(left % 1000 > 0)
}

/// Seconds until fewer than `max` of `times` (epoch milliseconds, oldest first) lie within the last
/// `window` seconds; `None` if that is the case now.
fn window_wait(times: &[i64], max: u32, window: i64, now: Timestamp) -> Option<i64> {
    let position = times.len().checked_sub(usize::try_from(max).ok()?)?;
    let wait = seconds_until(times.get(position)? + window * 1000, now);
    (wait > 0).then_some(wait)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    const LIMITS: Limits = Limits { cooldown_seconds: 30, sends_per_hour: 5, sends_per_day: 10 };
    const HOME: &str = "home";

    fn start() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn send(sends: &mut Sends, now: Timestamp) -> Result<(), Error> {
        sends.reserve(&LIMITS, HOME, now)
    }

    #[test]
    fn the_cooldown_grows_and_the_hour_and_the_day_are_capped() {
        let (mut sends, mut now) = (Sends::default(), start());
        for cooldown in [30, 60, 120, 300] {
            send(&mut sends, now).unwrap();
            assert_eq!(sends.resend_in(&LIMITS, HOME, now), cooldown);
            now += (cooldown - 1).seconds();
            assert_eq!(send(&mut sends, now), Err(Error::ResendTooSoon { retry_after: 1 }));
            now += 1.seconds();
        }

        send(&mut sends, now).unwrap();
        // Five in this hour: the cap outlasts the cooldown of 300 s.
        let sixth = send(&mut sends, now + 300.seconds());
        assert_eq!(sixth, Err(Error::SmsLimitReached { retry_after: 3_600 - 510 - 300 }));

        now = start() + 2.hours();
        for _ in 0..5 {
            send(&mut sends, now).unwrap();
            now += 30.minutes();
        }
        assert!(
            matches!(send(&mut sends, now), Err(Error::SmsLimitReached { retry_after }) if retry_after > 10 * HOUR)
        );
        assert_eq!(send(&mut sends, start() + 24.hours()), Ok(()));
    }

    #[test]
    fn a_cooldown_is_as_long_as_it_says() {
        let mut sends = Sends::default();
        let sent = start() + 930.milliseconds();
        send(&mut sends, sent).unwrap();
        assert_eq!(sends.resend_in(&LIMITS, HOME, sent), 30);
        for (millis, left) in [(1, 30), (29_000, 1), (29_999, 1), (30_000, 0)] {
            assert_eq!(sends.resend_in(&LIMITS, HOME, sent + millis.milliseconds()), left);
        }
    }

    #[test]
    fn one_source_does_not_make_another_wait_but_all_share_the_caps() {
        let mut sends = Sends::default();
        for source in ["a", "b", "c", "d", "e"] {
            assert_eq!(sends.reserve(&LIMITS, source, start()), Ok(()), "{source}");
        }
        let sixth = sends.reserve(&LIMITS, "f", start());
        assert_eq!(sixth, Err(Error::SmsLimitReached { retry_after: HOUR }));
    }

    #[test]
    fn a_message_that_was_not_sent_does_not_count() {
        let mut sends = Sends::default();
        send(&mut sends, start()).unwrap();
        let before = sends.clone();
        let later = start() + 1.minute();
        send(&mut sends, later).unwrap();
        sends.release(HOME, later);
        assert_eq!(sends, before);
    }

    #[test]
    fn a_used_code_gives_back_its_messages_up_to_the_ceiling() {
        let (mut sends, mut now) = (Sends::default(), start());
        for _ in 0..LIMITS.sends_per_hour * CEILING {
            send(&mut sends, now).unwrap();
            sends.give_back(HOME, &[now.as_millisecond()]);
            assert_eq!(sends.resend_in(&LIMITS, HOME, now), 0);
            now += 1.second();
        }
        assert!(matches!(send(&mut sends, now), Err(Error::SmsLimitReached { .. })));
        // The ceiling of the day is higher.
        assert_eq!(send(&mut sends, start() + 61.minutes()), Ok(()));
    }

    #[test]
    fn a_used_code_ends_the_cooldown_of_its_source_only() {
        let mut sends = Sends::default();
        sends.reserve(&LIMITS, "stranger", start()).unwrap();
        send(&mut sends, start()).unwrap();
        let second = start() + 30.seconds();
        send(&mut sends, second).unwrap();
        sends.give_back(HOME, &[second.as_millisecond()]);
        assert_eq!(sends.resend_in(&LIMITS, HOME, second), 0);
        assert_eq!(sends.resend_in(&LIMITS, "stranger", start()), 30);
    }
}
