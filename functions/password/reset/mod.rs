//! `POST /v1/password/reset`: a new password by a code or a link.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    accounts::Accounts,
    audit::Recorder,
    base::Error,
    challenges::{Challenges, OneTimeCode, Purpose},
    http::{CurrentSettings, Json},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// A challenge and its code, or the token of a link; and the new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPasswordRequest {
    challenge_id: Option<Uuid>,
    code: Option<String>,
    token: Option<String>,
    new_password: String,
}

/// Sets a new password and ends all sessions. It does not sign in.
#[utoipa::path(
    post,
    path = "/v1/password/reset",
    operation_id = "password-reset",
    tag = "Passwords",
    request_body = ResetPasswordRequest,
    responses((status = 204, description = "Set")),
    extensions(("x-codes" = json!(["weak_password", "otp_incorrect", "otp_locked", "otp_expired", "token_invalid"]))),
)]
async fn reset(
    accounts: Accounts,
    challenges: Challenges,
    messenger: Messenger,
    CurrentSettings(settings): CurrentSettings,
    recorder: Recorder,
    Json(request): Json<ResetPasswordRequest>,
) -> Result<StatusCode, Error> {
    let new = Password::parse("new_password", request.new_password)?;
    // What can be said of it without knowing whose it is, before the code is used up.
    new.check_strength(&settings.users, &[])?;
    let (user, proven_by) = match (request.challenge_id, request.code, request.token) {
        (Some(challenge_id), Some(code), None) => {
            let code = OneTimeCode::parse_field("code", &code)?;
            let proven = challenges
                .prove(challenge_id, &code, None, &[Purpose::PasswordReset], &recorder)
                .await?;
            let reset = challenges
                .redeem(&proven.challenge, accounts.reset_by_code(&proven, &new, &recorder));
            (reset.await?, Some(proven.content.address))
        }
        (None, None, Some(token)) => (accounts.reset_by_link(&token, &new, &recorder).await?, None),
        _ => {
            return Err(Error::field("challenge_id", "give a challenge_id and a code, or a token"));
        }
    };
    accounts.tell(&user, Subject::PasswordChanged, proven_by.as_ref(), &messenger).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(reset))
}
