//! `GET /v1/users/{user_id}`: one user.

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

/// One user, with an `ETag` for changes that depend on what was read.
#[utoipa::path(
    get,
    path = "/v1/users/{user_id}",
    operation_id = "users-get",
    tag = "Users",
    security(("access_token" = ["users:read"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user")),
    responses((status = 200, description = "The user", body = UserView, headers(("ETag" = String)))),
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
    recorder.record(admin.caller.activity(Action::UserRead, format!("user:{id}"))).await?;
    Ok(Tagged::new(&user, DEFAULT_CLIENT_ID, &avatar_urls))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(get))
}
