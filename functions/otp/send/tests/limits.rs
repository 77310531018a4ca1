use std::net::IpAddr;

use axum::http::{Method, Request};
use serde_json::json;

use crate::testing::{Answer, OTHER_PHONE, PHONE, TestApp, json_request};

#[tokio::test]
async fn the_cooldown_grows_from_one_text_to_the_next() {
    let app = TestApp::with(&[("OTP_SENDS_PER_PHONE_PER_HOUR", "100")]).await;
    for cooldown in [30, 60, 120, 300, 300] {
        let sent = app.send_code(PHONE).await;
        assert_eq!((sent.status.as_u16(), sent.json["resend_in"].as_i64()), (202, Some(cooldown)));
        assert_eq!(app.send_code(PHONE).await.assert_wait(429, "resend_too_soon"), cooldown);
        app.advance(cooldown - 1);
        assert_eq!(app.send_code(PHONE).await.assert_wait(429, "resend_too_soon"), 1);
        app.advance(1);
    }

    assert_eq!(app.texts(PHONE).len(), 5);
    assert_eq!(
        app.send_code(OTHER_PHONE).await.json["resend_in"],
        30,
        "another phone has its own cooldown"
    );
}

#[tokio::test]
async fn the_cooldown_is_short_again_after_a_quiet_hour() {
    let app = TestApp::start().await;
    app.challenge(PHONE).await;
    app.advance(30);
    assert_eq!(app.send_code(PHONE).await.json["resend_in"], 60);
    app.advance(3600);
    assert_eq!(app.send_code(PHONE).await.json["resend_in"], 30);
}

#[tokio::test]
async fn a_phone_has_an_hourly_limit() {
    let app = TestApp::start().await;
    for wait in [30, 60, 120, 300, 300] {
        app.challenge(PHONE).await;
        app.advance(wait);
    }

    assert_eq!(app.send_code(PHONE).await.assert_wait(429, "sms_limit_reached"), 3600 - 810);
    app.advance(3600 - 810 - 1);
    assert_eq!(app.send_code(PHONE).await.assert_wait(429, "sms_limit_reached"), 1);

    app.advance(1);
    assert_eq!(app.send_code(PHONE).await.status, 202);
    assert_eq!(app.texts(PHONE).len(), 6);
}

#[tokio::test]
async fn a_phone_has_a_daily_limit() {
    let app = TestApp::with(&[("OTP_SENDS_PER_PHONE_PER_DAY", "3")]).await;
    for _ in 0..3 {
        app.challenge(PHONE).await;
        app.advance(2 * 3600);
    }
    assert_eq!(app.send_code(PHONE).await.assert_wait(429, "sms_limit_reached"), 18 * 3600);
    app.advance(18 * 3600);
    assert_eq!(app.send_code(PHONE).await.status, 202);
}

/// One of many phones, all with the same prefix.
fn phone(number: usize) -> String {
    format!("+1415555{:04}", 1000 + number)
}

async fn send_from(app: &TestApp, source: &str, phone: &str) -> Answer {
    let request = json_request(Method::POST, "/v1/otp/send", None, &json!({"phone": phone}));
    app.send_from(source.parse::<IpAddr>().unwrap(), request).await
}

#[tokio::test]
async fn a_source_has_an_hourly_limit() {
    let app = TestApp::start().await;
    app.advance(600);
    for number in 0..20 {
        assert_eq!(send_from(&app, "198.51.100.7", &phone(number)).await.status, 202);
    }

    let refused = send_from(&app, "198.51.100.7", &phone(20)).await;
    assert_eq!(refused.assert_wait(429, "sms_limit_reached"), 3000);
    assert!(app.texts(&phone(20)).is_empty());
    assert_eq!(send_from(&app, "198.51.100.8", &phone(20)).await.status, 202, "another source");

    app.advance(3000);
    assert_eq!(send_from(&app, "198.51.100.7", &phone(21)).await.status, 202, "the next hour");
}

#[tokio::test]
async fn an_ipv6_network_is_one_source() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "2")]).await;
    for (number, (source, status)) in [
        ("2001:db8:1:2::1", 202),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", 202),
        ("2001:db8:1:2:8000::", 429),
        ("2001:db8:1:3::1", 202),
        ("192.0.2.9", 202),
        ("::ffff:192.0.2.9", 202),
        ("192.0.2.9", 429),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(send_from(&app, source, &phone(number)).await.status, status, "{source}");
    }
}

#[tokio::test]
async fn a_header_cannot_change_the_source() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "1")]).await;
    app.challenge(PHONE).await;
    for name in ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip", "true-client-ip"]
    {
        let request = Request::post("/v1/otp/send")
            .header("content-type", "application/json")
            .header(name, "203.0.113.200")
            .body(json!({"phone": OTHER_PHONE}).to_string().into());
        app.send(request.unwrap()).await.assert_problem(429, "sms_limit_reached");
    }
}

#[tokio::test]
async fn a_source_is_not_charged_for_texts_that_a_phone_was_refused() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "2")]).await;
    app.challenge(PHONE).await;
    for _ in 0..5 {
        app.send_code(PHONE).await.assert_problem(429, "resend_too_soon");
    }
    assert_eq!(app.send_code(OTHER_PHONE).await.status, 202);
    app.send_code(&phone(1)).await.assert_problem(429, "sms_limit_reached");
}

#[tokio::test]
async fn numbers_with_one_prefix_share_an_hourly_limit() {
    let settings = [("OTP_SENDS_PER_PREFIX_PER_HOUR", "3"), ("ALLOWED_COUNTRIES", "*")];
    let app = TestApp::with(&settings).await;
    for phone in ["+14155550101", "+14155550102", "+14155550103"] {
        app.challenge(phone).await;
    }

    app.advance(600);
    let refused = app.send_code("+14155550104").await;
    assert_eq!(refused.assert_wait(429, "sms_limit_reached"), 3000);
    assert!(app.texts("+14155550104").is_empty());

    app.challenge("+12125550104").await;
    app.advance(3000);
    let id = app.challenge("+14155550104").await;
    app.advance(30);
    assert_eq!(app.resend(&id).await.status, 202, "the second text of the hour");
}

#[tokio::test]
async fn refused_and_unsent_texts_are_not_counted_for_their_prefix() {
    let app = TestApp::with(&[("OTP_SENDS_PER_PREFIX_PER_HOUR", "2")]).await;
    app.challenge("+14155550101").await;
    for _ in 0..3 {
        app.send_code("+14155550101").await.assert_problem(429, "resend_too_soon");
        app.cut_off("SNS").send_code("+14155550102").await.assert_problem(503, "unavailable");
    }
    app.challenge("+14155550102").await;
    app.send_code("+14155550103").await.assert_problem(429, "sms_limit_reached");
}

#[tokio::test]
async fn a_code_that_was_sent_twice_gives_both_messages_back() {
    let limits = [("OTP_SENDS_PER_IP_PER_HOUR", "4"), ("OTP_SENDS_PER_PREFIX_PER_HOUR", "4")];
    let app = TestApp::with(&limits).await;
    for number in 0..8 {
        let phone = format!("+1415555{:04}", 100 + number * 37);
        let id = app.challenge(&phone).await;
        app.advance(30);
        app.resend(&id).await.challenge_id();
        app.verify(&id, &app.code(&phone)).await.assert_ok();
    }
}
