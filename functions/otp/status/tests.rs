use serde_json::json;

use crate::testing::{Answer, PHONE, TestApp, wrong};

async fn status(app: &TestApp, id: &str) -> Answer {
    app.get(&format!("/v1/otp/{id}")).await
}

#[tokio::test]
async fn a_new_challenge_is_pending() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    app.verify(&id, &wrong(&app.code(PHONE))).await.assert_problem(400, "otp_incorrect");

    app.advance(10);
    assert_eq!(
        status(&app, &id).await.assert_ok(),
        &json!({
            "challenge_id": id,
            "status": "pending",
            "channel": "sms",
            "expires_in": 290,
            "resend_in": 20,
            "attempts_left": 4,
        })
    );

    app.advance(60);
    assert_eq!(status(&app, &id).await.json["resend_in"], 0);
}

#[tokio::test]
async fn a_proven_challenge_stays_verified() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    app.verify(&id, &app.code(PHONE)).await.assert_ok();

    for wait in [0, 60, 300] {
        app.advance(wait);
        let answer = status(&app, &id).await;
        let told = ["status", "expires_in", "attempts_left"].map(|name| answer.json[name].clone());
        assert_eq!(told, [json!("verified"), json!(0), json!(0)]);
    }
}

#[tokio::test]
async fn a_challenge_expires() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    app.advance(299);
    assert_eq!(status(&app, &id).await.json["status"], "pending");
    app.advance(1);
    let answer = status(&app, &id).await;
    let told = ["status", "expires_in", "attempts_left"].map(|name| answer.json[name].clone());
    assert_eq!(told, [json!("expired"), json!(0), json!(0)]);
}

#[tokio::test]
async fn a_challenge_without_tries_is_locked_until_it_expires() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    let wrong = wrong(&app.code(PHONE));

    for _ in 0..5 {
        app.verify(&id, &wrong).await.assert_problem(400, "otp_incorrect");
    }

    let answer = status(&app, &id).await;
    assert_eq!(
        (answer.json["status"].as_str(), answer.json["attempts_left"].as_i64()),
        (Some("locked"), Some(0))
    );

    app.advance(300);
    assert_eq!(status(&app, &id).await.json["status"], "expired");
}

#[tokio::test]
async fn an_unknown_id_is_reported_as_expired() {
    let app = TestApp::start().await;
    for id in ["01890000-0000-7000-8000-000000000000", "00000000-0000-0000-0000-000000000000"] {
        assert_eq!(
            status(&app, id).await.assert_ok(),
            &json!({
                "challenge_id": id,
                "status": "expired",
                "channel": "sms",
                "expires_in": 0,
                "resend_in": 0,
                "attempts_left": 0,
            })
        );
    }
}

#[tokio::test]
async fn an_invalid_id_is_refused() {
    let app = TestApp::start().await;
    for id in ["1", "not-an-id", "%2B14155550123", "01890000-0000-7000-8000-00000000000g"] {
        status(&app, id).await.assert_field("challenge_id");
    }
}

#[tokio::test]
async fn without_the_table_the_client_is_asked_to_come_back() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    assert_eq!(status(&app.cut_off("DYNAMODB"), &id).await.assert_wait(503, "unavailable"), 5);
}
