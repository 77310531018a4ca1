//! The settings: environment variables, parsed once. Each wing reads its own section, and this
//! module puts them together.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{
    accounts::AccountSettings,
    administration::AdministrationSettings,
    apps::AppSettings,
    authorization::AuthorizationSettings,
    avatars::AvatarSettings,
    base::{Environment, Error, Reader, Setting, Stage, origin},
    challenges::ChallengeSettings,
    crypto::{EdgeSecrets, KeySettings},
    identifiers::PhoneNumber,
    limits::LimitSettings,
    messages::MessageSettings,
    migration::MigrationSettings,
    passkeys::PasskeySettings,
    roles::RoleSettings,
    spending::Budget,
    users::UserSettings,
};

/// What `EDGE_SECRETS` must be.
const EDGE_SECRETS: &str = "one or two secrets, separated by a comma, each of 32 to 64 letters, \
                            digits, _ or -";

/// Every setting, typed. `docs/settings.md` is the reference of the variables; a test compares the
/// two.
#[derive(Clone)]
#[cfg_attr(test, derive(PartialEq))]
pub struct Settings {
    /// `ENVIRONMENT`.
    pub stage: Stage,
    /// `SERVICE_NAME`: the dimension of the metrics.
    pub service_name: String,
    /// `ISSUER`, without a slash at the end.
    pub issuer: String,
    /// `TABLE_NAME`.
    pub table_name: String,
    /// `AUDIT_RETENTION_DAYS`: how long audit events are kept.
    pub audit_retention_days: i64,
    /// `EDGE_SECRETS`: what the edge in front of the API sends with each request.
    pub edge_secrets: EdgeSecrets,
    /// Where keys are stored, and how new ones sign.
    pub keys: Arc<KeySettings>,
    /// The limits on messages and guesses.
    pub limits: Arc<LimitSettings>,
    /// The budget for texts.
    pub budget: Arc<Budget>,
    /// The roles that exist from the start.
    pub roles: Arc<RoleSettings>,
    /// The defaults of apps.
    pub apps: Arc<AppSettings>,
    /// How messages are sent.
    pub messages: Arc<MessageSettings>,
    /// The step-up of administration.
    pub administration: AdministrationSettings,
    /// The rules for passwords, and who becomes an administrator.
    pub users: Arc<UserSettings>,
    /// The length, lifetime and recipients of codes.
    pub challenges: Arc<ChallengeSettings>,
    /// Where people come from.
    pub migration: MigrationSettings,
    /// The domain of passkeys.
    pub passkeys: Arc<PasskeySettings>,
    /// The lifetimes of sign-in on the hosted page.
    pub authorization: AuthorizationSettings,
    /// The location and the size limit of avatars.
    pub avatars: Arc<AvatarSettings>,
    /// The settings of users' own accounts.
    pub accounts: Arc<AccountSettings>,
}

