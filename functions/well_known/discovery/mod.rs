//! `GET /.well-known/openid-configuration`: issuer metadata.

use axum::{http::header, response::IntoResponse};
use serde::Serialize;
use shared::{
    authorization::PROMPTS,
    crypto::Algorithm,
    http::{CurrentSettings, Json},
    latchkey::Latchkey,
    messages::Language,
    settings::Settings,
    users::{MULTI_FACTOR, SCOPES, SINGLE_FACTOR},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::well_known::CACHED;

#[cfg(test)]
mod tests;

/// Issuer metadata (RFC 8414, OpenID Connect Discovery 1.0).
#[derive(Serialize, ToSchema)]
pub struct DiscoveryView {
    /// The issuer: the base URL of this service, as in the claim `iss` of access tokens.
    #[schema(example = "https://id.example.com")]
    issuer: String,
    /// The URL of the public signing keys (RFC 7517).
    jwks_uri: String,
    /// The URL of the authorization endpoint (RFC 6749).
    authorization_endpoint: String,
    /// The URL to which apps push requests (RFC 9126).
    pushed_authorization_request_endpoint: String,
    /// The URL of the page that signs out (OpenID Connect RP-Initiated Logout 1.0).
    end_session_endpoint: String,
    /// The URL at which devices without a browser begin (RFC 8628).
    device_authorization_endpoint: String,
    /// The URL of the token endpoint (RFC 6749).
    token_endpoint: String,
    /// The URL of the introspection endpoint (RFC 7662).
    introspection_endpoint: String,
    /// The URL of the revocation endpoint (RFC 7009).
    revocation_endpoint: String,
    /// The URL of the endpoint with claims about the signed-in user.
    userinfo_endpoint: String,
    /// Only `code`.
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
    /// The algorithm that signs tokens.
    id_token_signing_alg_values_supported: Vec<String>,
    /// The claims of access tokens and ID tokens.
    claims_supported: Vec<String>,
    /// The scopes that an app can ask for.
    scopes_supported: Vec<String>,
    /// How an answer can be sent to an app.
    response_modes_supported: Vec<String>,
    /// The values of `prompt`.
    prompt_values_supported: Vec<String>,
    /// The assurance levels.
    acr_values_supported: Vec<String>,
    /// The languages of the page.
    ui_locales_supported: Vec<String>,
    /// Only `S256` (RFC 7636).
    code_challenge_methods_supported: Vec<String>,
    /// Every answer to an app carries `iss` (RFC 9207).
    authorization_response_iss_parameter_supported: bool,
    /// Apps are told of the end of their sessions (OpenID Connect Back-Channel Logout 1.0).
    backchannel_logout_supported: bool,
    /// A logout token names the session.
    backchannel_logout_session_supported: bool,
    /// The parameter `claims` is read. Only the `acr` of the ID token counts.
    claims_parameter_supported: bool,
    /// The parameter `request` is refused.
    request_parameter_supported: bool,
    /// The parameter `request_uri` is refused, but for requests that were pushed.
    request_uri_parameter_supported: bool,
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
    metadata(&settings)
}

/// The metadata, as both of its paths return it.
pub(crate) fn metadata(settings: &Settings) -> impl IntoResponse + use<> {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let issuer = &settings.issuer;

    let metadata = DiscoveryView {
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        authorization_endpoint: format!("{issuer}/oauth2/authorize"),
        pushed_authorization_request_endpoint: format!("{issuer}/oauth2/par"),
        end_session_endpoint: format!("{issuer}/oauth2/logout"),
        device_authorization_endpoint: format!("{issuer}/oauth2/device_authorization"),
        token_endpoint: format!("{issuer}/oauth2/token"),
        introspection_endpoint: format!("{issuer}/oauth2/introspect"),
        revocation_endpoint: format!("{issuer}/oauth2/revoke"),
        userinfo_endpoint: format!("{issuer}/oauth2/userinfo"),
        response_types_supported: list(&["code"]),
        grant_types_supported: list(&[
            "authorization_code",
            "client_credentials",
            "password",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ]),
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
        id_token_signing_alg_values_supported: match settings.keys.jwt_algorithm {
            Algorithm::RS256 => list(&["RS256"]),
            // OpenID Connect Discovery 1.0 §3: RS256 is always there, for apps that ask for it.
            algorithm => list(&[algorithm.name(), "RS256"]),
        },
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
            "nonce",
            "at_hash",
            "name",
            "preferred_username",
            "picture",
            "locale",
            "updated_at",
            "email",
            "email_verified",
            "phone_number",
            "phone_number_verified",
        ]),
        scopes_supported: list(&SCOPES),
        response_modes_supported: list(&["query", "form_post"]),
        prompt_values_supported: list(&PROMPTS),
        acr_values_supported: list(&[SINGLE_FACTOR, MULTI_FACTOR]),
        ui_locales_supported: list(&Language::ALL.map(Language::tag)),
        code_challenge_methods_supported: list(&["S256"]),
        authorization_response_iss_parameter_supported: true,
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
        claims_parameter_supported: true,
        request_parameter_supported: false,
        request_uri_parameter_supported: false,
        service_documentation: format!("{issuer}/docs"),
        issuer: issuer.clone(),
    };

    // Clients in the pages of every app read it, and it tells nothing about anybody.
    let headers = [(header::CACHE_CONTROL, CACHED), (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")];
    (headers, Json(metadata))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(discovery))
}
