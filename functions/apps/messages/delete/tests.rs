use axum::http::Method;
use serde_json::json;

use crate::testing::{TestApp, accounts::EMAIL, apps::ADMIN_PHONE};

#[tokio::test]
async fn a_deleted_template_is_deleted_once_and_the_built_in_mail_is_sent_again() {
    let app = TestApp::with_mail_and(&[("ADMIN_PHONE", ADMIN_PHONE)]).await;
    let admin = app.sign_in(ADMIN_PHONE).await;
    let path = "/v1/apps/default/messages/sign_in/en";
    app.json_as(&admin, Method::PUT, path, json!({"text": "Ours: {code}"})).await.assert_ok();
    app.delete_as(&admin, path).await.assert_done();
    app.delete_as(&admin, path).await.assert_problem(404, "not_found");
    app.delete_as(&admin, "/v1/apps/nothing/messages/sign_in/en")
        .await
        .assert_problem(404, "not_found");

    app.mail_challenge(EMAIL).await;
    assert!(app.texts(EMAIL).pop().unwrap().body.contains("is your Latchkey code"));
    assert!(app.items().await.iter().all(|item| !item["sk"].as_s().unwrap().starts_with("MAIL#")));
}

#[tokio::test]
async fn a_deleted_app_takes_its_templates_along() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    for name in ["sign_in/en", "sign_in/es", "password_reset/en"] {
        let path = format!("/v1/apps/shop/messages/{name}");
        app.json_as(&admin, Method::PUT, &path, json!({"text": "{code}"})).await.assert_ok();
    }
    let templates = async || {
        let items = app.items().await;
        items.iter().filter(|item| item["sk"].as_s().unwrap().starts_with("MAIL#")).count()
    };
    assert_eq!(templates().await, 3);
    app.delete_app(&admin, "shop").await.assert_done();
    assert_eq!(templates().await, 0);

    let path = "/v1/apps/shop/messages/sign_in/en";
    let late = app.json_as(&admin, Method::PUT, path, json!({"text": "{code}"})).await;
    late.assert_problem(404, "not_found");
    assert_eq!(templates().await, 0);
}
