//! `DELETE /v1/me`: erases the signed-in user's account.

use axum::http::StatusCode;
use shared::{
    accounts::Accounts,
    audit::{Action, Recorder},
    avatars::Avatars,
    base::Error,
    http::Caller,
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Erase the signed-in user's account
///
/// Nothing that names the user is kept, and all their sessions end. The same phone, e-mail
/// address and username can sign up again, with a new user id. The last administrator cannot erase
/// their account: the response is `conflict`.
///
/// It needs a fresh sign-in (RFC 9470): less than 10 minutes old, and with both factors if the user
/// has two.
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
    recorder: Recorder,
) -> Result<StatusCode, Error> {
    let event = recorder.event(caller.own_activity(Action::AccountDelete))?;
    accounts.recording(event).delete(caller.user.id, &avatars).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
