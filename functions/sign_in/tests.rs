use std::sync::Arc;

use serde_json::json;
use tokio::sync::Barrier;

use crate::testing::{
    KEYS, OTHER_PHONE, PHONE, TestApp,
    accounts::PASSWORD,
    apps::basic,
    claims,
    hosted::{Browser, CALLBACK, Client, VERIFIER, hosted_app, hosted_app_with},
    wrong,
};

#[tokio::test]
async fn a_person_signs_in_with_a_code_and_the_app_gets_tokens() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);

    let (page, units) = app.units(browser.get(&client.url(&[]))).await;
    assert_eq!((page.status.as_u16(), units.1), (200, 0.0), "nothing is stored to begin");
    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    assert!(page.text.contains("autocomplete=\"one-time-code\""), "{}", page.text);
    assert!(!page.text.contains(PHONE), "the address is masked");
    let code = app.code(PHONE);
    let page = browser.submit(&page, &[("code", &wrong(&code))]).await;
    assert!(page.text.contains("role=\"alert\""), "{}", page.text);
    let answer = browser.submit(&page, &[("code", &format!(" {code} "))]).await;

    let sent = answer.sent_to(CALLBACK);
    assert_eq!(
        (sent["state"].as_str(), sent["iss"].as_str()),
        ("a state", "https://id.example.com")
    );
    let tokens = client.exchange(&app, &sent["code"]).await;
    assert_eq!(tokens.assert_ok()["scope"], "openid profile phone");
    let access = tokens.json["access_token"].as_str().unwrap();
    let id = claims(tokens.json["id_token"].as_str().unwrap());
    let now = app.latchkey.clock().now().as_second();
    assert_eq!(
        id,
        json!({
            "iss": "https://id.example.com", "aud": "shop", "sub": claims(access)["sub"],
            "sid": claims(access)["sid"], "iat": now, "exp": now + 900, "auth_time": now,
            "nonce": "a nonce", "acr": "aal1", "amr": ["sms"], "at_hash": id["at_hash"],
            "phone_number": PHONE, "phone_number_verified": true, "updated_at": now, "locale": "en",
        })
    );
    assert_eq!(app.get_as(access, "/v1/me").await.assert_ok()["phone"], PHONE);
    let header = tokens.json["id_token"].as_str().unwrap().split('.').next().unwrap();
    let header = data_encoding::BASE64URL_NOPAD.decode(header.as_bytes()).unwrap();
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header, json!({"typ": "JWT", "alg": "RS256", "kid": KEYS.current.kid}));

    // An ID token opens nothing, and a refresh keeps who signed in and when.
    app.get_as(tokens.json["id_token"].as_str().unwrap(), "/v1/me")
        .await
        .assert_problem(401, "token_invalid");
    app.advance(60);
    let refresh = tokens.json["refresh_token"].as_str().unwrap();
    let renewed = app.grant_refresh("shop", refresh).await;
    let renewed = claims(renewed.assert_ok()["id_token"].as_str().unwrap());
    for name in ["iss", "sub", "aud", "auth_time", "sid"] {
        assert_eq!(renewed[name], id[name], "{name}");
    }
    assert!(renewed.get("nonce").is_none());
}

