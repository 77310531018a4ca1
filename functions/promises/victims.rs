//! Strangers keep nobody out: each attack, and what it costs each kind of victim. The table is also
//! in `docs/threat-model.md`.

use std::{fmt, net::IpAddr};

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{Answer, SignedIn, TestApp, json_request, wrong};

const THREAT_MODEL: &str = include_str!("../../docs/threat-model.md");
const PASSWORD: &str = "correct horse battery";

/// The cost of an attack for a victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cost {
    /// Nothing.
    Nothing,
    /// A longer code to type.
    LongCode(i64),
    /// No sign-in by code from an unknown device until the limit of the hour has passed.
    AnHour,
    /// The same for up to a day.
    ADay,
    /// The same until the budget's month ends.
    AMonth,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::LongCode(digits) => write!(f, "{digits} digits"),
            Self::AnHour => f.write_str("up to an hour"),
            Self::ADay => f.write_str("up to a day"),
            Self::AMonth => f.write_str("until the budget resets"),
        }
    }
}

/// The person who is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    /// Has no account yet.
    New,
    /// Has an account, and signs in on a new device.
    Account,
    /// Signs in on a device that is known.
    KnownDevice,
    /// Is signed in.
    SignedIn,
    /// Is an administrator, on a device that is known.
    Administrator,
}

const VICTIMS: [(Victim, &str); 5] = [
    (Victim::New, "new phone"),
    (Victim::Account, "account, new device"),
    (Victim::KnownDevice, "known device"),
    (Victim::SignedIn, "signed in"),
    (Victim::Administrator, "administrator"),
];

/// An attack.
#[derive(Clone, Copy, Debug)]
enum Attack {
    WrongPasswords,
    TenWrongCodes,
    HundredWrongCodes,
    OneCodeForThem,
    AllCodesForThem,
    PasswordResets,
    TheirBlock,
    TheirSource,
    StopLink,
    Budget,
    RefusedRequests,
}

use Cost::{ADay, AMonth, AnHour, LongCode, Nothing};

/// Each attack, and its cost for each of [`VICTIMS`].
const TABLE: [(Attack, &str, [Cost; 5]); 11] = [
    (Attack::WrongPasswords, "ten wrong passwords for their phone", [Nothing; 5]),
    (
        Attack::TenWrongCodes,
        "ten wrong codes in a row for their phone",
        [LongCode(8), LongCode(8), Nothing, Nothing, Nothing],
    ),
    (
        Attack::HundredWrongCodes,
        "a hundred wrong codes in a row for their phone",
        [ADay, ADay, Nothing, Nothing, Nothing],
    ),
    (Attack::OneCodeForThem, "a code for their phone, a moment before they ask", [Nothing; 5]),
    (
        Attack::AllCodesForThem,
        "all codes of the hour for their phone, from many sources",
        [AnHour, AnHour, Nothing, Nothing, Nothing],
    ),
    (
        Attack::PasswordResets,
        "password resets for their phone, from many sources",
        [LongCode(8), LongCode(8), Nothing, Nothing, Nothing],
    ),
    (
        Attack::TheirBlock,
        "all texts of the hour to their block of numbers",
        [AnHour, AnHour, Nothing, Nothing, Nothing],
    ),
    (
        Attack::TheirSource,
        "all messages of the hour from the source address that they share",
        [AnHour, AnHour, Nothing, Nothing, Nothing],
    ),
    (
        Attack::StopLink,
        "unwanted texts, until they press the stop link",
        [ADay, ADay, Nothing, Nothing, Nothing],
    ),
    (Attack::Budget, "the whole budget for strangers", [AMonth, AMonth, Nothing, Nothing, Nothing]),
    (
        Attack::RefusedRequests,
        "a hundred refused requests from the source address that they share",
        [Nothing; 5],
    ),
];

const HOME: &str = "198.51.100.7";
const THEIR_PHONE: &str = "+14155550123";
const ADMIN: &str = "+14155550199";

