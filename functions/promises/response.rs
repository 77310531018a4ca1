//! Headers and formats that every response has, whichever endpoint sends it.

use axum::{
    Router,
    body::Body,
    http::{Method, Request},
    routing::get,
};
use serde_json::{Value, json};
use shared::http::REFUSES_ALIKE;
use uuid::Uuid;

use crate::testing::{Answer, PHONE, TestApp, bearer, bodies::post_raw};

async fn request(app: &TestApp, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

#[track_caller]
fn assert_common_headers(answer: &Answer) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }

    assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(!answer.header("x-request-id").is_empty());
    for name in ["server", "x-powered-by", "set-cookie"] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn every_response_carries_the_security_headers_and_is_not_kept() {
    let app = TestApp::with(&[("ALLOWED_ORIGINS", "https://app.example.com")]).await;
    let person = app.sign_in(PHONE).await;
    let preflight = [
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];

    for answer in [
        app.get_as(&person.access, "/v1/me").await,
        app.get_as(&person.access, "/v1/me/sessions").await,
        app.get("/health").await,
        app.get("/v1/me").await,
        app.get("/nothing").await,
        app.get("/v1/otp/send").await,
        app.post("/v1/otp/send", json!({})).await,
        app.cut_off("DYNAMODB").get("/health").await,
        request(&app, Method::OPTIONS, "/v1/otp/send", &preflight).await,
        app.post_as(&person.access, "/v1/auth/logout", json!({})).await,
    ] {
        assert_common_headers(&answer);
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.status);
    }

    for path in
        ["/docs", "/openapi.json", "/.well-known/jwks.json", "/.well-known/openid-configuration"]
    {
        let answer = app.get(path).await;
        assert_common_headers(&answer);
        assert!(answer.header("cache-control").starts_with("public, max-age="), "{path}");
    }
}

#[tokio::test]
async fn long_responses_are_compressed_for_clients_that_accept_gzip() {
    let app = TestApp::start().await;
    for path in ["/docs", "/openapi.json"] {
        let plain = app.get(path).await;
        assert!(!plain.headers.contains_key("content-encoding"), "{path}");

        let compressed =
            request(&app, Method::GET, path, &[("accept-encoding", "gzip, deflate, br")]).await;
        assert_eq!(compressed.header("content-encoding"), "gzip", "{path}");
        assert!(compressed.text == plain.text, "{path}");

        for answer in [plain, compressed] {
            assert_common_headers(&answer);
            assert!(
                answer.header("vary").contains("accept-encoding"),
                "{path}: a cache would serve one encoding to all clients"
            );
        }
    }
}

#[tokio::test]
async fn every_request_has_its_own_id_that_no_client_chooses() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let answer = request(&app, Method::GET, "/health", &[("x-request-id", "chosen")]).await;
        ids.push(answer.header("x-request-id").to_owned());
    }

    ids.push("chosen".to_owned());
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn a_problem_links_to_the_issuer_whatever_the_request_says() {
    let app = TestApp::start().await;
    let forged = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
    ];
    let answer = request(&app, Method::GET, "/nothing", &forged).await;

    assert_eq!(answer.json["type"], "https://id.example.com/docs#not_found");
    assert!(!answer.text.contains("evil"));
}