#[tokio::test]
async fn of_fifty_exchanges_of_one_code_one_wins_and_a_late_one_ends_the_session() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let code = browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);

    let barrier = Arc::new(Barrier::new(50));
    let tries = (0..50).map(|_| {
        let (app, client, code, barrier) =
            (app.clone(), client.clone(), code.clone(), barrier.clone());
        tokio::spawn(async move {
            barrier.wait().await;
            client.exchange(&app, &code).await
        })
    });
    let (mut won, mut late) = (Vec::new(), 0);
    for answer in futures_util::future::join_all(tries).await {
        let answer = answer.unwrap();
        match answer.status.as_u16() {
            200 => won.push(answer),
            // A busy machine may answer too late, also the one that wins.
            503 => late += 1,
            _ => answer.assert_oauth(400, "invalid_grant"),
        }
    }
    assert!(won.len() <= 1 && won.len() + late >= 1, "{} of 50 win", won.len());
    let Some(won) = won.first() else { return };
    let access = won.json["access_token"].as_str().unwrap();

    // A client that repeats its request immediately keeps its session.
    app.advance(10);
    client.exchange(&app, &code).await.assert_oauth(400, "invalid_grant");
    app.get_as(access, "/v1/me").await.assert_ok();
    app.advance(20);
    client.exchange(&app, &code).await.assert_oauth(400, "invalid_grant");
    app.get_as(access, "/v1/me").await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_code_is_bound_to_its_app_its_address_its_verifier_and_its_minute() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let other = hosted_app_with(&app, "other", |_| ()).await;
    let mut browser = Browser::new(&app);
    let code = browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);

    for wrong in [
        ("client_id", other.client_id.as_str()),
        ("redirect_uri", "https://shop.example.com/cb"),
        ("redirect_uri", ""),
        ("code_verifier", ""),
        ("code_verifier", &VERIFIER[1..]),
        ("code", &code[..code.len() - 1]),
        ("code", "lkc_AAAA"),
    ] {
        let fields = client.fields(&code).map(|it| if it.0 == wrong.0 { wrong } else { it });
        app.form(None, "/oauth2/token", &fields).await.assert_oauth(400, "invalid_grant");
    }
    app.advance(55);
    client.exchange(&app, &code).await.assert_ok();

    let late = browser.get(&client.url(&[])).await.authorization_code(&client);
    app.advance(60);
    client.exchange(&app, &late).await.assert_oauth(400, "invalid_grant");

    // Signing out of the browser ends codes that were not used.
    let unused = browser.get(&client.url(&[])).await.authorization_code(&client);
    let page = browser.get("/oauth2/logout?client_id=shop").await;
    browser.submit(&page, &[]).await;
    client.exchange(&app, &unused).await.assert_oauth(400, "invalid_grant");
}

#[tokio::test]
async fn pkce_cannot_be_added_to_or_taken_out_of_a_sign_in() {
    let (app, admin) = TestApp::with_admin().await;
    let body = json!({
        "client_id": "server", "name": "Server", "type": "confidential", "first_party": true,
        "redirect_uris": [CALLBACK],
    });
    let created = app.create_app(&admin, body).await;
    let secret = created.assert_created()["client_secret"].as_str().unwrap().to_owned();
    let client = Client { client_id: "server".to_owned(), redirect_uri: CALLBACK.to_owned() };
    let mut browser = Browser::new(&app);
    let plain = [("code_challenge", ""), ("code_challenge_method", "")];
    let neither = [plain[0], plain[1], ("nonce", "")];
    let refused = browser.get(&client.url(&neither)).await;
    assert_eq!(refused.authorization_error(&client), "invalid_request");

    let code = browser.sign_in(&client.url(&plain), PHONE).await.authorization_code(&client);
    let basic = basic("server", &secret);
    let with: Vec<_> =
        client.fields(&code).into_iter().filter(|(name, _)| *name != "client_id").collect();
    app.form(Some(&basic), "/oauth2/token", &with).await.assert_oauth(400, "invalid_grant");
    let without: Vec<_> =
        with.iter().copied().filter(|(name, _)| *name != "code_verifier").collect();
    app.form(None, "/oauth2/token", &client.fields(&code))
        .await
        .assert_oauth(401, "invalid_client");
    app.form(Some(&basic), "/oauth2/token", &without).await.assert_ok();
}

#[tokio::test]
async fn a_form_is_taken_only_from_the_browser_that_was_shown_it() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut attacker = Browser::new(&app);
    let page = attacker.get(&client.url(&[])).await;
    let mut victim = Browser::new(&app);
    let answer = victim.submit(&page, &[("identifier", PHONE)]).await;
    assert_eq!(answer.status, 403);
    assert!(app.texts(PHONE).is_empty());

    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let mut request = attacker.form(&page, &[("identifier", PHONE)]);
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(app.send(request.map(Into::into)).await.status, 403, "{name}: {value}");
    }
    let hidden = {
        let mut request = attacker.form(&page, &[("identifier", PHONE)]);
        request.headers_mut().insert("origin", "null".parse().unwrap());
        app.send(request.map(Into::into)).await
    };
    assert_eq!(hidden.status, 200, "{}", hidden.text);
}

