//! Checks of a deployment.

use jiff::SignedDuration;
use serde_json::json;
use shared::base::Clock;

use crate::terminal::{NOBODY, Operator, Service, right, wrong};

#[test]
fn a_smoke_test_signs_in_and_out() {
    let until = (Clock::system().now() + SignedDuration::from_hours(30 * 24)).to_string();
    let settings = [
        ("TEST_PHONE_NUMBERS", "+15005550006=123456,+15005550007=123456"),
        ("TEST_PHONES_UNTIL", until.split('T').next().unwrap()),
    ];
    let service = Service::start(&settings);
    let operator = Operator::of(&service);
    let all = ["health", "keys", "sign-in", "token", "me", "refresh", "sign-out", "ended"];

    // With a test phone.
    let done = operator.run(&["smoke", "--test-phone", "+15005550006=123456", "--json"]);
    let lines = done.succeeds().objects();
    let checks: Vec<_> = lines.iter().map(|line| line["check"].as_str().unwrap()).collect();
    assert_eq!(checks, all);
    assert!(lines.iter().all(|line| line["level"] == "ok"), "{lines:?}");
    assert!(!operator.file().exists(), "the session is stored nowhere");

    // With a text to a phone.
    let done =
        operator.converse(&["smoke", "--phone", "+14155550142"], "+14155550142", &[&wrong, &right]);
    let lines = done.succeeds().stdout;
    assert_eq!(lines.lines().count(), all.len(), "{lines}");
    assert!(lines.contains("ok       ended"), "{lines}");

    // The first step that fails is the last one, and names the reason.
    let done = operator.run(&["smoke", "--test-phone", "+15005550007=654321", "--json"]);
    let lines = done.objects();
    assert_eq!((done.exit_code, lines.len()), (1, 3), "{}", done.stderr);
    assert_eq!((&lines[2]["check"], &lines[2]["level"]), (&json!("sign-in"), &json!("problem")));
    assert!(lines[2]["message"].as_str().unwrap().contains("(otp_incorrect)"), "{lines:?}");
    assert!(lines[2]["fix"].as_str().unwrap().contains("TEST_PHONE_NUMBERS"), "{lines:?}");
    let done = operator.run(&["smoke", "--phone", "bad", "--json"]);
    assert!(done.objects()[2]["fix"].as_str().unwrap().contains("+14155550123"));
    assert_eq!(done.stderr, "error: 1 problem, 0 warnings\n");

    operator.run(&["smoke"]).fails(2, "--test-phone");
    operator.run(&["smoke", "--test-phone", "+15005550006"]).fails(2, "+15005550006=123456");
}

#[test]
fn a_doctor_who_reaches_nothing_says_so_for_each_question() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    operator.run(&["doctor"]).fails(2, "no region is set");

    let done = operator
        .command(&["doctor", "--region", "eu-central-1", "--json"])
        .env("AWS_ENDPOINT_URL", NOBODY)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .unwrap();
    let done = Operator::done(done);
    assert_eq!(done.exit_code, 1, "{}", done.stderr);

    let lines = done.objects();
    let level = |check: &str| {
        let line = lines.iter().find(|line| line["check"] == check).unwrap();
        (line["level"].as_str().unwrap().to_owned(), line["message"].as_str().unwrap().to_owned())
    };
    for check in ["stack", "texts-sandbox", "texts-delivery-log", "concurrency"] {
        let (level, message) = level(check);
        assert_eq!(level, "problem", "{check}");
        assert!(message.contains("Connection refused"), "{message}");
    }
    // The service itself works.
    for check in ["health", "signing-keys", "clock"] {
        assert_eq!(level(check).0, "ok", "{lines:?}");
    }
}
