use std::collections::BTreeSet;

use serde_json::json;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp, accounts::EMAIL, bodies::assert_strict,
    second_factor::Authenticator,
};

const PATH: &str = "/v1/me/totp/confirm";

#[tokio::test]
async fn a_first_code_finishes_the_set_up_and_returns_ten_recovery_codes() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let authenticator = Authenticator::new(&app.enrol(&me).await);
    app.advance(90);

    let confirmed = app.confirm(&me, &authenticator.code(&app)).await;
    let codes = confirmed.recovery_codes();
    assert_eq!(confirmed.json, json!({"recovery_codes": codes}));
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 10);

    for code in &codes {
        let groups: Vec<_> = code.split('-').collect();
        assert!(
            groups.len() == 4 && groups.iter().all(|group| group.len() == 4),
            "80 bits in base32: {code}"
        );
    }

    let profile = app.me(&me.access).await;
    assert_eq!(
        (&profile["mfa"], &profile["updated_at"]),
        (&json!(["totp"]), &json!("2027-01-15T08:01:30.000Z"))
    );
    app.verify(&app.challenge(PHONE).await, &app.code(PHONE)).await.mfa_token();

    // The session that set it up continues unchanged.
    app.refresh(&me.refresh).await.assert_ok();
}

#[tokio::test]
async fn the_user_is_told_by_text_or_by_mail() {
    let app = TestApp::with_mail().await;
    let by_phone = app.sign_in(PHONE).await;
    app.authenticator(&by_phone).await;
    let text = app.texts(PHONE).pop().unwrap().body;
    assert!(text.contains("An authenticator app was added to your Latchkey account"), "{text}");

    let by_mail = app.sign_up(json!({"email": EMAIL})).await;
    app.authenticator(&by_mail).await;
    let mail = app.texts(EMAIL).pop().unwrap().body;
    assert!(mail.contains("An authenticator app was added to your Latchkey account"), "{mail}");
}

#[tokio::test]
async fn the_set_up_succeeds_even_if_the_notice_cannot_be_sent() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let authenticator = Authenticator::new(&app.enrol(&me).await);
    app.cut_off("SNS").confirm(&me, &authenticator.code(&app)).await.assert_ok();
    assert_eq!(app.me(&me.access).await["mfa"], json!(["totp"]));
}

#[tokio::test]
async fn a_wrong_code_sets_nothing_up_and_can_be_followed_by_the_right_one() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let authenticator = Authenticator::new(&app.enrol(&me).await);
    let code = authenticator.code(&app);
    for odd in ["", &code[..5], "AAAA-AAAA-AAAA-AAAA"] {
        app.confirm(&me, odd).await.assert_field("code");
    }

    for odd in [
        &authenticator.wrong_code(&app),
        &authenticator.code_of_step(&app, 2),
        &authenticator.code_of_step(&app, -2),
    ] {
        app.confirm(&me, odd).await.assert_wrong(None);
    }

    assert_eq!(app.me(&me.access).await["mfa"], json!([]));
    app.confirm(&me, &code).await.assert_ok();
}

#[tokio::test]
async fn a_set_up_can_be_confirmed_once_within_ten_minutes() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.confirm(&me, "123456").await.assert_problem(409, "conflict");

    let late = Authenticator::new(&app.enrol(&me).await);
    app.advance(600);
    app.confirm(&me, &late.code(&app)).await.assert_problem(409, "conflict");

    let me = app.sign_in(PHONE).await;
    let authenticator = Authenticator::new(&app.enrol(&me).await);
    app.advance(599);
    app.confirm(&me, &authenticator.code(&app)).await.assert_ok();
    app.advance(30);
    app.confirm(&me, &authenticator.code(&app)).await.assert_problem(409, "conflict");
}

#[tokio::test]
async fn a_pending_set_up_does_not_replace_a_confirmed_second_factor() {
    let app = TestApp::start().await;
    let me = app.person(PHONE).await;
    let waiting = Authenticator::new(&app.enrol(&me).await);
    let enrolment = app.items_like("ENROLMENT").await.pop().unwrap();
    app.confirm(&me, &waiting.code(&app)).await.assert_ok();

    // As if another request had started a set-up just before this one finished.
    app.put_item(enrolment).await;
    app.advance(30);
    app.confirm(&me, &waiting.code(&app)).await.assert_problem(409, "conflict");
    app.totp(&app.first_factor(PHONE).await, &waiting.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn users_can_confirm_only_their_own_set_up() {
    let app = TestApp::start().await;
    let (me, other) = (app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await);
    let authenticator = Authenticator::new(&app.enrol(&me).await);
    let code = authenticator.code(&app);
    app.confirm(&other, &code).await.assert_problem(409, "conflict");
    app.post(PATH, json!({"code": code})).await.assert_problem(401, "token_invalid");
    assert_strict(&app, Some(&me.access), PATH, &json!({"code": code})).await;
    assert_eq!(
        app.cut_off("DYNAMODB").confirm(&me, &code).await.assert_wait(503, "unavailable"),
        5
    );
    app.confirm(&me, &code).await.assert_ok();
    assert_eq!(app.me(&other.access).await["mfa"], json!([]));
}
