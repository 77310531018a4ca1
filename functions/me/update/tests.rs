use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{NEW_PASSWORD, PASSWORD},
    json_request,
};

#[tokio::test]
async fn a_locale_without_a_language_changes_nothing() {
    let (app, admin) = TestApp::with_staff().await;
    let me = app.person(PHONE).await;
    app.patch_me(&me.access, json!({"locale": "es-MX"})).await.assert_ok();
    for locale in ["", "not a locale", "x", "123"] {
        let change = json!({"locale": locale, "name": "Ann"});
        app.patch_me(&me.access, change.clone()).await.assert_field("locale");
        let path = format!("/v1/users/{}", me.id());
        app.patch_as(&admin, &path, change).await.assert_field("locale");
    }
    let profile = app.me(&me.access).await;
    assert_eq!((&profile["locale"], &profile["name"]), (&json!("es-MX"), &json!(null)));
}

#[tokio::test]
async fn sent_fields_change_missing_fields_stay_and_null_clears() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let mut profile = me.json["user"].clone();
    for (change, username, name, locale) in [
        (json!({"username": "Ann.Lee"}), json!("Ann.Lee"), json!(null), json!(null)),
        (json!({"name": "Ann Lee"}), json!("Ann.Lee"), json!("Ann Lee"), json!(null)),
        (json!({"locale": "ES-mx"}), json!("Ann.Lee"), json!("Ann Lee"), json!("es-MX")),
        (json!({"name": "アン 🔑"}), json!("Ann.Lee"), json!("アン 🔑"), json!("es-MX")),
        (json!({"name": null}), json!("Ann.Lee"), json!(null), json!("es-MX")),
        (json!({"username": null, "locale": null}), json!(null), json!(null), json!(null)),
        (
            json!({"username": "a-2", "name": "A", "locale": "ar"}),
            json!("a-2"),
            json!("A"),
            json!("ar"),
        ),
    ] {
        app.advance(60);
        let changed = app.patch_me(&me.access, change.clone()).await;
        profile["username"] = username;
        profile["name"] = name;
        profile["locale"] = locale;
        profile["updated_at"] = json!(app.now());
        assert_eq!(*changed.assert_ok(), profile, "{change}");
        assert_eq!(app.me(&me.access).await, profile, "{change}");
    }

    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn an_empty_change_changes_nothing() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "username": "ann"})).await;
    app.advance(60);
    for body in [json!({}), json!({"username": "ann"}), json!({"name": null})] {
        assert_eq!(*app.patch_me(&me.access, body).await.assert_ok(), me.json["user"]);
    }
}

#[tokio::test]
async fn a_username_is_unique_regardless_of_case_and_free_once_it_is_given_up() {
    let app = TestApp::start().await;
    let ann = app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "ann"})).await;
    let bob = app
        .sign_up(json!({"phone": OTHER_PHONE, "password": NEW_PASSWORD, "username": "bob"}))
        .await;
    for taken in ["ann", "ANN", "Ann"] {
        let refused = app.patch_me(&bob.access, json!({"username": taken, "name": "Bob"})).await;
        refused.assert_taken("username");
    }

    assert_eq!(app.me(&bob.access).await, bob.json["user"], "a refused change changes nothing");

    let respelled = app.patch_me(&ann.access, json!({"username": "Ann"})).await;
    assert_eq!(respelled.assert_ok()["username"], "Ann");
    app.patch_me(&ann.access, json!({"username": "anna"})).await.assert_ok();
    app.login(json!({"username": "anna"}), PASSWORD).await.assert_ok();
    app.login(json!({"username": "ann"}), PASSWORD)
        .await
        .assert_problem(401, "invalid_credentials");

    app.patch_me(&bob.access, json!({"username": "aNN"})).await.assert_ok();
    app.login(json!({"username": "ann"}), NEW_PASSWORD).await.assert_ok();
    app.patch_me(&bob.access, json!({"username": null})).await.assert_ok();
    app.login(json!({"username": "ann"}), NEW_PASSWORD)
        .await
        .assert_problem(401, "invalid_credentials");
    app.patch_me(&ann.access, json!({"username": "ann"})).await.assert_ok();
}

#[tokio::test]
async fn fields_that_cannot_be_accepted_are_named() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    for (body, field) in [
        (json!({"username": ""}), "username"),
        (json!({"username": "an"}), "username"),
        (json!({"username": "1ann"}), "username"),
        (json!({"username": "ann@example.com"}), "username"),
        (json!({"username": "a".repeat(65)}), "username"),
        (json!({"username": 7}), "username"),
        (json!({"name": ""}), "name"),
        (json!({"name": "Ann\u{7}"}), "name"),
        (json!({"name": "n".repeat(65)}), "name"),
        (json!({"name": "Ann at https://evil.example"}), "name"),
        (json!({"name": ["Ann"]}), "name"),
        (json!({"locale": 1}), "locale"),
        (json!({"phone": OTHER_PHONE}), "phone"),
        (json!({"email": "ann@example.com"}), "email"),
        (json!({"roles": ["Admin"]}), "roles"),
        (json!({"status": "active"}), "status"),
        (json!({"password": NEW_PASSWORD}), "password"),
    ] {
        app.patch_me(&me.access, body).await.assert_field(field);
    }

    let text = json_request(Method::PATCH, "/v1/me", Some(&me.access), &Value::Null);
    app.send(text).await.assert_problem(400, "invalid_request");
    assert_eq!(app.me(&me.access).await, me.json["user"]);
}

#[tokio::test]
async fn concurrent_changes_are_all_kept() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let changes = [json!({"name": "Ann"}), json!({"username": "ann"}), json!({"locale": "es"})];
    let answers = crate::testing::at_once(3, |index| {
        let (app, token, change) = (app.clone(), me.access.clone(), changes[index].clone());
        async move { app.patch_me(&token, change).await }
    })
    .await;
    for answer in answers {
        answer.assert_ok();
    }

    let profile = app.me(&me.access).await;
    assert_eq!(
        (&profile["name"], &profile["username"], &profile["locale"]),
        (&json!("Ann"), &json!("ann"), &json!("es"))
    );
}

#[tokio::test]
async fn a_stranger_is_refused() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let body = json!({"name": "Mallory"});
    app.send(json_request(Method::PATCH, "/v1/me", None, &body))
        .await
        .assert_problem(401, "token_invalid");
    app.patch_me(&me.refresh, body.clone()).await.assert_problem(401, "token_invalid");

    let answer = app.cut_off("DYNAMODB").patch_me(&me.access, body.clone()).await;
    assert_eq!(answer.assert_wait(503, "unavailable"), 5);
    app.disable(me.id()).await;
    app.patch_me(&me.access, body.clone()).await.assert_problem(403, "user_disabled");
    app.advance(900);
    app.patch_me(&me.access, body).await.assert_problem(401, "token_expired");
}
