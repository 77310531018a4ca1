//! `DELETE /v1/users/{user_id}/avatar`: removes a user's picture.

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

/// Remove a user's picture
///
/// Only an administrator can remove the picture of an administrator. If there is no picture,
/// nothing changes, and the answer is the same.
#[utoipa::path(
    delete,
    path = "/v1/users/{user_id}/avatar",
    operation_id = "users-avatar-delete",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user's id, a UUID"), IfMatch),
    responses((status = 204, description = "Removed, or there was none")),
    extensions(("x-codes" = json!(["invalid_request", "not_found", "precondition_failed"]))),
)]
async fn delete(
    admin: Admin<UsersWrite>,
    users: Users,
    avatars: Avatars,
    recorder: Recorder,
    PathId(id): PathId,
    seen: IfMatch,
) -> Result<StatusCode, Error> {
    let event =
        recorder.event(admin.caller.activity(Action::UserAvatarRemove, format!("user:{id}")))?;
    users.remove_avatar(id, seen.tags(), &admin.permissions, (&avatars, event)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
