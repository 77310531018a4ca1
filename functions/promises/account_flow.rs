//! The life of an account, from the first request to the last.

use serde_json::{Value, json};

use crate::testing::{
    PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
};

/// Registers, signs in, changes the password, resets it with the code or link that `forgot` sent,
/// and deletes the account.
async fn live_through(app: &TestApp, address: &str, who: Value, reset: Reset) {
    let mut body = who.clone();
    body["password"] = json!(PASSWORD);
    body["username"] = json!("ann");

    let new = app.sign_up(body).await;
    assert_eq!(new.json["is_new_user"], true);

    let me = app.login(who.clone(), PASSWORD).await.signed_in();
    assert_eq!(app.me(&me.access).await["id"], new.id());
    let change = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post_as(&me.access, "/v1/password/change", change).await.assert_done();
    app.login(who.clone(), PASSWORD).await.assert_problem(401, "invalid_credentials");

    app.advance(60);
    let id = app.forgot(who.clone()).await.challenge_id();
    let last = "the last password of all";
    match reset {
        Reset::Code => app.reset(&id, &app.code(address), last).await.assert_done(),
        Reset::Link => app.reset_by_link(&app.link_token(address), last).await.assert_done(),
    }

    app.login(who.clone(), NEW_PASSWORD).await.assert_problem(401, "invalid_credentials");
    let again = app.login(json!({"username": "ANN"}), last).await.signed_in();
    assert_eq!(again.id(), new.id());

    let profile = app.patch_me(&again.access, json!({"name": "Ann"})).await.assert_ok().clone();
    assert_eq!(app.get_as(&again.access, "/v1/me/export").await.assert_ok()["user"], profile);
    app.delete_me(&again.access).await.assert_done();
    app.login(who, last).await.assert_problem(401, "invalid_credentials");
}

#[derive(Clone, Copy)]
enum Reset {
    Code,
    Link,
}

#[tokio::test]
async fn an_account_by_phone_works_from_sign_up_to_deletion() {
    live_through(&TestApp::with_mail().await, PHONE, json!({"phone": PHONE}), Reset::Code).await;
}

#[tokio::test]
async fn an_account_by_e_mail_works_from_sign_up_to_deletion_with_a_code() {
    live_through(&TestApp::with_mail().await, EMAIL, json!({"email": EMAIL}), Reset::Code).await;
}

#[tokio::test]
async fn an_account_by_e_mail_works_from_sign_up_to_deletion_with_a_link() {
    live_through(&TestApp::with_mail().await, EMAIL, json!({"email": EMAIL}), Reset::Link).await;
}
