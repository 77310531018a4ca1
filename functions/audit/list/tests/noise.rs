//! Failures of people who are not recognised.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{PHONE, SignedIn, TestApp, apps::ADMIN_PHONE, json_request, wrong};

async fn fail_from(app: &TestApp, source: IpAddr, phone: &str) {
    let body = json!({"phone": phone, "password": "wrong wrong"});
    let request = json_request(Method::POST, "/v1/auth/login", None, &body);
    app.send_from(source, request).await.assert_problem(401, "invalid_credentials");
}

async fn failures(app: &TestApp, admin: &SignedIn) -> Vec<Value> {
    let events = app.events(admin).await;
    events.into_iter().filter(|event| event["result"] == "failure").collect()
}

#[tokio::test]
async fn strangers_failures_are_one_event_for_each_source_and_hour() {
    let (app, admin) = TestApp::with_staff().await;
    let (one, other) = (IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), "198.51.100.2");
    for number in 0..20 {
        fail_from(&app, one, &format!("+141555501{number:02}")).await;
    }
    for _ in 0..3 {
        fail_from(&app, other.parse().unwrap(), "+14155550199").await;
    }

    let found = failures(&app, &admin).await;
    assert_eq!(found.len(), 2, "{found:?}");
    let of = |ip: &str| found.iter().find(|event| event["ip"] == ip).unwrap();
    assert_eq!((&of("198.51.100.1")["count"], &of(other)["count"]), (&json!(20), &json!(3)));
    for event in &found {
        assert_eq!(
            (&event["action"], &event["target"], &event["actor"]),
            (&json!("sign_in"), &json!("anybody"), &Value::Null)
        );
    }

    app.advance(3600);
    let admin = app.sign_in(ADMIN_PHONE).await;
    fail_from(&app, one, "+14155550100").await;
    let found = failures(&app, &admin).await;
    assert_eq!((found.len(), &found[0]["count"]), (3, &json!(1)), "another hour");
}

#[tokio::test]
async fn an_ipv6_network_is_one_source() {
    let (app, admin) = TestApp::with_staff().await;
    for last in 1..4 {
        let source = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, last);
        fail_from(&app, IpAddr::V6(source), "+14155550100").await;
    }
    let found = failures(&app, &admin).await;
    assert_eq!((found.len(), &found[0]["count"]), (1, &json!(3)), "{found:?}");
}

#[tokio::test]
async fn a_hundred_strangers_do_not_fill_the_first_page() {
    let (app, admin) = TestApp::with_staff().await;
    let source = "198.51.100.1".parse().unwrap();
    for number in 0..99 {
        fail_from(&app, source, &format!("+141555501{number:02}")).await;
    }
    app.user(&admin, admin.id()).await.assert_ok();
    let page = app.get_as(&admin.access, "/v1/audit?limit=5").await;
    let actions: Vec<_> = page.assert_ok()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| (event["action"].clone(), event["result"].clone()))
        .collect();
    assert!(actions.contains(&(json!("user_read"), json!("success"))), "{actions:?}");
    assert!(actions.contains(&(json!("sign_in"), json!("success"))), "{actions:?}");
}

#[tokio::test]
async fn a_failure_on_an_account_names_it_and_shows_the_masked_address() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.advance(60);
    let challenge = app.challenge(PHONE).await;
    app.verify(&challenge, &wrong(&app.code(PHONE))).await.assert_problem(400, "otp_incorrect");
    app.login(json!({"phone": PHONE}), "wrong").await.assert_problem(401, "invalid_credentials");

    let found = failures(&app, &admin).await;
    assert_eq!(found.len(), 2);
    for event in found {
        assert_eq!(event["target"], format!("user:{}", person.id()));
        assert_eq!((&event["address"], &event["count"]), (&json!("+1•••••••123"), &json!(1)));
    }
}

#[tokio::test]
async fn other_events_do_not_hide_widespread_guessing() {
    let (app, admin) = TestApp::with_admin_and(&[
        ("SMS_MONTHLY_BUDGET_USD", "1000"),
        ("OTP_MAX_FAILED_PERCENT", "20"),
    ])
    .await;
    let guess = async |person: u16| {
        let phone = format!("+1415{:07}", 5_550_000 + u32::from(person) * 7);
        let [high, low] = person.to_be_bytes();
        let source = IpAddr::V4(Ipv4Addr::new(198, 51, high, low));
        let send = json_request(Method::POST, "/v1/otp/send", None, &json!({"phone": phone}));
        let id = app.send_from(source, send).await.challenge_id();
        let body = json!({"challenge_id": id, "code": wrong(&app.code(&phone))});
        let mut left = 0;
        for _ in 0..4 {
            let answer = app.post("/v1/otp/verify", body.clone()).await;
            left += answer.json["attempts_left"].as_i64().unwrap_or_default();
        }
        left
    };

    for person in 0..220 {
        guess(person).await;
        // Events that have nothing to do with codes.
        let source = IpAddr::V4(Ipv4Addr::new(203, 0, 113, person.to_be_bytes()[1]));
        for _ in 0..4 {
            fail_from(&app, source, &format!("+1415666{person:04}")).await;
        }
    }
    let mut closed = 0;
    for person in 220..240 {
        closed += u16::from(guess(person).await < 4 + 3 + 2 + 1);
    }
    assert!(closed > 5, "{closed} of 20 challenges closed");
    app.user(&admin, admin.id()).await.assert_ok();
}