#[tokio::test]
async fn two_tabs_that_were_opened_before_any_cookie_both_end_where_they_began() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let one = browser.get(&client.url(&[("state", "one")])).await;
    let other = browser.get(&client.url(&[("state", "other")])).await;

    let page = browser.submit(&other, &[("identifier", PHONE)]).await;
    let answer = browser.submit(&page, &[("code", &app.code(PHONE))]).await;
    assert_eq!(answer.sent_to(CALLBACK)["state"], "other");
    app.advance(40 * 60);
    let page = browser.submit(&one, &[("identifier", OTHER_PHONE)]).await;
    assert!(page.text.contains("role=\"alert\""), "the page was open for long: {}", page.text);
    let page = browser.submit(&page, &[("identifier", OTHER_PHONE)]).await;
    let answer = browser.submit(&page, &[("code", &app.code(OTHER_PHONE))]).await;
    assert_eq!(answer.sent_to(CALLBACK)["state"], "one");

    // The page is done, so it gives no second code, and leads to the app.
    let again = browser.submit(&page, &[("code", &app.code(OTHER_PHONE))]).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert!(again.text.contains("You are signed in to Shop"), "{}", again.text);
    assert!(again.text.contains("<a href=\"https://shop.example.com\">"), "{}", again.text);

    // A tab that was open before is offered to go on as the person who has signed in since.
    let waiting = Browser::new(&app).get(&client.url(&[("state", "third")])).await;
    let shown = waiting.headers.get("set-cookie").unwrap().to_str().unwrap();
    let (name, value) = shown.split(';').next().unwrap().split_once('=').unwrap();
    browser.cookies.insert(name.to_owned(), value.to_owned());
    let page = browser.submit(&waiting, &[("identifier", OTHER_PHONE)]).await;
    assert!(page.text.contains("Continue as"), "{}", page.text);
    assert_eq!(browser.submit(&page, &[]).await.sent_to(CALLBACK)["state"], "third");
}

#[tokio::test]
async fn the_codes_of_two_tabs_both_work_whichever_is_exchanged_first() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let waiting = browser.get(&client.url(&[("prompt", "login")])).await;
    let first = browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);
    app.advance(31);
    let page = browser.submit(&waiting, &[("identifier", PHONE)]).await;
    let answer = browser.submit(&page, &[("code", &app.code(PHONE))]).await;
    let second = answer.authorization_code(&client);

    let mut access = String::new();
    let mut entered = Vec::new();
    for code in [second, first] {
        let tokens = client.exchange(&app, &code).await;
        access = tokens.assert_ok()["access_token"].as_str().unwrap().to_owned();
        entered.push(claims(&access)["sid"].clone());
    }
    app.get_as(&access, "/v1/me").await.assert_ok();

    // Both are under the session of the browser that is left.
    let sessions = app.get_as(&access, "/v1/me/sessions").await;
    let sessions = sessions.assert_ok()["items"].as_array().unwrap();
    let of_browser = sessions.iter().find(|it| !entered.contains(&it["id"])).unwrap();
    let path = format!("/v1/me/sessions/{}", of_browser["id"].as_str().unwrap());
    let ended = app.call_as(&access, axum::http::Method::DELETE, &path).await;
    assert_eq!(ended.status, 204, "{}", ended.text);
    app.get_as(&access, "/v1/me").await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_password_and_a_second_factor_open_the_page_with_the_limits_of_the_api() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let (_, authenticator) = app.protected(PHONE).await;
    app.advance(3600);
    let mut browser = Browser::new(&app);
    let page = browser.get(&client.url(&[("response_mode", "form_post")])).await;
    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    let page = browser.submit(&page, &[("action", "password")]).await;
    assert!(page.text.contains("autocomplete=\"current-password\""), "{}", page.text);
    let mut page = browser.submit(&page, &[("password", "not the password")]).await;
    assert!(page.text.contains("role=\"alert\""), "{}", page.text);
    page = browser.submit(&page, &[("password", PASSWORD)]).await;
    let code = authenticator.code(&app);
    let page = browser.submit(&page, &[("code", &code)]).await;
    assert!(page.text.contains("name=\"code\" value=\"lkc_"), "{}", page.text);
    assert!(page.text.contains("name=\"iss\" value=\"https://id.example.com\""));
    let code = page.text.split("name=\"code\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let tokens = client.exchange(&app, code).await;
    let id = claims(tokens.assert_ok()["id_token"].as_str().unwrap());
    assert_eq!((&id["acr"], &id["amr"]), (&json!("aal2"), &json!(["pwd", "otp", "mfa"])));

    // Wrong passwords on the page lock the name for the API, too.
    let mut stranger = Browser::new(&app);
    app.advance(3600);
    let page = stranger.get(&client.url(&[])).await;
    let page = stranger.submit(&page, &[("identifier", PHONE)]).await;
    let mut page = stranger.submit(&page, &[("action", "password")]).await;
    for _ in 0..10 {
        page = stranger.submit(&page, &[("password", "not the password")]).await;
    }
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_wait(429, "too_many_attempts");
}

