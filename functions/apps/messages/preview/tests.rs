use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{Answer, SignedIn, TestApp, apps::ADMIN_PHONE};

async fn preview(app: &TestApp, admin: &SignedIn, name: &str, body: Value) -> Answer {
    app.json_as(admin, Method::POST, &format!("/v1/apps/{name}/preview"), body).await
}

#[tokio::test]
async fn a_preview_shows_what_people_get_now() {
    let (app, admin) = TestApp::with_admin().await;
    let built_in = preview(&app, &admin, "default/messages/sign_in/es", json!({})).await;
    let shown = built_in.assert_ok();
    assert_eq!((&shown["source"], &shown["language"]), (&json!("built_in"), &json!("es")));
    assert!(shown["text"].as_str().unwrap().contains("123456"), "{shown}");
    assert!(shown["html"].as_str().unwrap().starts_with("<!doctype html>"));

    let words = json!({"subject": "{app}: {code}", "text": "{code} for {minutes} min"});
    app.json_as(&admin, Method::PUT, "/v1/apps/default/messages/sign_in/en", words)
        .await
        .assert_ok();
    let shown = preview(&app, &admin, "default/messages/sign_in/es", json!({"draft": null})).await;
    let expected = json!({
        "source": "template",
        "language": "en",
        "subject": "Latchkey: 123456",
        "text": "123456 for 5 min\n\nNot you? Stop these e-mails: https://id.example.com/stop/example",
        "html": null,
    });
    assert_eq!(shown.assert_ok(), &expected);
    let missing = preview(&app, &admin, "nothing/messages/sign_in/en", json!({})).await;
    missing.assert_problem(404, "not_found");
}

#[tokio::test]
async fn every_kind_has_its_own_placeholders() {
    let (app, admin) = TestApp::with_admin().await;
    for (kind, text, shown) in [
        ("sign_in", "{code} {minutes} {app}", "123456 5 Latchkey"),
        ("account_exists", "{code} {minutes} {app}", "123456 5 Latchkey"),
        ("new_address", "{code} {minutes} {app}", "123456 5 Latchkey"),
        ("password_reset", "{code} {link}", "123456 https://id.example.com/example"),
        ("password_changed", "{link} {app}", "https://id.example.com/example Latchkey"),
        ("address_changed", "{link} {app}", "https://id.example.com/example Latchkey"),
        ("second_factor_added", "{link} {app}", "https://id.example.com/example Latchkey"),
        ("second_factor_removed", "{link} {app}", "https://id.example.com/example Latchkey"),
        ("phone_detached", "{link} {app}", "https://id.example.com/example Latchkey"),
        ("account_erasure", "{link} {date}", "https://id.example.com/example 2027-01-15"),
    ] {
        let name = format!("default/messages/{kind}/en");
        let body = json!({"draft": {"text": text}});
        let answer = preview(&app, &admin, &name, body).await;
        let previewed = answer.assert_ok()["text"].as_str().unwrap();
        assert_eq!(previewed.split("\n\n").next().unwrap(), shown, "{kind}");
        let required = if shown.contains("123456") { "{code}" } else { "{link}" };
        let without = json!({"draft": {"text": text.replace(required, "")}});
        let refused = preview(&app, &admin, &name, without).await;
        refused.assert_field("draft.text");
        assert!(refused.text.contains(required), "{}", refused.text);
    }
    assert!(app.texts(ADMIN_PHONE).len() == 1, "the code of the sign-in alone");
}
