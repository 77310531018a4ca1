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

/// The factor itself.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteTotpRequest {
    /// What the app shows, or a recovery code.
    #[schema(example = "123456")]
    code: String,
}

/// Removes the authenticator app and its recovery codes: it takes one of their codes.
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
    second_factors.check(&caller.user, None, &request.code).await?;
    let event = recorder.event(caller.own_activity(Action::SecondFactorRemove))?;
    let user = second_factors.recording(event).remove(caller.user.id).await?;
    accounts.tell(&user, Subject::SecondFactorRemoved, None, &messenger).await;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
