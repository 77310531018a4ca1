//! The layers around every endpoint: refusals, deadline, CORS, log line and security headers.

use std::{any::Any, time::Duration};

use axum::{
    Extension, Router,
    extract::{MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, header};
use lambda_http::{RequestExt, request::RequestContext};
use tokio::time::{Instant, timeout_at};
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{AllowOrigin, CorsLayer},
};
use tracing::Instrument as _;
use utoipa_axum::router::OpenApiRouter;

use super::{
    ErrorPage, Problem,
    credentials::is_basic,
    edge::{SourceAddress, source_address},
    oauth::{self, OAuthStyle},
    queries::{WithoutQuery, refuse_query},
};
use crate::{
    base::{
        Error,
        metrics::{self, Metric},
    },
    latchkey::Latchkey,
};

/// How long a request may take in all.
const DEADLINE: Duration = Duration::from_secs(8);
/// How long a browser may keep the response to a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);
/// The target of the span that a request is handled in.
pub(super) const REQUEST_SPAN: &str = "request";
/// The header that carries the request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers that OWASP's REST Security Cheat Sheet requires of an API's responses.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=63072000; includeSubDomains"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

/// The service of `routes`. It refuses every other path and method, keeps a deadline, writes a log
/// line for each request, and adds the headers that every response carries. Browsers may call it
/// from the origins in `ALLOWED_ORIGINS` and those of apps. A query is refused if the document of
/// `routes` describes none.
pub fn service(routes: OpenApiRouter<Latchkey>, latchkey: Latchkey) -> Router {
    let (routes, document) = routes.split_for_parts();
    let routes =
        routes.layer(middleware::from_fn_with_state(WithoutQuery::of(&document), refuse_query));
    service_for(routes, latchkey, |routes, latchkey| {
        routes.layer(middleware::from_fn_with_state(latchkey, find_origin))
    })
}

/// Like [`service`], for routes that do not use the table. Browsers may call it only from the
/// origins in `ALLOWED_ORIGINS`.
pub fn static_service(routes: Router<Latchkey>, latchkey: Latchkey) -> Router {
    service_for(routes, latchkey, |routes, latchkey| {
        routes.layer(middleware::from_fn_with_state(latchkey, find_origin_in_settings))
    })
}

/// Whether a browser may call from the origin of a request, or the error of looking that up.
#[derive(Clone)]
struct OriginLookup(Result<bool, Error>);

/// The service of `routes`, with a layer that looks their origins up. That layer is a parameter, so
/// that a Lambda without the table links no client of it.
fn service_for(
    routes: Router<Latchkey>,
    latchkey: Latchkey,
    with_origins: impl FnOnce(Router<Latchkey>, Latchkey) -> Router<Latchkey>,
) -> Router {
    let routes = routes
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(latchkey.clone(), refuse))
        .layer(cors());
    with_origins(routes, latchkey.clone())
        // Outside of that, which reads the table.
        .layer(middleware::from_fn_with_state(latchkey.clone(), find_source))
        .layer(middleware::from_fn_with_state(latchkey.clone(), observe))
        .with_state(latchkey)
}

/// The headers that tracing tools add to the requests of a page: those of the W3C, Sentry, Datadog,
/// New Relic and Zipkin. They are ignored.
const TRACING_HEADERS: [&str; 13] = [
    "traceparent",
    "tracestate",
    "baggage",
    "sentry-trace",
    "x-datadog-origin",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "x-datadog-trace-id",
    "newrelic",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-sampled",
];

/// Looks up whether a browser may call from the origin of a request: one in `ALLOWED_ORIGINS`, or of an
/// app, which is in the table.
async fn find_origin(
    State(latchkey): State<Latchkey>,
    mut request: Request,
    next: Next,
) -> Response {
    let allowed = match origin(&request) {
        // The forms of the hosted page are sent to their own origin.
        Some(origin) if origin != latchkey.settings().issuer => {
            latchkey.apps().allows_origin(origin).await
        }
        origin => Ok(origin.is_some_and(|it| latchkey.settings().apps.allows_origin(it))),
    };
    request.extensions_mut().insert(OriginLookup(allowed));
    next.run(request).await
}

