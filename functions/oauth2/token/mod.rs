//! `POST /oauth2/token`: the token endpoint (RFC 6749 §3.2).

use axum::{
    middleware::map_response,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use shared::{
    accounts::Accounts,
    apps::{Apps, DEFAULT_CLIENT_ID},
    base::Error,
    challenges::Challenges,
    http::{Credentials, EndUserAddress, Form, Json, OAuthError, Trail, oauth_errors},
    latchkey::Latchkey,
    second_factors::MfaRequired,
    sessions::{Sessions, SignIn, TokenPair},
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
    /// `password` or `refresh_token`. It is required.
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
    /// The app. Default: the app that authenticates by HTTP Basic, or `default`.
    client_id: Option<String>,
    /// For the grant `password`: the `device_token` of an earlier sign-in on this device.
    #[schema(example = "lkd_…")]
    device_token: Option<String>,
    /// The secret of a confidential app that does not authenticate by HTTP Basic.
    #[schema(format = "password")]
    client_secret: Option<String>,
}

/// The tokens of a grant.
#[derive(Serialize, ToSchema)]
struct GrantedTokens {
    #[serde(flatten)]
    tokens: TokenPair,
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

/// The response to a grant that succeeded.
enum TokenAnswer {
    /// The tokens of the session.
    Tokens(GrantedTokens),
    /// The first factor was right, and the second is required.
    MfaRequired(MfaRequired),
}

impl IntoResponse for TokenAnswer {
    fn into_response(self) -> Response {
        match self {
            Self::Tokens(tokens) => Json(tokens).into_response(),
            Self::MfaRequired(mfa) => OAuthError::mfa_required(mfa),
        }
    }
}

/// Get tokens for a password or a refresh token
///
/// As in RFC 6749 §4.3 and §6. A confidential app authenticates by HTTP Basic, or by `client_id`
/// and `client_secret` in the form. A public app sends its `client_id`. A refresh token works only
/// for the app that it was issued to. `scope` is not needed: a token has all permissions that the
/// user's roles grant. If the user has a second factor, the grant `password` returns the error
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
        "unauthorized_client", "mfa_required"
    ]))),
)]
async fn token(
    apps: Apps,
    accounts: Accounts,
    challenges: Challenges,
    sessions: Sessions,
    trail: Trail,
    credentials: Credentials,
    Form(request): Form<TokenRequest>,
) -> Result<TokenAnswer, Error> {
    let claimed = credentials.or_form(request.client_id, request.client_secret)?;

    match required("grant_type", request.grant_type)?.as_str() {
        "password" => {
            let app =
                apps.identify(claimed.client_id.as_deref(), claimed.credentials.as_ref()).await?;
            let recorder = trail.served_by(&app)?;

            let username = required("username", request.username)?;
            let password = Password::parse("password", required("password", request.password)?);

            // An identifier or a password that nobody can have is refused like any wrong one.
            let identifier =
                challenges.identifier(&username).map_err(|_| Error::InvalidCredentials)?;
            let password = password.map_err(|_| Error::InvalidCredentials)?;

            let asked = (app.client_id.as_str(), request.device_token.as_deref());
            let (user, known) =
                accounts.recognise(&identifier, &password, asked, &recorder).await?;

            let terms = app.session_terms(apps.settings());
            match sessions
                .begin(
                    user.id,
                    terms,
                    user.recognised_by_password(known),
                    recorder.device().clone(),
                )
                .await?
            {
                Some(SignIn::Done(signed_in)) => Ok(TokenAnswer::Tokens(GrantedTokens {
                    tokens: signed_in.tokens,
                    device_token: signed_in.device_token,
                    device_expires_in: signed_in.device_expires_in,
                })),
                Some(SignIn::MfaRequired(mfa)) => Ok(TokenAnswer::MfaRequired(mfa)),
                None => Err(Error::InvalidCredentials),
            }
        }
        "refresh_token" => {
            let client_id = claimed.client_id.as_deref().unwrap_or(DEFAULT_CLIENT_ID);
            apps.authorize(client_id, claimed.credentials.as_ref()).await?;

            let token =
                sessions.refresh_token(&required("refresh_token", request.refresh_token)?)?;
            if token.client_id != client_id {
                return Err(Error::TokenInvalid);
            }
            let tokens = sessions.refresh(&token, &trail.recorder()).await?;
            Ok(TokenAnswer::Tokens(GrantedTokens {
                tokens,
                device_token: None,
                device_expires_in: None,
            }))
        }
        _ => Err(Error::UnsupportedGrantType),
    }
}

/// A parameter that the grant needs. An empty one counts as missing (RFC 6749 §3.2).
///
/// # Errors
/// [`Error::InvalidRequest`] if it is missing.
fn required(name: &str, value: Option<String>) -> Result<String, Error> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| Error::field(name, "is missing"))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(token)).layer(map_response(oauth_errors))
}
