//! `GET /.well-known/jwks.json`: the public signing keys.

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use shared::{base::Error, crypto::sha256, latchkey::Latchkey, tokens::AccessTokens};
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
    let keys = tokens.published_keys().await?;
    let body = serde_json::to_vec(&*keys).map_err(|error| Error::Internal(error.to_string()))?;

    let tag = data_encoding::HEXLOWER.encode(&sha256(&body)[..16]);
    let etag = HeaderValue::from_str(&format!("\"{tag}\""))
        .map_err(|error| Error::Internal(error.to_string()))?;

    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).is_some_and(
        |tags| {
            tags.split(',')
                .any(|known| known.trim().trim_start_matches("W/").trim_matches('"') == tag)
        },
    );

    let common = [(header::ETAG, etag), (header::CACHE_CONTROL, CACHE)];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    Ok((common, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(jwks))
}
