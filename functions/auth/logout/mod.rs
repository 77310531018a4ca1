//! `POST /v1/auth/logout`: ends this session, or all sessions of the user.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, OptionalJson},
    latchkey::Latchkey,
    sessions::LiveSessions,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The sessions to end.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogoutRequest {
    /// Whether to end all sessions of the user, on every device. Default: `false`.
    #[serde(default)]
    all: bool,
}

/// Sign out of this session, or of all sessions
///
/// The tokens of an ended session stop working here immediately. A service that checks access
/// tokens only with the published keys accepts one until it expires.
#[utoipa::path(
    post,
    path = "/v1/auth/logout",
    operation_id = "auth-logout",
    tag = "Sign-in",
    security(("access_token" = [])),
    request_body(
        content = Option<LogoutRequest>,
        description = "The sessions to end. Without a body, this session ends",
    ),
    responses((status = 204, description = "Signed out")),
)]
async fn logout(
    caller: Caller,
    sessions: LiveSessions,
    recorder: Recorder,
    OptionalJson(request): OptionalJson<LogoutRequest>,
) -> Result<StatusCode, Error> {
    if request.all {
        sessions.end_all(caller.user.id).await?;
    } else {
        sessions.end(caller.user.id, &[caller.claims.sid]).await?;
    }

    recorder.record(caller.own_activity(Action::SignOut)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(logout))
}
