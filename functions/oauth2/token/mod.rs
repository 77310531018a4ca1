//! `POST /oauth2/token`: the token endpoint (RFC 6749 §3.2).

use axum::{
    middleware::map_response,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use shared::{
    accounts::RecognisedUser,
    apps::{App, Apps, DEFAULT_CLIENT_ID, GrantType},
    audit::Recorder,
    authorization::Devices,
    base::Error,
    challenges::Challenges,
    http::{ClaimedApp, Credentials, EndUserAddress, Form, Json, OAuthError, Trail, oauth_errors},
    latchkey::Latchkey,
    migration::PasswordSignIns,
    second_factors::MfaRequired,
    sessions::{Sessions, SignIn, SignedIn, TokenPair},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A grant, as a form. Parameters that it does not need are ignored, and empty ones count as
/// missing.
#[derive(Deserialize, ToSchema)]
pub struct TokenRequest {
    /// `authorization_code`, `client_credentials`, `password`, `refresh_token` or
    /// `urn:ietf:params:oauth:grant-type:device_code`, if the app may use it. It is required.
    #[schema(example = "password")]
    grant_type: Option<String>,
    /// For the grant `password`: a phone number, an e-mail address or a username.
    #[schema(example = "+14155550123")]
    username: Option<String>,
    /// For the grant `password`: the password, of 1 to 256 characters.
    #[schema(format = "password")]
    password: Option<String>,
    /// For the grant `refresh_token`: the latest refresh token of the session. It works once.
    refresh_token: Option<String>,
    /// For the grant `client_credentials`: the scopes, separated by spaces. Default: all of the app's.
    /// For the grant `refresh_token`: some of those that were granted. Default: all of them. For the
    /// grant `password`: some of the user's permissions. Default: all of them, as after a refresh. The
    /// other grants have the scopes of their request.
    #[schema(example = "stock:read")]
    scope: Option<String>,
    /// For the grant `authorization_code`: the code that the app got from `GET /oauth2/authorize`. It
    /// works once, for 60 seconds by default.
    code: Option<String>,
    /// For the grant `authorization_code`: the `redirect_uri` that the code was sent to, if the request for
    /// the code had one.
    redirect_uri: Option<String>,
    /// For the grant `authorization_code`: the verifier of the `code_challenge` (RFC 7636).
    code_verifier: Option<String>,
    /// For the grant `urn:ietf:params:oauth:grant-type:device_code`: the code from
    /// `POST /oauth2/device_authorization`. Send it every 5 seconds, until the error is no longer
    /// `authorization_pending` or `slow_down`.
    device_code: Option<String>,
    /// The app. Default: the app that authenticates by HTTP Basic, or `default`.
    client_id: Option<String>,
    /// For a grant that begins a session: the `device_token` of an earlier sign-in on this device.
    #[schema(example = "lkd_…")]
    device_token: Option<String>,
    /// The secret of a confidential app that does not authenticate by HTTP Basic.
    #[schema(format = "password")]
    client_secret: Option<String>,
}

/// The tokens of a grant.
#[derive(Default, Serialize, ToSchema)]
struct GrantedTokens {
    /// A JWT as in RFC 9068.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    expires_in: i64,
    /// An opaque text, which works once. It is absent if the app may not use the grant
    /// `refresh_token`, and for the grant `client_credentials`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "lkr_…")]
    refresh_token: Option<String>,
    /// Seconds until the refresh token expires if it is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1_209_600)]
    refresh_expires_in: Option<i64>,
    /// An ID token, if the session began on the hosted page with the scope `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    /// The scopes that were granted, and the user's permissions, separated by spaces. The access token
    /// has them as `scope`, unless it would be longer than 6 KiB with them.
    #[schema(example = "")]
    scope: String,
    /// The token of the device. Send it with the next sign-in on this device. It opens nothing; it
    /// keeps strangers from using up this person's limits. It is absent if the
    /// grant began no session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "lkd_…")]
    device_token: Option<String>,
    /// Seconds until the token of the device expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 15_552_000)]
    device_expires_in: Option<i64>,
}

impl GrantedTokens {
    /// The tokens of a session, without the refresh token if `app` may not use it.
    fn of(tokens: TokenPair, app: Option<&App>) -> Self {
        let is_refreshed = app.is_none_or(|app| app.grants.allow(GrantType::RefreshToken));
        Self {
            access_token: tokens.access_token,
            token_type: tokens.token_type,
            expires_in: tokens.expires_in,
            refresh_token: is_refreshed.then_some(tokens.refresh_token),
            refresh_expires_in: is_refreshed.then_some(tokens.refresh_expires_in),
            id_token: tokens.id_token,
            scope: tokens.scope,
            device_token: None,
            device_expires_in: None,
        }
    }
}

/// The response to a grant that succeeded.
enum TokenAnswer {
    /// The tokens of the session.
    Tokens(GrantedTokens),
    /// The first factor was right, and the second is required.
    MfaRequired(MfaRequired),
}

impl TokenAnswer {
    /// The tokens of a session that has begun, and the token of its device, with the seconds until
    /// that expires.
    fn begun(tokens: TokenPair, device: Option<(String, i64)>, app: &App) -> Self {
        let (device_token, device_expires_in) = device.unzip();
        let tokens = GrantedTokens::of(tokens, Some(app));
        Self::Tokens(GrantedTokens { device_token, device_expires_in, ..tokens })
    }
}

impl IntoResponse for TokenAnswer {
    fn into_response(self) -> Response {
        match self {
            Self::Tokens(tokens) => Json(tokens).into_response(),
            Self::MfaRequired(mfa) => OAuthError::mfa_required(mfa),
        }
    }
}

/// Get tokens for a code, a password, a refresh token or the app itself
///
/// As in RFC 6749 §4.1.3, §4.3, §4.4 and §6, and RFC 8628 §3.4. An app may use the grants of its `grant_types`. A confidential app authenticates by HTTP Basic, or by `client_id`
/// and `client_secret` in the form. A public app sends its `client_id`. A refresh token works only
/// for the app that it was issued to. A user's token has the permissions that the user's roles grant: those
/// that the app asked for, or all if it asked for none.
/// The token of the grant `client_credentials` has no user: its `sub` is the app, and it opens no
/// endpoint of this API. If the user has a second factor, the grant `password` returns the error
/// `mfa_required` with an `mfa_token`; finish the sign-in with `POST /v1/auth/mfa`.
#[utoipa::path(
    post,
    path = "/oauth2/token",
    operation_id = "oauth2-token",
    tag = "OAuth 2.0",
    params(EndUserAddress),
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "Tokens", body = GrantedTokens)),
    extensions(("x-oauth-errors" = json!([
        "invalid_request", "invalid_client", "invalid_grant", "unsupported_grant_type",
        "unauthorized_client", "invalid_scope", "mfa_required", "authorization_pending", "slow_down",
        "expired_token", "access_denied"
    ]))),
)]
async fn token(
    apps: Apps,
    passwords: PasswordSignIns,
    challenges: Challenges,
    (sessions, devices): (Sessions, Devices),
    trail: Trail,
    credentials: Credentials,
    Form(mut request): Form<TokenRequest>,
) -> Result<TokenAnswer, Error> {
    let secret = request.client_secret.take();
    let claimed = credentials.or_form(request.client_id.take(), secret)?;
    let grant = match required("grant_type", request.grant_type.take())?.as_str() {
        "authorization_code" => GrantType::AuthorizationCode,
        "client_credentials" => GrantType::ClientCredentials,
        "password" => GrantType::Password,
        "refresh_token" => GrantType::RefreshToken,
        "urn:ietf:params:oauth:grant-type:device_code" => GrantType::DeviceCode,
        _ => return Err(Error::UnsupportedGrantType),
    };
    if grant == GrantType::RefreshToken {
        return refresh(&apps, &sessions, claimed, request, &trail.recorder()).await;
    }

    let app = apps.identify(claimed.client_id.as_deref(), claimed.credentials.as_ref()).await?;
    app.grants.check(grant)?;
    match grant {
        GrantType::ClientCredentials => machine(&sessions, &app, &request),
        GrantType::Password => {
            let terms = app.session_terms(apps.settings());
            let asked = (app.client_id.as_str(), request.device_token.as_deref());
            let recorder = trail.served_by(&app)?;
            let person = recognise(&passwords, &challenges, &request, asked, &recorder).await?;
            let device = recorder.device().clone();
            let who = (person.user.id, Some(&person.user));
            let sessions = sessions.asking(request.scope.as_deref());
            let begun = sessions.begin(who, terms, person.recognised, device);
            match passwords.refunding(person.right, begun).await? {
                Some(SignIn::Done(signed_in)) => {
                    let SignedIn { tokens, device_token, device_expires_in, .. } = *signed_in;
                    Ok(TokenAnswer::begun(tokens, device_token.zip(device_expires_in), &app))
                }
                Some(SignIn::MfaRequired(mfa)) => Ok(TokenAnswer::MfaRequired(mfa)),
                None => Err(Error::InvalidCredentials),
            }
        }
        GrantType::DeviceCode => {
            let device_code = required("device_code", request.device_code)?;
            let code = devices.poll(&device_code, &app.client_id).await?;
            let asked = (&app, None, Some(device_code.as_str()));
            let known = request.device_token.as_deref();
            let (tokens, device) =
                sessions.exchange(&code, asked, known, &trail.recorder()).await?;
            Ok(TokenAnswer::begun(tokens, device, &app))
        }
        GrantType::AuthorizationCode | GrantType::RefreshToken => {
            let code = required("code", request.code)?;
            let redirect_uri = request.redirect_uri.filter(|address| !address.is_empty());
            let verifier = request.code_verifier.filter(|verifier| !verifier.is_empty());
            let asked = (&app, redirect_uri.as_deref(), verifier.as_deref());
            let known = request.device_token.as_deref();
            let (tokens, device) =
                sessions.exchange(&code, asked, known, &trail.recorder()).await?;
            Ok(TokenAnswer::begun(tokens, device, &app))
        }
    }
}

