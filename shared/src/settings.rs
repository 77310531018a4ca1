//! The settings: environment variables, parsed once, with their bounds.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use jiff::Timestamp;
use rlibphonenumber::enums::Region;

use crate::{
    avatars::AvatarSettings,
    base::{
        Environment, Reader, USD, allowed_countries, app_name, fraud_mode, host, list, max_price, origin, page_url,
        sender_id, usd, usd_by_country, visible_ascii,
    },
    challenges::{MAX_DIGITS, MIN_DIGITS, OneTimeCode},
    crypto::Algorithm,
    identifiers::{AllowedCountries, Email, PhoneNumber, phone},
    limits::{FraudMode, FraudRules, Limits},
    roles::{ADMIN_ROLE, role_name},
    spending::{self, Budget},
};

/// The longest that an access token may be good, and how long it is by default.
const MAX_ACCESS_TOKEN_TTL_SECONDS: i64 = 900;
/// The longest that a session may last, and how long it does by default.
const MAX_REFRESH_TOKEN_TTL_SECONDS: i64 = 30 * 24 * 3600;

/// What an amount of money may be.
const AMOUNT: &str = "an amount in US dollars from 0 to 1000000, with up to 6 decimals, as 99.50";
const AMOUNTS: &str = "countries and amounts in US dollars, as US=0.012,IN=0.05";

/// What kind of deployment this is: some bounds are tighter in production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A laptop.
    Dev,
    /// A rehearsal.
    Staging,
    /// The real thing.
    Prod,
}

impl Stage {
    /// The least that a duration may be: in production `prod`; tests and demonstrations may be quick.
    fn at_least(self, prod: i64) -> i64 {
        if self == Self::Prod { prod } else { 1 }
    }
}

impl FromStr for Stage {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "dev" => Ok(Self::Dev),
            "staging" => Ok(Self::Staging),
            "prod" => Ok(Self::Prod),
            _ => Err(()),
        }
    }
}

/// How texts are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsSettings {
    /// `SMS_SENDER_ID`: the sender that phones show, where the country allows one.
    pub sender_id: Option<String>,
    /// `SMS_ENTITY_ID`: the registered sender (India DLT).
    pub entity_id: Option<String>,
    /// `SMS_TEMPLATE_ID`: the registered template (India DLT).
    pub template_id: Option<String>,
    /// `SMS_MAX_PRICE_USD`: the most that one text may cost.
    pub max_price_usd: Option<String>,
    /// The host of `WEB_OTP_ORIGIN`, for the line that binds a code to it.
    pub web_otp_host: Option<String>,
}

/// Test phones: nothing is sent to them, their code is fixed, limits do not apply.
#[derive(Clone, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub struct TestPhones {
    pub(crate) codes: BTreeMap<PhoneNumber, OneTimeCode>,
    pub(crate) until: Option<Timestamp>,
}

impl TestPhones {
    /// The fixed code of a phone, while it is a test phone.
    pub fn code(&self, phone: &PhoneNumber, now: Timestamp) -> Option<&OneTimeCode> {
        self.codes.get(phone).filter(|_| self.until.is_some_and(|until| now < until))
    }
}