fn settings(attack: Attack) -> Vec<(&'static str, &'static str)> {
    let mut settings = vec![("ADMIN_PHONE", ADMIN), ("OTP_RESEND_COOLDOWN_SECONDS", "30")];
    match attack {
        Attack::HundredWrongCodes => settings.extend([
            ("OTP_SENDS_PER_PHONE_PER_HOUR", "100"),
            ("OTP_SENDS_PER_PHONE_PER_DAY", "100"),
        ]),
        Attack::TheirBlock => settings.push(("OTP_SENDS_PER_PREFIX_PER_HOUR", "5")),
        Attack::TheirSource => settings.push(("OTP_SENDS_PER_IP_PER_HOUR", "5")),
        // Ten texts, of which two are kept for known devices.
        Attack::Budget => settings.push(("SMS_MONTHLY_BUDGET_USD", "0.12")),
        Attack::RefusedRequests => {
            settings.extend([("FRAUD_MODE", "deny"), ("OTP_SENDS_PER_IP_PER_HOUR", "1000")]);
        }
        _ => {}
    }
    settings
}

fn source(index: usize) -> IpAddr {
    format!("203.0.113.{index}").parse().unwrap()
}

async fn post(app: &TestApp, from: IpAddr, path: &str, body: Value) -> Answer {
    // The ids of an address's challenges differ by their milliseconds, and by 13 random bits.
    app.advance_millis(1);
    app.send_from(from, json_request(Method::POST, path, None, &body)).await
}

async fn send(app: &TestApp, from: IpAddr, phone: &str) -> Answer {
    post(app, from, "/v1/otp/send", json!({"phone": phone})).await
}

/// Tries wrong codes in challenges of one source each.
async fn wrong_codes(app: &TestApp, phone: &str, challenges: usize) {
    for index in 0..challenges {
        let opened = send(app, source(index), phone).await;
        assert_eq!(opened.status, 202, "{index}: {}", opened.json);
        let id = opened.json["challenge_id"].as_str().unwrap().to_owned();
        let code = wrong(&app.code(phone));
        for _ in 0..5 {
            let body = json!({"challenge_id": id, "code": code});
            post(app, source(index), "/v1/otp/verify", body)
                .await
                .assert_problem(400, "otp_incorrect");
        }
    }
}

async fn attack(app: &TestApp, attack: Attack, phone: &str) {
    let home: IpAddr = HOME.parse().unwrap();
    match attack {
        Attack::WrongPasswords => {
            for _ in 0..10 {
                let body = json!({"phone": phone, "password": "a wrong password"});
                post(app, source(1), "/v1/auth/login", body)
                    .await
                    .assert_problem(401, "invalid_credentials");
            }
        }
        Attack::TenWrongCodes => wrong_codes(app, phone, 2).await,
        Attack::HundredWrongCodes => wrong_codes(app, phone, 20).await,
        Attack::OneCodeForThem => assert_eq!(send(app, source(1), phone).await.status, 202),
        Attack::AllCodesForThem => {
            for index in 0..5 {
                assert_eq!(send(app, source(index), phone).await.status, 202);
            }
        }
        Attack::PasswordResets => {
            for index in 0..8 {
                let body = json!({"phone": phone});
                let answer = post(app, source(index), "/v1/password/forgot", body).await;
                assert_eq!(answer.status, 202);
            }
        }
        Attack::TheirBlock => {
            let block = &phone[..phone.len() - 4];
            for index in 0..5 {
                let other = format!("{block}{:04}", 300 + index * 7);
                assert_eq!(send(app, source(index), &other).await.status, 202);
            }
        }
        Attack::TheirSource => {
            for index in 0..5 {
                let other = format!("+1212555{:04}", 200 + index);
                assert_eq!(send(app, home, &other).await.status, 202);
            }
        }
        Attack::StopLink => {
            for index in 0..2 {
                assert_eq!(send(app, source(index), phone).await.status, 202);
            }
            let text = app.texts(phone).pop().unwrap().body;
            let link = text.split_whitespace().find(|word| word.contains("/stop/")).unwrap();
            let path = &link[link.find("/stop/").unwrap()..];
            let stopped = app.send(json_request(Method::POST, path, None, &json!({}))).await;
            assert_eq!(stopped.status, 200, "{}", stopped.json);
        }
        Attack::Budget => {
            let mut refused = false;
            for index in 0..12 {
                let other = format!("+1212555{:04}", 200 + index * 7);
                refused |= send(app, source(index), &other).await.status == 429;
            }
            assert!(refused, "the budget is not used up");
        }
        Attack::RefusedRequests => {
            let other = "+12125550200";
            assert_eq!(send(app, home, other).await.status, 202);
            for _ in 0..99 {
                send(app, home, other).await.assert_problem(429, "resend_too_soon");
            }
        }
    }
}

