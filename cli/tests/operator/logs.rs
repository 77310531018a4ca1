//! Figures from a log of the service.

use std::fs;

use serde_json::{Value, json};

use crate::terminal::{Operator, Service};

#[test]
fn a_replay_shows_which_texts_other_thresholds_would_have_stopped() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let decided = |source: &str, id: u8, countries: usize, verdict: &str| {
        json!({"send_decision": {
            "at": "2026-11-21T12:00:00Z", "challenge_id": format!("01890000-0000-7000-8000-0000000000{id:02}"),
            "source": source, "prefix": "p", "number": "n", "country": "US", "micro_usd": 250_000,
            "signs": {
                "countries": countries, "sequence": 1, "source": {"texts": 1, "verified": 0},
                "prefix": {"texts": 1, "verified": 0}, "country": {"texts": 1, "verified": 0},
            },
            "reasons": [], "verdict": verdict,
        }})
    };
    let decision = |source: &str, id: u8, countries: usize| decided(source, id, countries, "sent");

    let log = operator.home.path().join("log");
    let lines = [
        "START RequestId: 1".to_owned(),
        format!("2026-11-21T12:00:00 {}", decision("honest", 1, 1)),
        decision("pump", 2, 3).to_string(),
        decision("pump", 3, 4).to_string(),
        decided("pump", 4, 4, "challenged").to_string(),
        json!({"code_verified": "01890000-0000-7000-8000-000000000002"}).to_string(),
        "{\"level\":\"INFO\"}".to_owned(),
    ];

    fs::write(&log, lines.join("\n")).unwrap();
    let log = log.to_str().unwrap();

    let done = operator.run(&["fraud", "replay", log, "--json"]);
    assert_eq!(done.exit_code, 0, "{}", done.stderr);
    let stopped: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(
        stopped,
        json!({"source": "pump", "texts": 1, "verified": 0, "challenged": 1, "usd": 0.25, "reasons": ["countries_of_source"]})
    );
    assert!(
        done.stderr.starts_with("1 of 3 texts would have been stopped, 0.25 of 0.75 USD saved; 0 "),
        "{}",
        done.stderr
    );

    let stricter = operator.run(&["fraud", "replay", log, "--countries-per-ip", "2"]);
    assert!(
        stricter
            .stdout
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("pump    2      1         1           0.5"),
        "{}",
        stricter.stdout
    );
    assert!(
        stricter.stderr.contains(
            "1 of the stopped texts led to a sign-in; 1 requests were asked for a proof of work"
        ),
        "{}",
        stricter.stderr
    );
    assert_eq!(operator.run(&["fraud", "replay", "/nowhere"]).exit_code, 1);
}

#[test]
fn a_log_tells_which_senders_codes_are_used() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    let id = |id: u8| format!("01890000-0000-7000-8000-0000000000{id:02}");
    let sent = |of: u8, minute: u8, sender: &str| {
        json!({"text_sent": {
            "at": format!("2027-01-15T12:{minute:02}:00Z"), "challenge_id": id(of),
            "sender": sender, "channel": "sms", "country": "US",
        }})
        .to_string()
    };
    let used = |of: u8| format!("2027-01-15T12:00:00 {}", json!({"code_verified": id(of)}));
    let lines = [
        sent(1, 1, "twilio"),
        used(1),
        sent(2, 2, "twilio"),
        // A person who asks again gets the same code by the next sender.
        sent(2, 4, "sns"),
        used(2),
        sent(3, 5, "twilio"),
        // The code of an e-mail.
        used(4),
        "{\"level\":\"INFO\"}".to_owned(),
    ];
    let log = operator.home.path().join("log");
    fs::write(&log, lines.join("\n")).unwrap();

    let table = operator.run(&["senders", "--log", log.to_str().unwrap()]).succeeds().stdout;
    let expected = "\
DAY         SENDER  CHANNEL  COUNTRY  SENT  USED  PERCENT
2027-01-15  sns     sms      US       1     1     100
2027-01-15  twilio  sms      US       3     1     33
";
    assert_eq!(table, expected);
    operator.run(&["senders", "--log", "-", "--days", "2"]).fails(2, "cannot be used with");
}
