//! How many codes are tried, and how many of them are wrong.

use std::sync::Mutex;

use jiff::Timestamp;

/// The right codes that this process has seen and not written yet. A right code costs no write: it
/// is written together with the next wrong one. Only the right codes after the last wrong one of a
/// process are missing in the count, which then looks a little worse than it is.
#[derive(Debug, Default)]
pub struct RightCodes(Mutex<Counted>);

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    hour: i64,
    codes: i64,
}

/// The codes that were tried in an hour, in a sixteenth of the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodesTried {
    /// All of them.
    pub tried: i64,
    /// Those that were wrong.
    pub failed: i64,
}

impl RightCodes {
    /// Counts a right code.
    pub fn count(&self, now: Timestamp) {
        if let Ok(mut counted) = self.0.lock() {
            let codes = if counted.hour == hour(now) { counted.codes } else { 0 };
            *counted = Counted { hour: hour(now), codes: codes + 1 };
        }
    }

    /// The right codes of this hour that are not written yet. The caller writes them.
    pub fn take(&self, now: Timestamp) -> i64 {
        let taken = self.0.lock().map(|mut counted| std::mem::take(&mut *counted));
        taken.ok().filter(|counted| counted.hour == hour(now)).map_or(0, |counted| counted.codes)
    }
}

/// The hours since 1970.
pub(super) fn hour(now: Timestamp) -> i64 {
    now.as_second().div_euclid(3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_codes_are_taken_once_and_only_in_their_hour() {
        let (codes, now) = (RightCodes::default(), Timestamp::from_second(7200).unwrap());
        codes.count(now);
        codes.count(now);
        assert_eq!((codes.take(now), codes.take(now)), (2, 0));

        codes.count(now);
        let later = Timestamp::from_second(10_800).unwrap();
        assert_eq!(codes.take(later), 0, "an hour later");
        codes.count(now);
        codes.count(later);
        assert_eq!(codes.take(later), 1);
    }
}
