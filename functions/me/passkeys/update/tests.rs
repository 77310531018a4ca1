use axum::http::Method;
use serde_json::json;

use crate::testing::{OTHER_PHONE, PHONE, TestApp, passkeys::PASSKEYS};

#[tokio::test]
async fn a_user_names_their_own_passkeys() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (keeper, id) = app.passkey(&me).await;
    let path = format!("/v1/me/passkeys/{id}");
    let name = |name: &str| json!({"name": name});
    let renamed = app.json_as(&me, Method::PATCH, &path, name("My laptop")).await;
    assert_eq!(renamed.assert_ok()["name"], "My laptop");
    app.sign_in_by_passkey(&keeper).await.assert_ok();

    for bad in [json!({}), name(""), name(&"a".repeat(65)), json!({"name": 7}), json!({"x": "y"})] {
        let refused = app.json_as(&me, Method::PATCH, &path, bad).await;
        refused.assert_problem(400, "invalid_request");
    }
    let other = app.sign_in(OTHER_PHONE).await;
    let refused = app.json_as(&other, Method::PATCH, &path, name("Mine")).await;
    refused.assert_problem(404, "not_found");
    let listed = app.get_as(&me.access, "/v1/me/passkeys").await;
    assert_eq!(listed.assert_ok()["items"][0]["name"], "My laptop");

    let activity = app.get_as(&me.access, "/v1/me/activity").await;
    let actions: Vec<_> = activity.assert_ok()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect();
    for action in ["passkey_add", "passkey_rename"] {
        assert!(actions.contains(&action), "{actions:?}");
    }
}
