//! `POST /v1/password/reset`: sets a new password by a code or a link.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    accounts::Accounts,
    audit::Recorder,
    base::Error,
    challenges::{Challenges, OneTimeCode, Purpose},
    http::{Credentials, CurrentSettings, Json},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The new password, and the proof: a challenge and its code, or the token of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "challenge_id": "01890000-0000-7000-8000-000000000000",
    "code": "123456",
    "new_password": "correct horse battery staple"
}))]
pub struct ResetPasswordRequest {
    /// The `challenge_id` that `POST /v1/password/forgot` returned. It needs `code`.
    challenge_id: Option<Uuid>,
    /// The code from the message: 6 to 10 digits, as many as `code_length` says. It needs
    /// `challenge_id`.
    code: Option<String>,
    /// The token of the link in the e-mail: the part after `#`. It is sent instead of
    /// `challenge_id` and `code`.
    token: Option<String>,
    /// The new password: up to 256 characters, and at least as many as the deployment's minimum (8
    /// by default). One that is easy to guess is refused.
    new_password: String,
}

/// Finish a password reset
///
/// Sets the new password, ends all sessions of the user and ends lockouts for wrong passwords. It
/// does not sign the user in. A notice is sent to the user. The code or link works once; if the new
/// password is too weak, it can be used again.
#[utoipa::path(
    post,
    path = "/v1/password/reset",
    operation_id = "password-reset",
    tag = "Passwords",
    request_body = ResetPasswordRequest,
    responses((status = 204, description = "The new password is set")),
    extensions(("x-codes" = json!([
        "weak_password", "otp_incorrect", "otp_locked", "otp_expired", "token_invalid",
        "invalid_client", "app_disabled", "forbidden"
    ]))),
)]
async fn reset(
    accounts: Accounts,
    challenges: Challenges,
    messenger: Messenger,
    CurrentSettings(settings): CurrentSettings,
    recorder: Recorder,
    Credentials(credentials): Credentials,
    Json(request): Json<ResetPasswordRequest>,
) -> Result<StatusCode, Error> {
    let new = Password::parse("new_password", request.new_password)?;
    // Checks what does not depend on the user before the code is used.
    new.check_new(&settings.users, &[]).await?;
    let (user, proven_by) = match (request.challenge_id, request.code, request.token) {
        (Some(challenge_id), Some(code), None) => {
            let code = OneTimeCode::parse_field("code", &code)?;
            let challenge = challenges.resume(challenge_id, credentials.as_ref()).await?;
            let proven = challenges
                .prove(challenge, &code, None, &[Purpose::PasswordReset], &recorder)
                .await?;
            let used = proven.used_code();
            let reset = accounts.reset_by_code(&proven, &new, &recorder);
            (challenges.redeem((&used, &messenger), reset).await?, Some(proven.content.address))
        }
        (None, None, Some(token)) => (accounts.reset_by_link(&token, &new, &recorder).await?, None),
        _ => {
            return Err(Error::field(
                "challenge_id",
                "must be sent with a code, unless a token is sent instead of both",
            ));
        }
    };
    accounts.tell(&user, Subject::PasswordChanged, proven_by.as_ref(), &messenger).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(reset))
}
