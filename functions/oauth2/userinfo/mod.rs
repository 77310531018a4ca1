//! `GET /oauth2/userinfo`: claims about the signed-in user (OpenID Connect Core 1.0 §5.3).

use serde::Serialize;
use shared::{
    avatars::AvatarUrls,
    http::{Caller, Json},
    latchkey::Latchkey,
    users::{Size, User},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// Standard claims (OpenID Connect Core 1.0 §5.1); those that the user does not have are left out.
#[derive(Serialize, ToSchema)]
pub struct UserInfo {
    /// The user's id.
    sub: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
    /// 512 pixels square. A URL with a signature is good for three quarters of an hour or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    /// E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "+14155550123")]
    phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// Seconds since 1970.
    updated_at: i64,
    /// The user's roles in the app.
    roles: Vec<String>,
}

/// Claims about the signed-in user.
#[utoipa::path(
    get,
    path = "/oauth2/userinfo",
    operation_id = "oauth2-userinfo",
    tag = "OAuth 2.0",
    security(("access_token" = [])),
    responses((status = 200, description = "The claims", body = UserInfo)),
)]
async fn userinfo(caller: Caller, avatar_urls: AvatarUrls) -> Json<UserInfo> {
    let roles = caller.user.roles_in(&caller.claims.client_id);
    let (phone_verified, email_verified) =
        (caller.user.phone_is_verified(), caller.user.email_is_verified());
    let User { id, name, username, avatar, email, phone, locale, updated_at, .. } = caller.user;
    Json(UserInfo {
        sub: id,
        name,
        preferred_username: username.map(|username| username.as_str().to_owned()),
        picture: avatar.and_then(|key| avatar_urls.url(&key, Size::Full)),
        email_verified: email.as_ref().map(|_| email_verified),
        email: email.map(|email| email.as_str().to_owned()),
        phone_number_verified: phone.as_ref().map(|_| phone_verified),
        phone_number: phone.map(|phone| phone.as_str().to_owned()),
        locale,
        updated_at: updated_at.as_second(),
        roles,
    })
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(userinfo))
}
