use data_encoding::BASE32_NOPAD;
use serde_json::json;

use crate::testing::{
    PHONE, TestApp,
    accounts::{EMAIL, PASSWORD},
    second_factor::Authenticator,
};

const PATH: &str = "/v1/me/totp";

#[tokio::test]
async fn the_secret_is_returned_for_typing_as_a_uri_and_as_a_qr_code() {
    let app = TestApp::with(&[("APP_NAME", "Le Shop & Co")]).await;
    let me = app.sign_in(PHONE).await;
    let answer = app.enrol(&me).await;
    let secret = answer.assert_ok()["secret"].as_str().unwrap();
    assert_eq!(BASE32_NOPAD.decode(secret.as_bytes()).unwrap().len(), 20, "160 bits");

    let name = "Le%20Shop%20%26%20Co";
    let uri = format!(
        "otpauth://totp/{name}:%2B14155550123?secret={secret}&issuer={name}&algorithm=SHA1&digits=6&period=30"
    );
    let svg = answer.json["qr_svg"].as_str().unwrap();
    assert!(svg.starts_with("<?xml") && svg.contains("<svg ") && svg.ends_with("</svg>"), "{svg}");
    assert_eq!(
        answer.json,
        json!({"secret": secret, "otpauth_uri": uri, "qr_svg": svg, "expires_in": 600})
    );
}

#[tokio::test]
async fn the_uri_names_the_app_and_the_user() {
    let (app, admin) = TestApp::with_admin_and(&[("EMAIL_FROM", "latchkey@example.com")]).await;
    app.public_app(&admin, "shop").await;
    let me = app.sign_up(json!({"email": EMAIL, "password": PASSWORD, "client_id": "shop"})).await;
    let uri = app.enrol(&me).await.assert_ok()["otpauth_uri"].as_str().unwrap().to_owned();
    assert!(uri.starts_with("otpauth://totp/shop:ann.lee%40example.org?"), "{uri}");
    assert!(uri.contains("&issuer=shop&"), "{uri}");
}

#[tokio::test]
async fn an_unconfirmed_set_up_changes_no_sign_in() {
    let app = TestApp::start().await;
    let me = app.person(PHONE).await;
    app.enrol(&me).await.assert_ok();
    app.advance(60);
    assert_eq!(app.me(&me.access).await["mfa"], json!([]));
    app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    app.sign_in(PHONE).await;
    app.remove_totp(&me, "123456").await.assert_problem(409, "conflict");
    app.renew_codes(&me, "123456").await.assert_problem(409, "conflict");
    assert_eq!(app.texts(PHONE).len(), 2, "the codes of two sign-ins, and no notice");
}

#[tokio::test]
async fn a_second_set_up_replaces_the_first() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let first = Authenticator::new(&app.enrol(&me).await);
    let second = Authenticator::new(&app.enrol(&me).await);
    assert_ne!(first.secret(), second.secret());
    app.confirm(&me, &first.code(&app)).await.assert_wrong(None);
    app.confirm(&me, &second.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn an_existing_authenticator_app_must_be_removed_first() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let me = app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.signed_in();
    app.enrol(&me).await.assert_problem(409, "conflict");
    app.remove_totp(&me, &authenticator.recovery_codes[0]).await.assert_done();

    let other = app.authenticator(&me).await;
    assert_ne!(other.secret(), authenticator.secret());
    let token = app.first_factor(PHONE).await;
    app.totp(&token, &authenticator.code(&app)).await.assert_wrong(Some(4));
    app.recover(&token, &authenticator.recovery_codes[1]).await.assert_wrong(Some(3));
    app.totp(&token, &other.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn the_set_up_needs_a_fresh_sign_in() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.advance(599);
    app.enrol(&me).await.assert_ok();
    app.advance(1);
    app.enrol(&me).await.assert_step_up(false);
    app.enrol(&app.sign_in(PHONE).await).await.assert_ok();
}

#[tokio::test]
async fn a_stranger_is_refused_and_a_missing_table_is_unavailable() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.post(PATH, json!({})).await.assert_problem(401, "token_invalid");

    let refused = app.post_as(&me.refresh, PATH, json!({})).await;
    refused.assert_problem(401, "token_invalid");
    app.post_as(&me.access, PATH, json!({"issuer": "Mine"})).await.assert_field("issuer");
    assert_eq!(app.cut_off("DYNAMODB").enrol(&me).await.assert_wait(503, "unavailable"), 5);
    app.disable(me.id()).await;
    app.enrol(&me).await.assert_problem(403, "user_disabled");
}
