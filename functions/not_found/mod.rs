//! Every other path and method: API Gateway's `$default` route.
//!
//! Without it, API Gateway would return `{"message": "Not Found"}`. This returns problem details,
//! uses status 405 for a wrong method and 404 for a wrong path, and answers the preflights of
//! browsers. Browsers that follow a link get a page.

use std::sync::LazyLock;

use axum::{
    Router,
    http::{HeaderValue, Method, Uri, header},
    response::Response,
    routing::any,
};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    confirmation::{Page, Reader},
    openapi::DOCUMENT,
};
use shared::{base::Error, latchkey::Latchkey};

#[cfg(test)]
mod tests;

/// The paths of the OpenAPI document, with the methods of each in upper case.
static OPERATIONS: LazyLock<Vec<(String, Vec<String>)>> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap_or_default();
    let methods = |item: &Value| {
        item.as_object()
            .into_iter()
            .flatten()
            .map(|(method, _)| method.to_ascii_uppercase())
            .collect()
    };

    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    paths.map(|(path, item)| (path.clone(), methods(item))).collect()
});

/// Refuses a request that no other function takes.
pub(crate) async fn not_found(method: Method, uri: Uri, reader: Reader) -> Response {
    let allowed =
        OPERATIONS.iter().find(|(path, _)| matches(path, uri.path())).map(|(_, methods)| methods);

    match allowed {
        Some(methods) if !methods.iter().any(|allowed| allowed == method.as_str()) => {
            // A messages app or an in-app browser may open the page of a sign-in in another browser.
            let is_sign_in = uri.path() == "/sign-in";
            let page = if is_sign_in { Page::SignInElsewhere } else { Page::Missing };
            let mut response = reader.refusal(Error::MethodNotAllowed, page);
            if let Ok(allow) = HeaderValue::from_str(&methods.join(",")) {
                response.headers_mut().insert(header::ALLOW, allow);
            }
            response
        }
        _ => reader.refusal(Error::NotFound, Page::Missing),
    }
}

/// Whether `path` matches a `template` like `/v1/otp/{challenge_id}`.
fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(parameter), Some(segment))
                if parameter.starts_with('{') && !segment.is_empty() => {}
            (Some(literal), Some(segment)) if literal == segment => {}
            _ => return false,
        }
    }
}

/// The routes: every path and method.
pub fn routes() -> OpenApiRouter<Latchkey> {
    Router::new().route("/", any(not_found)).route("/{*path}", any(not_found)).into()
}
