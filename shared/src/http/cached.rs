//! Public documents that clients keep, and ask for again by their entity tag (RFC 9110 §13).

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::conditional::entity_tags;
use crate::{base::Error, crypto::sha256};

/// The response with a JSON `document`, which has an entity tag and may be cached as
/// `cache_control` says. It has no body if the `headers` of the request name this tag.
///
/// # Errors
/// [`Error::Internal`] if the document cannot be written as JSON.
pub fn cached_json(
    document: &impl Serialize,
    cache_control: HeaderValue,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let body = serde_json::to_vec(document).map_err(|error| Error::Internal(error.to_string()))?;

    let tag = format!("\"{}\"", data_encoding::HEXLOWER.encode(&sha256(&body)[..16]));
    let etag = HeaderValue::from_str(&tag).map_err(|error| Error::Internal(error.to_string()))?;

    let common = [(header::ETAG, etag), (header::CACHE_CONTROL, cache_control)];
    if is_known(&tag, headers) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    Ok((common, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

/// Whether the client has the document with this tag. A header that cannot be read is ignored, so
/// that the client gets the document.
fn is_known(tag: &str, headers: &HeaderMap) -> bool {
    let known = entity_tags(headers, &header::IF_NONE_MATCH).flatten();
    known.is_some_and(|known| known.matches_weakly(tag))
}
