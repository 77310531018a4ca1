use axum::http::Method;
use serde_json::json;

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{NEW_PASSWORD, PASSWORD},
    apps::encoded,
    back_channel::RelyingParty,
    claims,
    hosted::{Browser, Client},
};

/// A service with an app that is told at its server, and the person who has entered it from a browser.
struct Entered {
    app: TestApp,
    server: RelyingParty,
    shop: Client,
    browser: Browser,
    tokens: Answer,
}

impl Entered {
    async fn start(settings: &[(&str, &str)], scope: &str) -> Self {
        let app = TestApp::with(settings).await;
        let server = RelyingParty::start().await;
        let shop = server.app(&app, "shop").await;
        let mut browser = Browser::new(&app);
        let asked = shop.url(&[("scope", scope)]);
        let code = browser.sign_in(&asked, PHONE).await.authorization_code(&shop);
        let tokens = shop.exchange(&app, &code).await;
        tokens.assert_ok();
        Self { app, server, shop, browser, tokens }
    }

    fn token(&self, name: &str) -> String {
        self.tokens.json[name].as_str().unwrap().to_owned()
    }

    fn sid(&self) -> String {
        claims(&self.token("access_token"))["sid"].as_str().unwrap().to_owned()
    }

    /// Asserts that the app is told of its session, once.
    async fn assert_told(&self, how: &str) {
        self.app.tell_apps().await;
        let tokens = self.server.tokens();
        let told: Vec<_> = tokens.iter().map(|token| claims(token)["sid"].clone()).collect();
        assert_eq!(told, [self.sid()], "{how}");
        self.assert_quiet(how).await;
    }

    /// Asserts that the app is told nothing.
    async fn assert_quiet(&self, how: &str) {
        self.app.tell_apps().await;
        assert_eq!(self.server.tokens(), Vec::<String>::new(), "{how}");
    }

    /// The person, signed in to the default app, with the rights of an owner.
    async fn owner(&self) -> SignedIn {
        let owner = self.app.sign_in(PHONE).await;
        self.assert_quiet("sign-in").await;
        owner
    }
}

#[tokio::test]
async fn an_app_is_told_of_a_sign_out_by_the_page() {
    let mut entered = Entered::start(&[], "openid").await;
    let hint = entered.token("id_token");
    let path = format!("/oauth2/logout?{}", encoded(&[("id_token_hint", hint.as_str())]));
    entered.browser.get(&path).await;
    entered.assert_told("logout").await;

    // Again: the session has ended before.
    entered.browser.get(&path).await;
    entered.assert_quiet("logout again").await;
}

