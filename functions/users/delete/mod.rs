//! `DELETE /v1/users/{user_id}`: deletes a user.

use axum::http::StatusCode;
use shared::{
    administration::Users,
    audit::{Action, Recorder},
    avatars::Avatars,
    base::Error,
    http::{Admin, IfMatch, PathId, UsersWrite},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Delete a user
///
/// All data of the user is deleted. Only an administrator can delete an administrator, and the last
/// one cannot be deleted: the answer is `conflict`.
#[utoipa::path(
    delete,
    path = "/v1/users/{user_id}",
    operation_id = "users-delete",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user's id, a UUID"), IfMatch),
    responses((status = 204, description = "Deleted")),
    extensions(("x-codes" = json!([
        "invalid_request", "not_found", "conflict", "precondition_failed"
    ]))),
)]
async fn delete(
    admin: Admin<UsersWrite>,
    users: Users,
    avatars: Avatars,
    recorder: Recorder,
    PathId(id): PathId,
    seen: IfMatch,
) -> Result<StatusCode, Error> {
    let event = recorder.event(admin.caller.activity(Action::UserDelete, format!("user:{id}")))?;
    users.recording(event).delete(id, seen.tags(), &admin.permissions, &avatars).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
