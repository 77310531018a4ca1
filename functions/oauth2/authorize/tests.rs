use axum::http::{Request, header};
use serde_json::json;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::PASSWORD,
    claims,
    hosted::{Browser, CALLBACK, hosted_app, hosted_app_with},
    undoing::change_email,
};

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_the_app_does_not_list() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    for address in [
        "https://evil.example/cb",
        "https://shop.example.com/cb",
        "https://shop.example.com/cb?tenant=7&a=1",
        "https://shop.example.com/cb/..;/x?tenant=7",
        "https://shop.example.com/cb/?tenant=7",
        "https://SHOP.example.com/cb?tenant=7",
        "https://shop.example.com:443/cb?tenant=7",
        "https://ok@shop.example.com/cb?tenant=7",
        "https://shop.example.com/cb?tenant=7#a",
        "http://shop.example.com/cb?tenant=7",
        "https:evil",
        "//evil.example",
        "javascript:alert(1)",
        "",
    ] {
        // The address counts before everything else.
        for wrong in [("response_type", "code"), ("response_type", "token"), ("prompt", "none")] {
            let page = browser.get(&client.url(&[("redirect_uri", address), wrong])).await;
            assert_eq!(page.status, 400, "{address}");
            assert_eq!(page.header("location"), "", "{address}");
            assert!(!page.text.contains("evil"), "{address}");
        }
    }
    for changes in [("client_id", "nobody"), ("client_id", "")] {
        assert_eq!(browser.get(&client.url(&[changes])).await.status, 400);
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", client.url(&[]));
    assert_eq!(browser.get(&twice).await.status, 400);
}

#[tokio::test]
async fn an_app_is_told_what_is_wrong_with_its_request() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let long = "n".repeat(513);
    for (changes, error) in [
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "code id_token")], "unsupported_response_type"),
        (vec![("request", "e30.e30.")], "request_not_supported"),
        (vec![("request_uri", "https://a.example")], "request_uri_not_supported"),
        (vec![("response_mode", "fragment")], "invalid_request"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("nonce", &long)], "invalid_request"),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("prompt", "often")], "invalid_request"),
        (vec![("max_age", "-1")], "invalid_request"),
        (vec![("max_age", "1e3")], "invalid_request"),
        (vec![("max_age", "abc")], "invalid_request"),
        (vec![("id_token_hint", "no.token.here")], "invalid_request"),
        (vec![("claims", "aal2")], "invalid_request"),
        (vec![("claims", &essential("gold"))], "unmet_authentication_requirements"),
        (vec![("prompt", "none")], "login_required"),
        (vec![("prompt", "none"), ("max_age", "0")], "login_required"),
    ] {
        let answer = browser.get(&client.url(&changes)).await;
        assert_eq!(answer.authorization_error(&client), error, "{changes:?}");
        assert_eq!(answer.sent_to(CALLBACK)["state"], "a state");
    }
    let twice = format!("{}&scope=email", client.url(&[]));
    assert_eq!(browser.get(&twice).await.authorization_error(&client), "invalid_request");
}

#[tokio::test]
async fn state_comes_back_byte_for_byte() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    for state in ["a+b/=%&#\"\\{~", "é 漢", "https://x.example/?a=1&b=2"] {
        let answer = browser.get(&client.url(&[("state", state), ("prompt", "none")])).await;
        assert_eq!(answer.sent_to(CALLBACK)["state"], state);
        assert!(answer.header("location").starts_with(&format!("{CALLBACK}&")));
    }
    let without = browser.get(&client.url(&[("state", ""), ("prompt", "none")])).await;
    assert!(!without.sent_to(CALLBACK).contains_key("state"));
}

#[tokio::test]
async fn a_page_carries_a_strict_policy_and_shows_only_the_first_step() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let hint = ("login_hint", "<script>\"x");
    let page =
        browser.get(&client.url(&[hint, ("ui_locales", "xx es"), ("display", "page")])).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.contains("; form-action 'self' https:; frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.text.contains("<html lang=\"es\" dir=\"ltr\">"));
    assert!(page.text.contains("value=\"&lt;script&gt;&quot;x\""), "{}", page.text);
    assert!(!page.text.contains("<script"));
}

