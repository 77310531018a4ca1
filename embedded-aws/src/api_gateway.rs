//! API Gateway: turns a request into the event that an HTTP API sends to a Lambda (payload format
//! 2.0), with the same limits, so that handlers see the same events here as on AWS.

use std::{convert::Infallible, net::IpAddr};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Request, StatusCode, header, uri::Authority};
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tower::{Service, ServiceExt};

/// The largest request: Lambda's limit on an event, which is below API Gateway's own of 10 MB.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;
/// The largest size of the path and all headers together.
const MAX_HEADER_BYTES: usize = 10_240;

/// How many requests are handled at the same time. Others wait their turn. Lambda gives each
/// request a separate instance, but here all share one machine: too many at the same time would
/// make each so slow that its calls to AWS time out.
const AT_WORK: usize = 16;
static TURNS: Semaphore = Semaphore::const_new(AT_WORK);

/// Passes `request`, from the IP address `source`, to a Lambda's service. Returns its response or,
/// if API Gateway itself would refuse the request, that refusal.
pub async fn invoke<S>(lambda: S, request: Request<Body>, source: IpAddr) -> Response
where
    S: Service<lambda_http::Request, Response = Response, Error = Infallible> + Send,
    S::Future: Send,
{
    let (parts, body) = request.into_parts();

    let header_bytes: usize =
        parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if header_bytes + parts.uri.path().len() > MAX_HEADER_BYTES {
        return refusal(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Request Header Fields Too Large",
        );
    }

    let Ok(body) = Limited::new(body, MAX_EVENT_BYTES).collect().await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };

    // A request with an invalid host does not reach an API. One without a host is given
    // `localhost`.
    let host = parts.headers.get(header::HOST).map_or(Some("localhost"), |host| host.to_str().ok());
    let Some(host) = host
        .filter(|host| host.parse::<Authority>().is_ok_and(|host| !host.as_str().contains('@')))
    else {
        return refusal(StatusCode::BAD_REQUEST, "Bad Request");
    };

    let event = event(&parts, host, &body.to_bytes(), source);
    if event.len() > MAX_EVENT_BYTES {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    }

    let Ok(request) = lambda_http::request::from_str(&event) else {
        return refusal(StatusCode::BAD_REQUEST, "Bad Request");
    };
    let _turn = TURNS.acquire().await;

    match lambda.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn refusal(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({"message": message}))).into_response()
}

/// The event, as JSON.
#[expect(clippy::disallowed_methods, reason = "AWS has its own clock")]
fn event(parts: &http::request::Parts, host: &str, body: &[u8], source: IpAddr) -> String {
    let now = Timestamp::now();
    let header =
        |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text =
        is_text(header(header::CONTENT_TYPE)).then(|| std::str::from_utf8(body).ok()).flatten();

    let path = decoded(parts.uri.path());
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers(&parts.headers, host, source),
        "cookies": cookies(&parts.headers),
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source.to_string(),
                "userAgent": header(header::USER_AGENT),
            },
            "requestId": uuid::Uuid::new_v4().to_string(),
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": text.is_none() && !body.is_empty(),
    });
    if let Value::Object(event) = &mut event
        && !body.is_empty()
    {
        let body = text.map_or_else(|| data_encoding::BASE64.encode(body), str::to_owned);
        event.insert("body".into(), body.into());
    }

    event.to_string()
}

/// A path as an HTTP API hands it over. Each escape is decoded, except for `%25`. Others have seen
/// that AWS cuts a path at a decoded `?`. AWS does not document it, so `?` and `#` stay encoded here. Dot
/// segments are encoded twice, since the reader of the event would take them out, and another
/// route would be called.
fn decoded(path: &str) -> String {
    let path = path.replace("%25", "%2525");
    let decoded = percent_decode_str(&path).decode_utf8_lossy();
    let decoded = decoded.replace('?', "%3F").replace('#', "%23").replace('\\', "%5C");
    let segments = decoded.split('/').map(|segment| match segment {
        "." | ".." => segment.replace('.', "%252E"),
        _ => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// The headers of the event. Values of one name are joined by commas. API Gateway overwrites the
/// headers that say where a request came from.
fn headers(headers: &HeaderMap, host: &str, source: IpAddr) -> Map<String, Value> {
    let value = |name| {
        let values = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        values.collect::<Vec<_>>().join(",")
    };

    // Cookies are a separate list.
    let names = headers.keys().filter(|name| **name != header::COOKIE);
    let mut map: Map<_, _> =
        names.map(|name| (name.as_str().to_owned(), value(name).into())).collect();
    map.insert("host".into(), host.into());
    map.insert("x-forwarded-for".into(), source.to_string().into());
    map.insert("x-forwarded-port".into(), "443".into());
    map.insert("x-forwarded-proto".into(), "https".into());

    map
}

/// The cookies of a request, each as it was sent.
fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::COOKIE).iter();
    let texts = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let joined = texts.collect::<Vec<_>>().join("; ");
    joined.split("; ").filter(|cookie| !cookie.is_empty()).map(str::to_owned).collect()
}

fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || [
            "application/json",
            "application/xml",
            "application/javascript",
            "application/x-www-form-urlencoded",
        ]
        .contains(&essence.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_gets_the_path_decoded() {
        for (sent, handed_over) in [
            ("/v1/users/by-phone/%2B14155550123", "/v1/users/by-phone/+14155550123"),
            ("/v1/roles/a%20b%2Fc", "/v1/roles/a b/c"),
            ("/v1/roles/%C3%A9", "/v1/roles/é"),
            ("/v1/roles/100%25", "/v1/roles/100%25"),
            ("/v1/roles/a%252Fb", "/v1/roles/a%252Fb"),
            ("/v1/roles/a%3Fb%23c", "/v1/roles/a%3Fb%23c"),
            ("/v1/roles/..%2fapps", "/v1/roles/%252E%252E/apps"),
            ("/v1/roles/%2E%2e/apps", "/v1/roles/%252E%252E/apps"),
            ("/v1/roles/%2e", "/v1/roles/%252E"),
            ("/v1/roles/..%5capps", "/v1/roles/..%5Capps"),
        ] {
            assert_eq!(decoded(sent), handed_over);
        }
    }
}
