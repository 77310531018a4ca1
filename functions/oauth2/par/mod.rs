//! `POST /oauth2/par`: takes the request of an app before the browser is sent (RFC 9126).

use axum::{http::StatusCode, middleware::map_response};
use serde::Serialize;
use shared::{
    apps::Apps,
    authorization::{AuthorizationRequest, PUSHED_SECONDS, PushedRequests, redirect_uri},
    base::Error,
    http::{Credentials, Json, RawForm, oauth_errors},
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::requests;

#[cfg(test)]
mod tests;

/// The parameters of `GET /oauth2/authorize`, and how the app authenticates. These are the usual ones.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct PushRequest {
    /// The app.
    client_id: Option<String>,
    /// The secret of a confidential app that does not authenticate by HTTP Basic.
    #[schema(format = "password")]
    client_secret: Option<String>,
    /// One of the app's `redirect_uris`.
    redirect_uri: Option<String>,
    /// `code`.
    #[schema(example = "code")]
    response_type: Option<String>,
    /// The scopes, separated by spaces.
    scope: Option<String>,
    /// Comes back with the answer.
    state: Option<String>,
    /// The SHA-256 of the code verifier, in base64url.
    code_challenge: Option<String>,
    /// `S256`.
    code_challenge_method: Option<String>,
}

/// The name of a request that was pushed.
#[derive(Serialize, ToSchema)]
pub struct PushedRequestName {
    /// Send the browser to `GET /oauth2/authorize` with this `request_uri` and the `client_id`. It works
    /// once.
    #[schema(example = "urn:ietf:params:oauth:request_uri:…")]
    request_uri: String,
    /// Seconds until it expires.
    #[schema(example = 60)]
    expires_in: i64,
}

/// Push a request for a sign-in
///
/// As in RFC 9126. The app authenticates as at `POST /oauth2/token`, and learns immediately what is wrong
/// with its request. The browser carries only the name of the request.
#[utoipa::path(
    post,
    path = "/oauth2/par",
    operation_id = "oauth2-par",
    tag = "OAuth 2.0",
    request_body(content = PushRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 201, description = "Kept", body = PushedRequestName)),
    extensions(("x-oauth-errors" = json!([
        "invalid_request", "invalid_client", "unauthorized_client", "unsupported_response_type",
        "request_not_supported", "invalid_scope", "unmet_authentication_requirements"
    ]))),
)]
async fn par(
    apps: Apps,
    requests: PushedRequests,
    credentials: Credentials,
    RawForm(form): RawForm,
) -> Result<(StatusCode, Json<PushedRequestName>), Error> {
    let (parameters, app) = requests::read(&apps, credentials, &form).await?;
    if parameters.get("request_uri").is_some() || parameters.is_repeated("request_uri") {
        return Err(Error::field("request_uri", "must not be sent here"));
    }

    let address = redirect_uri(&parameters, &app)
        .ok_or_else(|| Error::field("redirect_uri", "must be one of the app's redirect_uris"))?;
    if let Err((_, refusal)) = AuthorizationRequest::read(&parameters, &app, address) {
        return Err(Error::RequestRefused(refusal.error, refusal.description));
    }
    let request_uri = requests.push(&app.client_id, &parameters).await?;
    let named = PushedRequestName { request_uri, expires_in: PUSHED_SECONDS };
    Ok((StatusCode::CREATED, Json(named)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(par)).layer(map_response(oauth_errors))
}
