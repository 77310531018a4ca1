use serde_json::{Value, json};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, TestApp, at_once, claims,
    hosted::{Browser, Client, hosted_app, hosted_app_with},
    second_factor::Authenticator,
};

/// Both factors are asked for.
const BOTH: (&str, &str) = ("acr_values", "urn:example:gold aal2");

impl Answer {
    #[track_caller]
    fn assert_offer(&self) {
        assert!(self.text.contains("Set up two-step verification?"), "{}", self.text);
        assert!(self.text.contains("value=\"skip\""), "{}", self.text);
    }

    /// The recovery codes on the page; none if it is another page.
    fn shown_codes(&self) -> Vec<String> {
        let list = self.text.split("<ul class=\"key\" dir=\"ltr\">").nth(1).unwrap_or_default();
        let items = list.split("</ul>").next().unwrap().split("<li>").skip(1);
        items.map(|item| item.split('<').next().unwrap().to_owned()).collect()
    }
}

impl Browser {
    /// Signs in, and goes on to set up an authenticator app. Returns the page and the app.
    async fn begin(&mut self, client: &Client, phone: &str) -> (Answer, Authenticator) {
        let offer = self.sign_in(&client.url(&[BOTH]), phone).await;
        offer.assert_offer();
        let page = self.submit(&offer, &[]).await;
        let authenticator = page.shown_secret();
        (page, authenticator)
    }
}

/// The claims of the ID token for the code in an answer.
async fn id_token(app: &TestApp, client: &Client, answer: &Answer) -> Value {
    let tokens = client.exchange(app, &answer.authorization_code(client)).await;
    claims(tokens.assert_ok()["id_token"].as_str().unwrap())
}

fn assert_methods(id: &Value, acr: &str, amr: &[&str]) {
    assert_eq!((&id["acr"], &id["amr"]), (&json!(acr), &json!(amr)));
}

/// The notices to a person that they have a second factor.
fn notices(app: &TestApp) -> usize {
    let texts = app.texts(PHONE);
    texts.iter().filter(|it| it.body.contains("An authenticator app was added")).count()
}

#[tokio::test]
async fn a_person_sets_up_an_authenticator_app_and_the_app_gets_both_factors() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let offer = browser.sign_in(&client.url(&[BOTH]), PHONE).await;
    assert!(offer.text.contains("Shop asks for a second step"), "{}", offer.text);

    let (page, units) = app.units(browser.submit(&offer, &[])).await;
    assert_eq!(units.1, 0.0, "nothing is stored");
    let authenticator = page.shown_secret();
    for part in [
        "autocomplete=\"one-time-code\"",
        "<svg role=\"img\" aria-label=\"QR code\"",
        "<a href=\"otpauth://totp/Shop:",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    assert!(!page.text.contains("style=\"") && !page.text.contains("<?xml"), "{}", page.text);

    let auth_time = app.latchkey.clock().now().as_second();
    app.advance(60);
    let code = authenticator.code(&app);
    for odd in ["", "12", &authenticator.wrong_code(&app)] {
        let again = browser.submit(&page, &[("code", odd)]).await;
        assert!(again.text.contains("That code is not right."), "{odd}: {}", again.text);
        assert_eq!(again.shown_secret().secret(), authenticator.secret());
    }
    let kept = browser.submit(&page, &[("code", &format!(" {code} "))]).await;
    let codes = kept.shown_codes();
    assert_eq!(codes.len(), 10, "{}", kept.text);
    assert_eq!(notices(&app), 1);

    let id = id_token(&app, &client, &browser.submit(&kept, &[]).await).await;
    assert_methods(&id, "aal2", &["sms", "otp", "mfa"]);
    assert_eq!(id["auth_time"], auth_time, "the sign-in is as old as it is");
    // The next app is entered with both factors, and shows no page.
    let next = browser.get(&client.url(&[BOTH])).await;
    assert_methods(&id_token(&app, &client, &next).await, "aal2", &["sms", "otp", "mfa"]);

    // From now on, both are asked for everywhere. The code is used up; a recovery code works.
    let token = app.verify(&app.challenge(PHONE).await, &app.code(PHONE)).await.mfa_token();
    app.totp(&token, &code).await.assert_wrong(Some(4));
    let me = app.recover(&token, &codes[9]).await.signed_in();
    assert_eq!(app.me(&me.access).await["mfa"], json!(["totp"]));
}