impl Settings {
    /// Parses the settings.
    ///
    /// # Errors
    /// One line for each bad setting: its name, its value, and what it must be.
    pub fn parse(environment: &Environment, now: Timestamp) -> Result<Self, Vec<String>> {
        let mut reader = Reader::new(environment);
        let settings = Self::read(&mut reader, now);
        let (_, problems) = reader.finish();
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    /// All settings, each with its default and its bounds in production.
    pub fn all() -> Vec<Setting> {
        let environment = Environment::default();
        let mut reader = Reader::new(&environment);
        Self::read(&mut reader, Timestamp::UNIX_EPOCH);
        reader.finish().0
    }

    /// Checks that a person with `ADMIN_PHONE` can sign in. It needs libphonenumber's data, so only
    /// Lambdas that read them anyway call this at their start.
    ///
    /// # Errors
    /// One line that says why not. It does not repeat the number.
    pub fn check_admin_phone(&self, now: Timestamp) -> Result<(), String> {
        let ChallengeSettings { test_phones, allowed_countries, .. } = &*self.challenges;
        let Some(phone) = &self.users.admin_phone else { return Ok(()) };
        if test_phones.code(phone, now).is_some() {
            return Ok(());
        }
        match PhoneNumber::parse(phone.as_str(), None, allowed_countries) {
            Ok(_) => Ok(()),
            Err(Error::InvalidPhone(reason)) => Err(format!("ADMIN_PHONE {reason}")),
            Err(_) => Err("ADMIN_PHONE is of a country that is not in ALLOWED_COUNTRIES: nobody \
                           can sign in with it"
                .to_owned()),
        }
    }

    fn read(reader: &mut Reader<'_>, now: Timestamp) -> Self {
        let issuer = reader.required("ISSUER", "an origin, like https://id.example.com", origin);
        let roles = RoleSettings::read(reader);
        let apps = AppSettings::read(reader, &roles, &issuer);
        let challenges = ChallengeSettings::read(reader, &issuer, now);

        Self {
            stage: reader.stage,
            service_name: reader.parsed(
                "SERVICE_NAME",
                "latchkey",
                "a stack's name: letters, digits and -",
                stack_name,
            ),
            table_name: reader
                .required("TABLE_NAME", "the table's name", |text| Some(text.to_owned())),
            audit_retention_days: reader.number("AUDIT_RETENTION_DAYS", 90, 1, 3650),
            edge_secrets: reader
                .secret("EDGE_SECRETS", EDGE_SECRETS, EdgeSecrets::parse)
                .unwrap_or_default(),
            keys: KeySettings::read(reader).into(),
            limits: LimitSettings::read(reader).into(),
            budget: Budget::read(reader).into(),
            messages: MessageSettings::read(reader, challenges.ttl_seconds).into(),
            administration: AdministrationSettings::read(reader),
            users: UserSettings::read(reader, &apps).into(),
            challenges: challenges.into(),
            migration: MigrationSettings::read(reader),
            passkeys: PasskeySettings::read(reader).into(),
            authorization: AuthorizationSettings::read(reader),
            avatars: AvatarSettings::read(reader).into(),
            accounts: AccountSettings::read(reader).into(),
            roles: roles.into(),
            apps: apps.into(),
            issuer,
        }
    }
}

/// The name of a CloudFormation stack.
fn stack_name(text: &str) -> Option<String> {
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_name && text.len() <= 128).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::{
        audit::anchors, aws, back_channel, http::lambda, identifiers::AllowedCountries,
        limits::Limits, messages,
    };

