//! Facts in, findings out.

use std::collections::BTreeMap;

use super::{
    super::facts::{
        Certificate, Concurrency, EmailAccount, Emails, Identity, Number, Regions, Secret, Service,
        Texts,
    },
    *,
};
use crate::finding::Level;

const NOW: i64 = 1_800_000_000;

/// A deployment with nothing to complain about.
fn healthy() -> Facts {
    let stack = Stack {
        name: "latchkey-prod".to_owned(),
        region: "eu-central-1".to_owned(),
        status: "UPDATE_COMPLETE".to_owned(),
        parameters: texts_of(&[
            ("Environment", "prod"),
            ("AllowedCountries", "US,PR"),
            ("AllowedOrigins", "https://app.example.com,https://example.com:8443"),
            ("WebOtpOrigin", "https://example.com"),
            ("SmsMonthlyBudgetUsd", "99.5"),
            ("EmailFrom", "codes@mail.example.com"),
            ("TextSenders", "US=twilio;*=end_user_messaging,sns"),
            ("VoiceSenders", ""),
            ("SendersSecretArn", "arn:senders"),
            ("OtpSendConcurrency", "20"),
            ("DomainName", "id.example.com"),
            ("CertificateArn", "arn:aws:acm:eu-central-1:1:certificate/1"),
            ("AdminPhone", ""),
        ]),
        outputs: texts_of(&[
            ("AlarmTopicArn", "arn:topic"),
            ("SigningKeysSecretArn", "arn:secret"),
        ]),
    };
    Facts {
        regions: Regions {
            asked: "eu-central-1".to_owned(),
            given: false,
            of_sam: Some("eu-central-1".to_owned()),
        },
        stack_name: "latchkey-prod".to_owned(),
        stack: Ok(stack),
        texts: Texts {
            in_sandbox: Ok(false),
            attributes: Ok(texts_of(&[
                ("MonthlySpendLimit", "100"),
                ("DeliveryStatusIAMRole", "arn:role"),
            ])),
            numbers: Ok(vec![Number { country: "US".to_owned(), ready: true }]),
        },
        emails: Emails {
            account: Ok(EmailAccount {
                in_sandbox: false,
                may_send: true,
                suppresses_bounces: true,
                suppresses_complaints: true,
            }),
            identity: Ok(Some(Identity {
                name: "example.com".to_owned(),
                verified: true,
                configuration_set: Some("mail".to_owned()),
            })),
            configuration_set_exists: Ok(true),
        },
        senders_secret: Ok(Secret::Ready),
        concurrency: Ok(Concurrency { limit: 1000, unreserved: 975 }),
        subscriptions: Ok(vec![("ops@example.com".to_owned(), true)]),
        has_admin: Ok(true),
        service: Service {
            url: "https://id.example.com".to_owned(),
            health: Ok((200, jiff::Timestamp::from_second(NOW).ok())),
            keys: Ok(2),
        },
        domain: Ok(()),
        certificate: Ok(certificate("*.example.com", 200)),
        now: jiff::Timestamp::from_second(NOW).unwrap(),
    }
}

