//! `DELETE /v1/me/sessions/{session_id}`: ends one of the signed-in user's sessions.

use axum::http::StatusCode;
use shared::{
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, PathId},
    latchkey::Latchkey,
    sessions::LiveSessions,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// End one of the signed-in user's sessions
///
/// Its tokens stop working here immediately. For a session of somebody else the response is
/// `not_found`, as for one that does not exist.
#[utoipa::path(
    delete,
    path = "/v1/me/sessions/{session_id}",
    operation_id = "me-session-delete",
    tag = "Me",
    security(("access_token" = [])),
    params(("session_id" = uuid::Uuid, Path, description = "The id of the session, a UUID")),
    responses((status = 204, description = "Signed out")),
    extensions(("x-codes" = json!(["invalid_request", "not_found"]))),
)]
async fn delete(
    caller: Caller,
    sessions: LiveSessions,
    recorder: Recorder,
    PathId(id): PathId,
) -> Result<StatusCode, Error> {
    if !caller.user.sessions.contains_key(&id) {
        return Err(Error::NotFound);
    }
    sessions.end_with_apps(&caller.user, id).await?;
    recorder.record(caller.own_activity(Action::SignOut)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
