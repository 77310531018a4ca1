//! Environment variables, and how they are read into settings.

use std::{collections::BTreeMap, fmt::Display, str::FromStr};

use jiff::Timestamp;

use super::{date_or_time, list, seconds};
use crate::{
    challenges::OneTimeCode,
    identifiers::PhoneNumber,
    settings::{Stage, TestPhones},
};

/// The longest that a test phone may be set for.
const TEST_PHONES_MAX_DAYS: i64 = 90;

/// Environment variables, as a value: `cargo run` and the tests bring their own.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        // A variable that is not UTF-8 is none of ours.
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// A variable; one that is empty counts as absent, since templates cannot leave one out.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Sets `name`.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets `name` unless it is there already.
    pub fn set_default(&mut self, name: &str, value: impl Into<String>) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(variables: T) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Reads variables and collects what is wrong with them.
pub(crate) struct Reader<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) problems: Vec<String>,
}

impl Reader<'_> {
    fn problem(&mut self, name: &str, held: &str, may_hold: impl Display) {
        self.problems.push(format!("{name} holds {held:?}; it may hold {may_hold}"));
    }

    pub(crate) fn optional<T>(&mut self, name: &str, may_hold: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let held = self.environment.get(name)?;
        let parsed = parse(held);
        if parsed.is_none() {
            self.problem(name, held, may_hold);
        }
        parsed
    }

    pub(crate) fn parsed<T>(&mut self, name: &str, default: T, may_hold: &str, parse: impl Fn(&str) -> Option<T>) -> T {
        self.optional(name, may_hold, parse).unwrap_or(default)
    }

    pub(crate) fn required<T>(&mut self, name: &str, may_hold: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        if self.environment.get(name).is_none() {
            self.problems.push(format!("{name} is not set; it may hold {may_hold}"));
        }
        self.optional(name, may_hold, parse)
    }

    pub(crate) fn number<T: FromStr + PartialOrd + Display + Copy>(
        &mut self,
        name: &str,
        default: T,
        min: T,
        max: T,
    ) -> T {
        let may_hold = format!("a whole number from {min} to {max}");
        self.parsed(name, default, &may_hold, |text| text.parse().ok().filter(|number| (min..=max).contains(number)))
    }

    pub(crate) fn test_phones(&mut self, stage: Stage, now: Timestamp) -> TestPhones {
        let names = ["TEST_PHONE_NUMBERS", "TEST_PHONES_UNTIL"];
        if stage == Stage::Prod {
            for name in names {
                if let Some(held) = self.environment.get(name) {
                    self.problem(name, held, "nothing where ENVIRONMENT is prod");
                }
            }
            return TestPhones::default();
        }
        let [numbers, until] = names;
        let codes =
            self.parsed(numbers, BTreeMap::new(), "pairs as +15005550006=123456, separated by commas", |text| {
                list(text)
                    .map(|pair| {
                        let (phone, code) = pair.split_once('=')?;
                        Some((PhoneNumber::from_e164(phone.trim()).ok()?, OneTimeCode::parse(code.trim())?))
                    })
                    .collect()
            });
        let latest = now + seconds(TEST_PHONES_MAX_DAYS * 24 * 3600);
        let until_text = "a date or an RFC 3339 time no more than 90 days ahead, as 2027-01-31";
        let near = |text: &str| date_or_time(text).filter(|(start, _)| *start <= latest).map(|(_, end)| end);
        let until = self.optional(until, until_text, near);
        if !codes.is_empty() && self.environment.get("TEST_PHONES_UNTIL").is_none() {
            self.problems.push(format!(
                "TEST_PHONES_UNTIL is not set, and TEST_PHONE_NUMBERS needs it; it may hold {until_text}"
            ));
        }
        TestPhones { codes, until }
    }
}
