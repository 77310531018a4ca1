//! `GET /.well-known/jwks.json`: the public signing keys.

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::Response,
};
use shared::{base::Error, http::cached_json, latchkey::Latchkey, tokens::AccessTokens};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// How long a verifier may cache the key set. A key is published for a whole rotation period before
/// it signs, so a set that is a little old contains every key in use.
const CACHE: HeaderValue =
    HeaderValue::from_static("public, max-age=300, stale-while-revalidate=3600");

/// Get the public signing keys
///
/// A JSON Web Key Set (RFC 7517) with the current, the next and the previous key. Clients may cache
/// it for 300 seconds.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "jwks",
    tag = "Service",
    params((
        "if-none-match" = Option<String>,
        Header,
        description = "The `ETag` of the key set that the client has"
    )),
    responses(
        (
            status = 200,
            description = "The key set",
            content_type = "application/json",
            body = Object
        ),
        (status = 304, description = "The client has the current key set"),
    ),
)]
async fn jwks(tokens: AccessTokens, headers: HeaderMap) -> Result<Response, Error> {
    let mut answer = cached_json(&*tokens.published_keys().await?, CACHE, &headers)?;
    // Clients in the pages of every app read it, and it tells nothing about anybody.
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(answer)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(jwks))
}