#[tokio::test]
async fn browsers_of_allowed_origins_may_call_and_no_others() {
    let app =
        TestApp::with(&[("ALLOWED_ORIGINS", "https://app.example.com,https://admin.example.com")])
            .await;
    let alone = app.serving(crate::not_found::routes().into());

    for (origin, allowed) in [
        ("https://app.example.com", true),
        ("https://admin.example.com", true),
        ("https://app.example.com.evil.example", false),
        ("https://evil.example", false),
        ("http://app.example.com", false),
        ("https://app.example.com:8443", false),
        ("null", false),
    ] {
        let expected = if allowed { origin } else { "" };
        for (path, status) in
            [("/health", 200), ("/v1/me", 401), ("/nothing", 404), ("/v1/otp/send", 405)]
        {
            let answer = request(&app, Method::GET, path, &[("origin", origin)]).await;
            assert_eq!(answer.status, status);
            assert_eq!(answer.header("access-control-allow-origin"), expected, "{origin} {path}");
            assert!(answer.header("vary").contains("origin"), "{origin} {path}");
        }
        for app in [&app, &alone] {
            let preflight = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization,content-type"),
            ];
            let answer = request(app, Method::OPTIONS, "/v1/otp/verify", &preflight).await;

            assert!(answer.status.is_success(), "{origin}: {}", answer.status);
            assert_eq!(answer.header("access-control-allow-origin"), expected);
            assert!(!answer.headers.contains_key("access-control-allow-credentials"));

            let methods = answer.header("access-control-allow-methods").to_owned();
            assert!(
                ["GET", "POST", "PUT", "PATCH", "DELETE"]
                    .iter()
                    .all(|method| methods.contains(method))
            );

            let headers = answer.header("access-control-allow-headers").to_lowercase();
            assert!(
                headers.contains("authorization") && headers.contains("content-type"),
                "{headers}"
            );
            assert_eq!(answer.header("access-control-max-age"), "600");
        }
    }

    let answer =
        request(&app, Method::GET, "/health", &[("origin", "https://app.example.com")]).await;
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{exposed}");
}

#[tokio::test]
async fn without_allowed_origins_no_browser_may_call() {
    let app = TestApp::start().await;
    for origin in
        ["https://app.example.com", "http://localhost:3000", "https://id.example.com", "null"]
    {
        let answer = request(&app, Method::GET, "/health", &[("origin", origin)]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
}

#[tokio::test]
async fn a_query_is_refused_by_an_operation_that_takes_none() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let token = bearer(&me.access);

    let (as_me, anybody) = (&[("authorization", token.as_str())][..], &[][..]);
    for (method, path, headers) in [
        (Method::GET, "/v1/me?fields=name", as_me),
        (Method::HEAD, "/v1/me?fields=name", as_me),
        (Method::DELETE, "/v1/me?fields=name", as_me),
        (Method::GET, "/v1/me/sessions?limit=1&fields=name", as_me),
        (Method::POST, "/v1/otp/send?fields", anybody),
    ] {
        let answer = request(&app, method.clone(), path, headers).await;
        assert_eq!(answer.status, 400, "{method} {path}");
        if method != Method::HEAD {
            answer.assert_field("fields");
        }
    }

    app.get("/v1/me?fields=name").await.assert_problem(401, "token_invalid");
    app.get_as(&me.access, "/v1/me?").await.assert_ok();
    app.get_as(&me.access, "/v1/me/sessions?limit=1").await.assert_ok();

    // Endpoints that a standard defines ignore unknown parameters, and so do pages and cached
    // documents.
    for path in ["/health?now", "/.well-known/jwks.json?v=2", "/docs?from=mail"] {
        app.get(path).await.assert_ok();
    }

    app.get_as(&me.access, "/oauth2/userinfo?fields=name").await.assert_ok();
}

#[tokio::test]
async fn a_refusal_does_not_repeat_the_values_that_were_sent() {
    let (app, admin) = TestApp::with_admin().await;
    let sent = [
        ("/v1/otp/verify", json!({"challenge_id": Uuid::nil(), "code": 987_654_321}), "code"),
        ("/v1/otp/verify", json!({"challenge_id": 987_654_321, "code": "123456"}), "challenge_id"),
        ("/v1/otp/verify", json!({"challenge_id": "987654321", "code": "123456"}), "challenge_id"),
        ("/v1/auth/login", json!({"username": "ann", "password": 987_654_321}), "password"),
        ("/v1/auth/login", json!({"username": "ann", "password": -987_654_321.5}), "password"),
        ("/v1/auth/login", json!({"username": "ann", "password": ["987654321"]}), "password"),
        ("/v1/auth/login", json!({"username": "ann", "password": {"987654321": 1}}), "password"),
        ("/v1/auth/mfa", json!({"mfa_token": "t", "method": "987654321", "code": "1"}), "method"),
        ("/v1/auth/mfa", json!({"mfa_token": "t", "method": 987_654_321, "code": "1"}), "method"),
    ];
    for (path, body, field) in sent {
        let answer = app.post(path, body.clone()).await;
        answer.assert_field(field);
        assert!(!answer.text.contains("987654321"), "{body}: {}", answer.text);
    }

    let boolean = app.post("/v1/auth/login", json!({"username": "ann", "password": true})).await;
    boolean.assert_field("password");
    assert!(!boolean.text.contains("true"), "{}", boolean.text);

    for (path, field) in [
        ("/v1/users?limit=987654321x", "limit"),
        ("/v1/users?limit=987654321987654321987", "limit"),
        ("/v1/users?status=987654321", "status"),
        ("/v1/users?cursor=987654321", "cursor"),
        ("/v1/roles?all=987654321", "all"),
    ] {
        let answer = app.get_as(&admin.access, path).await;
        answer.assert_field(field);
        assert!(!answer.text.contains("987654321"), "{path}: {}", answer.text);
    }
}

async fn panics() {
    panic!("the password is hunter2");
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_reveals_nothing() {
    let app = TestApp::start().await.serving(Router::new().route("/panic", get(panics)));
    let answer = app.get("/panic").await;
    answer.assert_problem(500, "internal_error");
    assert_common_headers(&answer);
    assert!(!answer.text.contains("hunter2"));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    let app = TestApp::with(&[("ALLOWED_ORIGINS", "https://app.example.com")]).await;
    let app = app.serving(Router::new().route("/slow", get(std::future::pending::<()>)));
    let slow = request(&app, Method::GET, "/slow", &[("origin", "https://app.example.com")]);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(12), slow).await.unwrap();
    assert_eq!(answer.assert_wait(503, "unavailable"), 5);
    assert_common_headers(&answer);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://app.example.com",
        "browsers can read it"
    );
}

