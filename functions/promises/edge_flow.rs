//! The address that a request counts for: behind an edge, without one, and if a confidential app
//! names its end user.

use std::net::IpAddr;

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::PASSWORD,
    apps::{Server, basic},
    bodies::post_raw,
    records::logged,
};

const OLD: &str = "old-secret-of-the-edge-0123456789";
const NEW: &str = "new-secret-of-the-edge-0123456789";
const VIEWER: &str = "203.0.113.7:46532";

/// The service behind an edge. Each address may ask for one text.
async fn behind_edge() -> TestApp {
    let secrets = format!("{NEW},{OLD}");
    TestApp::with(&[("EDGE_SECRETS", &secrets), ("OTP_SENDS_PER_IP_PER_HOUR", "1")]).await
}

/// The headers of a request by the edge, for the viewer at an address.
fn by_edge<'a>(secret: &'a str, viewer: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("x-origin-verify", secret), ("cloudfront-viewer-address", viewer)]
}

/// The addresses of a person's sessions.
async fn ips_of_sessions(app: &TestApp, person: &SignedIn) -> Vec<String> {
    let sessions = app.get_as(&person.access, "/v1/me/sessions").await;
    let sessions = sessions.assert_ok()["items"].as_array().unwrap();
    sessions.iter().map(|session| session["ip"].as_str().unwrap().to_owned()).collect()
}

