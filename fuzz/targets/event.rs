//! An event that API Gateway passes to a Lambda, through all endpoints. An input that begins with
//! `{` is an event in payload format 2.0. Any other input is a request in the form of HTTP/1.1,
//! from which an event is made. `{token}` and `{user_id}` stand for those of an administrator.
//!
//! Nothing panics, no response is an internal error, and every refusal has a body that says why.
//!
//! API Gateway encodes bodies itself. `lambda_http` relies on that, and panics on a body that is
//! not encoded correctly. Such an event cannot come from API Gateway, so it is rejected as an
//! input.

#![no_main]

use std::cell::OnceCell;

use axum::{Router, body::to_bytes};
use data_encoding::BASE64;
use fuzz::aws::{self, USER_ID};
use http::{HeaderMap, Request, StatusCode, header};
use lambda_http::{Body, request::LambdaRequest};
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Map, Value, json};
use shared::http::lambda;
use tokio::runtime::Runtime;
use tower::ServiceExt;

struct Service {
    runtime: Runtime,
    router: Router,
    token: String,
}

thread_local! {
    static SERVICE: OnceCell<Service> = const { OnceCell::new() };
}

fn start() -> Service {
    // With a paused clock, time jumps ahead when all tasks wait, so that waiting costs nothing.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let (parts, token) = runtime.block_on(aws::parts());
    let service = Service { runtime, router: functions::all(parts), token };

    // Check that the fuzzer can reach the inside of the endpoints: the administrator is let in.
    for (path, expected) in
        [("/v1/me", StatusCode::OK), ("/v1/users/by-phone/+14155550199", StatusCode::NOT_FOUND)]
    {
        let event = service.event(&format!("GET {path}\nauthorization: Bearer {{token}}"));
        let status = event.and_then(|event| service.answer(&event)).map(|(status, ..)| status);
        assert_eq!(status, Some(expected), "{path}");
    }

    service
}

fuzz_target!(|input: &str| -> Corpus {
    SERVICE.with(|service| {
        let service = service.get_or_init(start);
        let Some(event) = service.event(input) else { return Corpus::Reject };
        let Some((status, headers, body)) = service.answer(&event) else { return Corpus::Reject };
        check(status, &headers, &body, &event);
        Corpus::Keep
    })
});

impl Service {
    /// The event that an input stands for.
    fn event(&self, input: &str) -> Option<String> {
        let text = input.replace("{token}", &self.token).replace("{user_id}", &USER_ID.to_string());
        through_gateway(if text.starts_with('{') {
            serde_json::from_str(&text).ok()?
        } else {
            event(&text)
        })
    }

    /// The response to an event. `None` if it is not an event of an HTTP API.
    fn answer(&self, event: &str) -> Option<(StatusCode, HeaderMap, Vec<u8>)> {
        let request =
            LambdaRequest::ApiGatewayV2(lambda::readable(serde_json::from_str(event).ok()?));
        let request = Request::<Body>::from(request);

        self.runtime.block_on(async {
            let response =
                self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
            let (head, body) = response.into_parts();
            Some((
                head.status,
                head.headers,
                to_bytes(body, usize::MAX).await.expect("a body").to_vec(),
            ))
        })
    }
}

fn check(status: StatusCode, headers: &HeaderMap, body: &[u8], event: &str) {
    let text = String::from_utf8_lossy(body);
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{event}\n{text}");
    assert!(
        headers.contains_key("x-request-id") && headers.contains_key("x-content-type-options"),
        "{event}"
    );
    if status.is_success() || status.is_redirection() || status == StatusCode::NOT_MODIFIED {
        return;
    }

    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let kind = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let is_problem = kind == Some(b"application/problem+json") && json["status"] == status.as_u16();
    let is_oauth_error = kind == Some(b"application/json") && json["error"].is_string();

    // The response to HEAD never has a body.
    let is_head = body.is_empty() && event.contains("HEAD");
    assert!(
        is_problem && json["code"].is_string() || is_oauth_error || is_head,
        "{status} {event}\n{text}"
    );
}

/// The event of a request: a line with method and path, headers, an empty line, the body.
fn event(request: &str) -> Value {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = headers.lines().filter_map(|header| header.split_once(": "));
    let mut headers: Map<_, _> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), Value::from(value))).collect();
    if !body.is_empty() {
        headers.entry("content-type").or_insert("application/json".into());
    }

    let agent = headers.get("user-agent").cloned();
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": {
            "accountId": "000000000000", "apiId": "fuzz", "domainPrefix": "id",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": agent,
            },
            "requestId": "1", "routeKey": "$default", "time": "12/Jan/2027:10:00:00 +0000",
            "timeEpoch": 1_800_000_000_000_u64,
        },
        "body": body, "isBase64Encoded": false,
    })
}

/// The event with the fields that API Gateway sets itself. `None` if API Gateway would not send it.
fn through_gateway(mut event: Value) -> Option<String> {
    if event["isBase64Encoded"] == true {
        BASE64.decode(event["body"].as_str().unwrap_or_default().as_bytes()).ok()?;
    }
    let context = event.get_mut("requestContext")?.as_object_mut()?;
    context.insert("stage".to_owned(), "$default".into());
    Some(event.to_string())
}
