//! The settings of rate limits, lockouts and signs of SMS pumping.

use super::{FraudMode, FraudRules, Limits};
use crate::base::{Reader, Stage};

/// The maximum of `OTP_SENDS_PER_PHONE_PER_HOUR` and `OTP_SENDS_PER_PHONE_PER_DAY`.
const MAX_SENDS: u32 = 100;
/// The same outside production, for tests. The item of an address has the times of all its
/// messages, and DynamoDB's items have at most 400 KB, so it cannot be much higher.
const MAX_SENDS_OUTSIDE_PROD: u32 = 5_000;

/// The limits on messages and guesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitSettings {
    /// The limits of one phone or e-mail address.
    pub per_address: Limits,
    /// `OTP_SENDS_PER_IP_PER_HOUR`: messages requested by one source address.
    pub sends_per_ip_per_hour: u32,
    /// `OTP_SENDS_PER_PREFIX_PER_HOUR`: texts to a block of numbers, which differ only in their last
    /// 4 digits.
    pub sends_per_prefix_per_hour: u32,
    /// `EMAIL_SENDS_PER_DOMAIN_PER_HOUR`: e-mails to addresses of one domain.
    pub emails_per_domain_per_hour: u32,
    /// `EMAILS_PER_DAY`: e-mails in a day (UTC).
    pub emails_per_day: u32,
    /// `PASSWORD_FAILURES_PER_IP_PER_HOUR`: wrong passwords from one source address, for all names
    /// together.
    pub password_failures_per_ip_per_hour: u32,
    /// `LOGIN_MAX_FAILURES`: wrong passwords in a row before a lockout.
    pub login_max_failures: u32,
    /// `FRAUD_MODE`: what is done with texts that show signs of SMS pumping.
    pub fraud_mode: FraudMode,
    /// The thresholds of those signs.
    pub fraud_rules: FraudRules,
}

impl LimitSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let rules = FraudRules::default();
        let is_prod = reader.stage == Stage::Prod;
        let least_cooldown = if is_prod { 10 } else { 0 };
        let most_sends = if is_prod { MAX_SENDS } else { MAX_SENDS_OUTSIDE_PROD };

        Self {
            per_address: Limits {
                cooldown_seconds: reader.number(
                    "OTP_RESEND_COOLDOWN_SECONDS",
                    30,
                    least_cooldown,
                    600,
                ),
                sends_per_hour: reader.number("OTP_SENDS_PER_PHONE_PER_HOUR", 5, 1, most_sends),
                sends_per_day: reader.number("OTP_SENDS_PER_PHONE_PER_DAY", 10, 1, most_sends),
            },
            sends_per_ip_per_hour: reader.number("OTP_SENDS_PER_IP_PER_HOUR", 20, 1, 1_000_000),
            sends_per_prefix_per_hour: reader.number(
                "OTP_SENDS_PER_PREFIX_PER_HOUR",
                100,
                1,
                1_000_000,
            ),
            emails_per_domain_per_hour: reader.number(
                "EMAIL_SENDS_PER_DOMAIN_PER_HOUR",
                1_000,
                1,
                1_000_000,
            ),
            emails_per_day: reader.number("EMAILS_PER_DAY", 10_000, 1, 100_000_000),
            password_failures_per_ip_per_hour: reader.number(
                "PASSWORD_FAILURES_PER_IP_PER_HOUR",
                100,
                1,
                1_000_000,
            ),
            login_max_failures: reader.number("LOGIN_MAX_FAILURES", 10, 1, 100),
            fraud_mode: reader.parsed(
                "FRAUD_MODE",
                "record",
                "record, challenge, quiet or deny",
                fraud_mode,
            ),
            fraud_rules: FraudRules {
                countries: reader.number("FRAUD_COUNTRIES_PER_IP", rules.countries, 1, 250),
                sequence: reader.number("FRAUD_SEQUENTIAL_NUMBERS", rules.sequence, 2, 1_000),
                min_texts: reader.number("FRAUD_MIN_TEXTS", rules.min_texts, 1, 1_000_000),
                min_verified_percent: reader.number(
                    "FRAUD_MIN_VERIFIED_PERCENT",
                    rules.min_verified_percent,
                    0,
                    100,
                ),
            },
        }
    }
}

fn fraud_mode(text: &str) -> Option<FraudMode> {
    match text {
        "record" => Some(FraudMode::Record),
        "challenge" => Some(FraudMode::Challenge),
        "quiet" => Some(FraudMode::Quiet),
        "deny" => Some(FraudMode::Deny),
        _ => None,
    }
}