#[tokio::test]
async fn the_same_request_by_a_form_leads_to_it_by_get() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let path = client.url(&[]);
    let (_, query) = path.split_once('?').unwrap();
    let request = Request::post("/oauth2/authorize")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(query.to_owned().into());
    let answer = app.send(request.unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, path.as_str()));
}

#[tokio::test]
async fn people_who_are_signed_in_enter_another_app_without_a_page() {
    let app = TestApp::start().await;
    let shop = hosted_app(&app).await;
    let forum = hosted_app_with(&app, "forum", |app| {
        app.hosted.redirect_uris = vec!["https://forum.example.com/cb".to_owned()];
    })
    .await;
    let mut browser = Browser::new(&app);
    let code = browser.sign_in(&shop.url(&[]), PHONE).await.authorization_code(&shop);
    let first = shop.exchange(&app, &code).await;
    let first = claims(first.assert_ok()["id_token"].as_str().unwrap());

    // One write for the code, and one for the exchange.
    app.advance(400);
    let (answer, units) = app.units(browser.get(&forum.url(&[("prompt", "none")]))).await;
    assert!(units.1 <= 2.0, "{units:?}");
    let code = answer.authorization_code(&forum);
    let tokens = forum.exchange(&app, &code).await;
    let id = claims(tokens.assert_ok()["id_token"].as_str().unwrap());
    assert_eq!((&id["aud"], &id["sub"]), (&"forum".into(), &first["sub"]));
    assert_eq!(id["auth_time"], first["auth_time"]);
    assert_ne!(id["sid"], first["sid"]);

    // An old sign-in does not pass for a fresh one.
    let access = tokens.json["access_token"].as_str().unwrap();
    app.advance(300);
    let phone = serde_json::json!({"phone": OTHER_PHONE});
    app.post_as(access, "/v1/me/phone", phone)
        .await
        .assert_problem(401, "insufficient_user_authentication");
}

#[tokio::test]
async fn a_person_signs_in_again_when_the_app_asks_for_it() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);
    app.advance(100);
    browser.get(&client.url(&[("max_age", "100")])).await.authorization_code(&client);
    for again in [("max_age", "99"), ("max_age", "0"), ("max_age", "00"), ("prompt", "login")] {
        let page = browser.get(&client.url(&[again])).await;
        assert!(page.text.contains("name=\"identifier\""), "{again:?}: {}", page.text);
    }
    let old = [("max_age", "99"), ("prompt", "none")];
    let refused = browser.get(&client.url(&old)).await;
    assert_eq!(refused.authorization_error(&client), "login_required");

    let answer = browser.sign_in(&client.url(&[("prompt", "login")]), PHONE).await;
    let tokens = client.exchange(&app, &answer.authorization_code(&client)).await;
    let id = claims(tokens.assert_ok()["id_token"].as_str().unwrap());
    assert_eq!(id["auth_time"], app.latchkey.clock().now().as_second());
}

#[tokio::test]
async fn a_program_on_the_device_and_the_wrong_account_need_a_click() {
    let app = TestApp::start().await;
    let shop = hosted_app(&app).await;
    let tool = hosted_app_with(&app, "tool", |app| {
        app.hosted.redirect_uris = vec!["http://127.0.0.1/cb".to_owned()];
    })
    .await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&shop.url(&[]), PHONE).await.authorization_code(&shop);

    let at = ("redirect_uri", "http://127.0.0.1:51004/cb");
    let page = browser.get(&tool.url(&[at])).await;
    assert!(page.text.contains(PHONE), "{}", page.text);
    assert!(page.header("content-security-policy").contains("form-action 'self' https: http:;"));
    let code = browser.submit(&page, &[]).await.sent_to(at.1)["code"].clone();
    let fields = tool.fields(&code);
    let fields = fields.map(|field| if field.0 == at.0 { at } else { field });
    app.form(None, "/oauth2/token", &fields).await.assert_ok();
    let silent = browser.get(&tool.url(&[at, ("prompt", "none")])).await;
    assert_eq!(silent.sent_to(at.1)["error"], "interaction_required");

    let hint = ("login_hint", OTHER_PHONE);
    let page = browser.get(&shop.url(&[hint])).await;
    assert!(page.text.contains(PHONE) && page.text.contains(OTHER_PHONE), "{}", page.text);
    let page = browser.submit(&page, &[("action", "another")]).await;
    assert!(page.text.contains("name=\"identifier\""), "{}", page.text);
    let silent = browser.get(&shop.url(&[hint, ("prompt", "none")])).await;
    assert_eq!(silent.authorization_error(&shop), "login_required");
    browser.get(&shop.url(&[("login_hint", PHONE)])).await.authorization_code(&shop);
}

