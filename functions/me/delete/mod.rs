//! `DELETE /v1/me`: erases my account.

use axum::http::StatusCode;
use shared::{
    accounts::Accounts,
    audit::{Action, Recorder},
    avatars::Avatars,
    base::{Clock, Error},
    http::Caller,
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Erases my account, after a fresh sign-in.
///
/// Nothing that names the person stays. The phone can sign up again, under a new id.
#[utoipa::path(
    delete,
    path = "/v1/me",
    operation_id = "me-delete",
    tag = "Me",
    security(("access_token" = [])),
    responses((status = 204, description = "Erased")),
    extensions(("x-codes" = json!(["insufficient_user_authentication", "conflict"]))),
)]
async fn delete(
    caller: Caller,
    accounts: Accounts,
    avatars: Avatars,
    clock: Clock,
    recorder: Recorder,
) -> Result<StatusCode, Error> {
    caller.require_fresh_sign_in(clock.now())?;
    let event = recorder.event(caller.own_activity(Action::AccountDelete))?;
    accounts.recording(event).delete(caller.user.id, &avatars).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
