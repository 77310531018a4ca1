use axum::http::{Method, Request};
use serde_json::json;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
};

#[tokio::test]
async fn a_deleted_account_is_gone_at_once() {
    let app = TestApp::with_mail().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "ann"})).await;
    let id = app.post_as(&me.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(EMAIL)).await.assert_ok();
    let other = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    let bystander = app.sign_up(json!({"phone": OTHER_PHONE, "username": "bob"})).await;

    app.delete_me(&me.access).await.assert_done();
    for gone in [&me, &other] {
        app.get_as(&gone.access, "/v1/me").await.assert_problem(401, "token_invalid");
        app.get_as(&gone.access, "/v1/me/export").await.assert_problem(401, "token_invalid");
        app.refresh(&gone.refresh).await.assert_problem(401, "token_invalid");
        app.delete_me(&gone.access).await.assert_problem(401, "token_invalid");
    }

    for who in [json!({"phone": PHONE}), json!({"email": EMAIL}), json!({"username": "ann"})] {
        app.login(who, PASSWORD).await.assert_problem(401, "invalid_credentials");
    }

    assert!(app.items_of(me.id()).await.is_empty());
    assert_eq!(
        app.items_like("OWNER").await.len(),
        2,
        "the phone and the username of the bystander"
    );
    assert_eq!(app.me(&bystander.access).await, bystander.json["user"]);
}

#[tokio::test]
async fn the_phone_e_mail_address_and_username_can_sign_up_again() {
    let app = TestApp::with_mail().await;
    let first = app
        .sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "ann", "name": "Ann"}))
        .await;
    let id =
        app.post_as(&first.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&first.access, &id, &app.code(EMAIL)).await.assert_ok();
    app.delete_me(&first.access).await.assert_done();
    app.advance(60);

    let again = app.sign_up(json!({"phone": PHONE, "username": "ann"})).await;
    assert_eq!(again.json["is_new_user"], true);
    assert_ne!(again.id(), first.id());
    assert_eq!(
        (&again.json["user"]["name"], &again.json["user"]["has_password"]),
        (&json!(null), &json!(false))
    );
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_problem(401, "invalid_credentials");

    let by_mail = app.sign_up(json!({"email": EMAIL, "password": NEW_PASSWORD})).await;
    assert_eq!(by_mail.json["is_new_user"], true);
    app.get_as(&first.access, "/v1/me").await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn deleting_the_account_needs_a_fresh_sign_in() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    app.advance(600);

    let refreshed =
        app.refresh(&me.refresh).await.assert_ok()["access_token"].as_str().unwrap().to_owned();
    for stale in [&me.access, &refreshed] {
        let refused = app.delete_me(stale).await;
        refused.assert_problem(401, "insufficient_user_authentication");
        let challenge = refused.header("www-authenticate");
        assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
        assert!(challenge.contains(r#"max_age="600""#), "{challenge}");
    }

    app.get_as(&refreshed, "/v1/me").await.assert_ok();
    let fresh = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    app.advance(599);
    app.delete_me(&fresh.access).await.assert_done();
}

#[tokio::test]
async fn a_code_sent_before_the_deletion_creates_a_new_account() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.advance(60);
    let id = app.challenge(PHONE).await;
    app.delete_me(&me.access).await.assert_done();
    let again = app.verify(&id, &app.code(PHONE)).await.signed_in();
    assert_eq!(again.json["is_new_user"], true);
    assert_ne!(again.id(), me.id());
}

#[tokio::test]
async fn a_stranger_is_refused() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let stranger = Request::builder()
        .method(Method::DELETE)
        .uri("/v1/me")
        .body(axum::body::Body::empty())
        .unwrap();
    app.send(stranger).await.assert_problem(401, "token_invalid");
    app.delete_me(&me.refresh).await.assert_problem(401, "token_invalid");
    assert_eq!(
        app.cut_off("DYNAMODB").delete_me(&me.access).await.assert_wait(503, "unavailable"),
        5
    );
    assert_eq!(app.me(&me.access).await, me.json["user"]);
}
