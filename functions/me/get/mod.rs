//! `GET /v1/me`: the signed-in user's profile.

use shared::{
    accounts::UserView,
    avatars::AvatarUrls,
    http::{Caller, Json},
    latchkey::Latchkey,
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
async fn get(caller: Caller, avatar_urls: AvatarUrls) -> Json<UserView> {
    Json(UserView::new(&caller.user, &caller.claims.client_id, &avatar_urls))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(get))
}
