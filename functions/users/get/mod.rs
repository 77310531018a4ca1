//! `GET /v1/users/{user_id}`: returns a user.

use shared::{
    accounts::UserView,
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Recorder},
    avatars::AvatarUrls,
    base::Error,
    http::{Admin, PathId, Tagged, UsersRead},
    latchkey::Latchkey,
    users::Directory,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Get a user
///
/// Send the `ETag` of the answer as `If-Match` with a change that depends on what was read. The
/// read is recorded in the audit trail.
#[utoipa::path(
    get,
    path = "/v1/users/{user_id}",
    operation_id = "users-get",
    tag = "Users",
    security(("access_token" = ["users:read"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user's id, a UUID")),
    responses((
        status = 200,
        description = "The user",
        body = UserView,
        headers(("ETag" = String, description = "For `If-Match`"))
    )),
    extensions(("x-codes" = json!(["invalid_request", "not_found"]))),
)]
async fn get(
    admin: Admin<UsersRead>,
    directory: Directory,
    recorder: Recorder,
    avatar_urls: AvatarUrls,
    PathId(id): PathId,
) -> Result<Tagged, Error> {
    let user = directory.get(id).await?;
    let metadata = directory.metadata(&user).await?;
    recorder.record(admin.caller.activity(Action::UserRead, format!("user:{id}"))).await?;
    Ok(Tagged::new(&user, metadata, DEFAULT_CLIENT_ID, &avatar_urls))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(get))
}
