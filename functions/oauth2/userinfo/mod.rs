//! `GET /oauth2/userinfo`: claims about the signed-in user (OpenID Connect Core 1.0 §5.3).

use serde::Serialize;
use shared::{
    avatars::AvatarUrls,
    http::{Caller, Json},
    latchkey::Latchkey,
    tokens::PersonClaims,
    users::Size,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The scopes of a session that did not begin on the hosted page: its app is one of ours.
const EVERYTHING: &str = "profile email phone";

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
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    /// The user's roles in the app that the access token was issued to.
    roles: Vec<String>,
}

/// Get claims about the signed-in user
///
/// As in OpenID Connect Core 1.0 §5.3. A session that began on the hosted page shows the claims of the
/// scopes that its app was granted; any other session shows all claims.
#[utoipa::path(
    get,
    path = "/oauth2/userinfo",
    operation_id = "oauth2-userinfo",
    tag = "OAuth 2.0",
    security(("access_token" = [])),
    responses((status = 200, description = "The claims", body = UserInfo)),
)]
async fn userinfo(caller: Caller, avatar_urls: AvatarUrls) -> Json<UserInfo> {
    Json(UserInfo::of(caller, &avatar_urls))
}

impl UserInfo {
    /// The claims that the caller's app was granted.
    pub(crate) fn of(caller: Caller, avatar_urls: &AvatarUrls) -> Self {
        let user = &caller.user;
        let grant = caller.session().and_then(|session| session.grant.as_ref());
        let granted = grant.map(|grant| caller.claims.left_of(grant));
        let scope = granted.as_deref().unwrap_or(EVERYTHING);
        let picture = user.avatar.as_ref().and_then(|key| avatar_urls.url(key, Size::Full));
        let PersonClaims {
            name,
            preferred_username,
            picture,
            locale,
            updated_at,
            email,
            email_verified,
            phone_number,
            phone_number_verified,
        } = PersonClaims::of(user, scope, picture);
        Self {
            sub: user.id,
            name,
            preferred_username,
            picture,
            email,
            email_verified,
            phone_number,
            phone_number_verified,
            locale,
            updated_at,
            roles: user.roles_of(caller.claims.sid),
        }
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(userinfo))
}