#[tokio::test]
async fn a_person_may_skip_it_and_the_app_gets_one_factor() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let offer = browser.sign_in(&client.url(&[BOTH]), PHONE).await;
    let skipped = browser.clone().submit(&offer, &[("action", "skip")]).await;
    assert_methods(&id_token(&app, &client, &skipped).await, "aal1", &["sms"]);
    let cancelled = browser.clone().submit(&offer, &[("action", "cancel")]).await;
    assert_eq!(cancelled.authorization_error(&client), "access_denied");

    // It can be skipped when the secret was shown, too.
    let page = browser.submit(&offer, &[]).await;
    let authenticator = page.shown_secret();
    browser.submit(&page, &[("action", "skip")]).await.authorization_code(&client);

    // The page is done, so the secret is worth nothing any more.
    let done = browser.submit(&page, &[("code", &authenticator.code(&app))]).await;
    assert!(done.text.contains("You are signed in to Shop"), "{}", done.text);
    assert_eq!(notices(&app), 0);

    // The next time the person is asked again, unless nothing may be shown, or the app does not ask.
    browser.get(&client.url(&[BOTH])).await.assert_offer();
    let silent = browser.get(&client.url(&[BOTH, ("prompt", "none")])).await;
    assert_methods(&id_token(&app, &client, &silent).await, "aal1", &["sms"]);
    browser.get(&client.url(&[])).await.authorization_code(&client);
}

#[tokio::test]
async fn the_page_shows_the_recovery_codes_again_to_a_person_who_reloads_it() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let (page, authenticator) = browser.begin(&client, PHONE).await;
    let code = authenticator.code(&app);

    // Somebody who taps twice sends the form twice.
    let (mut other, fields) = (browser.clone(), [("code", code.as_str())]);
    let (first, second) =
        tokio::join!(browser.submit(&page, &fields), other.submit(&page, &fields));
    let codes = first.shown_codes();
    assert_eq!((codes.len(), &second.shown_codes()), (10, &codes), "{}", second.text);
    app.advance(300);
    let kept = browser.submit(&page, &[("code", &code)]).await;
    assert_eq!(kept.shown_codes(), codes);
    assert_eq!(notices(&app), 1);

    // Nobody sees them without that code, or once another was used.
    let guessed = browser.clone().submit(&page, &[("code", &authenticator.wrong_code(&app))]).await;
    assert_methods(&id_token(&app, &client, &guessed).await, "aal2", &["sms", "otp", "mfa"]);
    let token = app.verify(&app.challenge(PHONE).await, &app.code(PHONE)).await.mfa_token();
    app.totp(&token, &authenticator.code(&app)).await.assert_ok();
    let late = browser.clone().submit(&page, &[("code", &code)]).await;
    late.authorization_code(&client);

    // A person who has left the page before they went on is signed in with both factors.
    let next = browser.get(&client.url(&[BOTH])).await;
    assert_methods(&id_token(&app, &client, &next).await, "aal2", &["sms", "otp", "mfa"]);
    browser.submit(&kept, &[]).await.authorization_code(&client);
    let done = browser.submit(&page, &[("code", &code)]).await;
    assert!(done.shown_codes().is_empty(), "the page is done: {}", done.text);
}

#[tokio::test]
async fn wrong_first_codes_are_counted_as_those_of_the_api() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let (page, authenticator) = browser.begin(&client, PHONE).await;
    let code = authenticator.code(&app);
    for _ in 0..10 {
        let again = browser.submit(&page, &[("code", &authenticator.wrong_code(&app))]).await;
        assert!(again.text.contains("That code is not right."), "{}", again.text);
    }
    let waiting = browser.submit(&page, &[("code", &code)]).await;
    let minutes = waiting.text.split("Wait ").nth(1).and_then(|text| text.split(" minutes").next());
    let minutes: i64 = minutes.unwrap_or_else(|| panic!("{}", waiting.text)).parse().unwrap();
    assert_eq!(waiting.shown_secret().secret(), authenticator.secret());

    // The wait is longer than a set-up lasts.
    app.advance(minutes * 60);
    let late = browser.submit(&page, &[("code", &authenticator.code(&app))]).await;
    late.assert_offer();
    let mut browser = Browser::new(&app);
    let (page, authenticator) = browser.begin(&client, PHONE).await;
    let kept = browser.submit(&page, &[("code", &authenticator.code(&app))]).await;
    assert_eq!(kept.shown_codes().len(), 10, "{}", kept.text);
}

