use serde_json::json;

use crate::testing::{TestApp, apps::basic, hosted::hosted_app};

const PATH: &str = "/oauth2/device_authorization";

#[tokio::test]
async fn only_apps_with_the_grant_begin_the_sign_in_of_a_device() {
    let (app, admin) = TestApp::with_admin().await;
    hosted_app(&app).await;
    let shop = app.form(None, PATH, &[("client_id", "shop")]).await;
    shop.assert_oauth(400, "unauthorized_client");
    app.form(None, PATH, &[("client_id", "nobody")]).await.assert_oauth(401, "invalid_client");

    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let body = json!({
        "client_id": "tv", "name": "TV", "type": "confidential", "grant_types": [grant],
    });
    let created = app.create_app(&admin, body).await;
    assert_eq!(created.assert_created()["grant_types"], json!([grant]));
    let secret = created.json["client_secret"].as_str().unwrap().to_owned();
    app.form(None, PATH, &[("client_id", "tv")]).await.assert_oauth(401, "invalid_client");
    app.form(Some(&basic("tv", &secret)), PATH, &[]).await.assert_ok();

    // The default app has it for `latchkey login`, unless somebody takes it away.
    app.form(None, PATH, &[("max_age", "soon")]).await.assert_oauth(400, "invalid_request");
    app.form(None, PATH, &[]).await.assert_ok();
    let without = json!({"grant_types": ["refresh_token"]});
    app.change_app(&admin, "default", without).await.assert_ok();
    app.form(None, PATH, &[]).await.assert_oauth(400, "unauthorized_client");
}
