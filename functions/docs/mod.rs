//! `GET /docs`: a page to read about the API and to try it.

use axum::{
    http::{HeaderMap, header},
    response::IntoResponse,
};
use shared::{http::Compressed, latchkey::Latchkey};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Get a page to read about the API and to try it
///
/// The page is Swagger UI. It loads nothing from other servers.
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "docs",
    tag = "Service",
    responses((status = 200, description = "The page", content_type = "text/html", body = String)),
)]
async fn docs(request: HeaderMap) -> impl IntoResponse {
    const PAGE: Compressed = Compressed {
        text: include_str!(concat!(env!("OUT_DIR"), "/docs.html")),
        gzip: include_bytes!(concat!(env!("OUT_DIR"), "/docs.html.gz")),
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::CONTENT_SECURITY_POLICY, include_str!(concat!(env!("OUT_DIR"), "/docs.policy"))),
    ];
    (headers, PAGE.answer(&request))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(docs))
}