#[tokio::test]
async fn an_app_is_told_of_each_way_in_which_its_user_ends_its_session() {
    let entered = Entered::start(&[], "openid").await;
    let access = entered.token("access_token");
    entered.app.call_as(&access, Method::POST, "/v1/auth/logout").await.assert_done();
    entered.assert_told("sign-out with its token").await;

    let entered = Entered::start(&[], "openid").await;
    let fields = [("token", entered.token("refresh_token")), ("client_id", "shop".to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(entered.app.form(None, "/oauth2/revoke", &fields).await.status, 200);
    entered.assert_told("revocation").await;

    let entered = Entered::start(&[], "openid").await;
    let owner = entered.owner().await;
    let all = json!({"all": true});
    entered.app.post_as(&owner.access, "/v1/auth/logout", all).await.assert_done();
    entered.assert_told("sign-out everywhere").await;

    let entered = Entered::start(&[], "openid").await;
    let owner = entered.owner().await;
    let path = format!("/v1/me/sessions/{}", entered.sid());
    entered.app.call_as(&owner.access, Method::DELETE, &path).await.assert_done();
    entered.assert_told("end of this session").await;

    let entered = Entered::start(&[], "openid").await;
    let owner = entered.owner().await;
    let first = json!({"new_password": PASSWORD});
    entered.app.post_as(&owner.access, "/v1/password/change", first).await.assert_done();
    entered.assert_told("password").await;
}

#[tokio::test]
async fn an_app_is_told_of_a_changed_password_and_a_withdrawn_consent() {
    let app = TestApp::start().await;
    let (server, me) = (
        RelyingParty::start().await,
        app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await,
    );
    let shop = server.app(&app, "shop").await;
    let mut browser = Browser::new(&app);
    let code = browser.sign_in(&shop.url(&[]), PHONE).await.authorization_code(&shop);
    shop.exchange(&app, &code).await.assert_ok();
    let change = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post_as(&me.access, "/v1/password/change", change).await.assert_done();
    app.tell_apps().await;
    assert_eq!(server.tokens().len(), 1);

    let address = Some(server.address.clone());
    let poll = crate::testing::hosted::hosted_app_with(&app, "poll", |app| {
        app.hosted.first_party = false;
        app.hosted.backchannel_logout_uri = address;
    });
    let poll = poll.await;
    let page = browser.sign_in(&poll.url(&[]), PHONE).await;
    let code = browser.submit(&page, &[]).await.authorization_code(&poll);
    poll.exchange(&app, &code).await.assert_ok();
    let gone = app.call_as(&me.access, Method::DELETE, "/v1/me/consents/poll").await;
    gone.assert_done();
    app.tell_apps().await;
    let tokens = server.tokens();
    assert_eq!((tokens.len(), &claims(&tokens[0])["aud"]), (1, &json!("poll")));
}

#[tokio::test]
async fn an_app_is_told_if_its_user_is_disabled_or_erased() {
    for (how, method, body) in [
        ("disabled", Method::PATCH, json!({"status": "disabled"})),
        ("erased", Method::DELETE, json!({})),
    ] {
        let entered = Entered::start(&[("ADMIN_PHONE", OTHER_PHONE)], "openid").await;
        let admin = entered.app.sign_in(OTHER_PHONE).await;
        let sub = claims(&entered.token("access_token"))["sub"].as_str().unwrap().to_owned();
        let path = format!("/v1/users/{sub}");
        match method {
            Method::DELETE => entered.app.delete_as(&admin, &path).await.assert_done(),
            _ => drop(entered.app.patch_as(&admin, &path, body).await.assert_ok()),
        }
        entered.assert_told(how).await;
    }

    // By hand in the table: the sessions are still there, and none of them works.
    let entered = Entered::start(&[], "openid").await;
    let sub = claims(&entered.token("access_token"))["sub"].as_str().unwrap().to_owned();
    entered.app.disable(&sub).await;
    entered.assert_told("disabled by hand").await;

    let entered = Entered::start(&[("ERASURE_DELAY_DAYS", "7")], "openid").await;
    let owner = entered.owner().await;
    assert_eq!(entered.app.delete_me(&owner.access).await.status, 202);
    entered.assert_told("to be erased").await;
}

#[tokio::test]
async fn an_administrator_who_ends_a_browser_ends_its_apps() {
    let entered = Entered::start(&[("ADMIN_PHONE", OTHER_PHONE)], "openid").await;
    let admin = entered.app.sign_in(OTHER_PHONE).await;
    let sub = claims(&entered.token("access_token"))["sub"].as_str().unwrap().to_owned();
    let path = format!("/v1/users/{sub}/sessions");
    let sessions = entered.app.get_as(&admin.access, &path).await;
    let sessions = sessions.assert_ok()["items"].as_array().unwrap().clone();
    let browser = sessions.iter().find(|session| session["id"] != json!(entered.sid())).unwrap();
    let path = format!("{path}/{}", browser["id"].as_str().unwrap());
    entered.app.delete_as(&admin, &path).await.assert_done();
    entered.assert_told("end of the browser").await;
}

#[tokio::test]
async fn an_app_with_offline_access_is_told_and_keeps_its_tokens() {
    let mut entered = Entered::start(&[], "openid offline_access").await;
    let hint = entered.token("id_token");
    let path = format!("/oauth2/logout?{}", encoded(&[("id_token_hint", hint.as_str())]));
    entered.browser.get(&path).await;
    entered.assert_told("logout").await;
    entered.app.grant_refresh("shop", &entered.token("refresh_token")).await.assert_ok();
}

#[tokio::test]
async fn nothing_is_told_while_a_session_goes_on_or_after_it_has_expired() {
    let mut entered = Entered::start(&[], "openid").await;
    let refresh = entered.token("refresh_token");
    entered.app.grant_refresh("shop", &refresh).await.assert_ok();
    entered.assert_quiet("refresh").await;

    // The same person signs in again in the browser, which has another session then.
    let again = entered.shop.url(&[("prompt", "login")]);
    entered.browser.sign_in(&again, PHONE).await;
    entered.assert_quiet("the next session of the browser, and a code that nobody used").await;

    // Expired sessions are removed when there are some.
    let me = claims(&entered.token("access_token"))["sub"].as_str().unwrap().to_owned();
    for _ in 0..5 {
        entered.app.sign_in(PHONE).await;
    }
    entered.app.advance(31 * 24 * 3600);
    entered.app.sign_in(PHONE).await;
    assert_eq!(entered.app.sessions_of(&me).await, 1);
    entered.assert_quiet("expired").await;
}

#[tokio::test]
async fn an_app_without_an_address_is_not_told() {
    let entered = Entered::start(&[], "openid").await;
    let forum = crate::testing::hosted::hosted_app_with(&entered.app, "forum", |_| ()).await;
    let code = entered.browser.clone().get(&forum.url(&[])).await.authorization_code(&forum);
    let tokens = forum.exchange(&entered.app, &code).await;
    let access = tokens.assert_ok()["access_token"].as_str().unwrap();
    entered.app.call_as(access, Method::POST, "/v1/auth/logout").await.assert_done();
    assert!(entered.app.queue_ended().await);
    assert_eq!(entered.app.aws.queue.receive(), []);
}

#[tokio::test]
async fn a_session_that_began_without_the_page_is_told_too() {
    let entered = Entered::start(&[], "openid").await;
    let sent = json!({"phone": OTHER_PHONE, "client_id": "shop"});
    let sent = entered.app.post("/v1/otp/send", sent).await;
    let code = entered.app.code(OTHER_PHONE);
    let other = entered.app.verify(&sent.challenge_id(), &code).await.signed_in();
    entered.app.call_as(&other.access, Method::POST, "/v1/auth/logout").await.assert_done();
    entered.app.tell_apps().await;
    let tokens = entered.server.tokens();
    assert_eq!(tokens.len(), 1);
    assert_eq!(claims(&tokens[0])["sub"], other.id());
}

/// An outage, or a Lambda that ends half-way: the stream brings the change again.
#[tokio::test]
async fn nobody_misses_the_end_of_a_session_by_an_outage() {
    let entered = Entered::start(&[], "openid").await;
    assert!(entered.app.queue_ended().await);
    let access = entered.token("access_token");
    entered.app.call_as(&access, Method::POST, "/v1/auth/logout").await.assert_done();
    for service in ["SQS", "DYNAMODB"] {
        assert!(!entered.app.cut_off(service).queue_ended().await, "{service}");
    }
    assert!(!entered.app.restarted(&[("BACK_CHANNEL_QUEUE_URL", "")]).queue_ended().await);
    entered.assert_told("after the outage").await;
}

/// Nothing about a person is in the queue.
#[tokio::test]
async fn a_message_has_ids_alone() {
    let entered = Entered::start(&[], "openid").await;
    let access = entered.token("access_token");
    entered.app.call_as(&access, Method::POST, "/v1/auth/logout").await.assert_done();
    assert!(entered.app.queue_ended().await);
    let messages = entered.app.aws.queue.receive();
    let bodies: Vec<serde_json::Value> =
        messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect();
    let sub = &claims(&access)["sub"];
    assert_eq!(bodies, [json!({"client_id": "shop", "sub": sub, "sid": entered.sid()})]);
}
