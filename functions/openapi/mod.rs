//! `GET /openapi.json`: the OpenAPI document of the API.

use axum::{
    http::{HeaderMap, header},
    response::IntoResponse,
};
use shared::{http::Compressed, latchkey::Latchkey};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The document that [`crate::document`] generates from the code. It is kept in the repository, so
/// that a diff shows every change of the API, and a test checks that it is up to date. It is served
/// as text: generating it would link every other endpoint into this Lambda.
pub const DOCUMENT: &str = include_str!("../../docs/openapi.json");

/// Get the OpenAPI document
///
/// It describes this API in OpenAPI 3.1. Clients may cache it for 300 seconds.
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "openapi",
    tag = "Service",
    responses((
        status = 200,
        description = "The document",
        content_type = "application/json",
        body = Object
    )),
)]
async fn openapi(request: HeaderMap) -> impl IntoResponse {
    const COMPRESSED: Compressed = Compressed {
        text: DOCUMENT,
        gzip: include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json.gz")),
    };

    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, COMPRESSED.answer(&request))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(openapi))
}
