//! `POST /oauth2/token`: the token endpoint (RFC 6749 §3.2).

use axum::{
    middleware::map_response,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use shared::{
    accounts::Accounts,
    apps::{Apps, DEFAULT_CLIENT_ID},
    audit::Recorder,
    base::Error,
    challenges::Challenges,
    http::{Credentials, Form, Json, OAuthError, oauth_errors},
    latchkey::Latchkey,
    second_factors::MfaRequired,
    sessions::{Sessions, SignIn, TokenPair},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A grant. Parameters that it does not need are ignored, and empty ones count as absent.
#[derive(Deserialize, ToSchema)]
pub struct TokenRequest {
    /// `password` or `refresh_token`.
    #[schema(example = "password")]
    grant_type: Option<String>,
    /// A phone, an e-mail address or a username, for the grant `password`.
    #[schema(example = "+14155550123")]
    username: Option<String>,
    #[schema(format = "password")]
    password: Option<String>,
    /// For the grant `refresh_token`.
    refresh_token: Option<String>,
    /// The app, where it does not authenticate by HTTP Basic; `default` where none is named.
    client_id: Option<String>,
    #[schema(format = "password")]
    client_secret: Option<String>,
}

/// How a grant is answered.
enum TokenAnswer {
    /// With tokens.
    Tokens(TokenPair),
    /// The first factor was right, and the second is due.
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

/// Gives tokens for a password or a refresh token (RFC 6749 §4.3, §6).
///
/// Confidential apps authenticate by HTTP Basic or by `client_id` and `client_secret` in the form; public
/// ones send their `client_id`. A refresh token is good for the app that it was given to. A `scope` is not
/// needed: a token has all the permissions that the user's roles give. Where the user has a second factor
/// the grant `password` answers `mfa_required`, and `POST /v1/auth/mfa` goes on from there.
#[utoipa::path(
    post,
    path = "/oauth2/token",
    operation_id = "oauth2-token",
    tag = "OAuth 2.0",
    request_body(content = TokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "Tokens", body = TokenPair)),
    extensions(("x-oauth-errors" = json!([
        "invalid_request", "invalid_client", "invalid_grant", "unsupported_grant_type", "mfa_required"
    ]))),
)]
async fn token(
    apps: Apps,
    accounts: Accounts,
    challenges: Challenges,
    sessions: Sessions,
    recorder: Recorder,
    credentials: Credentials,
    Form(request): Form<TokenRequest>,
) -> Result<TokenAnswer, Error> {
    let claimed = credentials.or_form(request.client_id, request.client_secret)?;
    match required("grant_type", request.grant_type)?.as_str() {
        "password" => {
            let app =
                apps.identify(claimed.client_id.as_deref(), claimed.credentials.as_ref()).await?;
            let username = required("username", request.username)?;
            let password = Password::parse("password", required("password", request.password)?);
            // What nobody can be called, or have as a password, is wrong like any other.
            let identifier =
                challenges.identifier(&username).map_err(|_| Error::InvalidCredentials)?;
            let password = password.map_err(|_| Error::InvalidCredentials)?;
            let user =
                accounts.recognise(&identifier, &password, &app.client_id, &recorder).await?;
            let terms = app.session_terms(apps.settings());
            match sessions
                .begin(user.id, terms, user.recognised_by_password(), recorder.device().clone())
                .await?
            {
                Some(SignIn::Done(signed_in)) => Ok(TokenAnswer::Tokens(signed_in.tokens)),
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
            sessions.refresh(&token).await.map(TokenAnswer::Tokens)
        }
        _ => Err(Error::UnsupportedGrantType),
    }
}

/// A parameter that the grant needs; an empty one counts as absent (RFC 6749 §3.2).
fn required(name: &str, value: Option<String>) -> Result<String, Error> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| Error::field(name, "is missing"))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(token)).layer(map_response(oauth_errors))
}
