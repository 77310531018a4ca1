use axum::{
    body::Body,
    http::{Method, Request},
};

use crate::testing::{Answer, TestApp};

const ID: &str = "01890000-0000-7000-8000-000000000000";

async fn call(app: &TestApp, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method.parse::<Method>().unwrap()).uri(path);
    app.send(request.body(Body::empty()).unwrap()).await
}

/// The service with all endpoints, and this Lambda alone, as API Gateway calls it.
async fn both() -> [TestApp; 2] {
    let all = TestApp::start().await;
    let alone = all.serving(super::routes().into());
    [all, alone]
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    for app in both().await {
        for path in [
            "/",
            "/nothing",
            "/v1",
            "/v1/me/",
            "/v1/otp/",
            "/v1/otp/send/now",
            "/V1/me",
            "//v1/me",
            "/v2/me",
            "/_local/messages",
            "/.env",
        ] {
            for method in ["GET", "POST", "DELETE"] {
                call(&app, method, path).await.assert_problem(404, "not_found");
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_method_of_a_path_is_refused() {
    for app in both().await {
        for (method, path, allowed) in [
            ("GET", "/v1/otp/send", "POST"),
            ("PUT", "/v1/otp/verify", "POST"),
            ("POST", "/v1/me", "DELETE,GET,PATCH"),
            ("PATCH", "/v1/me/sessions", "GET"),
            ("GET", &format!("/v1/me/sessions/{ID}"), "DELETE"),
            ("DELETE", &format!("/v1/otp/{ID}"), "GET"),
            ("DELETE", "/health", "GET"),
            ("POST", "/.well-known/jwks.json", "GET"),
            ("TRACE", "/docs", "GET"),
        ] {
            let answer = call(&app, method, path).await;
            assert_eq!(
                answer.json["code"], "method_not_allowed",
                "{method} {path}: {}",
                answer.text
            );
            answer.assert_problem(405, "method_not_allowed");
            let mut allow: Vec<_> = answer
                .header("allow")
                .split(',')
                .map(str::trim)
                .filter(|it| *it != "HEAD")
                .collect();
            allow.sort_unstable();
            assert_eq!(allow.join(","), allowed, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_path_is_not_repeated_in_the_response() {
    for app in both().await {
        let answer = call(&app, "GET", "/v1/people/by-phone/%2B14155550123").await;
        answer.assert_problem(404, "not_found");
        assert!(!answer.text.contains("14155550123"));
    }
}
