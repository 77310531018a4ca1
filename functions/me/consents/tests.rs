use axum::http::Method;
use serde_json::json;

use crate::testing::{
    PHONE, TestApp,
    hosted::{Browser, hosted_app_with},
};

const PATH: &str = "/v1/me/consents";

#[tokio::test]
async fn a_consent_is_remembered_until_it_is_taken_back() {
    let app = TestApp::start().await;
    let client = hosted_app_with(&app, "poll", |app| app.hosted.first_party = false).await;
    let me = app.sign_in(PHONE).await;
    assert_eq!(app.get_as(&me.access, PATH).await.assert_ok(), &json!({"items": []}));

    let mut browser = Browser::new(&app);
    let asked = client.url(&[("scope", "openid phone")]);
    let page = browser.sign_in(&asked, PHONE).await;
    let code = browser.submit(&page, &[]).await.authorization_code(&client);
    let tokens = client.exchange(&app, &code).await;
    let access = tokens.assert_ok()["access_token"].as_str().unwrap();
    let given = json!([{
        "client_id": "poll", "scope": "openid phone", "given_at": "2027-01-15T08:00:00.000Z",
    }]);
    assert_eq!(app.get_as(&me.access, PATH).await.assert_ok()["items"], given);
    let export = app.get_as(&me.access, "/v1/me/export").await;
    assert_eq!(export.assert_ok()["consents"], given);

    // The same or less is not asked again; more is, and so is everything if the app wants that.
    app.advance(60);
    browser.get(&asked).await.authorization_code(&client);
    let less = [("scope", "openid"), ("prompt", "none")];
    browser.get(&client.url(&less)).await.authorization_code(&client);
    for more in [[("scope", "openid email"), ("prompt", "none")]] {
        let silent = browser.get(&client.url(&more)).await;
        assert_eq!(silent.authorization_error(&client), "consent_required");
    }
    let page = browser.get(&client.url(&[("prompt", "consent"), ("scope", "openid phone")])).await;
    assert!(page.text.contains("your phone number"), "{}", page.text);

    // The app loses its sessions with the consent.
    app.get_as(access, "/oauth2/userinfo").await.assert_ok();
    let path = format!("{PATH}/poll");
    let gone = app.call_as(&me.access, Method::DELETE, &path).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    app.get_as(access, "/oauth2/userinfo").await.assert_problem(401, "token_invalid");
    app.call_as(&me.access, Method::DELETE, &path).await.assert_problem(404, "not_found");
    let silent = browser.get(&client.url(&less)).await;
    assert_eq!(silent.authorization_error(&client), "consent_required");
}