/// The tokens for a refresh token. The default app has this grant, so it is not read.
async fn refresh(
    apps: &Apps,
    sessions: &Sessions,
    claimed: ClaimedApp,
    request: TokenRequest,
    recorder: &Recorder,
) -> Result<TokenAnswer, Error> {
    let client_id = claimed.client_id.as_deref().unwrap_or(DEFAULT_CLIENT_ID);
    let app = apps.authorize(client_id, claimed.credentials.as_ref()).await?;
    if let Some(app) = &app {
        app.grants.check(GrantType::RefreshToken)?;
    }

    let token = sessions.refresh_token(&required("refresh_token", request.refresh_token)?)?;
    if token.client_id != client_id {
        return Err(Error::TokenInvalid);
    }
    let tokens = sessions.refresh(&token, request.scope.as_deref(), recorder).await?;
    Ok(TokenAnswer::Tokens(GrantedTokens::of(tokens, None)))
}

/// The token of an app that acts for itself.
fn machine(sessions: &Sessions, app: &App, request: &TokenRequest) -> Result<TokenAnswer, Error> {
    let (access_token, claims) = sessions.machine_token(app, request.scope.as_deref())?;
    Ok(TokenAnswer::Tokens(GrantedTokens {
        access_token,
        token_type: "Bearer",
        expires_in: claims.exp - claims.iat,
        scope: claims.scope,
        ..GrantedTokens::default()
    }))
}

