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

/// Issuer metadata (RFC 8414, OpenID Connect Discovery 1.0). This issuer issues access tokens, no
/// ID tokens, and has no authorization endpoint.
#[derive(Serialize, ToSchema)]
pub struct DiscoveryView {
    /// The issuer: the base URL of this service, as in the claim `iss` of access tokens.
    #[schema(example = "https://id.example.com")]
    issuer: String,
    /// The URL of the public signing keys (RFC 7517).
    jwks_uri: String,
    /// The URL of the token endpoint (RFC 6749).
    token_endpoint: String,
    /// The URL of the introspection endpoint (RFC 7662).
    introspection_endpoint: String,
    /// The URL of the revocation endpoint (RFC 7009).
    revocation_endpoint: String,
    /// The URL of the endpoint with claims about the signed-in user.
    userinfo_endpoint: String,
    /// Only `none`, because there is no authorization endpoint.
    response_types_supported: Vec<String>,
    /// The grants of the token endpoint.
    grant_types_supported: Vec<String>,
    /// How an app can authenticate at the token endpoint. `none` is for public apps.
    token_endpoint_auth_methods_supported: Vec<String>,
    /// How an app can authenticate at the introspection endpoint.
    introspection_endpoint_auth_methods_supported: Vec<String>,
    /// How an app can authenticate at the revocation endpoint. `none` is for public apps.
    revocation_endpoint_auth_methods_supported: Vec<String>,
    /// Only `public`: the `sub` of a user is the same for every app.
    subject_types_supported: Vec<String>,
    /// The algorithm that signs tokens. There are no ID tokens, but OpenID Connect requires the
    /// field.
    id_token_signing_alg_values_supported: Vec<String>,
    /// The claims of access tokens.
    claims_supported: Vec<String>,
    /// The URL of the API's documentation.
    service_documentation: String,
}

/// Get the issuer metadata
///
/// It tells standard OAuth 2.0 clients the URLs and capabilities of this service. Clients may cache
/// it for 300 seconds.
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
