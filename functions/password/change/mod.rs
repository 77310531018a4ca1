//! `POST /v1/password/change`: a new password for the signed-in user.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    accounts::Accounts,
    audit::{Action, Recorder},
    base::{Clock, Error},
    http::{Caller, Json},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The old password, where there is one, and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordRequest {
    old_password: Option<String>,
    new_password: String,
}

/// Changes the password and ends all other sessions.
///
/// Who has no password yet sets one with `new_password` alone, after a fresh sign-in.
#[utoipa::path(
    post,
    path = "/v1/password/change",
    operation_id = "password-change",
    tag = "Passwords",
    security(("access_token" = [])),
    request_body = ChangePasswordRequest,
    responses((status = 204, description = "Changed")),
    extensions(("x-codes" = json!([
        "weak_password", "invalid_credentials", "too_many_attempts", "insufficient_user_authentication"
    ]))),
)]
async fn change(
    caller: Caller,
    accounts: Accounts,
    messenger: Messenger,
    clock: Clock,
    recorder: Recorder,
    Json(request): Json<ChangePasswordRequest>,
) -> Result<StatusCode, Error> {
    if caller.user.password.is_none() {
        caller.require_fresh_sign_in(clock.now())?;
    }
    let old = request.old_password.map(|old| Password::parse("old_password", old)).transpose()?;
    let new = Password::parse("new_password", request.new_password)?;
    let event = recorder.event(caller.own_activity(Action::PasswordChange))?;
    let user = accounts
        .recording(event)
        .change_password(&caller.user, caller.claims.sid, old, new)
        .await?;
    accounts.tell(&user, Subject::PasswordChanged, None, &messenger).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(change))
}
