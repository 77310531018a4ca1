//! `POST /oauth2/introspect`: checks a token for a confidential app (RFC 7662).

use axum::middleware::map_response;
use serde::{Deserialize, Serialize};
use shared::{
    apps::{AppType, Apps},
    base::Error,
    http::{Credentials, CurrentHashKeys, Form, Json, oauth_errors},
    latchkey::Latchkey,
    roles::Roles,
    sessions::LiveSessions,
    tokens::{AccessTokens, RefreshToken, claims_of_app, scope_of},
    users::{AuthenticationMethod, MetadataObject, User, assurance_level},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The token to check, as a form.
#[derive(Deserialize, ToSchema)]
pub struct IntrospectRequest {
    /// The access or refresh token. It is required.
    token: Option<String>,
    /// `access_token` or `refresh_token`. It is ignored, because a token shows what it is.
    #[expect(dead_code, reason = "a token shows what it is")]
    token_type_hint: Option<String>,
    /// The confidential app, if it does not authenticate by HTTP Basic.
    client_id: Option<String>,
    /// The app's secret, if it does not authenticate by HTTP Basic.
    #[schema(format = "password")]
    client_secret: Option<String>,
}

/// The result of the check (RFC 7662 §2.2). If the token does not work, or belongs to another app,
/// `active` is `false` and there is no other field.
#[derive(Default, Serialize, ToSchema)]
pub struct Introspection {
    /// Whether the token works now, for the app that asks.
    active: bool,
    /// The details of a token that works.
    #[serde(flatten)]
    #[schema(inline)]
    token: Option<LiveToken>,
}

/// The details of a token that works.
#[derive(Serialize, ToSchema)]
pub struct LiveToken {
    /// `Bearer` for an access token, `refresh_token` for a refresh token.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// The app that the token was issued to.
    client_id: String,
    /// The app that the token is for: the same as `client_id`.
    aud: String,
    /// The issuer: the base URL of this service.
    iss: String,
    /// The user's id, a UUID; for the token of the grant `client_credentials`, the app.
    sub: String,
    /// The username; left out if the user has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// The user's roles in the app, as they are now, without inactive ones.
    roles: Vec<String>,
    /// The scopes of the token, separated by spaces. Of the permissions, those that these roles grant
    /// now.
    scope: String,
    /// The id of the session, a UUID; absent without a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
    /// When the token expires, in seconds since 1970.
    exp: i64,
    /// When the token was issued, in seconds since 1970.
    iat: i64,
    /// The token's own id, a UUID; only for access tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<Uuid>,
    /// When the user signed in, in seconds since 1970; absent without a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    /// The methods by which the user was recognised at the sign-in (RFC 8176); absent without a user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    amr: Vec<AuthenticationMethod>,
    /// How strongly the user was recognised: `aal2` with a second factor, else `aal1`; absent without
    /// a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "aal1")]
    acr: Option<&'static str>,
    /// The claims of an access token that its app takes from the user's metadata, as it has them.
    #[serde(flatten)]
    #[schema(ignore)]
    of_app: MetadataObject,
}

/// Check a token
///
/// As in RFC 7662, for confidential apps and only for their own tokens. The answer reflects the
/// current state: `active` is `true` only if the session has not ended and the user is not
/// disabled, and roles and permissions are the current ones.
#[utoipa::path(
    post,
    path = "/oauth2/introspect",
    operation_id = "oauth2-introspect",
    tag = "OAuth 2.0",
    request_body(content = IntrospectRequest, content_type = "application/x-www-form-urlencoded"),
    responses((
        status = 200,
        description = "Whether the token works, and its details",
        body = Introspection
    )),
    extensions(("x-oauth-errors" = json!([
        "invalid_request", "invalid_client", "unauthorized_client"
    ]))),
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
        Ok(refresh) if refresh.client_id != app.client_id => None,
        Ok(refresh) => {
            of_refresh_token(&refresh, (&sessions, &roles), access_tokens.issuer()).await?
        }
        Err(_) => match of_access_token(&token, (&access_tokens, &roles), &app.client_id).await? {
            Some(token) => Some(token),
            None => of_machine(&token, &access_tokens).await?,
        },
    };
    let token = found.filter(|token| token.client_id == app.client_id);
    Ok(Json(Introspection { active: token.is_some(), token }))
}

/// The details of an access token; `None` if it does not work, or is of another app.
async fn of_access_token(
    token: &str,
    (access_tokens, roles): (&AccessTokens, &Roles),
    client_id: &str,
) -> Result<Option<LiveToken>, Error> {
    let (user, claims) = match access_tokens.caller(token).await {
        Ok(caller) => caller,
        Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
        Err(_) => return Ok(None),
    };
    if claims.client_id != client_id {
        return Ok(None);
    }

    let held = user.roles_of(claims.sid);
    let permissions = roles.permissions(&held).await?;
    let grant = user.sessions.get(&claims.sid).and_then(|session| session.grant.as_ref());
    let scope = claims.scope_now(&permissions, grant);
    Ok(Some(LiveToken {
        token_type: "Bearer",
        aud: claims.aud,
        iss: claims.iss,
        sub: user.id.to_string(),
        username: username(&user),
        scope,
        roles: permissions.active_roles(held),
        sid: Some(claims.sid),
        exp: claims.exp,
        iat: claims.iat,
        jti: Some(claims.jti),
        auth_time: Some(claims.auth_time),
        acr: Some(assurance_level(&claims.amr)),
        amr: claims.amr,
        client_id: claims.client_id,
        of_app: claims_of_app(token),
    }))
}

/// The details of a machine's access token; `None` if it does not work.
async fn of_machine(token: &str, access_tokens: &AccessTokens) -> Result<Option<LiveToken>, Error> {
    let claims = access_tokens.machine(token).await?;
    Ok(claims.map(|claims| LiveToken {
        token_type: "Bearer",
        aud: claims.aud,
        iss: claims.iss,
        sub: claims.sub,
        username: None,
        roles: Vec::new(),
        scope: claims.scope,
        sid: None,
        exp: claims.exp,
        iat: claims.iat,
        jti: Some(claims.jti),
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        client_id: claims.client_id,
        of_app: MetadataObject::new(),
    }))
}

/// The details of a refresh token; `None` if it does not work.
async fn of_refresh_token(
    token: &RefreshToken,
    (sessions, roles): (&LiveSessions, &Roles),
    issuer: &str,
) -> Result<Option<LiveToken>, Error> {
    let Some((user, session)) = sessions.of_refresh_token(token).await? else { return Ok(None) };

    let held = user.roles_of(token.session_id);
    let permissions = roles.permissions(&held).await?;
    Ok(Some(LiveToken {
        token_type: "refresh_token",
        client_id: token.client_id.clone(),
        aud: token.client_id.clone(),
        iss: issuer.to_owned(),
        sub: user.id.to_string(),
        username: username(&user),
        scope: scope_of(&permissions, session.grant.as_ref()),
        roles: permissions.active_roles(held),
        sid: Some(token.session_id),
        exp: session.expires_at().as_second(),
        iat: session.last_used_at.as_second(),
        jti: None,
        auth_time: Some(session.signed_in_at().as_second()),
        acr: Some(assurance_level(&session.amr)),
        amr: session.amr,
        of_app: MetadataObject::new(),
    }))
}

fn username(user: &User) -> Option<String> {
    user.username.as_ref().map(|username| username.as_str().to_owned())
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(introspect)).layer(map_response(oauth_errors))
}
