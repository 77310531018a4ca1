//! Wrong secrets in a row: passwords and second factors make the next try wait, wrong codes make
//! the next codes longer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DAY, HOUR};
use crate::base::Error;

/// The steps of the lockout, highest first: failures in a row, and the seconds to wait after the
/// last of them.
const LADDER: [(u32, i64); 3] = [(50, DAY), (20, HOUR), (10, FIRST_WAIT)];
/// The wait of the lowest step, in seconds.
const FIRST_WAIT: i64 = 15 * 60;
/// The seconds after the last failure until failures in a row are forgotten.
const MEMORY: i64 = 30 * DAY;

/// After this many wrong passwords in a row, strangers need another way to sign in; after this many
/// wrong codes in a row, strangers get no codes for a day (NIST SP 800-63B-4 §3.2.2: no more than
/// 100).
pub const OFF_AFTER: u32 = 100;
/// After a day without codes, the count goes on from here: codes keep their greatest length.
const RESUMES_AT: u32 = 30;
/// How long codes for strangers get, highest step first: wrong codes in a row, and digits.
const LENGTHS: [(u32, u32); 2] = [(RESUMES_AT, 10), (10, LONG_DIGITS)];
/// The length of a code that is longer than usual.
pub const LONG_DIGITS: u32 = 8;
/// How long the length stays after a sign-in from a new device ended the run, in seconds.
const LONG_FOR: i64 = DAY;

/// Wrong tries of one secret in a row. More of them mean a longer wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ladder {
    #[serde(rename = "n")]
    in_row: u32,
    /// When the last one was, in epoch seconds.
    #[serde(rename = "l")]
    last_at: i64,
}

impl Ladder {
    /// Counts a try as wrong before it is compared. If it is right, [`Self::clear`] ends the run.
    /// The first wait comes after `first` failures.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn spend(&mut self, first: u32, now: Timestamp) -> Result<(), i64> {
        self.forget_old(now);
        match self.wait(first, now) {
            Some(wait) => Err(wait),
            None => {
                self.in_row += 1;
                self.last_at = now.as_second();
                Ok(())
            }
        }
    }

    /// How many seconds the next try has to wait.
    pub fn wait(&self, first: u32, now: Timestamp) -> Option<i64> {
        let climbed = LADDER.iter().find(|(failures, _)| self.in_row >= *failures);
        let early = (self.in_row >= first).then_some(FIRST_WAIT);
        let wait = climbed.map(|(_, wait)| *wait).max(early)?;
        Some(self.last_at + wait - now.as_second()).filter(|left| *left > 0)
    }

    /// Whether there were so many failures that waiting does not help a stranger.
    pub fn is_off(&self) -> bool {
        self.in_row >= OFF_AFTER
    }

    /// Ends the run.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn ends_at(&self) -> Option<i64> {
        (!self.is_empty()).then_some(self.last_at + MEMORY)
    }

    fn forget_old(&mut self, now: Timestamp) {
        if self.last_at <= now.as_second() - MEMORY {
            self.clear();
        }
    }
}

