//! Bodies that every endpoint with a JSON body refuses.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use serde_json::{Value, json};

use super::{Answer, TestApp, bearer};

/// Posts any bytes with any headers.
pub(crate) async fn post_raw(
    app: &TestApp,
    token: Option<&str>,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(Method::POST).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, bearer(token));
    }
    app.send(request.body(body.into()).unwrap()).await
}

/// Asserts that a path refuses everything that differs in form from `body`, which is valid and has
/// all fields.
pub(crate) async fn assert_strict(app: &TestApp, token: Option<&str>, path: &str, body: &Value) {
    assert_only_plain_json(app, token, path, body).await;
    let json = [("content-type", "application/json")];
    let text = body.to_string();

    let (_, after_brace) = text.split_at(1);
    for (bytes, status, code) in [
        (text[..text.len() - 1].to_owned(), 400, "invalid_json"),
        (format!("{text} and more"), 400, "invalid_json"),
        ("not json".to_owned(), 400, "invalid_json"),
        (format!("{{{}{after_brace}", " ".repeat(16 * 1024)), 413, "body_too_large"),
        (format!(r#"{{"x": "{}", {after_brace}"#, "x".repeat(1_025)), 400, "invalid_request"),
        (format!("[{text}]"), 400, "invalid_request"),
        ("null".to_owned(), 400, "invalid_request"),
        (format!("{}{}", "[".repeat(9), "]".repeat(9)), 400, "invalid_request"),
    ] {
        post_raw(app, token, path, &json, bytes).await.assert_problem(status, code);
    }

    post_raw(app, token, path, &json, b"{\"\xff\": 1}".as_slice())
        .await
        .assert_problem(400, "invalid_json");
    post_raw(app, token, path, &json, format!(r#"{{"surprise": 1, {after_brace}"#))
        .await
        .assert_field("surprise");

    for name in body.as_object().unwrap().keys() {
        let mut wrong = body.clone();
        wrong[name] = json!({"of": "a wrong type"});
        let refused = post_raw(app, token, path, &json, wrong.to_string()).await;
        refused.assert_problem(400, "invalid_request");
        let field = refused.json["errors"][0]["field"].as_str().unwrap();
        assert_eq!(field.split('.').next(), Some(name.as_str()), "{}", refused.text);
        let twice = format!(r#"{{"{name}": {}, {after_brace}"#, body[name]);
        post_raw(app, token, path, &json, twice).await.assert_field(name);
    }
}

async fn assert_only_plain_json(app: &TestApp, token: Option<&str>, path: &str, body: &Value) {
    let json = ("content-type", "application/json");
    for headers in [
        vec![],
        vec![("content-type", "text/plain")],
        vec![("content-type", "application/x-www-form-urlencoded")],
        vec![("content-type", "application/json; charset=latin1")],
        vec![json, ("content-encoding", "gzip")],
        vec![json, ("content-encoding", "identity")],
    ] {
        post_raw(app, token, path, &headers, body.to_string())
            .await
            .assert_problem(415, "unsupported_media_type");
    }
}
