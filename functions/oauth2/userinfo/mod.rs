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

/// Standard claims (OpenID Connect Core 1.0 §5.1), and the roles. A claim without a value is left
/// out.
#[derive(Serialize, ToSchema)]
pub struct UserInfo {
    /// The user's id, a UUID.
    sub: Uuid,
    /// The display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The username.
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<String>,
    /// The URL of the picture, a JPEG of 512 pixels square. If the URL is signed, it works for at
    /// least 45 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    /// The e-mail address, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Whether the user has verified the e-mail address with a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    /// The phone number in E.164 form.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "+14155550123")]
    phone_number: Option<String>,
    /// Whether the user has verified the phone with a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number_verified: Option<bool>,
    /// The user's language, a BCP 47 language tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<String>,
    /// When the user was last changed, in seconds since 1970.
    updated_at: i64,
    /// The user's roles in the app that the access token was issued to.
    roles: Vec<String>,
}

/// Get claims about the signed-in user
///
/// As in OpenID Connect Core 1.0 §5.3.
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