    fn parse(variables: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
        let needed = [("ISSUER", "https://id.example.com"), ("TABLE_NAME", "latchkey")];
        let environment = needed.into_iter().chain(variables.iter().copied()).collect();
        Settings::parse(&environment, "2026-11-21T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn an_unset_setting_has_its_documented_default() {
        let settings = parse(&[]).ok().unwrap();
        assert_eq!(settings.stage, Stage::Prod);

        let codes = &settings.challenges;
        assert_eq!((codes.code_digits, codes.ttl_seconds, codes.max_attempts), (6, 300, 5));
        assert_eq!(
            settings.limits.per_address,
            Limits { cooldown_seconds: 30, sends_per_hour: 5, sends_per_day: 10 }
        );
        assert_eq!(
            (settings.apps.access_token_ttl_seconds, settings.apps.refresh_token_ttl_seconds),
            (900, 2_592_000)
        );

        assert_eq!(
            settings.challenges.allowed_countries,
            AllowedCountries::Only(BTreeSet::from(["US".into()]))
        );
    }

    #[test]
    fn a_bad_setting_names_the_variable_its_value_and_what_it_must_be() {
        let bad = [
            ("OTP_LENGTH", "5"),
            ("OTP_LENGTH", "11"),
            ("OTP_LENGTH", "six"),
            ("OTP_TTL_SECONDS", "601"),
            ("OTP_MAX_ATTEMPTS", "0"),
            ("OTP_RESEND_COOLDOWN_SECONDS", "9"),
            ("PASSWORD_FAILURES_PER_IP_PER_HOUR", "0"),
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
            ("SERVICE_NAME", "latchkey prod"),
            ("APP_NAME", "Shop\n@evil.example #000000"),
            ("ADMIN_PHONE", "4155550123"),
            ("SMS_SENDER_ID", "12345"),
            ("DEFAULT_ROLE", "1st"),
            ("DEFAULT_ROLE", "Admin"),
            ("DEFAULT_ROLE", "Usr"),
            ("TEST_PHONE_NUMBERS", "+15005550006=123456"),
            ("SMS_MAX_PRICE_USD", "free"),
            ("TEXT_SENDERS", "US=sns"),
            ("TEXT_PRICES_USD", "twilio:USA=1"),
            ("TEXT_PRICES_USD", "US=1"),
            ("TWILIO_URL", "http://127.0.0.1:8080"),
            ("VONAGE_URL", "http://127.0.0.1:8080"),
            ("KALEYRA_URL", "http://127.0.0.1:8080"),
            ("WHATSAPP_URL", "http://127.0.0.1:8080"),
            ("TWILIO_VERIFY_URL", "http://127.0.0.1:8080"),
            ("TEXT_SENDERS", "US=sns"),
            ("VOICE_SENDERS", "US=sns"),
            ("VOICE_SENDERS", "*=whatsapp"),
            ("EUM_VOICE_ORIGINATION_IDENTITY", "a phone"),
            ("EUM_CONFIGURATION_SET", "codes!"),
            ("EUM_NOTIFY_CONFIGURATION", "nc 1"),
            ("EMAIL_SMTP_URL", "https://mail.example.com"),
            ("SMS_MONTHLY_BUDGET_USD", "-1"),
            ("SMS_MONTHLY_BUDGET_USD", "1e9"),
            ("SMS_DAILY_BUDGET_USD", "much"),
            ("SMS_COUNTRY_BUDGETS_USD", "US"),
            ("SMS_COUNTRY_DAILY_BUDGETS_USD", "US=x"),
            ("SMS_PREFIX_MONTHLY_BUDGET_USD", "-1"),
            ("SMS_PREFIX_DAILY_BUDGET_USD", "much"),
            ("SMS_PRICES_USD", "XX=1"),
            ("OTP_SENDS_PER_PREFIX_PER_HOUR", "0"),
            ("SIGN_IN_TTL_SECONDS", "3601"),
            ("AUTHORIZATION_CODE_TTL_SECONDS", "601"),
            ("DEVICE_CODE_TTL_SECONDS", "1801"),
            ("AVATAR_MAX_BYTES", "4194305"),
            ("AVATAR_BASE_URL", "https://avatars.example.com/a?b"),
            ("BREACHED_PASSWORDS_URL", "http://127.0.0.1/range"),
            ("BREACHED_PASSWORDS_URL", "https://api.example.com/range?mode=ntlm"),
        ];
        for (name, value) in bad {
            let problems = parse(&[(name, value)]).err().unwrap();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].starts_with(&format!("{name} is {value:?}; it must be ")),
                "{problems:?}"
            );
        }

