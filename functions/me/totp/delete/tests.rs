use axum::http::Method;
use embedded_aws::faults::{Call, Fault, Refusal};
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, PASSWORD},
    faults::{EVERY, Trial},
    json_request,
    second_factor::Authenticator,
};

const PATH: &str = "/v1/me/totp";

/// A user who is signed in with both factors. The next time step has begun, so its code is unused.
async fn signed_in(app: &TestApp) -> (SignedIn, Authenticator) {
    let (_, authenticator) = app.protected(PHONE).await;
    let me = app.totp(&app.first_factor(PHONE).await, &authenticator.code(app)).await.signed_in();
    app.advance(30);
    (me, authenticator)
}

#[tokio::test]
async fn a_code_of_the_factor_removes_it_and_nothing_of_it_stays() {
    for by_recovery_code in [false, true] {
        let app = TestApp::start().await;
        let (me, authenticator) = signed_in(&app).await;
        let code = if by_recovery_code {
            authenticator.recovery_codes[9].clone()
        } else {
            authenticator.code(&app)
        };
        app.remove_totp(&me, &code).await.assert_done();
        assert_eq!(app.me(&me.access).await["mfa"], json!([]));
        assert!(app.items_like("SECOND_FACTOR").await.is_empty());
        let text = app.texts(PHONE).pop().unwrap().body;
        assert!(text.contains("was removed"), "{text}");
        let person = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
        // All sessions continue.
        app.refresh(&me.refresh).await.assert_ok();
        app.remove_totp(&person, &authenticator.code(&app)).await.assert_problem(409, "conflict");
    }
}

#[tokio::test]
async fn a_user_without_a_phone_is_told_by_e_mail() {
    let app = TestApp::with_mail().await;
    let me = app.sign_up(json!({"email": EMAIL})).await;
    let authenticator = app.authenticator(&me).await;
    app.remove_totp(&me, &authenticator.code(&app)).await.assert_done();
    let mail = app.texts(EMAIL).pop().unwrap().body;
    assert!(mail.contains("was removed"), "{mail}");
}

#[tokio::test]
async fn without_a_valid_code_the_factor_stays() {
    let app = TestApp::start().await;
    let (me, authenticator) = signed_in(&app).await;
    let used = authenticator.code_of_step(&app, -1);
    for code in ["", PASSWORD] {
        app.remove_totp(&me, code).await.assert_field("code");
    }

    let wrong = authenticator.wrong_code(&app);
    for code in [used.as_str(), &wrong, "AAAA-AAAA-AAAA-AAAA"] {
        app.remove_totp(&me, code).await.assert_wrong(None);
    }

    for body in [json!({}), json!({"code": 123_456}), json!({"code": null})] {
        app.json_as(&me, Method::DELETE, PATH, body).await.assert_field("code");
    }

    app.call_as(&me.access, Method::DELETE, PATH).await.assert_field("code");

    let request = json_request(Method::DELETE, PATH, Some(&me.access), &Value::Null);
    app.send(request.map(|_| "{".into())).await.assert_problem(400, "invalid_json");
    assert_eq!(app.me(&me.access).await["mfa"], json!(["totp"]));
    app.remove_totp(&me, &authenticator.code(&app)).await.assert_done();
}

#[tokio::test]
async fn a_stolen_session_cannot_guess_the_code() {
    let app = TestApp::start().await;
    let (me, authenticator) = signed_in(&app).await;
    for _ in 0..10 {
        app.remove_totp(&me, &authenticator.wrong_code(&app)).await.assert_wrong(None);
    }

    let code = authenticator.code(&app);
    assert_eq!(app.remove_totp(&me, &code).await.assert_wait(429, "otp_locked"), 900);
    assert_eq!(app.renew_codes(&me, &code).await.assert_wait(429, "otp_locked"), 900);
    app.login(json!({"phone": PHONE}), PASSWORD).await.mfa_token();
    app.advance(800);
    assert_eq!(
        app.remove_totp(&me, &authenticator.code(&app)).await.assert_wait(429, "otp_locked"),
        100
    );
}

#[tokio::test]
async fn a_user_without_a_second_factor_and_a_stranger_are_refused() {
    let app = TestApp::start().await;
    let (me, authenticator) = signed_in(&app).await;
    let other = app.sign_in(OTHER_PHONE).await;
    let code = authenticator.code(&app);
    app.remove_totp(&other, &code).await.assert_problem(409, "conflict");

    let stranger = app.send(json_request(Method::DELETE, PATH, None, &json!({"code": code}))).await;
    stranger.assert_problem(401, "token_invalid");
    assert_eq!(
        app.cut_off("DYNAMODB").remove_totp(&me, &code).await.assert_wait(503, "unavailable"),
        5
    );
    app.remove_totp(&me, &code).await.assert_done();
}

#[tokio::test]
async fn a_recovery_code_works_again_after_an_outage() {
    let app = TestApp::start().await;
    let (me, authenticator) = signed_in(&app).await;
    let codes = &authenticator.recovery_codes;
    let trial = Trial::of(app).await;
    for (operation, renews) in [("UpdateItem", true), ("TransactWriteItems", false)] {
        let fails = move |call: &Call| {
            let is_renewal = call.mentions("recovery_codes = :codes");
            call.is("DYNAMODB", operation) && is_renewal == renews
        };
        let refusal = Fault::Refuse(Refusal::ProvisionedThroughputExceeded);
        trial.faults.inject(fails, EVERY, refusal);
        let failed = match renews {
            true => trial.faulty.renew_codes(&me, &codes[0]).await,
            false => trial.faulty.remove_totp(&me, &codes[0]).await,
        };
        failed.assert_problem(503, "unavailable");
    }
    trial.app.remove_totp(&me, &codes[0]).await.assert_done();
}
