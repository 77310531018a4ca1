use axum::http::Method;
use serde_json::json;

use crate::testing::TestApp;

#[tokio::test]
async fn an_app_lists_its_own_templates_alone() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    let path = "/v1/apps/shop/messages";
    assert_eq!(app.get_as(&admin.access, path).await.assert_ok()["items"], json!([]));
    app.get_as(&admin.access, "/v1/apps/nothing/messages").await.assert_problem(404, "not_found");

    let full = json!({"subject": "{app}", "text": "{code}", "html": "<b>{code}</b>"});
    for (name, words) in [("sign_in/en", json!({"text": "{code}"})), ("new_address/ar", full)] {
        app.json_as(&admin, Method::PUT, &format!("{path}/{name}"), words).await.assert_ok();
    }
    let time = app.now();
    let listed = app.get_as(&admin.access, path).await;
    assert_eq!(
        listed.assert_ok(),
        &json!({"items": [
            {"kind": "new_address", "language": "ar", "subject": "{app}", "text": "{code}",
             "html": "<b>{code}</b>", "updated_at": time},
            {"kind": "sign_in", "language": "en", "subject": null, "text": "{code}", "html": null,
             "updated_at": time},
        ], "next_cursor": null})
    );
    let others = app.get_as(&admin.access, "/v1/apps/default/messages").await;
    assert_eq!(others.assert_ok()["items"], json!([]));
}

#[tokio::test]
async fn templates_of_more_than_a_page_of_the_table_are_all_listed() {
    let (app, admin) = TestApp::with_admin().await;
    let html = format!("<p>{{code}} {{link}}{}</p>", " a".repeat(15_000));
    let mut put = 0;
    for kind in [
        "sign_in",
        "account_exists",
        "new_address",
        "password_reset",
        "password_changed",
        "address_changed",
        "second_factor_added",
        "second_factor_removed",
        "phone_detached",
        "account_erasure",
    ] {
        let is_code =
            ["sign_in", "account_exists", "new_address", "password_reset"].contains(&kind);
        let value = if is_code { "{code}" } else { "{link}" };
        let html = html.replace("{code} {link}", value);
        for language in ["en", "es", "hi", "ar"] {
            let path = format!("/v1/apps/default/messages/{kind}/{language}");
            let words = json!({"text": value, "html": html});
            app.json_as(&admin, Method::PUT, &path, words).await.assert_ok();
            put += 1;
        }
    }
    let listed = app.get_as(&admin.access, "/v1/apps/default/messages").await;
    assert_eq!(listed.assert_ok()["items"].as_array().unwrap().len(), put);
}
