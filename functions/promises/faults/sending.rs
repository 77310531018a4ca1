//! Endpoints that send a code.

use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::{
    promises::senders::reports::signature_of_twilio,
    testing::{
        Answer, ISSUER, OTHER_PHONE, PHONE, TestApp,
        accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
        apps::ADMIN_PHONE,
        faults::{Boxed, Case, call},
    },
};

pub(super) const CASES: [&str; 11] = [
    "otp-send",
    "otp-send: with an idempotency key",
    "otp-send: in the words of an app",
    "otp-resend",
    "stop-confirm",
    "reports-create",
    "auth-register",
    "password-forgot",
    "password-forgot: by e-mail",
    "me-phone",
    "me-email",
];

pub(super) fn prepare(app: TestApp, case: &'static str) -> Boxed<Case> {
    Box::pin(async move {
        match case {
            "otp-send" => code_for("/v1/otp/send", json!({"phone": PHONE}), PHONE),
            "otp-send: with an idempotency key" => with_key(),
            "otp-send: in the words of an app" => in_own_words(&app).await,
            "auth-register" => {
                let body = json!({"phone": PHONE, "password": PASSWORD, "username": "ann"});
                code_for("/v1/auth/register", body, PHONE)
            }
            "otp-resend" => {
                let id = app.challenge(PHONE).await;
                app.advance(30);
                code_for("/v1/otp/resend", json!({"challenge_id": id}), PHONE)
            }
            "stop-confirm" => {
                app.challenge(PHONE).await;
                app.advance(30);
                app.challenge(PHONE).await;
                stop(&app)
            }
            "reports-create" => report(&app).await,
            "password-forgot" => {
                app.person(PHONE).await;
                app.advance(3600);
                new_password(json!({"phone": PHONE}), PHONE)
            }
            "password-forgot: by e-mail" => {
                app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
                app.advance(3600);
                new_password(json!({"email": EMAIL}), EMAIL)
            }
            "me-phone" => {
                new_address(&app, "/v1/me/phone", json!({"phone": OTHER_PHONE}), OTHER_PHONE).await
            }
            "me-email" => new_address(&app, "/v1/me/email", json!({"email": EMAIL}), EMAIL).await,
            _ => panic!("{case}"),
        }
    })
}

/// A request for a code. In the end, a code must sign the person in.
fn code_for(path: &'static str, body: Value, address: &'static str) -> Case {
    let again = body.clone();
    Case::new(call(Method::POST, path, None, Some(body)), move |app, answer| {
        let again = again.clone();
        async move {
            let sent = sent(&app, answer, call(Method::POST, path, None, Some(again))).await;
            let (id, code) = code_of(&app, &sent, address).await;
            app.verify(&id, &code).await.assert_ok();
            assert_eq!(app.items_like("USER").await.len(), 1);
        }
    })
    .or(429, "resend_too_soon")
}

/// A request for a code by e-mail, in the words of the app or, if they cannot be read, in ours.
async fn in_own_words(app: &TestApp) -> Case {
    let admin = app.sign_in(ADMIN_PHONE).await;
    let path = "/v1/apps/default/messages/sign_in/en";
    app.json_as(&admin, Method::PUT, path, json!({"text": "Ours: {code}"})).await.assert_ok();
    let request = || call(Method::POST, "/v1/otp/send", None, Some(json!({"email": EMAIL})));
    Case::new(request(), move |app, answer| async move {
        let sent = sent(&app, answer, request()).await;
        let (id, code) = code_of(&app, &sent, EMAIL).await;
        app.verify(&id, &code).await.assert_ok();
    })
    .or(429, "resend_too_soon")
}

/// A request to the stop link of the last text. In the end, texts to that phone must be stopped.
fn stop(app: &TestApp) -> Case {
    let text = app.texts(PHONE).pop().unwrap().body;
    let path = text[text.find("/stop/").unwrap()..].split_whitespace().next().unwrap().to_owned();
    let request =
        axum::http::Request::builder().method(Method::POST).uri(path).body(Vec::new()).unwrap();

    Case::new(request, move |app, answer| async move {
        assert_eq!(answer.status, 200, "{}", answer.text);
        app.advance(3600);
        assert!(app.send_code(PHONE).await.assert_wait(429, "sms_limit_reached") > 20 * 3600);
    })
}