#[tokio::test]
async fn of_two_set_ups_the_first_that_is_confirmed_stays() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let (one, first) = browser.begin(&client, PHONE).await;
    let offer = browser.get(&client.url(&[BOTH, ("state", "other")])).await;
    let other = browser.submit(&offer, &[]).await;
    let second = other.shown_secret();
    assert_ne!(first.secret(), second.secret());

    // One app's code does not confirm the other.
    let refused = browser.submit(&other, &[("code", &first.code(&app))]).await;
    assert!(refused.text.contains("That code is not right."), "{}", refused.text);
    let codes = browser.submit(&one, &[("code", &first.code(&app))]).await.shown_codes();
    assert_eq!(codes.len(), 10);
    for fields in [("code", second.code(&app)), ("action", "skip".to_owned())] {
        let gone_on = browser.clone().submit(&other, &[(fields.0, &fields.1)]).await;
        assert_eq!(gone_on.sent_to(&client.redirect_uri)["state"], "other");
        assert_methods(&id_token(&app, &client, &gone_on).await, "aal2", &["sms", "otp", "mfa"]);
    }
    app.advance(30);
    let token = app.verify(&app.challenge(PHONE).await, &app.code(PHONE)).await.mfa_token();
    app.totp(&token, &second.code(&app)).await.assert_wrong(Some(4));
    app.totp(&token, &first.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn of_twenty_set_ups_at_once_one_wins() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let mut pages = vec![browser.begin(&client, PHONE).await];
    for _ in 1..20 {
        let offer = browser.get(&client.url(&[BOTH])).await;
        let page = browser.submit(&offer, &[]).await;
        let authenticator = page.shown_secret();
        pages.push((page, authenticator));
    }

    let answers = at_once(20, |index| {
        let (page, authenticator) = &pages[index];
        let form = browser.form(page, &[("code", &authenticator.code(&app))]);
        let app = app.clone();
        async move { app.send(form.map(axum::body::Body::from)).await }
    })
    .await;
    let won: Vec<_> = (0..20).filter(|index| !answers[*index].shown_codes().is_empty()).collect();
    assert_eq!((won.len(), notices(&app)), (1, 1));

    app.advance(30);
    let token = app.verify(&app.challenge(PHONE).await, &app.code(PHONE)).await.mfa_token();
    app.totp(&token, &pages[won[0]].1.code(&app)).await.assert_ok();
}

#[tokio::test]
async fn a_person_who_has_one_meanwhile_uses_it() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let me = app.sign_in(PHONE).await;
    app.advance(30);
    let (page, authenticator) = browser.begin(&client, PHONE).await;
    let waiting = Authenticator::new(&app.enrol(&me).await);
    app.confirm(&me, &waiting.code(&app)).await.assert_ok();
    app.advance(30);

    // The session of the browser began with one factor, so it has ended.
    for fields in [("code", authenticator.code(&app)), ("action", "skip".to_owned())] {
        let page = browser.clone().submit(&page, &[(fields.0, &fields.1)]).await;
        assert!(page.text.contains("Start again."), "{}", page.text);
    }
    let page = browser.sign_in(&client.url(&[BOTH]), PHONE).await;
    let answer = browser.submit(&page, &[("code", &waiting.code(&app))]).await;
    assert_methods(&id_token(&app, &client, &answer).await, "aal2", &["sms", "otp", "mfa"]);
}

#[tokio::test]
async fn a_set_up_of_the_api_that_waits_does_not_replace_that_of_the_page() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let me = app.sign_in(PHONE).await;
    app.advance(30);
    let (page, authenticator) = browser.begin(&client, PHONE).await;
    let waiting = Authenticator::new(&app.enrol(&me).await);
    browser.submit(&page, &[("code", &authenticator.code(&app))]).await;
    assert!(app.items_like("ENROLMENT").await.is_empty());

    // The session of the API began with one factor.
    app.confirm(&me, &waiting.code(&app)).await.assert_problem(401, "token_invalid");
    app.advance(30);
    let token = app.verify(&app.challenge(PHONE).await, &app.code(PHONE)).await.mfa_token();
    let me = app.totp(&token, &authenticator.code(&app)).await.signed_in();
    app.confirm(&me, &waiting.code(&app)).await.assert_problem(409, "conflict");
}

