use serde_json::json;
use shared::apps::{App, GrantType};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, TestApp, claims,
    hosted::{Browser, Client, hosted_app_with},
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The codes of a device, and its app.
struct Tv {
    app: TestApp,
    client: Client,
    device_code: String,
    user_code: String,
}

impl Tv {
    /// A device that has begun with an app that only it uses.
    async fn of(app: &TestApp, change: impl FnOnce(&mut App)) -> Self {
        let client = hosted_app_with(app, "tv", |tv| {
            tv.name = "Telly".to_owned();
            tv.grants.grant_types = Some([GrantType::DeviceCode, GrantType::RefreshToken].into());
            change(tv);
        })
        .await;
        Self::begin(app, client, &[("scope", "openid phone")]).await
    }

    async fn begin(app: &TestApp, client: Client, fields: &[(&str, &str)]) -> Self {
        let fields = [&[("client_id", client.client_id.as_str())], fields].concat();
        let begun = app.form(None, "/oauth2/device_authorization", &fields).await;
        let begun = begun.assert_ok();
        let user_code = begun["user_code"].as_str().unwrap().to_owned();
        let complete = format!("https://id.example.com/device?user_code={user_code}");
        assert_eq!(begun["verification_uri"], "https://id.example.com/device");
        assert_eq!(begun["verification_uri_complete"], complete);
        assert_eq!((&begun["expires_in"], &begun["interval"]), (&json!(600), &json!(5)));
        let device_code = begun["device_code"].as_str().unwrap().to_owned();
        Self { app: app.clone(), client, device_code, user_code }
    }

    async fn poll(&self) -> Answer {
        let fields = [
            ("grant_type", GRANT),
            ("client_id", self.client.client_id.as_str()),
            ("device_code", self.device_code.as_str()),
        ];
        self.app.form(None, "/oauth2/token", &fields).await
    }

    /// The path with the code in it.
    fn link(&self) -> String {
        format!("/device?user_code={}", self.user_code)
    }
}

/// A browser in which the owner of a phone is signed in.
async fn signed_in(app: &TestApp, phone: &str) -> Browser {
    let client = hosted_app_with(app, &format!("app-{}", &phone[8..]), |_| ()).await;
    let mut browser = Browser::new(app);
    browser.sign_in(&client.url(&[]), phone).await.authorization_code(&client);
    browser
}

#[tokio::test]
async fn a_person_types_the_code_of_a_device_and_the_device_is_signed_in() {
    let app = TestApp::start().await;
    let tv = Tv::of(&app, |_| ()).await;
    let (first, units) = app.units(tv.poll()).await;
    first.assert_oauth(400, "authorization_pending");
    assert!(units.1 <= 1.0, "{units:?}");
    let (early, units) = app.units(tv.poll()).await;
    early.assert_oauth(400, "slow_down");
    assert_eq!(units.1, 0.0, "a poll that is too early costs no write");

    // Nobody is told before the sign-in whether a device waits.
    let mut browser = Browser::new(&app);
    let (page, units) = app.units(browser.get("/device")).await;
    assert!(page.text.contains("name=\"user_code\" value=\"\""), "{}", page.text);
    assert_eq!(units, (0.0, 0.0));
    let typed = tv.user_code.to_lowercase().replace('-', " ");
    let page = browser.submit(&page, &[("user_code", &typed)]).await;
    assert!(page.text.contains("name=\"identifier\""), "{}", page.text);
    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    let page = browser.submit(&page, &[("code", &app.code(PHONE))]).await;
    assert!(page.text.contains("Allow Telly on your device?"), "{}", page.text);
    assert!(page.text.contains(&tv.user_code), "{}", page.text);
    app.advance(5);
    tv.poll().await.assert_oauth(400, "authorization_pending");

    let page = browser.submit(&page, &[]).await;
    assert!(page.text.contains("The device is signed in"), "{}", page.text);
    app.advance(5);
    let (tokens, units) = app.units(tv.poll()).await;
    assert!(units.1 <= 2.0, "{units:?}");
    let access = tokens.assert_ok()["access_token"].as_str().unwrap().to_owned();
    let id = claims(tokens.json["id_token"].as_str().unwrap());
    assert_eq!((&id["aud"], &id["phone_number"]), (&json!("tv"), &json!(PHONE)));
    assert_eq!(id["amr"], json!(["sms"]));
    assert!(tokens.json["device_token"].as_str().unwrap().starts_with("lkd_"));
    assert_eq!(tokens.json["device_expires_in"], 180 * 24 * 3600);
    tv.poll().await.assert_oauth(400, "invalid_grant");

    // The device outlives the browser in which somebody allowed it.
    let page = browser.get("/oauth2/logout?client_id=tv").await;
    browser.submit(&page, &[]).await;
    app.get_as(&access, "/v1/me").await.assert_ok();
    let refresh = tokens.json["refresh_token"].as_str().unwrap();
    app.grant_refresh("tv", refresh).await.assert_ok();
}

