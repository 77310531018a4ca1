//! `POST /oauth2/userinfo`: the same as `GET` (OpenID Connect Core 1.0 §5.3.1).

use shared::{
    avatars::AvatarUrls,
    http::{CallerOfForm, Json},
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::oauth2::userinfo::UserInfo;

/// A form with the access token, if it is not in the header `Authorization`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described")]
pub struct UserInfoForm {
    /// The access token.
    access_token: Option<String>,
}

/// Get claims about the signed-in user, by POST
///
/// As `GET /oauth2/userinfo`. The access token is in the header `Authorization`, or in the form (RFC 6750 §2.2).
#[utoipa::path(
    post,
    path = "/oauth2/userinfo",
    operation_id = "oauth2-userinfo-post",
    tag = "OAuth 2.0",
    security(("access_token" = [])),
    request_body(content = Option<UserInfoForm>, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The claims", body = UserInfo)),
)]
async fn userinfo(avatar_urls: AvatarUrls, caller: CallerOfForm) -> Json<UserInfo> {
    let CallerOfForm(caller) = caller;
    Json(UserInfo::of(caller, &avatar_urls))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(userinfo))
}
