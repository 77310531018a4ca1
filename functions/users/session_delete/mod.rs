//! `DELETE /v1/users/{user_id}/sessions/{session_id}`: ends a session of a user.

use axum::http::StatusCode;
use shared::{
    administration::Users,
    audit::{Action, Recorder, user_subject},
    base::Error,
    http::{Admin, IfMatch, PathIds, UsersWrite},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// End a session of a user
///
/// Its tokens stop working here immediately. The caller needs all permissions that the user has.
#[utoipa::path(
    delete,
    path = "/v1/users/{user_id}/sessions/{session_id}",
    operation_id = "users-session-delete",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    params(
        ("user_id" = uuid::Uuid, Path, description = "The user's id, a UUID"),
        ("session_id" = uuid::Uuid, Path, description = "The id of the session, a UUID"),
        IfMatch
    ),
    responses((status = 204, description = "Signed out")),
    extensions(("x-codes" = json!(["invalid_request", "not_found", "precondition_failed"]))),
)]
async fn delete(
    admin: Admin<UsersWrite>,
    users: Users,
    recorder: Recorder,
    PathIds(id, session_id): PathIds,
    seen: IfMatch,
) -> Result<StatusCode, Error> {
    let activity = admin.caller.activity(Action::UserSessionEnd, user_subject(id));
    let users = users.recording(recorder.event(activity)?);
    users.end_session((id, session_id), seen.tags(), &admin.permissions).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
