//! The settings of codes, and the test phones.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rlibphonenumber::enums::Region;

use super::{MAX_DIGITS, MIN_DIGITS, OPEN_AT_ONCE, OneTimeCode};
use crate::{
    base::{Reader, Stage, date_or_time, list, seconds},
    identifiers::{AllowedCountries, PhoneNumber, phone},
    limits::Asker,
};

/// The greatest chance to guess the code of an address with all the tries that strangers can
/// prepare at the usual length. Later codes are so long that they add almost nothing.
const MAX_GUESS_CHANCE: f64 = 1.9e-5;

/// The maximum time for which test phones can be set, in days.
const TEST_PHONES_MAX_DAYS: i64 = 90;

/// The phones that codes are sent to, and the form of codes.
#[derive(Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub struct ChallengeSettings {
    /// `ISSUER`, without a slash at the end: the base URL of links in messages.
    pub issuer: String,
    /// `DEFAULT_REGION`: the region of numbers without a country code.
    pub default_region: Option<Region>,
    /// `ALLOWED_COUNTRIES`.
    pub allowed_countries: AllowedCountries,
    /// `OTP_LENGTH`.
    pub code_digits: u32,
    /// `OTP_TTL_SECONDS`.
    pub ttl_seconds: i64,
    /// `OTP_MAX_ATTEMPTS`.
    pub max_attempts: u32,
    /// `OTP_MAX_FAILED_PERCENT`: if more than this share of all tries fail, a wrong code closes its
    /// challenge.
    pub max_failed_percent: i64,
    /// `TEST_PHONE_NUMBERS` and `TEST_PHONES_UNTIL`.
    pub test_phones: TestPhones,
}

impl ChallengeSettings {
    /// The least number of digits of codes. Codes that strangers ask for are longer than
    /// `OTP_LENGTH` if so many tries could otherwise be prepared that the chance to guess the code
    /// of one address exceeded 2 in 100,000 a day.
    pub fn digits(&self, asker: &Asker) -> u32 {
        let tries = self.max_attempts * u32::try_from(OPEN_AT_ONCE).unwrap_or(u32::MAX);
        let is_too_likely =
            |digits: u32| f64::from(tries) / 10_f64.powi(digits.cast_signed()) > MAX_GUESS_CHANCE;
        let enough = (self.code_digits..MAX_DIGITS).find(|digits| !is_too_likely(*digits));
        match asker {
            Asker::Stranger(_) => enough.unwrap_or(MAX_DIGITS),
            Asker::Device(_) => self.code_digits,
        }
    }

    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>, issuer: &str, now: Timestamp) -> Self {
        let min_ttl = reader.at_least(30);
        Self {
            issuer: issuer.to_owned(),
            default_region: reader.optional(
                "DEFAULT_REGION",
                "an ISO 3166-1 alpha-2 code, like US",
                phone::country,
            ),
            allowed_countries: reader.parsed(
                "ALLOWED_COUNTRIES",
                "US",
                "ISO 3166-1 alpha-2 codes separated by commas, or *",
                allowed_countries,
            ),
            code_digits: reader.number("OTP_LENGTH", 6, MIN_DIGITS, MAX_DIGITS),
            ttl_seconds: reader.number("OTP_TTL_SECONDS", 300, min_ttl, 600),
            max_attempts: reader.number("OTP_MAX_ATTEMPTS", 5, 1, 10),
            max_failed_percent: reader.number("OTP_MAX_FAILED_PERCENT", 80, 20, 100),
            test_phones: TestPhones::read(reader, now),
        }
    }
}

/// Test phones. Nothing is sent to them, their code is fixed, and no limits apply.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub struct TestPhones {
    codes: BTreeMap<PhoneNumber, OneTimeCode>,
    until: Option<Timestamp>,
}

impl TestPhones {
    /// The fixed code of a phone, if it is a test phone at `now`.
    pub fn code(&self, phone: &PhoneNumber, now: Timestamp) -> Option<&OneTimeCode> {
        self.codes.get(phone).filter(|_| self.until.is_some_and(|until| now < until))
    }

    fn read(reader: &mut Reader<'_>, now: Timestamp) -> Self {
        const NUMBERS: &str = "TEST_PHONE_NUMBERS";
        const UNTIL: &str = "TEST_PHONES_UNTIL";
        if reader.stage == Stage::Prod {
            for name in [NUMBERS, UNTIL] {
                reader.absent(name, "unset if ENVIRONMENT is prod");
            }
            return Self::default();
        }

        let codes =
            reader.list(NUMBERS, "pairs like +15005550006=123456, separated by commas", |text| {
                let pairs = list(text).map(|pair| {
                    let (phone, code) = pair.split_once('=')?;
                    Some((
                        PhoneNumber::from_e164(phone.trim()).ok()?,
                        OneTimeCode::parse(code.trim())?,
                    ))
                });
                pairs.collect::<Option<BTreeMap<_, _>>>()
            });

        let latest = now + seconds(TEST_PHONES_MAX_DAYS * 24 * 3600);
        let until_text = "a date or an RFC 3339 time at most 90 days ahead, like 2027-01-31";
        let not_too_late = |text: &str| {
            date_or_time(text).filter(|(start, _)| *start <= latest).map(|(_, end)| end)
        };
        let until = reader.optional(UNTIL, until_text, not_too_late);
        if !codes.is_empty() && !reader.is_set(UNTIL) {
            reader.problem(format!(
                "{UNTIL} is not set, and {NUMBERS} needs it; it must be {until_text}"
            ));
        }
        Self { codes, until }
    }
}

fn allowed_countries(text: &str) -> Option<AllowedCountries> {
    if text == "*" {
        return Some(AllowedCountries::All);
    }
    let countries = list(text)
        .map(|code| phone::country(code).map(|_| code.to_owned()))
        .collect::<Option<BTreeSet<_>>>()?;
    (!countries.is_empty()).then_some(AllowedCountries::Only(countries))
}