        let missing =
            Settings::parse(&Environment::default(), Timestamp::UNIX_EPOCH).err().unwrap();
        assert!(
            missing.iter().any(|line| line.starts_with("TABLE_NAME is not set")),
            "{missing:?}"
        );
        assert_eq!(missing.len(), 2);
    }

    #[test]
    fn senders_that_cannot_do_their_part_are_refused() {
        let secret = ("SENDERS_SECRET_ARN", "senders");
        let calls = ("VOICE_SENDERS", "*=end_user_messaging");
        let by_whatsapp = ("TEXT_SENDERS", "*=whatsapp");
        let by_notify =
            [("TEXT_SENDERS", "*=end_user_messaging"), ("EUM_NOTIFY_CONFIGURATION", "nc-1")];
        for (settings, reason) in [
            (&[("TEXT_SENDERS", "*=twilio")][..], "SENDERS_SECRET_ARN is not set"),
            (&[("VOICE_SENDERS", "*=twilio")], "SENDERS_SECRET_ARN is not set"),
            (&[by_whatsapp, secret], "TEXT_SENDERS has only senders for * that carry codes alone"),
            (&by_notify, "TEXT_SENDERS has only senders for * that carry codes alone"),
            (&[calls], "EUM_VOICE_ORIGINATION_IDENTITY is not set"),
        ] {
            let problems = parse(settings).err().unwrap();
            assert!(problems.iter().any(|problem| problem.starts_with(reason)), "{problems:?}");
        }
        for settings in [
            &[("TEXT_SENDERS", "*=whatsapp,sns"), secret][..],
            &[by_notify[0], by_notify[1], ("EUM_ORIGINATION_IDENTITY", "pool-1"), calls],
            &[calls, ("EUM_VOICE_ORIGINATION_IDENTITY", "phone-1")],
        ] {
            assert!(parse(settings).is_ok(), "{settings:?}");
        }
    }

    #[test]
    fn an_administrators_phone_that_cannot_sign_in_is_refused() {
        let dev = ("ENVIRONMENT", "dev");
        let tests =
            [("TEST_PHONE_NUMBERS", "+15005550006=123456"), ("TEST_PHONES_UNTIL", "2026-12-01")];
        let check = |phone: &str, countries: &str| {
            let settings = [dev, ("ADMIN_PHONE", phone), ("ALLOWED_COUNTRIES", countries)];
            let settings = parse(&[&settings[..], &tests].concat()).ok().unwrap();
            settings.check_admin_phone("2026-11-21T00:00:00Z".parse().unwrap())
        };
        for (phone, countries) in
            [("+14155550199", "US"), ("+447400123456", "*"), ("+15005550006", "GB")]
        {
            assert_eq!(check(phone, countries), Ok(()), "{phone}");
        }
        for (phone, countries, reason) in [
            ("+447012345678", "*", "is of a kind that gets no texts"),
            ("+881612345678", "*", "is of a kind that gets no texts"),
            ("+4407400123456", "*", "leave the 0 out"),
            ("+14155550199", "GB", "ALLOWED_COUNTRIES"),
        ] {
            let refused = check(phone, countries).unwrap_err();
            assert!(refused.starts_with("ADMIN_PHONE ") && refused.contains(reason), "{refused}");
            assert!(!refused.contains(phone), "{refused}");
        }
        assert_eq!(parse(&[]).ok().unwrap().check_admin_phone(Timestamp::UNIX_EPOCH), Ok(()));
    }

    #[test]
    fn a_bad_secret_is_refused_without_being_shown() {
        for bad in ["too-short", "123456789012345678901234567890*#"] {
            let problems = parse(&[("EDGE_SECRETS", bad)]).err().unwrap();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with("EDGE_SECRETS is not valid; it must be one or two"));
            assert!(!problems[0].contains(bad), "{problems:?}");
        }
        let settings = parse(&[("EDGE_SECRETS", &"s".repeat(32))]).ok().unwrap();
        assert!(!settings.edge_secrets.is_empty());
    }

    #[test]
    fn test_phones_need_an_end_date_within_90_days() {
        let phones = ("TEST_PHONE_NUMBERS", "+15005550006=123456, +15005550007=0000001");
        let dev = ("ENVIRONMENT", "dev");
        let settings = parse(&[dev, phones, ("TEST_PHONES_UNTIL", "2026-12-01")]).ok().unwrap();
        let phone = PhoneNumber::from_e164("+15005550006").unwrap();
        let code = |at: &str| {
            settings
                .challenges
                .test_phones
                .code(&phone, at.parse().unwrap())
                .map(|code| code.as_str().to_owned())
        };
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
            assert_eq!(
                parse(&[dev, phones, ("TEST_PHONES_UNTIL", until)]).is_ok(),
                is_near,
                "{until}: 90 days ahead"
            );
        }
        assert!(parse(&[dev, phones, ("TEST_PHONES_UNTIL", "2026-12-01T10:00:00Z")]).is_ok());
        assert!(
            parse(&[("ENVIRONMENT", "prod"), phones, ("TEST_PHONES_UNTIL", "2026-12-01")]).is_err()
        );
    }

    /// The rows of `docs/settings.md`: the name, and the cells after it.
    fn reference() -> BTreeMap<&'static str, Vec<&'static str>> {
        let rows = include_str!("../../docs/settings.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `"));
        rows.map(|row| {
            let (name, cells) = row.split_once("` |").unwrap();
            (name, cells.trim_end_matches('|').split('|').map(str::trim).collect())
        })
        .collect()
    }

    #[test]
    fn the_reference_names_every_setting_and_no_other() {
        let reference = reference();
        let names: BTreeSet<_> = Settings::all().into_iter().map(|setting| setting.name).collect();
        assert!(names.contains("OTP_LENGTH") && names.len() > 20);
        for name in &names {
            assert!(reference.contains_key(name), "docs/settings.md lacks {name}");
        }

        let read_elsewhere: BTreeSet<_> = [
            &aws::VARIABLES[..],
            &anchors::VARIABLES,
            &back_channel::VARIABLES,
            &lambda::VARIABLES,
            &messages::VARIABLES,
        ]
        .concat()
        .into_iter()
        .collect();
        for name in reference.keys() {
            let is_read = names.contains(name) || read_elsewhere.contains(name);
            assert!(is_read, "docs/settings.md has {name}, which nothing reads");
        }
    }

    #[test]
    fn the_reference_has_every_default() {
        let unset = parse(&[]).ok().unwrap();
        let known: BTreeMap<_, _> =
            Settings::all().into_iter().map(|setting| (setting.name, setting)).collect();
        for (name, cells) in reference().into_iter().filter(|(_, cells)| cells.len() > 1) {
            let default = cells[0].split(';').next().unwrap().trim_matches('`');
            match default {
                "none" => assert_eq!(known[name].default, None, "{name} has a default"),
                // Known only at run time.
                "the API's URL" | "CloudFront's URL" | "built in" => {}
                _ => {
                    assert!(known[name].default.is_some(), "{name} has no default");
                    assert!(
                        parse(&[(name, default)]).ok().unwrap() == unset,
                        "the default of {name} is not {default}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_reference_has_every_bound() {
        let mut bounded = BTreeSet::new();
        for (name, cells) in reference() {
            let text = cells.join(" ").replace(',', "").replace('–', " to ");
            let words: Vec<_> = text
                .split_whitespace()
                .map(|word| word.trim_end_matches(['.', ':', ';']))
                .collect();
            for around in words.windows(3).filter(|around| around[1] == "to") {
                let (Ok(min), Ok(max)) = (around[0].parse::<f64>(), around[2].parse::<f64>())
                else {
                    continue;
                };
                bounded.insert(name);

                for accepted in [min, max] {
                    assert!(
                        parse(&[(name, &accepted.to_string())]).is_ok(),
                        "{name} refuses {accepted}"
                    );
                }
                for refused in [min - 1.0, max + 1.0] {
                    assert!(
                        parse(&[(name, &refused.to_string())]).is_err(),
                        "{name} accepts {refused}"
                    );
                }
            }
        }

        for setting in Settings::all().into_iter().filter(|setting| setting.bounds.is_some()) {
            assert!(
                bounded.contains(setting.name),
                "docs/settings.md has no bounds for {}",
                setting.name
            );
        }
    }

    #[test]
    fn outside_production_lifetimes_may_be_short_and_limits_high() {
        let quick = [
            ("OTP_RESEND_COOLDOWN_SECONDS", "0"),
            ("OTP_TTL_SECONDS", "1"),
            ("ACCESS_TOKEN_TTL_SECONDS", "1"),
            ("OTP_SENDS_PER_PHONE_PER_HOUR", "5000"),
            ("OTP_SENDS_PER_PHONE_PER_DAY", "5000"),
        ];
        assert_eq!(parse(&quick).err().map(|problems| problems.len()), Some(quick.len()));
        let dev = [("ENVIRONMENT", "dev")].into_iter().chain(quick).collect::<Vec<_>>();
        assert!(parse(&dev).is_ok());
    }
}
