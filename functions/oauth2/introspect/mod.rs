//! `POST /oauth2/introspect`: what a token is good for (RFC 7662).

use axum::middleware::map_response;
use serde::{Deserialize, Serialize};
use shared::{
    apps::{AppType, Apps},
    base::Error,
    http::{Credentials, CurrentHashKeys, Form, Json, oauth_errors},
    latchkey::Latchkey,
    roles::Roles,
    sessions::LiveSessions,
    tokens::{AccessTokens, RefreshToken},
    users::{AuthenticationMethod, User},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// A token.
#[derive(Deserialize, ToSchema)]
pub struct IntrospectRequest {
    /// An access or a refresh token.
    token: Option<String>,
    /// `access_token` or `refresh_token`; not needed.
    #[expect(dead_code, reason = "a token shows what it is")]
    token_type_hint: Option<String>,
    client_id: Option<String>,
    #[schema(format = "password")]
    client_secret: Option<String>,
}

/// What a token is good for (RFC 7662 §2.2). One that is good for nothing, or another app's, has
/// `active` alone.
#[derive(Default, Serialize, ToSchema)]
pub struct Introspection {
    active: bool,
    #[serde(flatten)]
    #[schema(inline)]
    token: Option<LiveToken>,
}

/// A token that is good for something.
#[derive(Serialize, ToSchema)]
pub struct LiveToken {
    /// `Bearer` for an access token; `refresh_token`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    client_id: String,
    aud: String,
    iss: String,
    /// The user's id.
    sub: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// The user's roles in the app, as they are now, without those that are switched off.
    roles: Vec<String>,
    /// The permissions that those give, separated by spaces.
    scope: String,
    sid: Uuid,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<Uuid>,
    auth_time: i64,
    amr: Vec<AuthenticationMethod>,
}

/// Tells a confidential app what a token of its own is good for (RFC 7662).
///
/// The answer is of this moment: the session lives, the user is not disabled, and the roles are as the
/// store has them.
#[utoipa::path(
    post,
    path = "/oauth2/introspect",
    operation_id = "oauth2-introspect",
    tag = "OAuth 2.0",
    request_body(content = IntrospectRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "What it is good for", body = Introspection)),
    extensions(("x-oauth-errors" = json!(["invalid_request", "invalid_client"]))),
)]
async fn introspect(
    apps: Apps,
    access_tokens: AccessTokens,
    sessions: LiveSessions,
    roles: Roles,
    CurrentHashKeys(keys): CurrentHashKeys,
    credentials: Credentials,
    Form(request): Form<IntrospectRequest>,
) -> Result<Json<Introspection>, Error> {
    let claimed = credentials.or_form(request.client_id, request.client_secret)?;
    let app = apps.identify(claimed.client_id.as_deref(), claimed.credentials.as_ref()).await?;
    if app.kind == AppType::Public {
        return Err(Error::InvalidClient);
    }
    let token = request
        .token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| Error::field("token", "is missing"))?;
    let found = match RefreshToken::decode(&token, &keys) {
        Ok(refresh) => of_refresh_token(&refresh, &sessions, access_tokens.issuer()).await?,
        Err(_) => of_access_token(&token, &access_tokens).await?,
    };
    let mut token = found.filter(|token| token.client_id == app.client_id);
    if let Some(token) = &mut token {
        let permissions = roles.permissions(&token.roles).await?;
        token.scope = permissions.scope();
        token.roles = permissions.active_roles(std::mem::take(&mut token.roles));
    }
    Ok(Json(Introspection { active: token.is_some(), token }))
}

async fn of_access_token(
    token: &str,
    access_tokens: &AccessTokens,
) -> Result<Option<LiveToken>, Error> {
    let (user, claims) = match access_tokens.caller(token).await {
        Ok(caller) => caller,
        Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
        Err(_) => return Ok(None),
    };
    let roles = user.roles_in(&claims.client_id);
    Ok(Some(LiveToken {
        token_type: "Bearer",
        aud: claims.aud,
        iss: claims.iss,
        sub: user.id,
        username: username(&user),
        scope: String::new(),
        roles,
        sid: claims.sid,
        exp: claims.exp,
        iat: claims.iat,
        jti: Some(claims.jti),
        auth_time: claims.auth_time,
        amr: claims.amr,
        client_id: claims.client_id,
    }))
}

async fn of_refresh_token(
    token: &RefreshToken,
    sessions: &LiveSessions,
    issuer: &str,
) -> Result<Option<LiveToken>, Error> {
    let Some((user, session)) = sessions.of_refresh_token(token).await? else { return Ok(None) };
    let roles = user.roles_in(&token.client_id);
    Ok(Some(LiveToken {
        token_type: "refresh_token",
        client_id: token.client_id.clone(),
        aud: token.client_id.clone(),
        iss: issuer.to_owned(),
        sub: user.id,
        username: username(&user),
        scope: String::new(),
        roles,
        sid: token.session_id,
        exp: session.expires_at().as_second(),
        iat: session.last_used_at.as_second(),
        jti: None,
        auth_time: session.created_at.as_second(),
        amr: session.amr,
    }))
}

fn username(user: &User) -> Option<String> {
    user.username.as_ref().map(|username| username.as_str().to_owned())
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(introspect)).layer(map_response(oauth_errors))
}