#[tokio::test]
async fn a_set_up_needs_a_fresh_sign_in_and_ends_after_ten_minutes() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);
    app.advance(599);
    let offer = browser.get(&client.url(&[BOTH])).await;
    let page = browser.submit(&offer, &[]).await;
    let authenticator = page.shown_secret();

    app.advance(600);
    let late = browser.submit(&page, &[("code", &authenticator.code(&app))]).await;
    late.assert_offer();
    assert!(late.text.contains("That took too long"), "{}", late.text);

    // The person is not asked a second time whether they want it.
    let page = browser.submit(&late, &[]).await;
    assert!(page.text.contains("Sign in again to set up"), "{}", page.text);
    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    let page = browser.submit(&page, &[("code", &app.code(PHONE))]).await;
    let authenticator = page.shown_secret();
    let kept = browser.submit(&page, &[("code", &authenticator.code(&app))]).await;
    browser.submit(&kept, &[]).await.authorization_code(&client);

    // Somebody else who signs in on the way is asked.
    app.advance(600);
    let mut browser = Browser::new(&app);
    browser.sign_in(&client.url(&[]), OTHER_PHONE).await.authorization_code(&client);
    app.advance(600);
    let offer = browser.get(&client.url(&[BOTH])).await;
    let page = browser.submit(&offer, &[]).await;
    let page = browser.submit(&page, &[("action", "another")]).await;
    let page = browser.submit(&page, &[("identifier", "+14155550177")]).await;
    browser.submit(&page, &[("code", &app.code("+14155550177"))]).await.assert_offer();
}

#[tokio::test]
async fn a_set_up_is_taken_only_from_its_browser_and_its_person() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let (page, authenticator) = browser.begin(&client, PHONE).await;
    let code = authenticator.code(&app);
    let mut stranger = Browser::new(&app);
    assert_eq!(stranger.submit(&page, &[("code", &code)]).await.status, 403);
    stranger.sign_in(&client.url(&[]), OTHER_PHONE).await.authorization_code(&client);
    assert_eq!(stranger.submit(&page, &[("code", &code)]).await.status, 403);

    // In this browser, somebody else has signed in since.
    let mut shared = browser.clone();
    shared.cookies.extend(stranger.cookies.clone());
    for fields in [("code", code.as_str()), ("action", "skip")] {
        let refused = shared.submit(&page, &[fields]).await;
        assert!(refused.text.contains("Start again."), "{}", refused.text);
    }

    // The person has signed out.
    let mut out = browser.clone();
    out.cookies.retain(|name, _| !name.ends_with("lk-browser"));
    let refused = out.submit(&page, &[("code", &code)]).await;
    assert!(refused.text.contains("Start again."), "{}", refused.text);
    let changed = page.text.replacen("name=\"flow\" value=\"", "name=\"flow\" value=\"A", 1);
    let changed = Answer { text: changed, ..page };
    assert_eq!(browser.submit(&changed, &[("code", &code)]).await.status, 403);
    assert_eq!(notices(&app), 0);
}

#[tokio::test]
async fn the_offer_comes_after_the_questions_of_other_apps_and_of_programs() {
    let app = TestApp::start().await;
    let client = hosted_app_with(&app, "poll", |app| app.hosted.first_party = false).await;
    let mut browser = Browser::new(&app);
    let asked = browser.sign_in(&client.url(&[BOTH]), PHONE).await;
    assert!(asked.text.contains("Shop will get"), "{}", asked.text);
    let offer = browser.submit(&asked, &[]).await;
    offer.assert_offer();
    let skipped = browser.submit(&offer, &[("action", "skip")]).await;
    assert_methods(&id_token(&app, &client, &skipped).await, "aal1", &["sms"]);
    browser.get(&client.url(&[BOTH])).await.assert_offer();

    let tool = hosted_app_with(&app, "tool", |app| {
        app.hosted.redirect_uris = vec!["com.example.tool:/cb".to_owned()];
    })
    .await;
    let asked = browser.get(&tool.url(&[BOTH])).await;
    assert!(asked.text.contains("Continue as"), "{}", asked.text);
    let offer = browser.submit(&asked, &[]).await;
    offer.assert_offer();
    browser.submit(&offer, &[("action", "skip")]).await.authorization_code(&tool);
}

#[tokio::test]
async fn the_session_that_sets_it_up_is_the_only_one_that_stays() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let me = app.sign_in(PHONE).await;
    app.advance(30);
    let mut browser = Browser::new(&app);
    let entered = browser.sign_in(&client.url(&[]), PHONE).await.authorization_code(&client);
    let tokens = client.exchange(&app, &entered).await;
    let entered = tokens.assert_ok()["access_token"].as_str().unwrap().to_owned();

    let offer = browser.get(&client.url(&[BOTH])).await;
    let page = browser.submit(&offer, &[]).await;
    let code = page.shown_secret().code(&app);
    let kept = browser.submit(&page, &[("code", &code)]).await;
    for former in [&me.access, &entered] {
        app.get_as(former, "/v1/me").await.assert_problem(401, "token_invalid");
    }
    browser.submit(&kept, &[]).await.authorization_code(&client);
}
