//! One-time codes: decimal digits, uniformly random, from the system's generator.

use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

use crate::base::{Error, Random, plain_code};

/// The minimum length of a code (NIST SP 800-63B-4 §3.1.3: at least six decimal digits).
pub const MIN_DIGITS: u32 = 6;
/// The maximum length of a code.
pub const MAX_DIGITS: u32 = 10;

/// A code as it is sent. It has no `Debug` and no `Serialize`.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct OneTimeCode(String);

impl OneTimeCode {
    /// Draws a code of `digits` decimal digits.
    pub fn draw(digits: u32, random: &Random) -> Result<Self, Error> {
        loop {
            if let Some(code) = Self::from_random(digits, u64::from_be_bytes(random.bytes()?)) {
                return Ok(code);
            }
        }
    }

    /// The code that `random` stands for. `None` if `random` is not below the largest multiple of
    /// 10^`digits`: accepting it would favour some codes.
    fn from_random(digits: u32, random: u64) -> Option<Self> {
        let codes = 10_u64.pow(digits.min(MAX_DIGITS));
        let bound = u64::MAX - u64::MAX % codes;
        (random < bound)
            .then(|| Self(format!("{:0width$}", random % codes, width = digits as usize)))
    }

    /// Reads a code from a request or a setting: [`MIN_DIGITS`] to [`MAX_DIGITS`] decimal digits, as
    /// [`plain_code`] reads them.
    pub fn parse(text: &str) -> Option<Self> {
        let text = plain_code(text);
        let length = u32::try_from(text.len()).ok()?;
        ((MIN_DIGITS..=MAX_DIGITS).contains(&length)
            && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some(Self(text))
    }

    /// Reads the code in `field` of a request.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if it is not a code.
    pub fn parse_field(field: &str, text: &str) -> Result<Self, Error> {
        Self::parse(text).ok_or_else(|| {
            Error::field(field, format!("must be {MIN_DIGITS} to {MAX_DIGITS} digits"))
        })
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of digits.
    pub fn digits(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(MAX_DIGITS)
    }
}

/// The tries of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// Tries that are used.
    #[serde(rename = "attempts_used")]
    pub used: u32,
    /// Tries in all.
    #[serde(rename = "attempts_max")]
    pub max: u32,
}

impl Attempts {
    /// Tries that are left.
    pub fn left(self) -> u32 {
        self.max.saturating_sub(self.used)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_code_comes_from_equally_many_random_numbers() {
        // The accepted numbers end with a complete run of codes, so every run is complete.
        for digits in MIN_DIGITS..=MAX_DIGITS {
            let codes = 10_u64.pow(digits);
            let bound = u64::MAX - u64::MAX % codes;
            assert_eq!(bound % codes, 0);
            assert!(OneTimeCode::from_random(digits, bound).is_none());
            assert!(OneTimeCode::from_random(digits, bound - 1).is_some());
        }
    }

    #[test]
    fn all_codes_of_six_digits_are_drawn_uniformly() {
        // Every code is reached, in order and with its leading zeros …
        let mut seen = 0_u64;
        for random in 0..1_000_000 {
            let code = OneTimeCode::from_random(6, random).unwrap();
            assert_eq!(code.as_str().len(), 6);
            seen += u64::from(code.as_str().parse::<u64>().unwrap() == random);
        }
        assert_eq!(seen, 1_000_000);
        // … and real draws pass a chi-squared test over 1,000 buckets (999 degrees of freedom;
        // chance exceeds the bound once in 10^9 runs).
        let (draws, random) = (1_000_000, Random::system());
        let mut buckets = vec![0_u32; 1000];
        for _ in 0..draws {
            let code: usize = OneTimeCode::draw(6, &random).unwrap().as_str().parse().unwrap();
            buckets[code % 1000] += 1;
        }
        let expected = f64::from(draws) / 1000.0;
        let chi_squared: f64 =
            buckets.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        assert!(chi_squared < 1_300.0, "{chi_squared}");
    }

    proptest! {
        #[test]
        fn only_ascii_digits_parse(text in any::<String>()) {
            prop_assert_eq!(OneTimeCode::parse(&text).is_some(),
                (6..=10).contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit()));
        }
    }
}