/// The paths that take a form. The addresses of reports refuse everything alike.
fn paths_of_forms() -> Vec<String> {
    let document: Value = serde_json::from_str(crate::openapi::DOCUMENT).unwrap();
    let takes_form = |(path, item): &(&String, &Value)| {
        let content = &item["post"]["requestBody"]["content"];
        content["application/x-www-form-urlencoded"].is_object() && !path.starts_with(REFUSES_ALIKE)
    };
    let paths = document["paths"].as_object().unwrap().iter();
    paths.filter(takes_form).map(|(path, _)| path.clone()).collect()
}

#[tokio::test]
async fn every_form_is_plain() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let paths = paths_of_forms();
    assert!(paths.len() >= 9, "{paths:?}");
    let form = ("content-type", "application/x-www-form-urlencoded");

    for path in &paths {
        let token = path.ends_with("/userinfo").then_some(me.access.as_str());
        for headers in [
            vec![],
            vec![("content-type", "application/json")],
            vec![("content-type", "multipart/form-data; boundary=x")],
            vec![("content-type", "application/x-www-form-urlencoded; charset=latin1")],
            vec![form, ("content-encoding", "gzip")],
            vec![form, ("content-encoding", "identity")],
        ] {
            let answer = post_raw(&app, token, path, &headers, "client_id=default").await;
            match answer.json["error"].is_string() {
                true => answer.assert_oauth(415, "invalid_request"),
                false => answer.assert_problem(415, "unsupported_media_type"),
            }
        }
        let charset = [("content-type", "application/x-www-form-urlencoded; charset=UTF-8")];
        let answer = post_raw(&app, token, path, &charset, "client_id=default").await;
        assert_ne!(answer.status, 415, "{path}");
    }
}
