use serde_json::json;

use crate::testing::{PHONE, TestApp, bodies, wrong};

#[tokio::test]
async fn the_same_code_is_sent_again() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    let code = app.code(PHONE);
    app.advance(30);
    let again = app.resend(&id).await;
    assert_eq!(again.status, 202);
    assert_eq!(
        again.json,
        json!({
            "challenge_id": id,
            "channel": "sms",
            "to": "+1•••••••123",
            "code_length": 6,
            "expires_in": 270,
            "resend_in": 60,
            "attempts_left": 5,
        })
    );

    let texts = app.texts(PHONE);
    assert_eq!(texts.len(), 2);
    // The second one says how long the code still works.
    let first = texts[0].body.replace("5 min", "4 min");
    assert!(texts[1].body.starts_with(&first), "{texts:?}");
    app.verify(&id, &code).await.assert_ok();
}

#[tokio::test]
async fn used_tries_stay_used() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    let wrong = wrong(&app.code(PHONE));

    for _ in 0..2 {
        app.verify(&id, &wrong).await.assert_problem(400, "otp_incorrect");
    }

    app.advance(30);
    assert_eq!(app.resend(&id).await.json["attempts_left"], 3);

    for left in [2, 1, 0] {
        assert_eq!(app.verify(&id, &wrong).await.json["attempts_left"], left);
    }

    app.advance(60);
    app.resend(&id).await.assert_problem(429, "otp_locked");
    assert_eq!(app.texts(PHONE).len(), 2);
}

#[tokio::test]
async fn a_resend_does_not_prolong_a_challenge() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    app.advance(299);
    assert_eq!(app.resend(&id).await.json["expires_in"], 1);
    app.advance(1);
    app.verify(&id, &app.code(PHONE)).await.assert_problem(410, "otp_expired");
}

#[tokio::test]
async fn a_challenge_that_cannot_be_proven_is_not_sent_again() {
    let app = TestApp::start().await;
    app.resend("01890000-0000-7000-8000-000000000000").await.assert_problem(410, "otp_expired");

    let used = app.challenge(PHONE).await;
    app.verify(&used, &app.code(PHONE)).await.assert_ok();

    app.advance(30);
    app.resend(&used).await.assert_problem(410, "otp_expired");

    let late = app.challenge(PHONE).await;
    app.advance(300);
    app.resend(&late).await.assert_problem(410, "otp_expired");
    assert_eq!(app.texts(PHONE).len(), 2);
}

#[tokio::test]
async fn send_and_resend_share_one_cooldown() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    assert_eq!(app.resend(&id).await.assert_wait(429, "resend_too_soon"), 30);

    app.advance(30);
    assert_eq!(app.resend(&id).await.json["resend_in"], 60);
    assert_eq!(app.send_code(PHONE).await.assert_wait(429, "resend_too_soon"), 60);

    app.advance(60);
    assert_eq!(app.resend(&id).await.json["resend_in"], 120);
    assert_eq!(app.resend(&id).await.assert_wait(429, "resend_too_soon"), 120);

    app.advance(120);
    assert_eq!(app.send_code(PHONE).await.json["resend_in"], 300);
}

#[tokio::test]
async fn texts_sent_again_count_for_the_phone_and_for_the_source() {
    let app = TestApp::with(&[("OTP_SENDS_PER_PHONE_PER_HOUR", "2")]).await;
    let id = app.challenge(PHONE).await;
    app.advance(30);
    assert_eq!(app.resend(&id).await.status, 202);

    app.advance(60);
    assert_eq!(app.resend(&id).await.assert_wait(429, "sms_limit_reached"), 3600 - 90);

    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "1")]).await;
    let id = app.challenge(PHONE).await;
    app.advance(30);
    assert_eq!(app.resend(&id).await.assert_wait(429, "sms_limit_reached"), 3570);
    assert_eq!(app.texts(PHONE).len(), 1);
}

#[tokio::test]
async fn a_locked_challenge_is_not_sent_again() {
    let app = TestApp::with(&[("OTP_MAX_ATTEMPTS", "10")]).await;
    let id = app.challenge(PHONE).await;
    let wrong = wrong(&app.code(PHONE));

    for _ in 0..10 {
        app.verify(&id, &wrong).await.assert_problem(400, "otp_incorrect");
    }

    app.advance(30);
    app.resend(&id).await.assert_problem(429, "otp_locked");
    assert_eq!(app.texts(PHONE).len(), 1);
}

#[tokio::test]
async fn a_resend_that_sns_refuses_is_refunded_and_the_challenge_stays_open() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "2")]).await;
    let id = app.challenge(PHONE).await;
    app.advance(30);
    app.aws.inbox.refuse(true);

    for _ in 0..3 {
        assert_eq!(app.resend(&id).await.assert_wait(503, "unavailable"), 5);
    }

    app.aws.inbox.refuse(false);
    assert_eq!(app.resend(&id).await.json["resend_in"], 60);
    app.verify(&id, &app.code(PHONE)).await.assert_ok();
}

#[tokio::test]
async fn without_aws_the_client_is_asked_to_come_back() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    app.advance(30);

    for service in ["DYNAMODB", "SNS", "SECRETSMANAGER"] {
        assert_eq!(
            app.cut_off(service).resend(&id).await.assert_wait(503, "unavailable"),
            5,
            "{service}"
        );
    }

    assert_eq!(app.resend(&id).await.json["resend_in"], 60);
}

#[tokio::test]
async fn only_a_challenge_id_in_json_is_read() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    bodies::assert_strict(&app, None, "/v1/otp/resend", &json!({"challenge_id": id})).await;

    for body in [
        json!({}),
        json!({"challenge_id": "1"}),
        json!({"challenge_id": null}),
        json!({"challenge_id": 1}),
    ] {
        app.post("/v1/otp/resend", body).await.assert_field("challenge_id");
    }

    assert_eq!(app.texts(PHONE).len(), 1);
}