/// The user of a password, and how they were recognised.
async fn recognise(
    passwords: &PasswordSignIns,
    challenges: &Challenges,
    request: &TokenRequest,
    asked: (&str, Option<&str>),
    recorder: &Recorder,
) -> Result<RecognisedUser, Error> {
    let username = required("username", request.username.clone())?;
    let password = required("password", request.password.clone())?;

    // An identifier or a password that nobody can have is refused like any wrong one.
    let identifier =
        challenges.identifier(&username).map_err(|refusal| space_for_plus(&username, refusal))?;
    let password = Password::parse("password", password).map_err(|_| Error::InvalidCredentials)?;

    let lookup = passwords.look_up_name(&identifier, recorder.device().ip.as_deref()).await?;
    passwords.recognise((&identifier, lookup), &password, asked, recorder).await
}

/// A parameter that the grant needs. An empty one counts as missing (RFC 6749 §3.2).
///
/// # Errors
/// [`Error::InvalidRequest`] if it is missing.
fn required(name: &str, value: Option<String>) -> Result<String, Error> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| Error::field(name, "is missing"))
}

/// The refusal of a `username` that nobody can have. It is like that of any wrong one, unless the
/// client sent `+` as it is, which a form reads as a space.
fn space_for_plus(username: &str, refusal: Error) -> Error {
    match refusal {
        Error::InvalidPhone(reason) if username.starts_with(' ') => {
            Error::field("username", reason)
        }
        _ => Error::InvalidCredentials,
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(token)).layer(map_response(oauth_errors))
}
