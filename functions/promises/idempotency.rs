//! `Idempotency-Key`: a repeated request gets the same response, and its work is done once.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp, accounts::PASSWORD, at_once, json_request,
};

const DAY: i64 = 24 * 3600;

/// Posts with an idempotency key, as `by` or as a stranger.
async fn post(app: &TestApp, by: Option<&SignedIn>, path: &str, key: &str, body: &Value) -> Answer {
    let mut request = json_request(Method::POST, path, by.map(|by| by.access.as_str()), body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    app.send(request).await
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_response_and_is_done_once() {
    let (app, admin) = TestApp::with_admin().await;
    for (path, by, body, changed, status) in [
        ("/v1/otp/send", None, json!({"phone": PHONE}), json!({"phone": OTHER_PHONE}), 202),
        (
            "/v1/auth/register",
            None,
            json!({"phone": OTHER_PHONE, "password": PASSWORD}),
            json!({"phone": PHONE}),
            202,
        ),
        (
            "/v1/users",
            Some(&admin),
            json!({"phone": "+14155550187"}),
            json!({"phone": "+14155550188"}),
            201,
        ),
        ("/v1/roles", Some(&admin), json!({"name": "Editor"}), json!({"name": "Writer"}), 201),
    ] {
        let first = post(&app, by, path, "k-1", &body).await;
        assert_eq!(first.status, status, "{path}: {}", first.text);
        let count = app.items().await.len();
        for wait in [0, 1, 180] {
            app.advance(wait);
            let again = post(&app.restarted(&[]), by, path, "k-1", &body).await;
            assert_eq!((again.status, &again.text), (first.status, &first.text), "{path}");
            for name in ["location", "etag", "content-type"] {
                assert_eq!(again.headers.get(name), first.headers.get(name), "{path}: {name}");
            }
            assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
            post(&app, by, path, "k-1", &changed).await.assert_problem(409, "idempotency_conflict");
        }
        assert_eq!(app.items().await.len(), count, "{path}");
    }

    assert_eq!((app.texts(PHONE).len(), app.texts(OTHER_PHONE).len()), (1, 1));
}

#[tokio::test]
async fn a_key_is_good_for_the_same_json_in_another_order() {
    let app = TestApp::start().await;
    let send = async |body: &str| {
        let mut request = json_request(Method::POST, "/v1/otp/send", None, &Value::Null);
        request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        *request.body_mut() = body.to_owned().into();
        app.send(request).await
    };
    let first = send(r#"{"phone": "+14155550123", "locale": "es"}"#).await;
    assert_eq!(first.status, 202, "{}", first.text);
    let again = send(r#"{"client_id":null,"locale":"es","phone":"+14155550123"}"#).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    send(r#"{"phone": "+14155550123", "locale": "en"}"#)
        .await
        .assert_problem(409, "idempotency_conflict");
    assert_eq!(app.texts(PHONE).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_sends_one_text() {
    let app = TestApp::start().await;
    for round in 0..5 {
        let (phone, key) =
            (format!("+141555502{round:02}"), format!("click {round}").replace(' ', "-"));
        let answers = at_once(8, |_| {
            let (app, phone, key) = (app.clone(), phone.clone(), key.clone());
            async move { post(&app, None, "/v1/otp/send", &key, &json!({"phone": phone})).await }
        })
        .await;
        let bodies: BTreeSet<_> =
            answers.iter().map(|answer| (answer.status.as_u16(), &answer.text)).collect();

        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert_eq!(answers[0].status, 202, "{}", answers[0].text);
        assert_eq!(app.texts(&phone).len(), 1);
    }
}

#[tokio::test]
async fn a_key_counts_for_one_route_and_one_caller() {
    let (app, admin) = TestApp::with_admin().await;
    let other = app.staff(&admin, PHONE, "Clerk", &["users:read", "users:write"]).await;
    let made = post(&app, Some(&admin), "/v1/users", "k", &json!({"phone": "+14155550187"})).await;
    assert_eq!(made.status, 201);

    let body = json!({"phone": "+14155550188"});
    assert_eq!(post(&app, Some(&other), "/v1/users", "k", &body).await.status, 201);
    assert_eq!(
        post(&app, Some(&admin), "/v1/roles", "k", &json!({"name": "Editor"})).await.status,
        201
    );
    assert_eq!(
        post(&app, None, "/v1/otp/send", "k", &json!({"phone": OTHER_PHONE})).await.status,
        202
    );
    post(&app, None, "/v1/users", "k", &json!({"phone": "+14155550187"}))
        .await
        .assert_problem(401, "token_invalid");
    app.give(&admin, other.id(), &[]).await.assert_ok();
    post(&app, Some(&other), "/v1/users", "k", &body).await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_refused_request_can_be_retried_with_its_key() {
    let app = TestApp::start().await;
    let body = json!({"phone": PHONE});
    app.challenge(PHONE).await;
    post(&app, None, "/v1/otp/send", "k", &body).await.assert_problem(429, "resend_too_soon");

    app.advance(30);
    post(&app.cut_off("SNS"), None, "/v1/otp/send", "k", &body)
        .await
        .assert_problem(503, "unavailable");
    assert_eq!(post(&app, None, "/v1/otp/send", "k", &body).await.status, 202);

    let text = post(&app, None, "/v1/otp/send", "k", &body).await.text;
    app.advance(DAY);
    let later = post(&app, None, "/v1/otp/send", "k", &body).await;
    assert!(later.status == 202 && later.text != text, "a day later the key can be used again");
}

#[tokio::test]
async fn an_invalid_key_is_refused() {
    let app = TestApp::start().await;
    let long = "k".repeat(256);
    for key in ["", "a b", &long] {
        let refused = post(&app, None, "/v1/otp/send", key, &json!({"phone": PHONE})).await;
        refused.assert_field("Idempotency-Key");
    }

    assert!(app.texts(PHONE).is_empty());
    let longest = "~".repeat(255);
    assert_eq!(
        post(&app, None, "/v1/otp/send", &longest, &json!({"phone": PHONE})).await.status,
        202
    );
}

#[tokio::test]
async fn an_answer_is_kept_sealed_and_for_a_day() {
    let (app, admin) = TestApp::with_admin().await;
    let made = post(
        &app,
        Some(&admin),
        "/v1/users",
        "secret-key",
        &json!({"phone": PHONE, "name": "Ann Lee"}),
    )
    .await;

    assert_eq!(made.status, 201);
    let items = app.items_like("ANSWER").await;
    assert_eq!(items.len(), 1);

    let stored = format!("{:?}", items[0]);
    for secret in [PHONE, "Ann Lee", "secret-key"] {
        assert!(!stored.contains(secret), "{stored}");
    }

    let end = app.latchkey.clock().now().as_second() + DAY;
    assert_eq!(items[0]["expires_at"].as_n().unwrap(), &end.to_string());
}
