use serde_json::json;

use crate::testing::{
    PHONE, TestApp,
    hosted::{Browser, CALLBACK, Client, hosted_app, hosted_app_with},
};

const PATH: &str = "/oauth2/par";

/// The fields of a request, with these changed or added.
fn fields(client: &Client, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let url = client.url(changes);
    let (_, query) = url.split_once('?').unwrap();
    serde_urlencoded::from_str(query).unwrap()
}

async fn push(app: &TestApp, client: &Client, changes: &[(&str, &str)]) -> crate::testing::Answer {
    let fields = fields(client, changes);
    let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    app.form(None, PATH, &fields).await
}

/// The `claims` of an app that needs this `acr`.
fn essential(acr: &str) -> String {
    json!({"id_token": {"acr": {"essential": true, "value": acr}}}).to_string()
}

fn authorize(client_id: &str, request_uri: &str) -> String {
    let query = [("client_id", client_id), ("request_uri", request_uri)];
    format!("/oauth2/authorize?{}", crate::testing::apps::encoded(&query))
}

#[tokio::test]
async fn a_pushed_request_signs_in_once_and_only_for_its_app() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    hosted_app_with(&app, "other", |_| ()).await;
    let long = "s".repeat(2000);
    let (pushed, units) = app.units(push(&app, &client, &[("state", &long)])).await;
    assert_eq!((pushed.status.as_u16(), units.1 <= 3.0), (201, true), "{units:?}");
    assert_eq!(pushed.json["expires_in"], 60);
    let name = pushed.json["request_uri"].as_str().unwrap();
    assert!(name.starts_with("urn:ietf:params:oauth:request_uri:"), "{name}");

    let mut browser = Browser::new(&app);
    assert_eq!(browser.get(&authorize("other", name)).await.status, 400);
    let answer = browser.sign_in(&authorize("shop", name), PHONE).await;
    assert_eq!(answer.sent_to(CALLBACK)["state"], long);
    client.exchange(&app, &answer.authorization_code(&client)).await.assert_ok();
    assert_eq!(browser.get(&authorize("shop", name)).await.status, 400, "it was used");

    let late = push(&app, &client, &[]).await;
    app.advance(60);
    let late = authorize("shop", late.json["request_uri"].as_str().unwrap());
    assert_eq!(browser.get(&late).await.status, 400);
}

#[tokio::test]
async fn an_app_learns_at_once_what_is_wrong_and_must_be_who_it_says() {
    let (app, admin) = TestApp::with_admin().await;
    let client = hosted_app(&app).await;
    for (changes, error) in [
        (("redirect_uri", "https://evil.example/cb"), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (("request", "e30.e30."), "request_not_supported"),
        (("request_uri", "urn:ietf:params:oauth:request_uri:x"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("claims", "[]"), "invalid_request"),
        (("claims", &essential("gold")), "unmet_authentication_requirements"),
    ] {
        push(&app, &client, &[changes]).await.assert_oauth(400, error);
    }
    let nobody = push(&app, &client, &[("client_id", "nobody")]).await;
    nobody.assert_oauth(401, "invalid_client");

    let body = json!({"redirect_uris": [CALLBACK], "first_party": true});
    let server = app.server_with(&admin, "server", body).await;
    let client = Client { client_id: "server".to_owned(), redirect_uri: CALLBACK.to_owned() };
    push(&app, &client, &[]).await.assert_oauth(401, "invalid_client");
    let with_secret = push(&app, &client, &[("client_secret", &server.secret)]).await;
    assert_eq!(with_secret.status, 201, "{}", with_secret.text);
    for item in app.items().await {
        let is_kept =
            item.values().any(|it| crate::testing::accounts::mentions(it, &server.secret));
        assert!(!is_kept, "the secret is not stored");
    }
}

#[tokio::test]
async fn the_browser_cannot_take_the_need_for_both_factors_out_of_a_pushed_request() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let pushed = push(&app, &client, &[("claims", &essential("aal2"))]).await;
    let path = authorize("shop", pushed.json["request_uri"].as_str().unwrap());

    let mut browser = Browser::new(&app);
    let offer = browser.sign_in(&format!("{path}&claims=%7B%7D"), PHONE).await;
    let skipped = browser.submit(&offer, &[("action", "skip")]).await;
    assert_eq!(skipped.authorization_error(&client), "unmet_authentication_requirements");
}
