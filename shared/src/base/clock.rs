//! The time, as a parameter: tests set it.

use std::{fmt, sync::Arc};

use jiff::{SignedDuration, Timestamp};

/// Returns the time. Everything that depends on the time takes one of these.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn system() -> Self {
        Self(Arc::new(Timestamp::now))
    }

    /// A clock whose time is what `now` returns.
    pub fn from_fn(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// A whole number of seconds. Seconds are the unit of every lifetime in the settings and the API.
pub const fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// The whole seconds from `now` until `then`, rounded up, never negative.
pub fn seconds_until(then: Timestamp, now: Timestamp) -> i64 {
    let millis = then.as_millisecond() - now.as_millisecond();
    millis.max(0).div_euclid(1000) + i64::from(millis > 0 && millis % 1000 != 0)
}

/// The time without its fraction of a second, as tokens and the store keep it.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// `#[serde(with = "api_time")]`: a time in an answer of the API, in UTC, always with milliseconds:
/// `2026-11-29T01:02:03.000Z`. Texts of one width sort by time.
pub mod api_time {
    use jiff::Timestamp;
    use serde::Serializer;

    /// Writes a time.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{time:.3}"))
    }
}

/// The same, for a time that may be missing.
pub mod api_time_option {
    use jiff::Timestamp;
    use serde::Serializer;

    /// Writes a time, or `null`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::api_time::serialize(time, serializer),
            None => serializer.serialize_none(),
        }
    }
}

/// `#[serde(with = "epoch_seconds")]`: a time in epoch seconds, as DynamoDB's TTL needs it.
pub mod epoch_seconds {
    pub use jiff::fmt::serde::timestamp::second::required::*;
}

/// The same, for a time that may be missing.
pub mod epoch_seconds_option {
    pub use jiff::fmt::serde::timestamp::second::optional::*;
}

/// `#[serde(with = "epoch_millis")]`: epoch milliseconds, for times where a second is too coarse.
pub mod epoch_millis {
    pub use jiff::fmt::serde::timestamp::millisecond::required::*;
}