/// Everything that the victim needs for the next sign-in.
struct Person {
    phone: &'static str,
    device_token: Option<String>,
    session: Option<SignedIn>,
}

async fn prepare(app: &TestApp, victim: Victim) -> Person {
    let phone = if victim == Victim::Administrator { ADMIN } else { THEIR_PHONE };
    if victim == Victim::New {
        return Person { phone, device_token: None, session: None };
    }

    let id = app.challenge(phone).await;
    let answer = app.verify(&id, &app.code(phone)).await;
    let device_token = answer.assert_ok()["device_token"].as_str().unwrap().to_owned();
    let session = answer.signed_in();
    let body = json!({"new_password": PASSWORD});
    app.post_as(&session.access, "/v1/password/change", body).await;
    // A changed password ends known devices: sign in again, a day later.
    app.advance(25 * 3600);
    let body = json!({"phone": phone, "password": PASSWORD, "device_token": device_token});
    let answer = post(app, HOME.parse().unwrap(), "/v1/auth/login", body).await;
    let device_token = answer.assert_ok()["device_token"].as_str().unwrap().to_owned();
    Person {
        phone,
        device_token: (victim != Victim::Account).then_some(device_token),
        session: (victim == Victim::SignedIn).then(|| answer.signed_in()),
    }
}

/// The cost for the person to get in from home.
async fn get_in(app: &TestApp, person: &Person) -> Cost {
    if let Some(session) = &person.session {
        let refreshed = app.refresh(&session.refresh).await;
        let access = refreshed.assert_ok()["access_token"].as_str().unwrap().to_owned();
        app.get_as(&access, "/v1/me").await.assert_ok();
        return Cost::Nothing;
    }

    let mut body = json!({"phone": person.phone});
    if let Some(token) = &person.device_token {
        body["device_token"] = json!(token);
    }
    let home = HOME.parse().unwrap();
    let opened = post(app, home, "/v1/otp/send", body).await;
    if opened.status == 429 {
        return match opened.json["retry_after"].as_i64().unwrap() {
            ..=3_600 => Cost::AnHour,
            3_601..=86_400 => Cost::ADay,
            _ => Cost::AMonth,
        };
    }

    assert_eq!(opened.status, 202, "{}", opened.json);
    let digits = opened.json["code_length"].as_i64().unwrap();
    let id = opened.json["challenge_id"].as_str().unwrap();
    let body = json!({"challenge_id": id, "code": app.code(person.phone)});
    post(app, home, "/v1/otp/verify", body).await.assert_ok();
    if digits > 6 { Cost::LongCode(digits) } else { Cost::Nothing }
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_keep_nobody_out() {
    for (kind, name, costs) in TABLE {
        for ((victim, _), expected) in VICTIMS.into_iter().zip(costs) {
            let app = TestApp::with(&settings(kind)).await;
            let person = prepare(&app, victim).await;
            attack(&app, kind, person.phone).await;
            assert_eq!(get_in(&app, &person).await, expected, "{name}: {victim:?}");
        }
    }
}

#[test]
fn the_threat_model_shows_what_strangers_cost_people() {
    let mut table = String::from("| what a stranger does |");
    for (_, name) in VICTIMS {
        table.push_str(&format!(" {name} |"));
    }
    table.push_str("\n|---|---|---|---|---|---|\n");
    for (_, name, costs) in TABLE {
        let cells: Vec<_> = costs.iter().map(Cost::to_string).collect();
        table.push_str(&format!("| {name} | {} |\n", cells.join(" | ")));
    }
    assert!(THREAT_MODEL.contains(&table), "docs/threat-model.md must contain:\n{table}");
}
