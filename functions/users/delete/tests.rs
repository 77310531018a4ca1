use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, PASSWORD, mentions},
    admin::NOBODY,
};

#[tokio::test]
async fn all_data_of_a_deleted_user_is_gone() {
    let (app, admin) = TestApp::with_staff().await;
    app.public_app(&admin, "shop").await;
    let body = json!({
        "phone": PHONE, "email": EMAIL, "username": "annlee", "name": "Ann Lee",
        "password": PASSWORD
    });
    let person = app.sign_up(body).await;
    app.login_to("shop", PHONE).await;
    let path = format!("/v1/users/{}", person.id());
    app.delete_as(&admin, &path).await.assert_done();
    assert!(app.items_of(person.id()).await.is_empty());

    for item in &app.items().await {
        for trace in [PHONE, "4155550123", EMAIL, "annlee", "Ann Lee"] {
            assert!(!item.values().any(|value| mentions(value, trace)), "{trace}: {item:?}");
        }
    }

    app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&person.refresh).await.assert_problem(401, "token_invalid");
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_problem(401, "invalid_credentials");
    app.get_as(&admin.access, &path).await.assert_problem(404, "not_found");
    app.delete_as(&admin, &path).await.assert_problem(404, "not_found");
    assert_eq!(app.all(&admin, "/v1/users", 10).await.len(), 1);

    app.advance(3600);
    let new = app.sign_in(PHONE).await;
    assert_eq!(new.json["is_new_user"], true);
    assert_ne!(new.id(), person.id());
    assert_eq!(
        (&new.json["user"]["name"], &new.json["user"]["has_password"]),
        (&Value::Null, &json!(false))
    );
}

#[tokio::test]
async fn a_user_who_has_changed_since_they_were_read_is_not_deleted() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let path = format!("/v1/users/{}", person.id());
    let seen = app.user(&admin, person.id()).await.header("etag").to_owned();
    let changed = app.patch_as(&admin, &path, json!({"name": "Ann"})).await;
    let delete =
        async |tag: &str| app.if_match(&admin, Method::DELETE, &path, tag, Value::Null).await;
    delete(&seen).await.assert_problem(412, "precondition_failed");
    assert_eq!(app.me(&person.access).await["name"], "Ann");
    delete(changed.header("etag")).await.assert_done();
}

#[tokio::test]
async fn an_unknown_user_is_not_found() {
    let (app, admin) = TestApp::with_staff().await;
    app.delete_as(&admin, &format!("/v1/users/{NOBODY}")).await.assert_problem(404, "not_found");
    app.delete_as(&admin, "/v1/users/me").await.assert_field("user_id");
}

#[tokio::test]
async fn other_users_are_not_touched() {
    let (app, admin) = TestApp::with_staff().await;
    let (person, other) = (app.person(PHONE).await, app.person(OTHER_PHONE).await);
    let before = app.items_of(other.id()).await.len();
    app.delete_as(&admin, &format!("/v1/users/{}", person.id())).await.assert_done();
    assert_eq!(app.items_of(other.id()).await.len(), before);
    app.get_as(&other.access, "/v1/me").await.assert_ok();
    app.get_as(&admin.access, "/v1/me").await.assert_ok();
}
