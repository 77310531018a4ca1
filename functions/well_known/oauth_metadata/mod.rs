//! `GET /.well-known/oauth-authorization-server`: the issuer metadata at the path of RFC 8414.

use axum::response::IntoResponse;
use shared::{http::CurrentSettings, latchkey::Latchkey};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::well_known::discovery::{DiscoveryView, metadata};

/// Get the issuer metadata, as RFC 8414 has it
///
/// The same document as `GET /.well-known/openid-configuration`.
#[utoipa::path(
    get,
    path = "/.well-known/oauth-authorization-server",
    operation_id = "oauth-metadata",
    tag = "Service",
    responses((status = 200, description = "The metadata", body = DiscoveryView)),
)]
async fn oauth_metadata(CurrentSettings(settings): CurrentSettings) -> impl IntoResponse {
    metadata(&settings)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(oauth_metadata))
}
