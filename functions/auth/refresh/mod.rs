//! `POST /v1/auth/refresh`: exchanges a refresh token for a new pair of tokens.

use serde::Deserialize;
use shared::{
    apps::Apps,
    audit::Recorder,
    base::Error,
    http::{Credentials, Json},
    latchkey::Latchkey,
    sessions::{Sessions, TokenPair},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The refresh token of the latest pair.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    /// The refresh token. It works once.
    #[schema(example = "lkr_…")]
    refresh_token: String,
}

/// Exchange a refresh token for a new pair of tokens
///
/// A refresh token works once. A client that lost the response can send the same token again, at
/// any time, as long as the new refresh token was not used. It gets a new pair, which replaces the
/// lost one. Any other reuse revokes the session (`refresh_token_reused`). A confidential app
/// authenticates by HTTP Basic.
#[utoipa::path(
    post,
    path = "/v1/auth/refresh",
    operation_id = "auth-refresh",
    tag = "Sign-in",
    request_body = RefreshRequest,
    responses((status = 200, description = "The new pair of tokens", body = TokenPair)),
    extensions(("x-codes" = json!([
        "token_invalid", "token_expired", "refresh_token_reused", "user_disabled",
        "invalid_client", "app_disabled", "forbidden"
    ]))),
)]
async fn refresh(
    apps: Apps,
    sessions: Sessions,
    recorder: Recorder,
    Credentials(credentials): Credentials,
    Json(request): Json<RefreshRequest>,
) -> Result<Json<TokenPair>, Error> {
    let token = sessions.refresh_token(&request.refresh_token)?;
    apps.authorize(&token.client_id, credentials.as_ref()).await.map_err(|error| match error {
        // The token names the app, not the request: a deleted app is off for good.
        Error::UnknownApp => Error::AppDisabled,
        error => error,
    })?;
    Ok(Json(sessions.refresh(&token, None, &recorder).await?))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(refresh))
}