fn texts_of(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn certificate(name: &str, days: i64) -> Certificate {
    Certificate {
        status: "ISSUED".to_owned(),
        names: vec!["example.org".to_owned(), name.to_owned()],
        expires: jiff::Timestamp::from_second(NOW + days * 86_400).ok(),
        renewed: true,
    }
}

fn set(facts: &mut Facts, parameter: &str, value: &str) {
    facts.stack.as_mut().unwrap().parameters.insert(parameter.to_owned(), value.to_owned());
}

fn attribute(facts: &mut Facts, name: &str, value: &str) {
    facts.texts.attributes.as_mut().unwrap().insert(name.to_owned(), value.to_owned());
}

/// The checks that are not ok, with their levels.
fn complaints(facts: &Facts) -> Vec<(&'static str, Level)> {
    let findings = findings(facts);
    let bad = findings.iter().filter(|finding| finding.level != Level::Ok);
    bad.map(|finding| {
        assert!(finding.fix.is_some(), "{finding:?}");
        (finding.check, finding.level)
    })
    .collect()
}

#[test]
fn a_healthy_deployment_has_no_finding_but_ok() {
    assert_eq!(complaints(&healthy()), []);
    assert_eq!(findings(&healthy()).len(), 23);
}

#[test]
fn each_fault_is_one_finding() {
    type Fault = fn(&mut Facts);
    use Level::{Problem, Warning};
    let denied = || "AccessDenied: no".to_owned();
    let faults: &[(&str, Level, Fault)] = &[
        ("region", Problem, |facts| facts.regions.of_sam = Some("us-east-1".to_owned())),
        ("region", Warning, |facts| facts.regions.of_sam = None),
        ("stack", Warning, |facts| {
            facts.stack.as_mut().unwrap().status = "UPDATE_ROLLBACK_COMPLETE".to_owned();
        }),
        ("stack", Warning, |facts| {
            facts.stack.as_mut().unwrap().status = "UPDATE_IN_PROGRESS".to_owned();
        }),
        ("stack", Problem, |facts| {
            facts.stack.as_mut().unwrap().status = "ROLLBACK_COMPLETE".to_owned();
        }),
        ("texts-sandbox", Problem, |facts| facts.texts.in_sandbox = Ok(true)),
        ("texts-spend-limit", Problem, |facts| attribute(facts, "MonthlySpendLimit", "99")),
        // SNS does not list a limit that was never set. It is 1 USD.
        ("texts-spend-limit", Problem, |facts| {
            facts.texts.attributes.as_mut().unwrap().remove("MonthlySpendLimit");
        }),
        ("texts-origination", Problem, |facts| facts.texts.numbers = Ok(Vec::new())),
        ("texts-origination", Problem, |facts| {
            facts.texts.numbers = Ok(vec![Number { country: "US".to_owned(), ready: false }]);
        }),
        ("texts-origination", Problem, |facts| set(facts, "AllowedCountries", "US,IN")),
        ("texts-origination", Warning, |facts| set(facts, "AllowedCountries", "US,DE")),
        ("texts-origination", Warning, |facts| set(facts, "AllowedCountries", "*")),
        ("texts-delivery-log", Warning, |facts| attribute(facts, "DeliveryStatusIAMRole", "")),
        ("email-identity", Problem, |facts| {
            facts.emails.identity.as_mut().unwrap().as_mut().unwrap().verified = false;
        }),
        ("email-identity", Problem, |facts| facts.emails.identity = Ok(None)),
        ("email-configuration-set", Problem, |facts| {
            facts.emails.configuration_set_exists = Ok(false);
        }),
        ("email-sandbox", Problem, |facts| {
            facts.emails.account.as_mut().unwrap().in_sandbox = true;
        }),
        ("email-sandbox", Problem, |facts| facts.emails.account.as_mut().unwrap().may_send = false),
        ("email-suppression", Warning, |facts| {
            facts.emails.account.as_mut().unwrap().suppresses_bounces = false;
        }),
        ("email-suppression", Warning, |facts| {
            facts.emails.account.as_mut().unwrap().suppresses_complaints = false;
        }),
        ("senders", Problem, |facts| set(facts, "TextSenders", "*=fax")),
        ("senders", Problem, |facts| set(facts, "TextSenders", "*=whatsapp")),
        ("senders", Problem, |facts| set(facts, "SendersSecretArn", "")),
        ("senders", Problem, |facts| set(facts, "VoiceSenders", "*=end_user_messaging")),
        ("senders-secret", Problem, |facts| facts.senders_secret = Ok(Secret::Missing)),
        ("senders-secret", Problem, |facts| facts.senders_secret = Ok(Secret::Deleted)),
        ("senders-secret", Problem, |facts| facts.senders_secret = Ok(Secret::Empty)),
        ("senders-secret", Problem, |facts| facts.senders_secret = Ok(Secret::OtherKey)),
        ("concurrency", Problem, |facts| {
            facts.concurrency = Ok(Concurrency { limit: 10, unreserved: 10 });
        }),
        ("reserved-concurrency", Warning, |facts| set(facts, "OtpSendConcurrency", "0")),
        ("alarm-mail", Problem, |facts| {
            facts.subscriptions.as_mut().unwrap().push(("boss@example.com".to_owned(), false));
        }),
        ("alarm-mail", Problem, |facts| facts.subscriptions = Ok(Vec::new())),
        ("origins", Problem, |facts| {
            set(facts, "AllowedOrigins", "https://example.com,http://localhost:3000");
        }),
        ("web-otp", Problem, |facts| set(facts, "WebOtpOrigin", "https://other.example.com")),
        ("first-administrator", Warning, |facts| set(facts, "AdminPhone", "+14155550123")),
        ("first-administrator", Warning, |facts| facts.has_admin = Ok(false)),
        ("signing-keys", Problem, |facts| facts.service.keys = Ok(0)),
        ("clock", Warning, |facts| {
            facts.now = jiff::Timestamp::from_second(NOW - 60).unwrap();
        }),
        ("clock", Problem, |facts| {
            facts.now = jiff::Timestamp::from_second(NOW + 600).unwrap();
        }),
        ("health", Problem, |facts| {
            facts.service.health = Ok((503, jiff::Timestamp::from_second(NOW).ok()));
        }),
        ("domain", Problem, |facts| facts.domain = Err("no such name".to_owned())),
        ("certificate", Problem, |facts| {
            facts.certificate.as_mut().unwrap().status = "PENDING_VALIDATION".to_owned();
        }),
        ("certificate", Problem, |facts| facts.certificate = Ok(certificate("*.example.com", 29))),
        ("certificate", Problem, |facts| facts.certificate = Ok(certificate("example.com", 200))),
    ];

    for (number, (check, level, put_in)) in faults.iter().enumerate() {
        let mut facts = healthy();
        put_in(&mut facts);
        assert_eq!(complaints(&facts), [(*check, *level)], "fault {number}");
    }

    // A question that AWS did not answer is a separate problem, and spoils no other line.
    let mut facts = healthy();
    facts.texts.numbers = Err(denied());
    facts.emails.account = Err(denied());
    facts.senders_secret = Err(denied());
    facts.concurrency = Err(denied());
    facts.subscriptions = Err(denied());
    facts.has_admin = Err(denied());
    facts.certificate = Err(denied());
    let checks = [
        "texts-origination",
        "email-sandbox",
        "senders-secret",
        "concurrency",
        "alarm-mail",
        "first-administrator",
        "certificate",
    ];
    assert_eq!(complaints(&facts), checks.map(|check| (check, Problem)));
}

#[test]
fn the_senders_are_named_and_what_is_not_checked_is_said() {
    let message = |facts: &Facts, check: &str| {
        let findings = findings(facts);
        findings.iter().find(|it| it.check == check).map(|it| it.message.clone())
    };

    let mut facts = healthy();
    set(&mut facts, "VoiceSenders", "IN=twilio");
    let senders = "Texts go by sns, end_user_messaging, twilio. Calls go by twilio.";
    assert_eq!(message(&facts, "senders").as_deref(), Some(senders));
    let secret = "The secret of the senders has a value. It is not read here, so whether it has \
                  twilio is not checked.";
    assert_eq!(message(&facts, "senders-secret").as_deref(), Some(secret));

    set(&mut facts, "TextSenders", "*=twilio");
    set(&mut facts, "EmailSmtpUrl", "smtps://mail.example.com:465");
    facts.texts.in_sandbox = Ok(true);
    facts.emails.identity = Ok(None);
    assert_eq!(complaints(&facts), []);
    let no_texts = "No texts go by AWS, so what AWS needs for them is not checked.";
    assert_eq!(message(&facts, "texts-sandbox").as_deref(), Some(no_texts));
    let no_emails = "E-mails go by the server in EmailSmtpUrl, so SES is not checked.";
    assert_eq!(message(&facts, "email-identity").as_deref(), Some(no_emails));

    set(&mut facts, "TextSenders", "*=whatsapp_aws,twilio");
    assert_eq!(complaints(&facts), [("senders-whatsapp", Level::Problem)]);
    for (region, level) in [("us-east-1", Some(Level::Problem)), ("eu-central-1", None)] {
        let arn = format!("arn:aws:social-messaging:{region}:1:phone-number-id/0123");
        set(&mut facts, "WhatsappPhoneNumberArn", &arn);
        let expected: Vec<_> = level.map(|level| ("senders-whatsapp", level)).into_iter().collect();
        assert_eq!(complaints(&facts), expected, "{region}");
    }

    // A stack from before there were senders.
    for parameter in ["TextSenders", "VoiceSenders", "SendersSecretArn"] {
        facts.stack.as_mut().unwrap().parameters.remove(parameter);
    }
    assert_eq!(message(&facts, "senders").as_deref(), Some("Texts go by sns. Nobody is called."));
    assert_eq!(message(&facts, "senders-secret"), None);
}

#[test]
fn outside_of_production_most_faults_are_warnings() {
    let mut facts = healthy();
    set(&mut facts, "Environment", "dev");
    set(&mut facts, "AllowedOrigins", "https://example.com,http://localhost:3000");
    set(&mut facts, "OtpSendConcurrency", "0");
    facts.texts.in_sandbox = Ok(true);
    facts.emails.identity = Ok(None);
    facts.subscriptions = Ok(Vec::new());

    let warnings = ["texts-sandbox", "email-identity", "alarm-mail"];
    assert_eq!(complaints(&facts), warnings.map(|check| (check, Level::Warning)));
}

#[test]
fn without_a_stack_only_the_account_and_a_given_url_are_judged() {
    let mut facts = healthy();
    facts.stack = Err("ValidationError: Stack with id latchkey-prod does not exist".to_owned());
    facts.service.keys = Ok(0);
    let problems = [("stack", Level::Problem), ("signing-keys", Level::Problem)];
    assert_eq!(complaints(&facts), problems);

    facts.service.url.clear();
    assert_eq!(complaints(&facts), [("stack", Level::Problem)]);
}

#[test]
fn a_fix_is_a_command_for_this_stack() {
    let mut facts = healthy();
    facts.texts.in_sandbox = Ok(false);
    facts.service.keys = Ok(0);
    set(&mut facts, "AdminPhone", "+14155550123");
    let findings = findings(&facts);
    let fix = |check: &str| {
        let finding = findings.iter().find(|finding| finding.check == check).unwrap();
        finding.fix.clone().unwrap()
    };

    assert_eq!(
        fix("signing-keys"),
        "aws secretsmanager rotate-secret --secret-id arn:secret --region eu-central-1"
    );
    assert_eq!(
        fix("first-administrator"),
        r#"write AdminPhone=\"\" into parameter_overrides in samconfig.toml, then run sam deploy --config-env prod"#
    );
}