async fn call(app: &TestApp, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

/// Posts JSON with further headers.
async fn post(app: &TestApp, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    let headers = [&[("content-type", "application/json")], headers].concat();
    post_raw(app, None, path, &headers, body.to_string()).await
}

/// Asks for a code.
async fn send_code(app: &TestApp, headers: &[(&str, &str)], phone: &str) -> Answer {
    post(app, "/v1/otp/send", headers, json!({"phone": phone})).await
}

#[track_caller]
fn assert_not_from_edge(answer: &Answer) {
    answer.assert_problem(403, "forbidden");
    assert_eq!(
        answer.json["detail"],
        "The request did not come through the service's public address. Send it there."
    );
}

#[tokio::test]
async fn behind_an_edge_a_request_without_its_secret_is_refused() {
    let app = behind_edge().await;
    let too_long = format!("{NEW}x");
    let both = format!("{NEW},{OLD}");
    let mut refused = vec![vec![], vec![("cloudfront-viewer-address", VIEWER)]];
    refused.extend(["", "wrong", &NEW[1..], &too_long, &both].map(|no| by_edge(no, VIEWER)));
    refused.push([by_edge(NEW, VIEWER), by_edge(NEW, VIEWER)].concat());

    for headers in refused {
        assert_not_from_edge(&send_code(&app, &headers, PHONE).await);
    }
    assert!(app.texts(PHONE).is_empty());
}

#[tokio::test]
async fn behind_an_edge_every_path_and_method_needs_the_secret() {
    let app = behind_edge().await;
    for (method, path) in [
        (Method::GET, "/health"),
        (Method::GET, "/docs"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/.well-known/jwks.json"),
        (Method::GET, "/nothing"),
        (Method::GET, "/v1/me"),
        (Method::DELETE, "/v1/otp/send"),
        (Method::POST, "/oauth2/token"),
    ] {
        assert_not_from_edge(&call(&app, method, path, &[]).await);
    }
    assert_eq!(call(&app, Method::GET, "/health", &by_edge(NEW, VIEWER)).await.status, 200);
}

#[tokio::test]
async fn a_preflight_past_the_edge_reads_nothing() {
    let app = behind_edge().await;
    let preflight = [
        ("origin", "https://unknown.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];

    let (answer, units) = app.units(call(&app, Method::OPTIONS, "/v1/otp/send", &preflight)).await;
    assert_not_from_edge(&answer);
    assert_eq!(units, (0.0, 0.0));
}

#[tokio::test]
async fn during_a_rotation_the_old_secret_and_the_new_one_are_accepted() {
    let app = behind_edge().await;
    assert_eq!(send_code(&app, &by_edge(OLD, "203.0.113.1:1"), PHONE).await.status, 202);
    assert_eq!(send_code(&app, &by_edge(NEW, "203.0.113.2:1"), OTHER_PHONE).await.status, 202);

    let rotated = app.restarted(&[("EDGE_SECRETS", NEW)]);
    assert_not_from_edge(&send_code(&rotated, &by_edge(OLD, "203.0.113.3:1"), PHONE).await);
    assert_eq!(call(&rotated, Method::GET, "/health", &by_edge(NEW, VIEWER)).await.status, 200);
}

#[tokio::test]
async fn behind_an_edge_each_viewer_has_limits_of_their_own() {
    let app = behind_edge().await;
    let phones = (0..6).map(|n| format!("+1415555{n:04}")).collect::<Vec<_>>();

    for (viewers, phone) in [
        // The port, and the lower half of an IPv6 address, change with every connection.
        (["203.0.113.1:1000", "203.0.113.1:2000"], &phones[..2]),
        (["203.0.113.2:1000", "203.0.113.2:1000"], &phones[2..4]),
        (["2001:db8::1:1000", "[2001:db8::2]:2000"], &phones[4..6]),
    ] {
        let first = send_code(&app, &by_edge(NEW, viewers[0]), &phone[0]).await;
        assert_eq!(first.status, 202, "{}", first.text);
        let second = send_code(&app, &by_edge(NEW, viewers[1]), &phone[1]).await;
        second.assert_problem(429, "sms_limit_reached");
    }
}

#[tokio::test]
async fn behind_an_edge_only_the_edge_names_the_viewer() {
    let app = behind_edge().await;
    assert_eq!(send_code(&app, &by_edge(NEW, VIEWER), PHONE).await.status, 202);

    let forged = [("x-forwarded-for", "198.51.100.1"), ("latchkey-client-ip", "198.51.100.1")];
    let headers = [by_edge(NEW, VIEWER).as_slice(), &forged].concat();
    send_code(&app, &headers, OTHER_PHONE).await.assert_problem(429, "sms_limit_reached");
}

#[tokio::test]
async fn an_edge_that_does_not_name_the_viewer_is_refused() {
    let app = behind_edge().await;
    let without = vec![("x-origin-verify", NEW)];
    let malformed = ["", "203.0.113.7", "unknown:443", "203.0.113.7:1,203.0.113.8:2"];
    for headers in malformed.map(|viewer| by_edge(NEW, viewer)).into_iter().chain([without]) {
        let (answer, log) = logged(send_code(&app, &headers, PHONE)).await;
        answer.assert_problem(403, "forbidden");
        assert!(answer.json["detail"].as_str().unwrap().ends_with("Tell the operator."));
        // An alarm counts the lines of this level.
        assert!(log.contains("ERROR") && log.contains("the edge names no client"), "{log}");
        assert!(!log.contains(NEW), "{log}");
    }
}

#[tokio::test]
async fn the_log_names_the_viewer_behind_an_edge() {
    let app = behind_edge().await;
    let (_, log) = logged(call(&app, Method::GET, "/health", &by_edge(NEW, VIEWER))).await;
    assert!(log.contains("ip=\"203.0.113.7\""), "{log}");

    let direct = app.restarted(&[("EDGE_SECRETS", "")]);
    let (_, log) = logged(call(&direct, Method::GET, "/health", &[])).await;
    assert!(log.contains("status=200") && !log.contains("ip="), "API Gateway's log has it: {log}");
}

#[tokio::test]
async fn the_audit_trail_and_the_sessions_show_the_viewer() {
    let (app, admin) = TestApp::with_admin().await;
    let behind_edge = app.restarted(&[("EDGE_SECRETS", NEW)]);
    let edge = by_edge(NEW, "[2001:db8::7]:443");
    let id = send_code(&behind_edge, &edge, PHONE).await.challenge_id();
    let body = json!({"challenge_id": id, "code": app.code(PHONE)});
    let person = post(&behind_edge, "/v1/otp/verify", &edge, body).await.signed_in();

    assert_eq!(ips_of_sessions(&app, &person).await, ["2001:db8::7"]);
    let events = app.events(&admin).await;
    let of_person = |event: &&Value| event["actor"] == json!(person.id());
    assert!(events.iter().filter(of_person).count() > 0, "{events:?}");
    assert!(
        events.iter().filter(of_person).all(|event| event["ip"] == "2001:db8::7"),
        "{events:?}"
    );
}

#[tokio::test]
async fn without_an_edge_its_headers_are_ignored() {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "1")]).await;
    assert_eq!(send_code(&app, &by_edge(NEW, "203.0.113.1:1"), PHONE).await.status, 202);
    let spoofed = send_code(&app, &by_edge(NEW, "203.0.113.2:1"), OTHER_PHONE).await;
    spoofed.assert_problem(429, "sms_limit_reached");
    assert_eq!(send_code(&app, &by_edge("", "nonsense"), PHONE).await.status, 429);

    let other: IpAddr = "198.51.100.9".parse().unwrap();
    let request = Request::post("/v1/otp/send").header("content-type", "application/json");
    let body = json!({"phone": "+14155550155"}).to_string();
    let elsewhere = app.send_from(other, request.body(body.into()).unwrap()).await;
    assert_eq!(elsewhere.status, 202, "{}", elsewhere.text);
}

// --- A confidential app that names its end user -------------------------------------------------------

/// The service, where each address may ask for one text, and a confidential app of it.
async fn with_server() -> (TestApp, Server) {
    let (app, admin) = TestApp::with_admin_and(&[("EMAIL_FROM", "latchkey@example.com")]).await;
    let server = app.server(&admin, "server").await;
    (app.restarted(&[("OTP_SENDS_PER_IP_PER_HOUR", "1")]), server)
}

/// Signs in at the token endpoint, with further headers.
async fn grant_password(app: &TestApp, headers: &[(&str, &str)]) -> Answer {
    let form = [("grant_type", "password"), ("username", PHONE), ("password", PASSWORD)];
    let form = serde_urlencoded::to_string(form).unwrap();
    let headers = [&[("content-type", "application/x-www-form-urlencoded")], headers].concat();
    post_raw(app, None, "/oauth2/token", &headers, form).await
}

#[tokio::test]
async fn the_end_users_of_a_confidential_app_have_limits_of_their_own() {
    for path in ["/v1/otp/send", "/v1/auth/register"] {
        let (app, server) = with_server().await;
        // The administrator's code was counted for the address of all requests.
        app.advance(3600);
        let basic = server.basic();
        let send = async |user: Option<&str>, phone: &str| {
            let mut headers = vec![("authorization", basic.as_str())];
            headers.extend(user.map(|user| ("latchkey-client-ip", user)));
            post(&app, path, &headers, json!({"phone": phone})).await
        };

        for (user, phone) in [
            ("203.0.113.1", "+14155550131"),
            ("203.0.113.2", "+14155550132"),
            ("2001:db8::1", "+14155550133"),
        ] {
            assert_eq!(send(Some(user), phone).await.status, 202, "{path}: {user}");
        }
        for user in ["203.0.113.1", "::ffff:203.0.113.2", "2001:db8::2"] {
            send(Some(user), OTHER_PHONE).await.assert_problem(429, "sms_limit_reached");
        }

        // None of that was counted for the server.
        assert_eq!(send(None, OTHER_PHONE).await.status, 202, "{path}");
        send(None, "+14155550155").await.assert_problem(429, "sms_limit_reached");
    }
}

#[tokio::test]
async fn a_confidential_app_must_name_an_address() {
    let (app, server) = with_server().await;
    app.advance(3600);
    app.person(PHONE).await;
    let password = json!({"phone": PHONE, "password": PASSWORD});
    let basic = server.basic();

    for user in ["", "unknown", "203.0.113.1:443", "203.0.113.1, 203.0.113.2", "203.0.113.0/24"] {
        let headers = [("authorization", basic.as_str()), ("latchkey-client-ip", user)];
        for (path, body) in [
            ("/v1/otp/send", json!({"phone": OTHER_PHONE})),
            ("/v1/auth/register", json!({"phone": OTHER_PHONE})),
            ("/v1/auth/login", password.clone()),
        ] {
            let refused = post(&app, path, &headers, body).await;
            refused.assert_field("Latchkey-Client-IP");
            assert_eq!(
                refused.json["detail"],
                "Latchkey-Client-IP: must be one IPv4 or IPv6 address, without a port."
            );
        }

        grant_password(&app, &headers).await.assert_oauth(400, "invalid_request");
    }
    assert!(app.texts(OTHER_PHONE).is_empty());
}

#[tokio::test]
async fn sign_ins_by_a_confidential_app_show_the_address_of_the_end_user() {
    let (app, server) = with_server().await;
    app.advance(3600);
    app.person(PHONE).await;
    let basic = server.basic();
    let headers = [("authorization", basic.as_str()), ("latchkey-client-ip", "2001:DB8:0::9")];

    let body = json!({"phone": PHONE, "password": PASSWORD});
    let by_login = post(&app, "/v1/auth/login", &headers, body).await.signed_in();
    grant_password(&app, &headers).await.assert_ok();

    let ips = ips_of_sessions(&app, &by_login).await;
    assert_eq!(ips.iter().filter(|ip| *ip == "2001:db8::9").count(), 2, "{ips:?}");
}

#[tokio::test]
async fn nobody_but_a_confidential_app_names_an_address() {
    let (app, server) = with_server().await;
    app.advance(3600);
    assert_eq!(app.send_code(PHONE).await.status, 202);

    let wrong = basic("server", "wrong");
    for user in ["203.0.113.1", "unknown"] {
        let named = ("latchkey-client-ip", user);
        let anybody = send_code(&app, &[named], OTHER_PHONE).await;
        anybody.assert_problem(429, "sms_limit_reached");

        let headers = [("authorization", wrong.as_str()), named];
        send_code(&app, &headers, OTHER_PHONE).await.assert_problem(401, "invalid_client");
        let forgot = json!({"phone": OTHER_PHONE});
        let refused = post(&app, "/v1/password/forgot", &[named], forgot.clone()).await;
        refused.assert_problem(429, "sms_limit_reached");
        let refused = post(&app, "/v1/password/forgot", &headers, forgot).await;
        refused.assert_problem(401, "invalid_client");
    }

    let basic = server.basic();
    let headers = [("authorization", basic.as_str()), ("latchkey-client-ip", "203.0.113.1")];
    let forgot = json!({"phone": OTHER_PHONE});
    post(&app, "/v1/password/forgot", &headers, forgot).await.challenge_id();
}