/// Every setting, typed. The reference of the variables is `docs/settings.md`, which a test holds to this.
#[derive(Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub struct Settings {
    /// `ENVIRONMENT`.
    pub stage: Stage,
    /// `APP_NAME`.
    pub app_name: String,
    /// `ISSUER`, without a slash at the end.
    pub issuer: String,
    /// `DEFAULT_REGION`.
    pub default_region: Option<Region>,
    /// `ALLOWED_COUNTRIES`.
    pub allowed_countries: AllowedCountries,
    /// `ALLOWED_ORIGINS`.
    pub allowed_origins: Vec<String>,
    /// `OTP_LENGTH`.
    pub otp_digits: u32,
    /// `OTP_TTL_SECONDS`.
    pub otp_ttl_seconds: i64,
    /// `OTP_MAX_ATTEMPTS`.
    pub otp_max_attempts: u32,
    /// `OTP_MAX_FAILED_PERCENT`: where more of all tries fail, a wrong code closes its challenge.
    pub max_failed_percent: usize,
    /// The limits of one phone or e-mail.
    pub limits: Limits,
    /// `OTP_SENDS_PER_IP_PER_HOUR`.
    pub sends_per_ip_per_hour: u32,
    /// `PASSWORD_MIN_LENGTH`, in code points.
    pub password_min_length: usize,
    /// `LOGIN_MAX_FAILURES`: wrong passwords in a row before somebody has to wait.
    pub login_max_failures: u32,
    /// `EMAIL_FROM`. Without it there are no e-mails.
    pub email_from: Option<Email>,
    /// `PASSWORD_RESET_URL`: the page that takes the token of a reset link after a `#`.
    pub password_reset_url: Option<String>,
    /// The memory of the function, which bounds how many passwords are hashed at once.
    pub function_memory_mb: usize,
    /// `ACCESS_TOKEN_TTL_SECONDS`.
    pub access_token_ttl_seconds: i64,
    /// `REFRESH_TOKEN_TTL_SECONDS`.
    pub refresh_token_ttl_seconds: i64,
    /// `JWT_ALGORITHM`.
    pub jwt_algorithm: Algorithm,
    /// `ROLES`: roles that exist from the start.
    pub roles: Vec<String>,
    /// `DEFAULT_ROLE`.
    pub default_role: String,
    /// `ADMIN_PHONE`.
    pub admin_phone: Option<PhoneNumber>,
    /// `AUDIT_RETENTION_DAYS`: how long audit events are kept.
    pub audit_retention_days: i64,
    /// `TEST_PHONE_NUMBERS` and `TEST_PHONES_UNTIL`.
    pub test_phones: TestPhones,
    /// How texts are sent.
    pub sms: SmsSettings,
    /// What texts may cost.
    pub sms_budget: Budget,
    /// `FRAUD_MODE`: what is done with texts that have the signs of fraud.
    pub fraud_mode: FraudMode,
    /// When they have them.
    pub fraud_rules: FraudRules,
    /// `OTP_SENDS_PER_PREFIX_PER_HOUR`: to numbers with the same first 7 digits.
    pub sends_per_prefix_per_hour: u32,
    /// Where avatars are, and how large they may be.
    pub avatars: AvatarSettings,
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `KEYS_SECRET_ARN`.
    pub keys_secret_arn: String,
    /// `HASH_KEYS_SECRET_ARN`.
    pub hash_keys_secret_arn: String,
}

