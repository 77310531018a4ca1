//! `BREACHED_PASSWORDS_URL`: passwords that are known from data breaches are refused wherever a
//! password is set, and a service that fails keeps nobody from setting one.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{NEW_PASSWORD, PASSWORD},
};

/// A password of a data breach. Its SHA-1 is ABF7A and [`BREACHED_SUFFIX`].
const BREACHED: &str = "correct horse battery staple";
const BREACHED_SUFFIX: &str = "AD6438836DBE526AA231ABDE2D0EEF74D42";
const REASON: &str = "must not be one that is known from a data breach";

/// A stand-in for the service, on this machine. It ends when this is dropped.
struct Ranges {
    url: String,
    /// The prefixes that it was asked for, with the value of `Add-Padding`.
    asked: Arc<Mutex<Vec<(String, String)>>>,
    task: JoinHandle<()>,
}

impl Ranges {
    /// Returns `body` for each prefix.
    async fn start(status: StatusCode, body: &str) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, body) = (asked.clone(), body.to_owned());
        let answer = async move |Path(prefix): Path<String>, headers: HeaderMap| {
            let padding = headers["add-padding"].to_str().unwrap().to_owned();
            noted.lock().unwrap().push((prefix, padding));
            (status, body)
        };
        Self::serve(Router::new().route("/range/{prefix}", get(answer)), asked).await
    }

    /// Takes requests and never responds.
    async fn start_silent() -> Self {
        let never = async || std::future::pending::<StatusCode>().await;
        Self::serve(Router::new().route("/range/{prefix}", get(never)), Arc::default()).await
    }

    async fn serve(routes: Router, asked: Arc<Mutex<Vec<(String, String)>>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/range", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, asked, task }
    }

    /// A service of ours that asks it.
    async fn app(&self) -> TestApp {
        TestApp::with(&[("BREACHED_PASSWORDS_URL", &self.url)]).await
    }
}

impl Drop for Ranges {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A range with a breached password, in lines that end as the real ones do.
fn range() -> String {
    format!("003D68EB55068C33ACE09247EE4C639306B:3\r\n{BREACHED_SUFFIX}:384\r\n")
}

#[tokio::test]
async fn a_breached_password_is_refused_wherever_one_is_set() {
    let ranges = Ranges::start(StatusCode::OK, &range()).await;
    let (app, admin) = TestApp::with_admin_and(&[("BREACHED_PASSWORDS_URL", &ranges.url)]).await;

    let body = json!({"phone": PHONE, "password": BREACHED});
    app.register(body).await.assert_weak("password", REASON);
    let body = json!({"phone": OTHER_PHONE, "password": BREACHED});
    app.create_user(&admin, body).await.assert_weak("password", REASON);

    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let body = json!({"old_password": PASSWORD, "new_password": BREACHED});
    let changed = app.post_as(&me.access, "/v1/password/change", body).await;
    changed.assert_weak("new_password", REASON);

    app.advance(60);
    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    let code = app.code(PHONE);
    app.reset(&id, &code, BREACHED).await.assert_weak("new_password", REASON);

    // The code is not used up, and other passwords are accepted.
    app.reset(&id, &code, NEW_PASSWORD).await.assert_done();
    app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn the_service_is_told_five_digits_of_a_hash_and_nobody_who_watches_learns_them() {
    let ranges = Ranges::start(StatusCode::OK, &range()).await;
    let app = ranges.app().await;
    app.sign_up(json!({"phone": PHONE, "password": NEW_PASSWORD})).await;
    assert_eq!(*ranges.asked.lock().unwrap(), [("1A2E4".to_owned(), "true".to_owned())]);

    // A sign-in sets no password.
    app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.assert_ok();
    assert_eq!(ranges.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn padding_is_no_breach() {
    let ranges = Ranges::start(StatusCode::OK, &format!("{BREACHED_SUFFIX}:0\r\n")).await;
    ranges.app().await.sign_up(json!({"phone": PHONE, "password": BREACHED})).await;
}

#[tokio::test]
async fn a_password_is_accepted_while_the_service_fails() {
    let unwell = Ranges::start(StatusCode::SERVICE_UNAVAILABLE, &range()).await;
    let silent = Ranges::start_silent().await;
    for url in [unwell.url.as_str(), &silent.url, "http://127.0.0.1:1/range"] {
        let app = TestApp::with(&[("BREACHED_PASSWORDS_URL", url)]).await;
        app.sign_up(json!({"phone": PHONE, "password": BREACHED})).await;
    }
}

#[tokio::test]
async fn without_the_setting_nothing_is_asked() {
    TestApp::start().await.sign_up(json!({"phone": PHONE, "password": BREACHED})).await;
}
