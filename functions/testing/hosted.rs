//! A browser and an app for tests of the hosted page.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use data_encoding::BASE64URL_NOPAD;
use shared::crypto::sha256;

use super::{Answer, TestApp, apps::encoded, second_factor::Authenticator};

/// Where the app of the tests is sent its codes.
pub(crate) const CALLBACK: &str = "https://shop.example.com/cb?tenant=7";
/// The verifier of the app of the tests.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A browser, which keeps cookies.
#[derive(Clone)]
pub(crate) struct Browser {
    app: TestApp,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// An app that people enter from the hosted page.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
}

/// A public first-party app with [`CALLBACK`], straight into the table.
pub(crate) async fn hosted_app(app: &TestApp) -> Client {
    hosted_app_with(app, "shop", |_| ()).await
}

/// As [`hosted_app`], with another id, changed as `change` says.
pub(crate) async fn hosted_app_with(
    app: &TestApp,
    client_id: &str,
    change: impl FnOnce(&mut shared::apps::App),
) -> Client {
    let settings = app.latchkey.settings().apps.clone();
    let now = app.latchkey.clock().now();
    let (id, kind) = (client_id.to_owned(), shared::apps::AppType::Public);
    let mut new = shared::apps::App::new(id, "Shop".to_owned(), kind, &settings, now);
    new.hosted.redirect_uris = vec![CALLBACK.to_owned()];
    new.hosted.post_logout_redirect_uris = vec!["https://shop.example.com/bye?a=1".to_owned()];
    new.hosted.first_party = true;
    change(&mut new);
    assert!(app.latchkey.store().create_app(&new).await.unwrap());
    let redirect_uri = new.hosted.redirect_uris.first().cloned().unwrap_or_default();
    Client { client_id: client_id.to_owned(), redirect_uri }
}

impl Client {
    /// The path of a request for a sign-in, with these parameters changed or added. An empty value
    /// leaves a parameter out.
    pub(crate) fn url(&self, changes: &[(&str, &str)]) -> String {
        let challenge = BASE64URL_NOPAD.encode(&sha256(VERIFIER.as_bytes()));
        let mut parameters = BTreeMap::from([
            ("client_id", self.client_id.as_str()),
            ("redirect_uri", self.redirect_uri.as_str()),
            ("response_type", "code"),
            ("scope", "openid profile phone"),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ]);
        parameters.extend(changes.iter().copied());
        let sent: Vec<_> = parameters.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        format!("/oauth2/authorize?{}", encoded(&sent))
    }

    /// Exchanges a code.
    pub(crate) async fn exchange(&self, app: &TestApp, code: &str) -> Answer {
        let fields = self.fields(code);
        app.form(None, "/oauth2/token", &fields).await
    }

    /// The form that exchanges a code.
    pub(crate) fn fields<'a>(&'a self, code: &'a str) -> [(&'a str, &'a str); 5] {
        [
            ("grant_type", "authorization_code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", VERIFIER),
            ("code", code),
        ]
    }
}

impl Browser {
    /// A browser without cookies.
    pub(crate) fn new(app: &TestApp) -> Self {
        Self { app: app.clone(), cookies: BTreeMap::new() }
    }

    /// The same browser, whose service is `app` now.
    pub(crate) fn at(&self, app: &TestApp) -> Self {
        Self { app: app.clone(), cookies: self.cookies.clone() }
    }

    /// Opens a path.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = Request::get(path).body(Vec::new()).unwrap();
        self.send(request).await
    }

    /// The request that sends the form on a page, with these fields, by its first button.
    pub(crate) fn form(&self, page: &Answer, fields: &[(&str, &str)]) -> Request<Vec<u8>> {
        let flow = page.text.split("name=\"flow\" value=\"").nth(1);
        let flow = flow.unwrap_or_else(|| panic!("no form: {} {}", page.status, page.text));
        let flow = flow.split('"').next().unwrap();
        let mut all = BTreeMap::from([("flow", flow), ("action", "continue")]);
        all.extend(fields.iter().copied());
        let all: Vec<_> = all.into_iter().collect();
        self.with_cookies(
            Request::builder()
                .method(Method::POST)
                .uri("/sign-in")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, super::ISSUER)
                .header("sec-fetch-site", "same-origin")
                .body(encoded(&all).into_bytes())
                .unwrap(),
        )
    }

    /// Sends the form on a page.
    pub(crate) async fn submit(&mut self, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let request = self.form(page, fields);
        self.send(request).await
    }

    /// Signs in with a code by text. Returns the last answer.
    pub(crate) async fn sign_in(&mut self, path: &str, phone: &str) -> Answer {
        let page = self.get(path).await;
        let page = self.submit(&page, &[("identifier", phone)]).await;
        let code = self.app.code(phone);
        self.submit(&page, &[("code", &code)]).await
    }

    /// Sends any request with the cookies.
    pub(crate) async fn send(&mut self, request: Request<Vec<u8>>) -> Answer {
        let answer = self.app.send(self.with_cookies(request).map(Body::from)).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-"), "{cookie}");
            assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            match cookie.contains("Max-Age=0;") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        answer
    }

    fn with_cookies(&self, mut request: Request<Vec<u8>>) -> Request<Vec<u8>> {
        let pairs: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.headers_mut().insert(header::ACCEPT, "text/html,*/*;q=0.8".parse().unwrap());
        if !pairs.is_empty() {
            request.headers_mut().insert(header::COOKIE, pairs.join("; ").parse().unwrap());
        }
        request
    }
}

impl Answer {
    /// The authenticator app that has read the secret on a page.
    #[track_caller]
    pub(crate) fn shown_secret(&self) -> Authenticator {
        let secret = self.text.split("<p class=\"key\" dir=\"ltr\">").nth(1);
        let secret = secret.unwrap_or_else(|| panic!("no secret: {} {}", self.status, self.text));
        Authenticator::typed(secret.split('<').next().unwrap())
    }

    /// Asserts that the browser is sent to an app. Returns the parameters.
    #[track_caller]
    pub(crate) fn sent_to(&self, redirect_uri: &str) -> BTreeMap<String, String> {
        assert_eq!(self.status, 303, "{}", self.text);
        let location = self.header("location");
        let rest = location.strip_prefix(redirect_uri);
        let rest = rest.unwrap_or_else(|| panic!("sent to {location}"));
        let query = rest.trim_start_matches(['?', '&']);
        serde_urlencoded::from_str(query).unwrap()
    }

    /// Asserts that an app gets a code. Returns it.
    #[track_caller]
    pub(crate) fn authorization_code(&self, client: &Client) -> String {
        let answer = self.sent_to(&client.redirect_uri);
        answer.get("code").unwrap_or_else(|| panic!("no code: {answer:?}")).clone()
    }

    /// Asserts that an app gets an error. Returns its name.
    #[track_caller]
    pub(crate) fn authorization_error(&self, client: &Client) -> String {
        let answer = self.sent_to(&client.redirect_uri);
        assert_eq!(answer["iss"], super::ISSUER);
        answer.get("error").unwrap_or_else(|| panic!("no error: {answer:?}")).clone()
    }
}