impl Settings {
    /// Parses the settings.
    ///
    /// # Errors
    /// One line for each bad setting: its name, what it held, what it may hold.
    pub fn parse(environment: &Environment, now: Timestamp) -> Result<Self, Vec<String>> {
        let mut reader = Reader { environment, problems: Vec::new() };
        let stage = reader.parsed("ENVIRONMENT", Stage::Prod, "dev, staging or prod", |text| text.parse().ok());
        let at_least = |prod: i64| stage.at_least(prod);
        let issuer = reader.required("ISSUER", "an origin, as https://id.example.com", origin);
        let web_otp_origin = reader.optional("WEB_OTP_ORIGIN", "an origin, as https://app.example.com", origin);
        let rules = FraudRules::default();
        let settings = Self {
            stage,
            app_name: reader.parsed(
                "APP_NAME",
                "Latchkey".to_owned(),
                "a name of 1 to 30 letters, digits, spaces and . , ' & ! - _ that starts with a letter or digit",
                app_name,
            ),
            issuer: issuer.unwrap_or_default(),
            default_region: reader.optional("DEFAULT_REGION", "an ISO 3166-1 alpha-2 code, as US", phone::country),
            allowed_countries: reader.parsed(
                "ALLOWED_COUNTRIES",
                AllowedCountries::Only(BTreeSet::from(["US".to_owned()])),
                "ISO 3166-1 alpha-2 codes separated by commas, or *",
                allowed_countries,
            ),
            allowed_origins: reader.parsed(
                "ALLOWED_ORIGINS",
                Vec::new(),
                "origins separated by commas, as https://app.example.com; * is not accepted",
                |text| list(text).map(origin).collect(),
            ),
            otp_digits: reader.number("OTP_LENGTH", 6, MIN_DIGITS, MAX_DIGITS),
            otp_ttl_seconds: reader.number("OTP_TTL_SECONDS", 300, at_least(30), 600),
            otp_max_attempts: reader.number("OTP_MAX_ATTEMPTS", 5, 1, 10),
            max_failed_percent: reader.number("OTP_MAX_FAILED_PERCENT", 80, 20, 100),
            limits: Limits {
                cooldown_seconds: reader.number("OTP_RESEND_COOLDOWN_SECONDS", 30, at_least(10), 600),
                sends_per_hour: reader.number("OTP_SENDS_PER_PHONE_PER_HOUR", 5, 1, 100),
                sends_per_day: reader.number("OTP_SENDS_PER_PHONE_PER_DAY", 10, 1, 100),
                failures_per_day: reader.number("OTP_FAILURES_PER_PHONE_PER_DAY", 20, 1, 100),
            },
            sends_per_ip_per_hour: reader.number("OTP_SENDS_PER_IP_PER_HOUR", 20, 1, 1_000_000),
            password_min_length: reader.number("PASSWORD_MIN_LENGTH", 8, 8, 64),
            login_max_failures: reader.number("LOGIN_MAX_FAILURES", 10, 1, 100),
            email_from: reader.optional("EMAIL_FROM", "an e-mail address", |text| Email::parse(text).ok()),
            password_reset_url: reader.optional(
                "PASSWORD_RESET_URL",
                "the URL of a page, as https://app.example.com/reset, without a #",
                page_url,
            ),
            function_memory_mb: reader.number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 512, 128, 10_240),
            access_token_ttl_seconds: reader.number(
                "ACCESS_TOKEN_TTL_SECONDS",
                MAX_ACCESS_TOKEN_TTL_SECONDS,
                at_least(60),
                MAX_ACCESS_TOKEN_TTL_SECONDS,
            ),
            refresh_token_ttl_seconds: reader.number(
                "REFRESH_TOKEN_TTL_SECONDS",
                MAX_REFRESH_TOKEN_TTL_SECONDS,
                at_least(900),
                MAX_REFRESH_TOKEN_TTL_SECONDS,
            ),
            jwt_algorithm: reader
                .parsed("JWT_ALGORITHM", Algorithm::RS256, "RS256, ES256 or EdDSA", |text| text.parse().ok()),
            roles: reader.parsed(
                "ROLES",
                ["Visitors", "Guest", "User", "Admin"].map(str::to_owned).into(),
                "roles' names separated by commas: each a letter, then up to 63 letters, digits, _ and -",
                |text| list(text).map(role_name).collect(),
            ),
            default_role: reader.parsed(
                "DEFAULT_ROLE",
                "User".to_owned(),
                "a role's name other than Admin: a letter, then up to 63 letters, digits, _ and -",
                |text| role_name(text).filter(|name| !name.eq_ignore_ascii_case(ADMIN_ROLE)),
            ),
            admin_phone: reader.optional("ADMIN_PHONE", "a phone number in E.164, as +14155550123", |text| {
                PhoneNumber::from_e164(text).ok()
            }),
            audit_retention_days: reader.number("AUDIT_RETENTION_DAYS", 90, 1, 3650),
            test_phones: reader.test_phones(stage, now),
            sms: SmsSettings {
                sender_id: reader.optional(
                    "SMS_SENDER_ID",
                    "up to 11 letters and digits, one of them a letter",
                    sender_id,
                ),
                entity_id: reader.optional("SMS_ENTITY_ID", "1 to 50 visible ASCII characters", visible_ascii),
                template_id: reader.optional("SMS_TEMPLATE_ID", "1 to 50 visible ASCII characters", visible_ascii),
                max_price_usd: reader.optional("SMS_MAX_PRICE_USD", "an amount from 0.01 to 10, as 0.50", max_price),
                web_otp_host: web_otp_origin.as_deref().and_then(host).map(str::to_owned),
            },
            sms_budget: Budget {
                month: reader.parsed("SMS_MONTHLY_BUDGET_USD", 100 * USD, AMOUNT, usd),
                day: reader.optional("SMS_DAILY_BUDGET_USD", AMOUNT, usd),
                countries: reader.parsed("SMS_COUNTRY_BUDGETS_USD", BTreeMap::new(), AMOUNTS, usd_by_country),
                countries_by_day: reader.parsed(
                    "SMS_COUNTRY_DAILY_BUDGETS_USD",
                    BTreeMap::new(),
                    AMOUNTS,
                    usd_by_country,
                ),
                prefix: spending::Limits {
                    month: reader.optional("SMS_PREFIX_MONTHLY_BUDGET_USD", AMOUNT, usd),
                    day: reader.optional("SMS_PREFIX_DAILY_BUDGET_USD", AMOUNT, usd),
                },
                prices: reader.parsed("SMS_PRICES_USD", BTreeMap::new(), AMOUNTS, usd_by_country),
            },
            fraud_mode: reader.parsed("FRAUD_MODE", FraudMode::Record, "record, quiet or deny", fraud_mode),
            fraud_rules: FraudRules {
                countries: reader.number("FRAUD_COUNTRIES_PER_IP", rules.countries, 1, 250),
                sequence: reader.number("FRAUD_SEQUENTIAL_NUMBERS", rules.sequence, 2, 1_000),
                min_texts: reader.number("FRAUD_MIN_TEXTS", rules.min_texts, 1, 1_000_000),
                min_verified_percent: reader.number("FRAUD_MIN_VERIFIED_PERCENT", rules.min_verified_percent, 0, 100),
            },
            sends_per_prefix_per_hour: reader.number("OTP_SENDS_PER_PREFIX_PER_HOUR", 100, 1, 1_000_000),
            avatars: AvatarSettings::read(&mut reader),
            table_name: reader
                .required("TABLE_NAME", "the table's name", |text| Some(text.to_owned()))
                .unwrap_or_default(),
            keys_secret_arn: reader
                .required("KEYS_SECRET_ARN", "the secret's ARN or name", |text| Some(text.to_owned()))
                .unwrap_or_default(),
            hash_keys_secret_arn: reader
                .required("HASH_KEYS_SECRET_ARN", "the secret's ARN or name", |text| Some(text.to_owned()))
                .unwrap_or_default(),
        };
        if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
    }

    /// The least and the most seconds that access tokens may be good.
    pub fn access_token_ttl_bounds(&self) -> (i64, i64) {
        (self.stage.at_least(60), MAX_ACCESS_TOKEN_TTL_SECONDS)
    }

    /// The least and the most seconds that a session may last.
    pub fn refresh_token_ttl_bounds(&self) -> (i64, i64) {
        (self.stage.at_least(900), MAX_REFRESH_TOKEN_TTL_SECONDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let needed = [
            ("ISSUER", "https://id.example.com"),
            ("TABLE_NAME", "latchkey"),
            ("AVATAR_BUCKET", "avatars"),
            ("KEYS_SECRET_ARN", "signing"),
            ("HASH_KEYS_SECRET_ARN", "hash"),
        ];
        let environment = needed.into_iter().chain(variables.iter().copied()).collect();
        Settings::parse(&environment, "2026-11-21T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn what_is_not_set_has_the_documented_default() {
        let settings = parse(&[]).ok().unwrap();
        assert_eq!(settings.stage, Stage::Prod);
        assert_eq!((settings.otp_digits, settings.otp_ttl_seconds, settings.otp_max_attempts), (6, 300, 5));
        assert_eq!(
            settings.limits,
            Limits { cooldown_seconds: 30, sends_per_hour: 5, sends_per_day: 10, failures_per_day: 20 }
        );
        assert_eq!((settings.access_token_ttl_seconds, settings.refresh_token_ttl_seconds), (900, 2_592_000));
        assert_eq!(settings.allowed_countries, AllowedCountries::Only(BTreeSet::from(["US".into()])));
    }

    #[test]
    fn a_bad_setting_names_the_variable_what_it_held_and_what_it_may_hold() {
        let bad = [
            ("OTP_LENGTH", "5"),
            ("OTP_LENGTH", "11"),
            ("OTP_LENGTH", "six"),
            ("OTP_TTL_SECONDS", "601"),
            ("OTP_MAX_ATTEMPTS", "0"),
            ("OTP_RESEND_COOLDOWN_SECONDS", "9"),
            ("OTP_FAILURES_PER_PHONE_PER_DAY", "101"),
            ("ACCESS_TOKEN_TTL_SECONDS", "901"),
            ("REFRESH_TOKEN_TTL_SECONDS", "-1"),
            ("JWT_ALGORITHM", "HS256"),
            ("ISSUER", "id.example.com"),
            ("ISSUER", "http://id.example.com"),
            ("ISSUER", "https://id.example.com/path"),
            ("WEB_OTP_ORIGIN", "app.example.com"),
            ("ALLOWED_ORIGINS", "*"),
            ("ALLOWED_ORIGINS", "https://a.example,*"),
            ("ALLOWED_COUNTRIES", "USA"),
            ("ALLOWED_COUNTRIES", "us"),
            ("DEFAULT_REGION", "XX"),
            ("ENVIRONMENT", "live"),
            ("APP_NAME", "Shop\n@evil.example #000000"),
            ("ADMIN_PHONE", "4155550123"),
            ("SMS_SENDER_ID", "12345"),
            ("DEFAULT_ROLE", "1st"),
            ("DEFAULT_ROLE", "Admin"),
            ("TEST_PHONE_NUMBERS", "+15005550006=123456"),
            ("SMS_MAX_PRICE_USD", "free"),
            ("SMS_MONTHLY_BUDGET_USD", "-1"),
            ("SMS_MONTHLY_BUDGET_USD", "1e9"),
            ("SMS_DAILY_BUDGET_USD", "much"),
            ("SMS_COUNTRY_BUDGETS_USD", "US"),
            ("SMS_COUNTRY_DAILY_BUDGETS_USD", "US=x"),
            ("SMS_PREFIX_MONTHLY_BUDGET_USD", "-1"),
            ("SMS_PREFIX_DAILY_BUDGET_USD", "much"),
            ("SMS_PRICES_USD", "XX=1"),
            ("OTP_SENDS_PER_PREFIX_PER_HOUR", "0"),
            ("AVATAR_MAX_BYTES", "4194305"),
            ("AVATAR_BASE_URL", "https://avatars.example.com/a?b"),
        ];
        for (name, held) in bad {
            let problems = parse(&[(name, held)]).err().unwrap();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(&format!("{name} holds {held:?}; it may hold ")), "{problems:?}");
        }
        let missing = Settings::parse(&Environment::default(), Timestamp::UNIX_EPOCH).err().unwrap();
        assert!(missing.iter().any(|line| line.starts_with("TABLE_NAME is not set")), "{missing:?}");
        assert_eq!(missing.len(), 5);
    }

    #[test]
    fn test_phones_need_an_end_that_is_near() {
        let phones = ("TEST_PHONE_NUMBERS", "+15005550006=123456, +15005550007=0000001");
        let dev = ("ENVIRONMENT", "dev");
        let settings = parse(&[dev, phones, ("TEST_PHONES_UNTIL", "2026-12-01")]).ok().unwrap();
        let phone = PhoneNumber::from_e164("+15005550006").unwrap();
        let code =
            |at: &str| settings.test_phones.code(&phone, at.parse().unwrap()).map(|code| code.as_str().to_owned());
        assert_eq!(code("2026-12-01T23:59:59Z").as_deref(), Some("123456"));
        assert_eq!(code("2026-12-02T00:00:00Z"), None);
        assert!(parse(&[dev, phones]).is_err());
        assert!(parse(&[dev, phones, ("TEST_PHONES_UNTIL", "2027-03-01")]).is_err());
        for (until, is_near) in [
            ("2027-02-19", true),
            ("2027-02-20", false),
            ("2027-02-19T00:00:00Z", true),
            ("2027-02-19T00:00:01Z", false),
        ] {
            assert_eq!(parse(&[dev, phones, ("TEST_PHONES_UNTIL", until)]).is_ok(), is_near, "{until}: 90 days ahead");
        }
        assert!(parse(&[dev, phones, ("TEST_PHONES_UNTIL", "2026-12-01T10:00:00Z")]).is_ok());
        assert!(parse(&[("ENVIRONMENT", "prod"), phones, ("TEST_PHONES_UNTIL", "2026-12-01")]).is_err());
    }

    /// What is read of the environment, by the code itself.
    const CODE: &str =
        concat!(include_str!("settings.rs"), include_str!("avatars/settings.rs"), include_str!("base/environment.rs"));

    /// The rows of `docs/settings.md`: the name, and the cells after it.
    fn reference() -> BTreeMap<&'static str, Vec<&'static str>> {
        let rows = include_str!("../../docs/settings.md").lines().filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| {
            let (name, cells) = row.split_once("` |").unwrap();
            (name, cells.trim_end_matches('|').split('|').map(str::trim).collect())
        })
        .collect()
    }

    #[test]
    fn the_reference_names_every_setting_and_no_other() {
        let is_name = |text: &&str| text.contains('_') && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        let (names, reference): (BTreeSet<_>, _) = (CODE.split('"').filter(is_name).collect(), reference());
        assert!(names.contains("OTP_LENGTH") && names.len() > 20);
        for name in names {
            assert!(reference.contains_key(name), "docs/settings.md lacks {name}");
        }
        let code = concat!(include_str!("aws/mod.rs"), include_str!("http/lambda.rs")).to_owned() + CODE;
        for name in reference.keys() {
            assert!(code.contains(&format!("{name:?}")), "docs/settings.md has {name}, which nothing reads");
        }
    }

    #[test]
    fn the_reference_has_every_default() {
        let unset = parse(&[]).ok().unwrap();
        let code: String = CODE.split_whitespace().collect();
        // By what reads it, after its name.
        let read_by =
            |reader: &str, name: &str| code.split_once(&format!("{reader}({name:?},")).map(|(_, after)| after);
        for (name, cells) in reference().into_iter().filter(|(_, cells)| cells.len() > 1) {
            let default = cells[0].split(';').next().unwrap().trim_matches('`');
            match default {
                "none" => {
                    assert!(read_by("number", name).is_none(), "{name} has a default");
                    let nothing = read_by("parsed", name)
                        .is_none_or(|after| after.starts_with("Vec::new()") || after.starts_with("BTreeMap::new()"));
                    assert!(nothing, "{name} has a default");
                }
                // Known when it runs.
                "the API's URL" | "CloudFront's URL" | "built in" => {}
                _ => {
                    assert!(parse(&[(name, default)]).ok().unwrap() == unset, "the default of {name} is not {default}")
                }
            }
        }
    }

    #[test]
    fn the_reference_has_every_bound() {
        let mut bounded = BTreeSet::new();
        for (name, cells) in reference() {
            let text = cells.join(" ").replace(',', "").replace('–', " to ");
            let words: Vec<_> = text.split_whitespace().map(|word| word.trim_end_matches(['.', ':', ';'])).collect();
            for around in words.windows(3).filter(|around| around[1] == "to") {
                let (Ok(min), Ok(max)) = (around[0].parse::<f64>(), around[2].parse::<f64>()) else { continue };
                bounded.insert(name);
                for accepted in [min, max] {
                    assert!(parse(&[(name, &accepted.to_string())]).is_ok(), "{name} does not hold {accepted}");
                }
                for refused in [min - 1.0, max + 1.0] {
                    assert!(parse(&[(name, &refused.to_string())]).is_err(), "{name} holds {refused}");
                }
            }
        }
        let code: String = CODE.split_whitespace().collect();
        for after in code.split("reader.number(\"").skip(1) {
            let name = after.split('"').next().unwrap();
            assert!(bounded.contains(name), "docs/settings.md has no bounds of {name}");
        }
    }

    #[test]
    fn outside_production_lifetimes_may_be_short() {
        let quick = [("OTP_RESEND_COOLDOWN_SECONDS", "1"), ("OTP_TTL_SECONDS", "1"), ("ACCESS_TOKEN_TTL_SECONDS", "1")];
        assert_eq!(parse(&quick).err().map(|problems| problems.len()), Some(3));
        let dev = [("ENVIRONMENT", "dev")].into_iter().chain(quick).collect::<Vec<_>>();
        assert!(parse(&dev).is_ok());
    }
}
