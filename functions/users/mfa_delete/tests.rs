use axum::http::Method;
use serde_json::json;

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp, accounts::PASSWORD, apps::ADMIN_PHONE,
};

async fn reset(app: &TestApp, who: &SignedIn, user_id: &str) -> Answer {
    app.call_as(&who.access, Method::DELETE, &format!("/v1/users/{user_id}/mfa")).await
}

#[tokio::test]
async fn a_user_who_lost_the_second_factor_signs_in_with_the_first_alone() {
    let (app, admin) = TestApp::with_admin().await;
    let (before, authenticator) = app.protected(PHONE).await;
    let (_, bystander) = app.protected(OTHER_PHONE).await;
    let me = app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.signed_in();
    let waiting = app.first_factor(PHONE).await;
    let texts = app.texts(PHONE).len();

    reset(&app, &admin, me.id()).await.assert_done();
    assert_eq!(app.me(&me.access).await["mfa"], json!([]));
    assert_eq!(app.texts(PHONE).len(), texts + 1);

    let told = app.texts(PHONE).pop().unwrap().body;
    assert!(told.contains("was removed"), "{told}");

    for session in [&before, &me] {
        app.refresh(&session.refresh).await.assert_ok();
    }

    app.recover(&waiting, &authenticator.recovery_codes[0])
        .await
        .assert_problem(401, "token_invalid");

    let again = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    let new = app.authenticator(&again).await;
    let token = app.first_factor(PHONE).await;
    app.recover(&token, &authenticator.recovery_codes[0]).await.assert_wrong(Some(4));
    app.totp(&token, &new.code(&app)).await.assert_ok();
    app.totp(&app.first_factor(OTHER_PHONE).await, &bystander.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn a_user_without_a_second_factor_is_not_notified() {
    let (app, admin) = TestApp::with_admin().await;
    let me = app.sign_in(PHONE).await;
    app.enrol(&me).await.assert_ok();
    reset(&app, &admin, me.id()).await.assert_done();
    reset(&app, &admin, me.id()).await.assert_done();
    assert_eq!(app.texts(PHONE).len(), 1, "the code of the sign-in");
    assert!(app.items_like("ENROLMENT").await.is_empty(), "an unconfirmed set-up is gone, too");
}

#[tokio::test]
async fn only_administrators_remove_a_second_factor() {
    let (app, admin) = TestApp::with_admin().await;
    let (me, authenticator) = app.protected(PHONE).await;
    let other = app.sign_in(OTHER_PHONE).await;

    for who in [&me, &other] {
        reset(&app, who, me.id()).await.assert_problem(403, "forbidden");
    }

    let path = format!("/v1/users/{}/mfa", me.id());
    let stranger = axum::http::Request::delete(&path).body(axum::body::Body::empty()).unwrap();
    app.send(stranger).await.assert_problem(401, "token_invalid");
    assert_eq!(
        reset(&app.cut_off("DYNAMODB"), &admin, me.id()).await.assert_wait(503, "unavailable"),
        5
    );
    app.totp(&app.first_factor(PHONE).await, &authenticator.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn only_an_administrator_removes_the_factor_of_an_administrator() {
    let (app, admin) = TestApp::with_admin().await;
    let role = json!({"name": "Helper", "permissions": ["users:read", "users:write"]});
    app.json_as(&admin, Method::POST, "/v1/roles", role).await.assert_created();

    let helper = app.sign_in(PHONE).await;
    let path = format!("/v1/users/{}/roles", helper.id());
    app.json_as(&admin, Method::PUT, &path, json!({"roles": ["Helper"]})).await.assert_ok();

    let authenticator = app.authenticator(&admin).await;
    reset(&app, &helper, admin.id()).await.assert_problem(403, "forbidden");

    app.advance(60);
    let token =
        app.verify(&app.challenge(ADMIN_PHONE).await, &app.code(ADMIN_PHONE)).await.mfa_token();
    let admin = app.totp(&token, &authenticator.code(&app)).await.signed_in();
    let (person, _) = app.protected(OTHER_PHONE).await;
    reset(&app, &helper, person.id()).await.assert_done();
    // Not even an administrator removes their own in this way.
    reset(&app, &admin, admin.id()).await.assert_problem(403, "forbidden");
    app.give(&admin, helper.id(), &["Admin"]).await.assert_ok();
    reset(&app, &helper, admin.id()).await.assert_done();
    assert_eq!(app.me(&admin.access).await["mfa"], json!([]));
}

#[tokio::test]
async fn an_unknown_user_is_not_found() {
    let (app, admin) = TestApp::with_admin().await;
    reset(&app, &admin, "01890000-0000-7000-8000-000000000000")
        .await
        .assert_problem(404, "not_found");
    reset(&app, &admin, "ann").await.assert_problem(400, "invalid_request");
}
