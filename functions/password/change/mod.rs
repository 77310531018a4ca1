//! `POST /v1/password/change`: changes the signed-in user's password.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    accounts::Accounts,
    audit::{Action, Recorder},
    base::{Clock, Error},
    http::{Caller, Json, StepUp},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
    users::Password,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The old password, if there is one, and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePasswordRequest {
    /// The current password. It is required if the user has one, and must be left out if not.
    old_password: Option<String>,
    /// The new password: up to 256 characters, and at least as many as the deployment's minimum (8
    /// by default). One that is easy to guess is refused.
    new_password: String,
}

/// Change the signed-in user's password
///
/// All other sessions of the user end, and a notice is sent to the user. A user without a password
/// sets their first one with `new_password` alone; that needs a fresh sign-in (RFC 9470).
#[utoipa::path(
    post,
    path = "/v1/password/change",
    operation_id = "password-change",
    tag = "Passwords",
    security(("access_token" = [])),
    request_body = ChangePasswordRequest,
    responses((status = 204, description = "The password was changed")),
    extensions(("x-codes" = json!([
        "weak_password", "invalid_credentials", "too_many_attempts",
        "insufficient_user_authentication"
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
        caller.require(StepUp::OWN, clock.now())?;
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