#[tokio::test]
async fn a_person_who_signs_in_as_the_app_expects_is_not_warned() {
    let app = TestApp::with_mail().await;
    let client = hosted_app_with(&app, "poll", |app| app.hosted.first_party = false).await;
    let who = json!({"phone": PHONE, "username": "Ana.Lima", "password": PASSWORD});
    let ana = app.sign_up(who).await;
    change_email(&app, &ana, "ana@example.com").await;
    let hints = [PHONE, "ana.lima", "ana@example.com", "(not a name)"];

    for (hint, is_expected) in
        hints.map(|hint| (hint, true)).into_iter().chain([(OTHER_PHONE, false)])
    {
        app.advance(3600);
        let page = Browser::new(&app).sign_in(&client.url(&[("login_hint", hint)]), PHONE).await;
        let told = page.text.contains("You are signed in as Ana.Lima.");
        assert_eq!(told, is_expected, "{hint}: {}", page.text);
        assert_eq!(page.text.contains(&format!("asked for {hint}")), !is_expected, "{hint}");
    }
}

#[tokio::test]
async fn another_app_gets_only_what_the_person_allows_and_no_way_into_the_account() {
    let app = TestApp::start().await;
    let client = hosted_app_with(&app, "poll", |app| app.hosted.first_party = false).await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&client.url(&[("scope", "openid phone")]), PHONE).await;
    assert!(page.text.contains("your phone number"), "{}", page.text);
    assert!(!page.text.contains("e-mail"), "{}", page.text);
    let denied = browser.clone().submit(&page, &[("action", "cancel")]).await;
    assert_eq!(denied.authorization_error(&client), "access_denied");
    let silent = browser.get(&client.url(&[("prompt", "none")])).await;
    assert_eq!(silent.authorization_error(&client), "consent_required");

    let code = browser.submit(&page, &[]).await.authorization_code(&client);
    let tokens = client.exchange(&app, &code).await;
    assert_eq!(tokens.assert_ok()["scope"], "openid phone");
    let access = tokens.json["access_token"].as_str().unwrap();
    let info = app.get_as(access, "/oauth2/userinfo").await;
    assert_eq!(info.assert_ok()["phone_number"], PHONE);
    assert!(info.json.get("updated_at").is_none(), "{}", info.text);
    app.get_as(access, "/v1/me").await.assert_problem(403, "forbidden");
    assert_eq!(claims(access)["roles"], serde_json::json!([]));
}

/// The `claims` of an app that needs this `acr`.
fn essential(acr: &str) -> String {
    json!({"id_token": {"acr": {"essential": true, "value": acr}}}).to_string()
}

#[tokio::test]
async fn an_app_that_needs_both_factors_gets_no_code_for_one() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let needed = essential("aal2");
    let url = client.url(&[("claims", &needed)]);
    let silent = client.url(&[("claims", &needed), ("prompt", "none")]);
    let mut browser = Browser::new(&app);
    let offer = browser.sign_in(&url, PHONE).await;
    let skipped = browser.clone().submit(&offer, &[("action", "skip")]).await;
    assert_eq!(skipped.authorization_error(&client), "unmet_authentication_requirements");
    assert_eq!(skipped.sent_to(CALLBACK)["state"], "a state");

    // A page could still get what the app needs, and other requests need only one factor.
    assert_eq!(browser.get(&silent).await.authorization_error(&client), "interaction_required");
    browser.get(&client.url(&[])).await.authorization_code(&client);

    let page = browser.submit(&offer, &[]).await;
    let code = page.shown_secret().code(&app);
    let page = browser.submit(&page, &[("code", &code)]).await;
    for answer in [browser.submit(&page, &[]).await, browser.get(&silent).await] {
        let tokens = client.exchange(&app, &answer.authorization_code(&client)).await;
        let id = claims(tokens.assert_ok()["id_token"].as_str().unwrap());
        assert_eq!(id["acr"], "aal2");
    }
}
