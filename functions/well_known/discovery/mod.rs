//! `GET /.well-known/openid-configuration`: issuer metadata.

use axum::{http::header, response::IntoResponse};
use serde::Serialize;
use shared::{
    http::{CurrentSettings, Json},
    parts::Parts,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Issuer metadata (RFC 8414, OpenID Connect Discovery 1.0), as far as this issuer goes: it gives
/// access tokens, no ID tokens, and has no authorization endpoint.
#[derive(Serialize, ToSchema)]
pub struct DiscoveryView {
    #[schema(example = "https://id.example.com")]
    issuer: String,
    jwks_uri: String,
    response_types_supported: Vec<String>,
    grant_types_supported: Vec<String>,
    subject_types_supported: Vec<String>,
    id_token_signing_alg_values_supported: Vec<String>,
    /// The claims of access tokens.
    claims_supported: Vec<String>,
    service_documentation: String,
}

/// Issuer metadata.
#[utoipa::path(
    get,
    path = "/.well-known/openid-configuration",
    operation_id = "discovery",
    tag = "Service",
    responses((status = 200, description = "The metadata", body = DiscoveryView)),
)]
async fn discovery(CurrentSettings(settings): CurrentSettings) -> impl IntoResponse {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let issuer = &settings.issuer;
    let metadata = DiscoveryView {
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        response_types_supported: Vec::new(),
        grant_types_supported: list(&["refresh_token"]),
        subject_types_supported: list(&["public"]),
        id_token_signing_alg_values_supported: list(&[settings.jwt_algorithm.name()]),
        claims_supported: list(&[
            "iss",
            "sub",
            "aud",
            "client_id",
            "iat",
            "exp",
            "jti",
            "sid",
            "roles",
            "scope",
            "amr",
            "auth_time",
        ]),
        service_documentation: format!("{issuer}/docs"),
        issuer: issuer.clone(),
    };
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(metadata))
}

/// The route.
pub fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(discovery))
}
