use serde_json::json;

use crate::testing::{PHONE, TestApp, at_once};

#[tokio::test]
async fn an_app_is_deleted_once() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    app.delete_app(&admin, "shop").await.assert_done();
    app.delete_app(&admin, "shop").await.assert_problem(404, "not_found");
    app.delete_app(&admin, "nothing").await.assert_problem(404, "not_found");
    app.get_as(&admin.access, "/v1/apps/shop").await.assert_problem(404, "not_found");
    app.change_app(&admin, "shop", json!({"active": true})).await.assert_problem(404, "not_found");
    app.rotate(&admin, "shop", 0).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn the_default_app_cannot_be_deleted() {
    let (app, admin) = TestApp::with_admin().await;
    app.delete_app(&admin, "default").await.assert_problem(409, "conflict");
    app.change_app(&admin, "default", json!({"name": "Mine"})).await.assert_ok();
    app.delete_app(&admin, "default").await.assert_problem(409, "conflict");
    assert_eq!(app.get_as(&admin.access, "/v1/apps/default").await.assert_ok()["name"], "Mine");
    app.challenge(PHONE).await;
}

#[tokio::test]
async fn a_deleted_app_keeps_no_secret_and_no_origin() {
    let (app, admin) = TestApp::with_admin().await;
    let server = app.server(&admin, "server").await;
    let origins = json!({"allowed_origins": ["https://shop.example.com"]});
    app.change_app(&admin, "server", origins).await.assert_ok();
    assert_eq!(app.preflight("https://shop.example.com").await, "https://shop.example.com");
    app.delete_app(&admin, "server").await.assert_done();
    assert_eq!(app.preflight("https://shop.example.com").await, "");
    app.introspect(&server, "x").await.assert_oauth(401, "invalid_client");

    let stored = app.items_like("APP").await;
    assert_eq!(stored.len(), 1, "the client id stays taken");
    assert!(stored[0]["secrets"].as_l().unwrap().is_empty(), "{stored:?}");
}

#[tokio::test]
async fn users_of_a_deleted_app_keep_their_accounts() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    app.person(PHONE).await;
    let shopper = app.login_to("shop", PHONE).await;
    app.delete_app(&admin, "shop").await.assert_done();
    app.get_as(&shopper.access, "/v1/me").await.assert_problem(401, "token_invalid");
    let me = app.login_to("default", PHONE).await;
    assert_eq!(me.id(), shopper.id());
}

#[tokio::test]
async fn one_of_ten_concurrent_deletions_deletes_the_app_and_none_fails() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    let answers = at_once(10, |_| {
        let (app, admin) = (app.clone(), admin.clone());
        async move { app.delete_app(&admin, "shop").await }
    })
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
    assert!(answers.iter().all(|answer| [204, 404].contains(&answer.status.as_u16())));
    app.get_as(&admin.access, "/v1/apps/shop").await.assert_problem(404, "not_found");
}