/// As [`find_origin`], for origins in `ALLOWED_ORIGINS` alone.
async fn find_origin_in_settings(
    State(latchkey): State<Latchkey>,
    mut request: Request,
    next: Next,
) -> Response {
    let settings = &latchkey.settings().apps;
    let allowed = origin(&request).is_some_and(|it| settings.allows_origin(it));
    request.extensions_mut().insert(OriginLookup(Ok(allowed)));
    next.run(request).await
}

/// The origin of the page that sends a request.
fn origin(request: &Request) -> Option<&str> {
    request.headers().get(header::ORIGIN)?.to_str().ok()
}

/// Allows only known origins, and no credentials: tokens travel in a header. If an origin could not be
/// looked up, its page may read the error, which [`refuse`] returns.
fn cors() -> CorsLayer {
    let allowed = AllowOrigin::predicate(|_, parts| {
        let lookup = parts.extensions.get::<OriginLookup>();
        lookup.is_some_and(|OriginLookup(allowed)| *allowed != Ok(false))
    });
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(
            [
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_MATCH,
                HeaderName::from_static("idempotency-key"),
                // Swagger UI sends it with its sign-in form.
                HeaderName::from_static("x-requested-with"),
            ]
            .into_iter()
            .chain(TRACING_HEADERS.map(HeaderName::from_static))
            .collect::<Vec<_>>(),
        )
        .expose_headers([
            REQUEST_ID,
            header::RETRY_AFTER,
            header::ETAG,
            header::LOCATION,
            header::WWW_AUTHENTICATE,
        ])
        .max_age(PREFLIGHT_MAX_AGE)
        // All names in one value: a Lambda returns each header once.
        .vary([
            header::ORIGIN,
            header::ACCESS_CONTROL_REQUEST_METHOD,
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            header::ACCEPT_ENCODING,
        ])
}

#[expect(clippy::needless_pass_by_value, reason = "tower-http's signature")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    Error::Internal(format!("panic: {}", message.unwrap_or("?"))).into_response()
}

/// The id of a request. [`observe`] passes it on to everything that shows it.
#[derive(Clone)]
pub(super) struct RequestId(pub(super) String);

/// When a request times out. The time runs from before its origin is looked up.
#[derive(Clone, Copy)]
struct Deadline(Instant);

/// Keeps the deadline, and makes a problem of an [`Error`], which stays in the extensions of the
/// response.
async fn refuse(
    State(latchkey): State<Latchkey>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Extension(Deadline(deadline)): Extension<Deadline>,
    request: Request,
    next: Next,
) -> Response {
    let is_by_basic = request.headers().get_all(header::AUTHORIZATION).iter().any(is_basic);
    let mut response = match unknown_origin(&request) {
        Some(response) => response,
        None => match timeout_at(deadline, next.run(request)).await {
            Ok(response) => response,
            Err(_) => Error::Unavailable("the request took too long".into()).into_response(),
        },
    };

    if let Some(error) = response.extensions_mut().remove::<Error>() {
        let allow = response.headers_mut().remove(header::ALLOW);
        let (page, style) = (
            response.extensions_mut().remove::<ErrorPage>(),
            response.extensions_mut().remove::<OAuthStyle>(),
        );
        response = match (page, style) {
            (Some(page), _) => page.response(&error),
            (None, Some(OAuthStyle)) => oauth::response(&error, is_by_basic),
            (None, None) => problem(&error, &latchkey, &request_id),
        };
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response.extensions_mut().insert(error);
    }

    response
}

/// The refusal of a request whose origin could not be looked up. The page could not read any other
/// response, so nothing may be done that it has to hear of.
fn unknown_origin(request: &Request) -> Option<Response> {
    let OriginLookup(Err(error)) = request.extensions().get()? else { return None };
    let mut response = error.clone().into_response();
    if request.method() == Method::POST && request.uri().path().starts_with("/oauth2/") {
        response.extensions_mut().insert(OAuthStyle);
    }
    Some(response)
}