/// A report that a text was delivered. In the end it is accepted, and counted at most once.
async fn report(app: &TestApp) -> Case {
    app.restarted(&[("TEXT_SENDERS", "*=twilio")]).challenge(PHONE).await;
    let fields = app.texts(PHONE).pop().unwrap().attributes;
    let (_, url) = fields.into_iter().find(|(name, _)| name == "StatusCallback").unwrap();
    let form = "MessageStatus=delivered";
    let request = Request::post(url.strip_prefix(ISSUER).unwrap())
        .header("content-type", "application/x-www-form-urlencoded")
        .header("x-twilio-signature", signature_of_twilio(&url, form));
    let request = request.body(form.as_bytes().to_vec()).unwrap();

    let again = request.clone();
    Case::new(request, move |app, answer| {
        let again = again.clone();
        async move {
            assert_eq!(answer.status, 204, "{}", answer.text);
            assert_eq!(app.send(again.map(axum::body::Body::from)).await.status, 204);
            let counts = app.items_like("twilio#").await;
            assert!(counts.iter().all(|it| it["delivered"].as_n().unwrap() == "1"), "{counts:?}");
        }
    })
}

/// A request for a code with an idempotency key, which allows retries.
fn with_key() -> Case {
    let mut request = call(Method::POST, "/v1/otp/send", None, Some(json!({"phone": PHONE})));
    request.headers_mut().insert("idempotency-key", "a-key-of-the-client".parse().unwrap());

    let again = request.clone();
    Case::new(request, move |app, mut answer| {
        let again = again.clone();
        async move {
            if answer.json["code"] == "idempotency_conflict" {
                // After a while, the first attempt is considered abandoned.
                app.advance(60);
                answer = app.send(again.clone().map(axum::body::Body::from)).await;
            }
            let sent = sent(&app, answer, again).await;
            let (id, code) = code_of(&app, &sent, PHONE).await;
            app.verify(&id, &code).await.assert_ok();
        }
    })
    .or(409, "idempotency_conflict")
}

/// The response that accepted the request: the first one, or the one to a retry after the wait that
/// the first one asked for.
async fn sent(app: &TestApp, answer: Answer, again: axum::http::Request<Vec<u8>>) -> Answer {
    if answer.status == 202 {
        return answer;
    }
    // A message that was counted but not sent costs at most one cooldown.
    let wait = answer.assert_wait(429, "resend_too_soon");
    assert!(wait <= 60, "{wait}");
    app.advance(wait);
    app.send(again.map(axum::body::Body::from)).await
}

/// The challenge of an answer, and its code. If nobody could know whether the text was sent, and it
/// was not, the person asks for it again.
async fn code_of(app: &TestApp, sent: &Answer, address: &str) -> (String, String) {
    let id = sent.challenge_id();
    if app.texts(address).is_empty() {
        app.advance(60);
        assert_eq!(app.resend(&id).await.status, 202);
    }
    (id, app.code(address))
}

/// A request for a code to set a new password. The response is the same whether or not a message is
/// sent.
fn new_password(who: Value, address: &'static str) -> Case {
    let request = call(Method::POST, "/v1/password/forgot", None, Some(who.clone()));
    Case::new(request, move |app, answer| {
        let who = who.clone();
        async move {
            let id = answer.challenge_id();
            let is_sent = !app.texts(address).is_empty();
            if !is_sent || app.reset(&id, &app.code(address), NEW_PASSWORD).await.status != 204 {
                app.advance(60);
                let id = app.forgot(who.clone()).await.challenge_id();
                app.reset(&id, &app.code(address), NEW_PASSWORD).await.assert_done();
            }
            app.login(who, NEW_PASSWORD).await.assert_ok();
        }
    })
}

async fn new_address(
    app: &TestApp,
    path: &'static str,
    body: Value,
    address: &'static str,
) -> Case {
    let me = app.sign_in(PHONE).await;
    let again = call(Method::POST, path, Some(&me.access), Some(body.clone()));
    Case::new(call(Method::POST, path, Some(&me.access), Some(body)), move |app, answer| {
        let (me, again) = (me.clone(), again.clone());
        async move {
            let sent = sent(&app, answer, again).await;
            let (id, code) = code_of(&app, &sent, address).await;
            app.verify_as(&me.access, &id, &code).await.assert_ok();
            let profile = app.me(&me.access).await;
            assert!(profile["phone"] == address || profile["email"] == address, "{profile}");
        }
    })
    .or(429, "resend_too_soon")
}
