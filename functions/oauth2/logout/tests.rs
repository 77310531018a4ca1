use axum::http::Request;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    apps::encoded,
    claims,
    hosted::{Browser, hosted_app, hosted_app_with},
};

const BYE: &str = "https://shop.example.com/bye?a=1";

fn url(parameters: &[(&str, &str)]) -> String {
    format!("/oauth2/logout?{}", encoded(parameters))
}

#[tokio::test]
async fn a_hint_of_this_browser_signs_out_at_once_and_of_all_its_apps() {
    let app = TestApp::start().await;
    let shop = hosted_app(&app).await;
    let forum = hosted_app_with(&app, "forum", |_| ()).await;
    let mut browser = Browser::new(&app);
    let code = browser.sign_in(&shop.url(&[]), PHONE).await.authorization_code(&shop);
    let tokens = shop.exchange(&app, &code).await;
    let hint = tokens.assert_ok()["id_token"].as_str().unwrap().to_owned();
    let code = browser.get(&forum.url(&[])).await.authorization_code(&forum);
    let other = forum.exchange(&app, &code).await;
    let scope = ("scope", "openid offline_access");
    let code = browser.get(&forum.url(&[scope])).await.authorization_code(&forum);
    let offline = forum.exchange(&app, &code).await;

    // The hint has long expired.
    app.advance(7 * 24 * 3600);
    let state = "a+b/=%&#\"\\{~";
    let asked =
        [("id_token_hint", hint.as_str()), ("post_logout_redirect_uri", BYE), ("state", state)];
    let answer = browser.get(&url(&asked)).await;
    assert_eq!(answer.sent_to(BYE)["state"], state);
    let refresh = |tokens: &crate::testing::Answer| {
        tokens.assert_ok()["refresh_token"].as_str().unwrap().to_owned()
    };
    app.grant_refresh("shop", &refresh(&tokens)).await.assert_oauth(400, "invalid_grant");
    app.grant_refresh("forum", &refresh(&other)).await.assert_oauth(400, "invalid_grant");
    app.grant_refresh("forum", &refresh(&offline)).await.assert_ok();
    let silent = browser.get(&shop.url(&[("prompt", "none")])).await;
    assert_eq!(silent.authorization_error(&shop), "login_required");

    // Again: the session has ended, and the hint is still good.
    assert_eq!(browser.get(&url(&asked)).await.sent_to(BYE)["state"], state);
}

#[tokio::test]
async fn a_browser_that_looks_ahead_signs_nobody_out() {
    let app = TestApp::start().await;
    let shop = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let code = browser.sign_in(&shop.url(&[]), PHONE).await.authorization_code(&shop);
    let tokens = shop.exchange(&app, &code).await;
    let hint = tokens.assert_ok()["id_token"].as_str().unwrap();
    for (method, header) in [("HEAD", "x-none"), ("GET", "sec-purpose")] {
        let request = Request::builder().method(method).uri(url(&[("id_token_hint", hint)]));
        let request = request.header(header, "prefetch").body(Vec::new()).unwrap();
        assert_eq!(browser.send(request).await.status, 204, "{method}");
    }
    let refresh = tokens.json["refresh_token"].as_str().unwrap();
    app.grant_refresh("shop", refresh).await.assert_ok();
}

