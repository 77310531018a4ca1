//! Times as exports write them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Seconds after 1970 are less than this until the year 5138, and milliseconds are more from 1973 on.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;

/// Reads a time: RFC 3339, also with a space instead of the `T` as databases write it; seconds or
/// milliseconds after 1970. A time without an offset is taken as UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return if number.abs() < FIRST_MILLISECONDS {
            Timestamp::from_second(number).ok()
        } else {
            Timestamp::from_millisecond(number).ok()
        };
    }
    // `aws` of version 1 writes seconds with a fraction.
    if let Some((seconds, fraction)) = text.split_once('.')
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(seconds) = seconds.parse::<i64>()
    {
        return Timestamp::from_second(seconds).ok();
    }
    let time: Option<Timestamp> = text.parse().ok();
    time.or_else(|| {
        let local: DateTime = text.parse().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_all_forms() {
        for text in [
            "2024-01-15T10:30:00Z",
            "2024-01-15T10:30:00.000000+00:00",
            "2024-01-15 10:30:00.000000+00",
            "2024-01-15 10:30:00+0000",
            "2024-01-15T12:30:00+02:00",
            "2024-01-15 10:30:00",
            "1705314600000",
            "1705314600",
            "1705314600.123",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), "2024-01-15T10:30:00Z", "{text}");
        }
        for text in ["", "yesterday", "15.01.2024", "99999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