#[tokio::test]
async fn an_app_decides_how_its_page_looks_and_how_people_sign_in() {
    let app = TestApp::start().await;
    let client = hosted_app_with(&app, "shop", |shop| {
        let look = &mut shop.branding;
        look.logo = Some("https://cdn.example.com/logo.png?v=2".to_owned());
        look.accent = Some("#ffcc00".to_owned());
        look.links.terms = Some("https://shop.example.com/terms?a=1&b=2".to_owned());
        look.sign_in_methods = Some([shared::apps::SignInMethod::PhoneCode].into());
    })
    .await;
    let mut browser = Browser::new(&app);
    let page = browser.get(&client.url(&[])).await;
    let policy = page.header("content-security-policy");
    assert!(policy.contains("; img-src data: https://cdn.example.com;"), "{policy}");
    assert_eq!(policy.matches("'sha256-").count(), 2, "{policy}");
    assert!(page.text.contains("button.main{background:#ffcc00;border-color:#ffcc00;color:#000}"));
    assert!(page.text.contains("href=\"https://shop.example.com/terms?a=1&amp;b=2\""));
    assert!(page.text.contains("type=\"tel\" autocomplete=\"tel\""), "{}", page.text);

    // The page takes no other way, whatever a form says.
    for other in ["ann@example.com", "ann"] {
        let refused = browser.submit(&page, &[("identifier", other)]).await;
        assert!(refused.text.contains("role=\"alert\""), "{other}: {}", refused.text);
        assert!(refused.text.contains("name=\"identifier\""), "{other}: {}", refused.text);
    }
    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    assert!(!page.text.contains("value=\"password\""), "{}", page.text);
    let page = browser.submit(&page, &[("action", "password")]).await;
    let refused = browser.submit(&page, &[("password", PASSWORD)]).await;
    assert!(refused.text.contains("name=\"identifier\""), "{}", refused.text);
}

#[tokio::test]
async fn an_app_with_one_address_need_not_name_it() {
    let app = TestApp::with(&[("AUTHORIZATION_CODE_TTL_SECONDS", "30")]).await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let unnamed = [("redirect_uri", ""), ("scope", "profile")];
    let code = browser.sign_in(&client.url(&unnamed), PHONE).await.authorization_code(&client);
    let without: Vec<_> =
        client.fields(&code).into_iter().filter(|(name, _)| *name != "redirect_uri").collect();
    app.form(None, "/oauth2/token", &without).await.assert_ok();

    let late = browser.get(&client.url(&unnamed)).await.authorization_code(&client);
    app.advance(30);
    client.exchange(&app, &late).await.assert_oauth(400, "invalid_grant");
}

#[tokio::test]
async fn a_hosted_sign_in_by_a_text_takes_eight_write_units() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    // The first time that somebody enters an app, they get its role, by which users are listed.
    Browser::new(&app).sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);
    app.advance(3600);
    let mut browser = Browser::new(&app);
    let path = client.url(&[]);

    // The text: source, block, budget, and the phone with its challenge.
    let page = browser.get(&path).await;
    let (page, text) = app.units(browser.submit(&page, &[("identifier", PHONE)])).await;
    assert!(text.1 <= 4.0, "{text:?}");

    // The code: the try, the audit event, and the session of the browser with that of the app, which
    // waits for the authorization code.
    let code = app.code(PHONE);
    let (answer, sign_in) = app.units(browser.submit(&page, &[("code", &code)])).await;
    let code = answer.authorization_code(&client);

    // The app is read, and roles that the instance has not read lately.
    let (tokens, exchange) = app.units(client.exchange(&app, &code)).await;
    tokens.assert_ok();
    assert!(sign_in.1 <= 3.0, "{sign_in:?}");
    assert!(exchange.1 <= 1.0 && exchange.0 <= 2.0, "{exchange:?}");
}