#[tokio::test]
async fn without_a_good_hint_a_page_asks() {
    let app = TestApp::start().await;
    let shop = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let mut elsewhere = Browser::new(&app);
    let code = elsewhere.sign_in(&shop.url(&[]), PHONE).await.authorization_code(&shop);
    let tokens = shop.exchange(&app, &code).await;
    let foreign = tokens.assert_ok()["id_token"].as_str().unwrap().to_owned();
    let access = tokens.json["access_token"].as_str().unwrap().to_owned();
    app.advance(3600);
    browser.sign_in(&shop.url(&[]), PHONE).await.authorization_code(&shop);

    for hint in [foreign.as_str(), access.as_str(), "", "eyJhbGciOiJub25lIn0.e30."] {
        let page = browser.get(&url(&[("id_token_hint", hint)])).await;
        assert_eq!(page.status, 200, "{hint}");
        assert!(page.text.contains("name=\"flow\""), "{hint}: {}", page.text);
    }
    browser.get(&shop.url(&[("prompt", "none")])).await.authorization_code(&shop);

    // A bad hint names no app, and an address that the app does not list leads nowhere.
    for asked in [
        vec![("id_token_hint", access.as_str()), ("post_logout_redirect_uri", BYE)],
        vec![("client_id", "shop"), ("post_logout_redirect_uri", "https://evil.example")],
        vec![("post_logout_redirect_uri", BYE)],
    ] {
        let mut browser = browser.clone();
        let page = browser.get(&url(&asked)).await;
        let page = browser.submit(&page, &[("action", "cancel")]).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (200, ""), "{asked:?}");
    }
    let asked = [("client_id", "shop"), ("post_logout_redirect_uri", BYE), ("state", "s")];
    let page = browser.get(&url(&asked)).await;
    assert_eq!(browser.submit(&page, &[]).await.sent_to(BYE)["state"], "s");
    let silent = browser.get(&shop.url(&[("prompt", "none")])).await;
    assert_eq!(silent.authorization_error(&shop), "login_required");
    assert_eq!(browser.get(&url(&asked)).await.status, 200);
}

#[tokio::test]
async fn another_sign_in_in_one_browser_takes_the_place_of_the_first() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let code = browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);
    let first = client.exchange(&app, &code).await;
    let first = first.assert_ok()["access_token"].as_str().unwrap();
    let online = [("scope", "openid offline_access")];
    let code = browser.get(&client.url(&online)).await.authorization_code(&client);
    let kept = client.exchange(&app, &code).await;
    let kept = kept.assert_ok()["access_token"].as_str().unwrap();

    // The same person signs in again: the apps stay, and one session of the browser is left.
    app.advance(60);
    let again = client.url(&[("prompt", "login")]);
    let code = browser.sign_in(&again, PHONE).await.authorization_code(&client);
    client.exchange(&app, &code).await.assert_ok();
    let sessions = app.get_as(first, "/v1/me/sessions").await;
    assert_eq!(sessions.assert_ok()["items"].as_array().unwrap().len(), 4, "{}", sessions.text);

    // Somebody else signs in: the first person's apps end, but the one that outlives it.
    let code = browser.sign_in(&again, OTHER_PHONE).await.authorization_code(&client);
    client.exchange(&app, &code).await.assert_ok();
    app.get_as(first, "/v1/me").await.assert_problem(401, "token_invalid");
    app.get_as(kept, "/v1/me").await.assert_ok();
}

#[tokio::test]
async fn a_person_ends_a_browser_and_its_apps_from_elsewhere() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let code = browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);
    let tokens = client.exchange(&app, &code).await;
    let access = tokens.assert_ok()["access_token"].as_str().unwrap();
    let me = app.sign_in(PHONE).await;
    let sessions = app.get_as(&me.access, "/v1/me/sessions").await;
    let app_session = claims(access)["sid"].clone();
    let own = claims(&me.access)["sid"].clone();
    let ids = sessions.assert_ok()["items"].as_array().unwrap().iter().map(|it| &it["id"]);
    let browsers: Vec<_> = ids.filter(|id| **id != app_session && **id != own).collect();
    assert_eq!(browsers.len(), 1, "{}", sessions.text);

    let path = format!("/v1/me/sessions/{}", browsers[0].as_str().unwrap());
    app.call_as(&me.access, axum::http::Method::DELETE, &path).await;
    app.get_as(access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.get_as(&me.access, "/v1/me").await.assert_ok();
    let silent = browser.get(&client.url(&[("prompt", "none")])).await;
    assert_eq!(silent.authorization_error(&client), "login_required");
}
