use serde_json::json;

use crate::testing::{OTHER_PHONE, PHONE, TestApp, bodies};

const UNLOCK: &str = "/v1/addresses/unlock";

#[tokio::test]
async fn a_phone_that_nobody_owns_can_be_sent_codes_again() {
    let (app, admin) = TestApp::with_admin_and(&[("OTP_SENDS_PER_PHONE_PER_HOUR", "1")]).await;
    app.challenge(PHONE).await;
    app.advance(31);
    app.send_code(PHONE).await.assert_problem(429, "sms_limit_reached");

    app.post_as(&admin.access, UNLOCK, json!({"phone": PHONE})).await.assert_done();
    app.challenge(PHONE).await;
    let events = app.events(&admin).await;
    assert_eq!(events[0]["action"], "address_unlock");
    assert!(events[0]["target"].as_str().unwrap().ends_with("•123"));
}

#[tokio::test]
async fn wrong_passwords_of_an_address_are_forgotten() {
    let (app, admin) = TestApp::with_admin_and(&[("LOGIN_MAX_FAILURES", "1")]).await;
    let who = json!({"phone": PHONE});
    app.login(who.clone(), "wrong password").await.assert_problem(401, "invalid_credentials");
    app.login(who.clone(), "wrong password").await.assert_problem(429, "too_many_attempts");
    app.post_as(&admin.access, UNLOCK, who.clone()).await.assert_done();
    app.login(who, "wrong password").await.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn only_somebody_who_may_write_users_can_unlock() {
    let (app, admin) = TestApp::with_admin().await;
    app.role(&admin, "Reader", &["users:read"]).await;
    let reader = app.holder(&admin, OTHER_PHONE, "Reader").await;
    let body = json!({"phone": PHONE});
    app.post_as(&reader.access, UNLOCK, body.clone()).await.assert_problem(403, "forbidden");
    app.post(UNLOCK, body).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn an_address_must_be_named() {
    let (app, admin) = TestApp::with_admin().await;
    for body in [json!({}), json!({"phone": PHONE, "email": "ann@example.com"})] {
        app.post_as(&admin.access, UNLOCK, body).await.assert_problem(400, "invalid_request");
    }
    app.post_as(&admin.access, UNLOCK, json!({"phone": "12"}))
        .await
        .assert_problem(400, "invalid_phone");
}

#[tokio::test]
async fn only_its_own_fields_in_json_are_read() {
    let (app, admin) = TestApp::with_admin().await;
    bodies::assert_strict(&app, Some(&admin.access), UNLOCK, &json!({"phone": PHONE})).await;
}
