use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{OTHER_PHONE, PHONE, TestApp};

fn path(phone: &str) -> String {
    format!("/v1/users/by-phone/{}", phone.replace('+', "%2B"))
}

#[tokio::test]
async fn the_user_who_has_the_phone_is_deleted_and_no_other() {
    let (app, admin) = TestApp::with_staff().await;
    let (person, other) = (app.person(PHONE).await, app.person(OTHER_PHONE).await);
    app.advance(1);
    app.delete_as(&admin, &path(PHONE)).await.assert_done();
    assert!(app.items_of(person.id()).await.is_empty());
    app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.get_as(&other.access, "/v1/me").await.assert_ok();
    app.delete_as(&admin, &path(PHONE)).await.assert_problem(404, "not_found");

    let event = &app.events(&admin).await[0];
    assert_eq!(
        (&event["action"], &event["target"]),
        (&json!("user_delete"), &json!(format!("user:{}", person.id())))
    );
}

#[tokio::test]
async fn a_phone_in_another_form_deletes_nobody() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    for phone in ["14155550123", "%252B14155550123", "%2B%2B14155550123", "%2B14155550123%2C"] {
        let refused = app.delete_as(&admin, &format!("/v1/users/by-phone/{phone}")).await;
        refused.assert_problem(400, "invalid_phone");
    }

    app.get_as(&person.access, "/v1/me").await.assert_ok();
}

#[tokio::test]
async fn a_user_who_has_changed_since_they_were_read_is_not_deleted() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let seen = app.get_as(&admin.access, &path(PHONE)).await.header("etag").to_owned();
    app.patch_me(&person.access, json!({"name": "Ann"})).await.assert_ok();

    let delete = async |tag: &str| {
        app.if_match(&admin, Method::DELETE, &path(PHONE), tag, Value::Null).await
    };
    delete(&seen).await.assert_problem(412, "precondition_failed");

    let fresh = app.get_as(&admin.access, &path(PHONE)).await.header("etag").to_owned();
    delete(&fresh).await.assert_done();
}