/// Wrong codes in a row for one address. They never make a person wait; the next codes get longer
/// instead, so that guessing does not pay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CodeRun {
    #[serde(rename = "n")]
    in_row: u32,
    /// When the last one was, in epoch seconds.
    #[serde(rename = "l")]
    last_at: i64,
    /// Until when no codes are sent or accepted, in epoch seconds.
    #[serde(rename = "x", skip_serializing_if = "is_zero")]
    off_until: i64,
    /// The length that codes keep until [`Self::long_until`], although the run has ended.
    #[serde(rename = "d", skip_serializing_if = "is_zero")]
    long_digits: i64,
    #[serde(rename = "u", skip_serializing_if = "is_zero")]
    long_until: i64,
    /// The runs that ended within 24 hours: when their last code was (epoch seconds), and their
    /// length.
    #[serde(rename = "r", skip_serializing_if = "Vec::is_empty")]
    ended: Vec<(i64, u32)>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl CodeRun {
    /// Counts a wrong code.
    pub fn fail(&mut self, now: Timestamp) {
        if self.last_at <= now.as_second() - MEMORY {
            self.in_row = 0;
        }
        self.in_row += 1;
        self.last_at = now.as_second();
        if self.in_row >= OFF_AFTER {
            self.off_until = now.as_second() + DAY;
            self.in_row = RESUMES_AT;
        }
    }

    /// Checks that codes are sent and accepted.
    ///
    /// # Errors
    /// [`Error::OtpLocked`] with the seconds until they are again.
    pub fn check(&self, now: Timestamp) -> Result<(), Error> {
        match self.off_until - now.as_second() {
            left if left > 0 => Err(Error::OtpLocked { retry_after: Some(left) }),
            _ => Ok(()),
        }
    }

    /// How many digits the next code has, of which `usual` is the least.
    pub fn digits(&self, usual: u32, now: Timestamp) -> u32 {
        let kept = if self.long_until > now.as_second() { self.long_digits } else { 0 };
        usual.max(self.run_digits()).max(u32::try_from(kept).unwrap_or_default())
    }

    /// Ends the run after a sign-in from a new device. Codes stay as long as they are for a day, and so
    /// long its tries count in [`Self::lately`].
    pub fn end(&mut self, now: Timestamp) {
        let digits = i64::from(self.digits(0, now));
        let mut ended = std::mem::take(&mut self.ended);
        ended.push((self.last_at, self.in_row));
        ended.retain(|(at, tries)| *at > now.as_second() - DAY && *tries > 0);
        *self = Self { ended, ..Self::default() };
        if digits > 0 {
            (self.long_digits, self.long_until) = (digits, now.as_second() + LONG_FOR);
            self.last_at = now.as_second();
        }
    }

    /// How many codes were wrong: in a row, and in the runs that ended in the last 24 hours.
    pub fn lately(&self, now: Timestamp) -> u32 {
        let ended = self.ended.iter().filter(|(at, _)| *at > now.as_second() - DAY);
        self.in_row + ended.map(|(_, tries)| tries).sum::<u32>()
    }

    /// Lets codes be sent again, since the owner of the address was recognised in another way. The
    /// count goes on.
    pub fn lift(&mut self) {
        self.off_until = 0;
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether nothing is counted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn ends_at(&self) -> Option<i64> {
        let run = (self.in_row > 0).then_some(self.last_at + MEMORY);
        let ended = self.ended.iter().map(|(at, _)| at + DAY).max();
        run.max(ended).max(Some(self.off_until.max(self.long_until)).filter(|at| *at > 0))
    }

    fn run_digits(&self) -> u32 {
        LENGTHS.iter().find(|(failures, _)| self.in_row >= *failures).map_or(0, |(_, it)| *it)
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    fn start() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    #[test]
    fn wrong_passwords_in_a_row_climb_the_ladder() {
        let (mut ladder, mut now) = (Ladder::default(), start());
        let mut waits = Vec::new();
        for failure in 1..=60 {
            ladder.spend(10, now).unwrap();
            if let Some(wait) = ladder.wait(10, now) {
                waits.push((failure, wait));
                assert_eq!(ladder.spend(10, now), Err(wait));
                now += wait.seconds();
            }
        }

        for (from, wait) in [(10, FIRST_WAIT), (20, HOUR), (50, DAY)] {
            let first = waits.iter().find(|(failure, _)| *failure == from);
            assert_eq!(first.map(|(_, wait)| *wait), Some(wait));
        }
        assert_eq!(waits.first().map(|(failure, _)| *failure), Some(10));
    }

    #[test]
    fn the_first_wait_comes_earlier_if_a_setting_says_so() {
        let mut ladder = Ladder::default();
        for _ in 0..3 {
            ladder.spend(3, start()).unwrap();
        }
        assert_eq!(ladder.spend(3, start()), Err(FIRST_WAIT));
        ladder.clear();
        assert_eq!(ladder.spend(3, start()), Ok(()));
    }

    #[test]
    fn a_run_of_failures_is_forgotten_after_a_month() {
        let mut ladder = Ladder::default();
        for _ in 0..9 {
            ladder.spend(10, start()).unwrap();
        }
        let later = start() + (24 * 31).hours();
        ladder.spend(10, later).unwrap();
        assert_eq!(ladder.wait(10, later), None);
    }

    #[test]
    fn wrong_codes_make_codes_longer_and_then_stop_them_for_a_day() {
        let mut run = CodeRun::default();
        for failure in 1..=OFF_AFTER {
            assert_eq!(run.check(start()), Ok(()), "{failure}");
            run.fail(start());
            let digits = match failure {
                ..10 => 6,
                10..30 => 8,
                _ => 10,
            };
            assert_eq!(run.digits(6, start()), digits, "{failure}");
        }
        assert_eq!(run.check(start()), Err(Error::OtpLocked { retry_after: Some(DAY) }));

        let tomorrow = start() + 24.hours();
        assert_eq!((run.check(tomorrow), run.digits(6, tomorrow)), (Ok(()), 10));
        for _ in RESUMES_AT..OFF_AFTER {
            run.fail(tomorrow);
        }
        assert!(run.check(tomorrow).is_err());
        run.lift();
        assert_eq!((run.check(tomorrow), run.digits(6, tomorrow)), (Ok(()), 10));
    }

    #[test]
    fn codes_stay_long_for_a_day_after_a_sign_in() {
        let mut run = CodeRun::default();
        for _ in 0..12 {
            run.fail(start());
        }
        run.end(start());
        assert_eq!(run.digits(6, start() + 23.hours()), 8);
        assert_eq!(run.digits(6, start() + 24.hours()), 6);
        assert_eq!(run.digits(9, start()), 9, "a longer setting counts");
        // A second sign-in does not shorten them.
        run.end(start() + 1.hour());
        assert_eq!(run.digits(6, start() + 24.hours()), 8);
    }
}
