use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::testing::{TestApp, passkeys::PASSKEYS};

const PATH: &str = "/v1/config";

#[tokio::test]
async fn a_page_learns_the_settings_that_it_needs() {
    let settings = [
        ("APP_NAME", "Corner Shop"),
        ("ALLOWED_COUNTRIES", "US,CA"),
        ("DEFAULT_REGION", "US"),
        ("OTP_LENGTH", "8"),
    ];
    let app = TestApp::with_mail_and(&settings).await;
    assert_eq!(
        app.get(PATH).await.assert_ok(),
        &json!({
            "app_name": "Corner Shop",
            "countries": ["CA", "US"],
            "default_region": "US",
            "code_length": 8,
            "channels": ["sms", "email"],
            "sign_in_methods": ["phone_code", "email_code", "password"],
            "passkeys": false,
            "links": {"terms": null, "privacy": null, "support": null},
            "logo": null,
            "accent": null,
            "languages": ["en", "es", "hi", "ar"],
        })
    );
}

#[tokio::test]
async fn a_deployment_without_e_mails_offers_none() {
    let app = TestApp::with(&[("EMAIL_FROM", ""), ("ALLOWED_COUNTRIES", "*")]).await;
    let config = app.get(PATH).await;
    let config = config.assert_ok();
    assert_eq!(config["channels"], json!(["sms"]));
    assert_eq!(config["sign_in_methods"], json!(["phone_code", "password"]));
    assert_eq!(config["default_region"], Value::Null);

    // All countries are named one by one.
    let countries: BTreeSet<_> =
        config["countries"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
    assert!(countries.len() > 230 && countries.contains("ES") && countries.contains("IN"));
}

#[tokio::test]
async fn each_app_has_its_name_and_look() {
    let (app, admin) = TestApp::with_admin().await;
    app.create_app(&admin, json!({"client_id": "shop", "name": "Shop & Sons"})).await;
    let name = async |query: &str| {
        app.get(&format!("{PATH}{query}")).await.assert_ok()["app_name"].clone()
    };
    assert_eq!(name("?client_id=shop").await, "Shop & Sons");
    assert_eq!(name("?client_id=default").await, name("").await);

    let look = json!({"logo": "https://shop.example/logo.svg", "accent": "#FFCC00"});
    app.json_as(&admin, Method::PATCH, "/v1/apps/shop", look).await.assert_ok();
    let shop = app.get(&format!("{PATH}?client_id=shop")).await;
    let shop = shop.assert_ok();
    assert_eq!(shop["logo"], "https://shop.example/logo.svg");
    assert_eq!(shop["accent"], "#ffcc00");

    let off = json!({"active": false});
    app.json_as(&admin, Method::PATCH, "/v1/apps/shop", off).await.assert_ok();
    let answer = app.get(&format!("{PATH}?client_id=shop")).await;
    answer.assert_problem(403, "app_disabled");
}

#[tokio::test]
async fn an_unknown_app_is_refused() {
    let app = TestApp::start().await;
    for unknown in ["nothing", "", "%00", &"a".repeat(3000)] {
        let answer = app.get(&format!("{PATH}?client_id={unknown}")).await;
        answer.assert_problem(400, "invalid_request");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    app.get(&format!("{PATH}?app=default")).await.assert_problem(400, "invalid_request");
}

#[tokio::test]
async fn clients_may_cache_the_settings_and_ask_whether_they_changed() {
    let app = TestApp::start().await;
    let first = app.get(PATH).await;
    assert_eq!(first.header("cache-control"), "public, max-age=300");
    assert_eq!(first.header("content-type"), "application/json");

    let ask = async |app: &TestApp| {
        let request = Request::get(PATH).header("if-none-match", first.header("etag"));
        app.send(request.body(Body::empty()).unwrap()).await
    };
    let same = ask(&app).await;
    assert_eq!((same.status.as_u16(), same.text.as_str()), (304, ""));

    let renamed = app.restarted(&[("APP_NAME", "Another")]);
    assert_eq!(ask(&renamed).await.assert_ok()["app_name"], "Another");
}

#[tokio::test]
async fn a_page_learns_whether_there_are_passkeys() {
    let app = TestApp::with(&[PASSKEYS]).await;
    assert_eq!(app.get(PATH).await.assert_ok()["passkeys"], true);
}
