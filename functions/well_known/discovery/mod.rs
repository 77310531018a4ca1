//! `GET /.well-known/openid-configuration`: issuer metadata.

use axum::{http::header, response::IntoResponse};
use serde::Serialize;
use shared::{
    http::{CurrentSettings, Json},
    latchkey::Latchkey,
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
    token_endpoint: String,
    introspection_endpoint: String,
    revocation_endpoint: String,
    userinfo_endpoint: String,
    /// `none`: there is no authorization endpoint to ask for anything else.
    response_types_supported: Vec<String>,
    grant_types_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Vec<String>,
    introspection_endpoint_auth_methods_supported: Vec<String>,
    revocation_endpoint_auth_methods_supported: Vec<String>,
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
        token_endpoint: format!("{issuer}/oauth2/token"),
        introspection_endpoint: format!("{issuer}/oauth2/introspect"),
        revocation_endpoint: format!("{issuer}/oauth2/revoke"),
        userinfo_endpoint: format!("{issuer}/oauth2/userinfo"),
        response_types_supported: list(&["none"]),
        grant_types_supported: list(&["password", "refresh_token"]),
        token_endpoint_auth_methods_supported: list(&[
            "none",
            "client_secret_basic",
            "client_secret_post",
        ]),
        introspection_endpoint_auth_methods_supported: list(&[
            "client_secret_basic",
            "client_secret_post",
        ]),
        revocation_endpoint_auth_methods_supported: list(&[
            "none",
            "client_secret_basic",
            "client_secret_post",
        ]),
        subject_types_supported: list(&["public"]),
        id_token_signing_alg_values_supported: list(&[settings.keys.jwt_algorithm.name()]),
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
            "acr",
            "auth_time",
        ]),
        service_documentation: format!("{issuer}/docs"),
        issuer: issuer.clone(),
    };
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(metadata))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(discovery))
}