#[tokio::test]
async fn a_device_that_polls_every_five_seconds_is_never_told_to_slow_down() {
    let app = TestApp::start().await;
    let tv = Tv::of(&app, |_| ()).await;
    tv.poll().await.assert_oauth(400, "authorization_pending");
    // The network is sometimes faster, sometimes slower.
    for millis in [5000, 4600, 5400, 4900, 5100].into_iter().cycle().take(118) {
        app.advance_millis(millis);
        tv.poll().await.assert_oauth(400, "authorization_pending");
    }

    // A device that was too fast twice waits for five seconds more each time, and goes on.
    let tv = Tv::begin(&app, tv.client, &[]).await;
    tv.poll().await.assert_oauth(400, "authorization_pending");
    for _ in 0..2 {
        app.advance(1);
        tv.poll().await.assert_oauth(400, "slow_down");
    }
    for _ in 0..10 {
        app.advance(15);
        tv.poll().await.assert_oauth(400, "authorization_pending");
    }
    // One that waits no longer than before recovers, too.
    app.advance(5);
    tv.poll().await.assert_oauth(400, "authorization_pending");
}

#[tokio::test]
async fn a_link_from_somebody_else_asks_by_name_before_it_signs_in() {
    let app = TestApp::start().await;
    let tv = Tv::of(&app, |_| ()).await;
    let mut browser = signed_in(&app, PHONE).await;
    let page = browser.get(&tv.link()).await;
    let filled = format!("name=\"user_code\" value=\"{}\"", tv.user_code);
    assert!(page.text.contains(&filled), "{}", page.text);
    let page = browser.submit(&page, &[("user_code", &tv.user_code)]).await;
    for said in ["Telly", &tv.user_code, "value=\"cancel\"", "If somebody sent you the code"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    tv.poll().await.assert_oauth(400, "authorization_pending");

    let denied = browser.submit(&page, &[("action", "cancel")]).await;
    assert!(denied.text.contains("The device was not signed in"), "{}", denied.text);
    tv.poll().await.assert_oauth(400, "access_denied");
    // A decision is final.
    let page = browser.get(&tv.link()).await;
    let page = browser.submit(&page, &[("user_code", &tv.user_code)]).await;
    assert!(page.text.contains("No device waits with this code."), "{}", page.text);
}

#[tokio::test]
async fn the_codes_of_a_device_are_bound_to_its_app_and_expire() {
    let app = TestApp::with(&[("DEVICE_CODE_TTL_SECONDS", "600")]).await;
    let tv = Tv::of(&app, |_| ()).await;
    let grants = Some([GrantType::DeviceCode].into());
    let other = hosted_app_with(&app, "other", |it| it.grants.grant_types = grants).await;
    let wrong = [
        ("other", tv.device_code.clone()),
        ("tv", format!("{}x", tv.device_code)),
        ("tv", tv.device_code.replace("lkdc_", "")),
        ("tv", "lkdc_WDJBMJHT".to_owned()),
    ];
    for (client_id, device_code) in wrong {
        let fields =
            [("grant_type", GRANT), ("client_id", client_id), ("device_code", &device_code)];
        app.form(None, "/oauth2/token", &fields).await.assert_oauth(400, "invalid_grant");
    }

    let mut browser = signed_in(&app, PHONE).await;
    let page = browser.get(&tv.link()).await;
    let page = browser.submit(&page, &[("user_code", &tv.user_code)]).await;
    app.advance(600);
    tv.poll().await.assert_oauth(400, "expired_token");
    let late = browser.submit(&page, &[]).await;
    assert!(late.text.contains("No device waits with this code."), "{}", late.text);

    // Of two who allow the same device, one does.
    let tv = Tv::begin(&app, other, &[]).await;
    let mut pages = Vec::new();
    for phone in [PHONE, OTHER_PHONE] {
        let mut browser = Browser::new(&app);
        let page = browser.get(&tv.link()).await;
        let page = browser.submit(&page, &[("user_code", &tv.user_code)]).await;
        let page = browser.submit(&page, &[("identifier", phone)]).await;
        let page = browser.submit(&page, &[("code", &app.code(phone))]).await;
        pages.push((browser, page));
    }
    let answers = pages.iter_mut().map(|(browser, page)| browser.submit(page, &[]));
    let answers = futures_util::future::join_all(answers).await;
    let allowed = answers.iter().filter(|it| it.text.contains("The device is signed in"));
    assert_eq!(allowed.count(), 1);
    tv.poll().await.assert_ok();
}

#[tokio::test]
async fn wrong_codes_are_counted_for_the_person_who_types_them() {
    let app = TestApp::start().await;
    let tv = Tv::of(&app, |_| ()).await;
    let (mut guesser, mut owner) =
        (signed_in(&app, OTHER_PHONE).await, signed_in(&app, PHONE).await);
    let wrong = if tv.user_code == "BBBB-BBBB" { "CCCC-CCCC" } else { "BBBB-BBBB" };
    let mut page = guesser.get("/device").await;
    for _ in 0..20 {
        page = guesser.submit(&page, &[("user_code", wrong)]).await;
        assert!(page.text.contains("No device waits with this code."), "{}", page.text);
    }
    page = guesser.submit(&page, &[("user_code", &tv.user_code)]).await;
    assert!(page.text.contains("role=\"alert\">Too many wrong codes. Wait "), "{}", page.text);

    // Nobody else waits, and right codes cost no tries.
    for _ in 0..21 {
        let page = owner.get(&tv.link()).await;
        let page = owner.submit(&page, &[("user_code", &tv.user_code)]).await;
        assert!(page.text.contains("Allow Telly on your device?"), "{}", page.text);
    }
    app.advance(3600);
    let page = guesser.submit(&page, &[("user_code", wrong)]).await;
    assert!(page.text.contains("name=\"user_code\""), "the page was open for long: {}", page.text);
    let page = guesser.submit(&page, &[("user_code", wrong)]).await;
    assert!(page.text.contains("No device waits with this code."), "{}", page.text);
}

#[tokio::test]
async fn a_device_can_ask_for_a_new_sign_in_and_a_foreign_app_for_consent() {
    let app = TestApp::start().await;
    let tv = Tv::of(&app, |tv| tv.hosted.first_party = false).await;
    let mut browser = signed_in(&app, PHONE).await;
    app.advance(3600);
    let fresh = [("max_age", "600"), ("scope", "openid phone")];
    let tv = Tv::begin(&app, tv.client, &fresh).await;
    let page = browser.get(&tv.link()).await;
    let page = browser.submit(&page, &[("user_code", &tv.user_code)]).await;
    assert!(page.text.contains("name=\"identifier\""), "{}", page.text);
    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    let page = browser.submit(&page, &[("code", &app.code(PHONE))]).await;
    assert!(page.text.contains("your phone number"), "{}", page.text);
    browser.submit(&page, &[]).await;

    let tokens = tv.poll().await;
    let now = app.latchkey.clock().now().as_second();
    let id = claims(tokens.assert_ok()["id_token"].as_str().unwrap());
    assert_eq!(id["auth_time"], now);
    let access = tokens.json["access_token"].as_str().unwrap();
    app.get_as(access, "/oauth2/userinfo").await.assert_ok();
    assert_eq!(app.get_as(access, "/v1/me").await.status, 403);
}

#[tokio::test]
async fn a_device_that_asks_for_both_factors_gets_them_or_not_as_the_person_chooses() {
    let app = TestApp::start().await;
    let tv = Tv::of(&app, |_| ()).await;
    let both = [("scope", "openid phone"), ("acr_values", "aal2")];
    let mut browser = signed_in(&app, PHONE).await;
    for (button, acr) in [("cancel", None), ("skip", Some("aal1")), ("continue", Some("aal2"))] {
        let tv = Tv::begin(&app, tv.client.clone(), &both).await;
        let page = browser.get(&tv.link()).await;
        let page = browser.submit(&page, &[("user_code", &tv.user_code)]).await;
        assert!(page.text.contains("Allow Telly on your device?"), "{}", page.text);
        let page = browser.submit(&page, &[]).await;
        assert!(page.text.contains("Telly asks for a second step"), "{}", page.text);
        tv.poll().await.assert_oauth(400, "authorization_pending");
        app.advance(5);

        let mut done = browser.submit(&page, &[("action", button)]).await;
        if button == "continue" {
            let code = done.shown_secret().code(&app);
            let kept = browser.submit(&done, &[("code", &code)]).await;
            done = browser.submit(&kept, &[]).await;
        }
        let polled = tv.poll().await;
        match acr {
            None => polled.assert_oauth(400, "access_denied"),
            Some(acr) => {
                assert!(done.text.contains("The device is signed in"), "{}", done.text);
                let id = claims(polled.assert_ok()["id_token"].as_str().unwrap());
                assert_eq!(id["acr"], acr);
            }
        }
    }
}
