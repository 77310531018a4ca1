//! `GET /v1/me`: the signed-in user's profile.

use shared::{
    accounts::UserView,
    avatars::AvatarUrls,
    base::Error,
    http::{Caller, Json},
    latchkey::Latchkey,
    users::Directory,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Get the signed-in user's profile
#[utoipa::path(
    get,
    path = "/v1/me",
    operation_id = "me-get",
    tag = "Me",
    security(("access_token" = [])),
    responses((status = 200, description = "The signed-in user", body = UserView)),
)]
async fn get(
    caller: Caller,
    directory: Directory,
    avatar_urls: AvatarUrls,
) -> Result<Json<UserView>, Error> {
    let metadata = directory.metadata(&caller.user).await?;
    Ok(Json(UserView::new(&caller.user, metadata, &caller.claims.client_id, &avatar_urls)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(get))
}
