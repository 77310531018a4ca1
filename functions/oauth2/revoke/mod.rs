//! `POST /oauth2/revoke`: revokes the session that a token belongs to (RFC 7009).

use axum::{http::StatusCode, middleware::map_response};
use serde::Deserialize;
use shared::{
    apps::{Apps, DEFAULT_CLIENT_ID},
    audit::{Action, Activity, Recorder},
    base::Error,
    http::{Credentials, CurrentHashKeys, Form, oauth_errors},
    latchkey::Latchkey,
    sessions::LiveSessions,
    tokens::{AccessTokens, RefreshToken},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The token to revoke, as a form.
#[derive(Deserialize, ToSchema)]
pub struct RevokeRequest {
    /// The access or refresh token. It is required.
    token: Option<String>,
    /// `access_token` or `refresh_token`. It is ignored, because a token shows what it is.
    #[expect(dead_code, reason = "a token shows what it is")]
    token_type_hint: Option<String>,
    /// The app that the token belongs to. Default: the app that authenticates by HTTP
    /// Basic, or `default`.
    client_id: Option<String>,
    /// The secret of a confidential app that does not authenticate by HTTP Basic.
    #[schema(format = "password")]
    client_secret: Option<String>,
}

/// Revoke the session that a token belongs to
///
/// As in RFC 7009. Both tokens of the session stop working here immediately. For a token that is
/// invalid, expired or already revoked the status is 200, too (§2.2). A token of another app is
/// refused with `unauthorized_client`. The token of the grant `client_credentials` has no session, and
/// is refused with `unsupported_token_type`: it works until it expires.
#[utoipa::path(
    post,
    path = "/oauth2/revoke",
    operation_id = "oauth2-revoke",
    tag = "OAuth 2.0",
    request_body(content = RevokeRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token no longer works")),
    extensions(("x-oauth-errors" = json!([
        "invalid_request", "invalid_client", "unauthorized_client", "unsupported_token_type"
    ]))),
)]
async fn revoke(
    apps: Apps,
    access_tokens: AccessTokens,
    sessions: LiveSessions,
    recorder: Recorder,
    CurrentHashKeys(keys): CurrentHashKeys,
    credentials: Credentials,
    Form(request): Form<RevokeRequest>,
) -> Result<StatusCode, Error> {
    let claimed = credentials.or_form(request.client_id, request.client_secret)?;
    let client_id = claimed.client_id.as_deref().unwrap_or(DEFAULT_CLIENT_ID);
    apps.authorize(client_id, claimed.credentials.as_ref()).await?;

    let token = request
        .token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| Error::field("token", "is missing"))?;

    let (user_id, session_id, owner) = match RefreshToken::decode(&token, &keys) {
        Ok(token) => (token.user_id, token.session_id, token.client_id.clone()),
        Err(_) => match access_tokens.verify(&token).await {
            Ok(claims) => (claims.sub, claims.sid, claims.client_id),
            Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
            Err(_) => {
                return match access_tokens.machine(&token).await? {
                    Some(claims) if claims.client_id != client_id => Err(Error::UnauthorizedClient),
                    Some(_) => Err(Error::RequestRefused(
                        "unsupported_token_type",
                        "The token has no session that could end. It works until it expires.",
                    )),
                    None => Ok(StatusCode::OK),
                };
            }
        },
    };

    if owner != client_id {
        return Err(Error::UnauthorizedClient);
    }

    if sessions.exists(user_id, session_id).await? {
        sessions.end(user_id, &[session_id]).await?;
        recorder.record(Activity::own(Action::TokenRevoke, user_id, client_id)).await?;
    }
    Ok(StatusCode::OK)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(revoke)).layer(map_response(oauth_errors))
}
