use std::net::IpAddr;

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp, accounts::PASSWORD, admin::values, json_request,
};

const PATH: &str = "/v1/me/activity";

async fn activity(app: &TestApp, person: &SignedIn) -> Vec<Value> {
    app.all(person, PATH, 3).await
}

#[tokio::test]
async fn i_see_what_happened_to_my_account_and_nothing_else() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;
    app.advance(60);
    app.sign_in(OTHER_PHONE).await;
    app.login(json!({"phone": PHONE}), "wrong").await.assert_problem(401, "invalid_credentials");
    app.advance_millis(5);
    app.patch_me(&me.access, json!({"name": "Ann"})).await.assert_ok();
    app.advance_millis(5);
    app.give(&admin, me.id(), &["Guest"]).await.assert_ok();
    app.advance_millis(5);

    let mut request = json_request(
        Method::POST,
        "/v1/auth/login",
        None,
        &json!({"phone": PHONE, "password": PASSWORD}),
    );
    request.headers_mut().insert("user-agent", "a browser of mine".parse().unwrap());
    let source: IpAddr = "203.0.113.77".parse().unwrap();
    app.send_from(source, request).await.signed_in();

    let seen = activity(&app, &me).await;
    assert_eq!(
        values(&seen, "action"),
        ["sign_in", "user_roles_change", "profile_change", "sign_in", "sign_in"]
    );
    assert_eq!(values(&seen, "by"), ["me", "administrator", "me", "unknown", "me"]);
    assert_eq!(
        seen[0],
        json!({
            "id": seen[0]["id"], "at": seen[0]["at"], "action": "sign_in", "result": "success",
            "by": "me", "client_id": "default", "device": "a browser of mine",
            "address": "203.0.113.•",
        })
    );
    assert_eq!((&seen[1]["device"], &seen[1]["address"]), (&Value::Null, &Value::Null));
    assert_eq!((&seen[3]["result"], &seen[3]["address"]), (&json!("failure"), &json!("192.0.2.•")));
    assert!(!Value::from(seen).to_string().contains(admin.id()), "which administrator");
}

#[tokio::test]
async fn an_administrators_actions_on_others_are_not_their_own_activity() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.sign_in(PHONE).await;
    app.advance_millis(5);
    app.user(&admin, person.id()).await.assert_ok();
    let seen = activity(&app, &admin).await;
    assert!(!values(&seen, "action").contains(&"user_read"), "{seen:?}");
    assert_eq!(values(&activity(&app, &person).await, "action"), ["user_read", "sign_in"]);
}

#[tokio::test]
async fn a_cursor_of_somebody_else_is_refused() {
    let app = TestApp::start().await;
    let (one, other) = (app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await);
    app.advance(60);
    app.sign_in(PHONE).await;
    let page = app.get_as(&one.access, &format!("{PATH}?limit=1")).await;
    let cursor = page.assert_ok()["next_cursor"].as_str().unwrap().to_owned();
    app.get_as(&other.access, &format!("{PATH}?cursor={cursor}")).await.assert_field("cursor");
    app.get_as(&one.access, &format!("{PATH}?cursor={cursor}")).await.assert_ok();
}
