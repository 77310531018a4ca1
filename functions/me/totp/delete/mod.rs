//! `DELETE /v1/me/totp`: removes the authenticator app.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    accounts::Accounts,
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, Json},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
    second_factors::SecondFactors,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Proof of the second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteTotpRequest {
    /// The 6 digits that the authenticator app shows, or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

/// Remove the authenticator app
///
/// Its recovery codes are removed, too, and sign-ins no longer require a second factor. The request
/// needs a code of the authenticator app or a recovery code. A notice is sent to the user.
#[utoipa::path(
    delete,
    path = "/v1/me/totp",
    operation_id = "me-totp-delete",
    tag = "Second factor",
    security(("access_token" = [])),
    request_body = DeleteTotpRequest,
    responses((status = 204, description = "Removed")),
    extensions(("x-codes" = json!(["conflict", "otp_incorrect", "otp_locked"]))),
)]
async fn delete(
    caller: Caller,
    accounts: Accounts,
    second_factors: SecondFactors,
    messenger: Messenger,
    recorder: Recorder,
    Json(request): Json<DeleteTotpRequest>,
) -> Result<StatusCode, Error> {
    let event = recorder.event(caller.own_activity(Action::SecondFactorRemove))?;
    let recording = second_factors.recording(event);
    let removal = recording.remove(caller.user.id, caller.claims.sid);
    let user = second_factors.with_code(&caller.user, &request.code, removal).await?;
    accounts.tell(&user, Subject::SecondFactorRemoved, None, &messenger).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