fn problem(error: &Error, latchkey: &Latchkey, request_id: &str) -> Response {
    Problem::new(error, &latchkey.settings().issuer, request_id).response(error)
}

/// Finds the address that the request comes from, for the extensions of request and response.
/// Refuses what does not come from the edge, if there is one.
async fn find_source(
    State(latchkey): State<Latchkey>,
    Extension(RequestId(request_id)): Extension<RequestId>,
    mut request: Request,
    next: Next,
) -> Response {
    match source_address(&request, &latchkey.settings().edge_secrets) {
        Ok(source) => {
            request.extensions_mut().insert(source.clone());
            let mut response = next.run(request).await;
            response.extensions_mut().insert(source);
            response
        }
        Err(error) => {
            let mut response = problem(&error, &latchkey, &request_id);
            response.extensions_mut().insert(error);
            response
        }
    }
}

/// Adds the headers that every response carries, and writes the log line.
async fn observe(State(latchkey): State<Latchkey>, mut request: Request, next: Next) -> Response {
    let began_at = latchkey.clock().now();
    let request_id = request_id(&request, &latchkey);
    request.extensions_mut().insert(RequestId(request_id.clone()));
    request.extensions_mut().insert(Deadline(Instant::now() + DEADLINE));
    let method = request.method().clone();

    // The pattern, not the path, which may contain a phone number.
    let route =
        request.extensions().get::<MatchedPath>().map_or("-", MatchedPath::as_str).to_owned();
    let units_before = latchkey.used_units();

    // Every log line of the request carries its id.
    let span = tracing::info_span!(target: REQUEST_SPAN, "request", request_id);
    let mut response = next.run(request).instrument(span).await;
    let error = response.extensions_mut().remove::<Error>();
    if error == Some(Error::ForeignOrigin) {
        // The page may call for other apps or people, but this answer is not for it.
        response.headers_mut().remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        response.headers_mut().remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    }
    // Without an edge, the address is in API Gateway's access log.
    let has_edge = !latchkey.settings().edge_secrets.is_empty();
    let source = response.extensions_mut().remove::<SourceAddress>().filter(|_| has_edge);
    let ip = source.and_then(|SourceAddress(ip)| ip);

    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, value);
    }

    match &error {
        Some(Error::Unavailable(_)) => metrics::count(Metric::Unavailable),
        Some(Error::OtpLocked { .. }) => metrics::count(Metric::Lockouts),
        Some(Error::OtpIncorrect { .. }) => metrics::count(Metric::CodesRefused),
        Some(Error::RefreshTokenReused) => metrics::count(Metric::RefreshReplays),
        _ => {}
    }

    let status = response.status().as_u16();
    let duration_ms = latchkey.clock().now().as_millisecond() - began_at.as_millisecond();
    let (read_units, write_units) = units_since(units_before, latchkey.used_units());
    match error {
        Some(error @ (Error::Internal(_) | Error::Unavailable(_) | Error::ViewerUnknown)) => {
            tracing::error!(
                request_id, ip, %method, route, status, duration_ms, read_units, write_units,
                outcome = %error, "request"
            );
        }
        Some(error) => {
            tracing::info!(
                request_id, ip, %method, route, status, duration_ms, read_units, write_units,
                outcome = %error, "request"
            );
        }
        None => {
            tracing::info!(
                request_id, ip, %method, route, status, duration_ms, read_units, write_units,
                outcome = "ok", "request"
            )
        }
    }
    response
}

fn units_since(before: (f64, f64), after: (f64, f64)) -> (f64, f64) {
    (after.0 - before.0, after.1 - before.1)
}

/// API Gateway's id of the request, which is also in its access log; a new one on a laptop.
fn request_id(request: &Request, latchkey: &Latchkey) -> String {
    let given = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };

    given.unwrap_or_else(|| {
        latchkey.random().uuid(latchkey.clock().now()).unwrap_or_default().to_string()
    })
}
