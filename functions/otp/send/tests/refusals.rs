use serde_json::json;

use crate::testing::{PHONE, TestApp, wrong};

#[tokio::test]
async fn fields_that_cannot_be_accepted_are_named() {
    let app = TestApp::start().await;
    for (body, field) in [
        (json!({}), "phone"),
        (json!({"phone": null}), "phone"),
        (json!({"email": "a@example.com"}), "email"),
        (json!({"phone": PHONE, "email": "a@example.com"}), "email"),
        (json!({"phone": PHONE, "client_id": "another-app"}), "client_id"),
        (json!({"phone": PHONE, "client_id": ""}), "client_id"),
        (json!({"phone": 14_155_550_123_i64}), "phone"),
        (json!({"phone": [PHONE]}), "phone"),
    ] {
        let answer = app.post("/v1/otp/send", body.clone()).await;
        assert_eq!(answer.json["errors"][0]["field"], field, "{body}: {}", answer.text);
        answer.assert_field(field);
    }

    assert!(app.aws.inbox.messages(None).is_empty());
}

#[tokio::test]
async fn only_phones_that_can_receive_a_text_are_texted() {
    let app = TestApp::start().await;
    for phone in [
        "",
        "+",
        "14155550123",
        "4155550123",
        "++14155550123",
        "+1 415 555 0123",
        "tel:+14155550123",
        "+14155550123;ext=5",
        "+14155550123\u{200b}",
        "+19005550123",
        "+18005550123",
        "+1415555",
        "+999123456789",
    ] {
        let answer = app.send_code(phone).await;
        assert_eq!(answer.json["code"], "invalid_phone", "{phone:?}");
        answer.assert_problem(400, "invalid_phone");
    }

    assert!(app.aws.inbox.messages(None).is_empty());
}

#[tokio::test]
async fn only_phones_of_allowed_countries_are_texted() {
    let app = TestApp::with(&[("ALLOWED_COUNTRIES", "US,ES")]).await;
    for phone in ["+447400123456", "+16135550123"] {
        app.send_code(phone).await.assert_problem(400, "country_not_allowed");
    }
    for phone in [PHONE, "+34612345678"] {
        assert_eq!(app.send_code(phone).await.status, 202, "{phone}");
    }
    assert_eq!(app.aws.inbox.messages(None).len(), 2);
}

#[tokio::test]
async fn a_text_that_sns_refuses_is_refunded() {
    let settings = [("OTP_SENDS_PER_IP_PER_HOUR", "2"), ("OTP_SENDS_PER_PHONE_PER_HOUR", "2")];
    let app = TestApp::with(&settings).await;
    let first = app.challenge(PHONE).await;
    let code = app.code(PHONE);
    app.advance(30);

    app.aws.inbox.refuse(true);
    for _ in 0..3 {
        assert_eq!(app.send_code(PHONE).await.assert_wait(503, "unavailable"), 5);
    }

    assert_eq!(app.resend(&first).await.assert_wait(503, "unavailable"), 5);
    app.aws.inbox.refuse(false);

    // The previous challenge is still open, with all its tries.
    app.verify(&first, &wrong(&code)).await.assert_problem(400, "otp_incorrect");
    let status = app.get(&format!("/v1/otp/{first}")).await;
    assert_eq!(status.assert_ok()["attempts_left"], 4);
    assert_eq!(status.json["resend_in"], 0);
    app.verify(&first, &code).await.assert_ok();

    assert_eq!(app.send_code(PHONE).await.status, 202);
    assert_eq!(app.texts(PHONE).len(), 2);

    // The code that was used does not count any more.
    app.advance(600);
    assert_eq!(app.send_code(PHONE).await.status, 202);
    app.advance(600);
    app.send_code(PHONE).await.assert_problem(429, "sms_limit_reached");
}

#[tokio::test]
async fn no_text_and_no_challenge_without_aws() {
    let app = TestApp::start().await;
    for service in ["DYNAMODB", "SNS", "SECRETSMANAGER"] {
        let answer = app.cut_off(service).send_code(PHONE).await;
        assert_eq!(answer.assert_wait(503, "unavailable"), 5, "{service}");
        for internal in ["127.0.0.1", "dispatch", "latchkey", "Sdk"] {
            assert!(!answer.json["detail"].as_str().unwrap().contains(internal), "{}", answer.text);
        }
    }

    assert!(app.aws.inbox.messages(None).is_empty());
    let sent = app.send_code(PHONE).await;
    assert_eq!((sent.status.as_u16(), sent.json["resend_in"].as_i64()), (202, Some(30)));
}
