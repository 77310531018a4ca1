//! `DELETE /v1/me`: erases the signed-in user's account.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::Serialize;
use shared::{
    accounts::Accounts,
    audit::Recorder,
    avatars::Avatars,
    base::{Error, api_time},
    http::Caller,
    latchkey::Latchkey,
    messages::Messenger,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// An account that is to be erased.
#[derive(Serialize, ToSchema)]
pub struct ErasureResponse {
    /// When the account is erased (RFC 3339, UTC).
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    erase_at: Timestamp,
}

/// Erase the signed-in user's account
///
/// All sessions end. If the deployment has no delay (`ERASURE_DELAY_DAYS` is 0), the account is
/// erased immediately: nothing that names the user is kept, and the same phone, e-mail address and
/// username can sign up again, with a new user id.
///
/// Otherwise the response is 202 with the time of the erasure, and all proven addresses get a notice.
/// Until then the account can be kept: with the link in that notice, or by signing in.
///
/// The last administrator cannot erase their account: the response is `conflict`.
///
/// It needs a fresh sign-in (RFC 9470): less than 10 minutes old, and with both factors if the user
/// has two.
#[utoipa::path(
    delete,
    path = "/v1/me",
    operation_id = "me-delete",
    tag = "Me",
    security(("access_token" = [])),
    responses(
        (status = 204, description = "Erased"),
        (status = 202, description = "To be erased", body = ErasureResponse),
    ),
    extensions(("x-codes" = json!(["insufficient_user_authentication", "conflict"]))),
)]
async fn delete(
    caller: Caller,
    accounts: Accounts,
    avatars: Avatars,
    messenger: Messenger,
    recorder: Recorder,
) -> Result<Response, Error> {
    let event = recorder.event(caller.own_activity(accounts.erasure_action()))?;
    let by = (caller.user.id, caller.claims.sid);
    let waiting = accounts.recording(event).erase(by, &avatars).await?;
    let Some(user) = waiting else { return Ok(StatusCode::NO_CONTENT.into_response()) };

    accounts.tell_erasure(&user, &messenger).await;
    let erase_at = user.erase_at.ok_or(Error::NotFound)?;
    Ok((StatusCode::ACCEPTED, Json(ErasureResponse { erase_at })).into_response())
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
