//! `POST /v1/me/totp/confirm`: ends the set-up of an authenticator app.

use serde::{Deserialize, Serialize};
use shared::{
    accounts::Accounts,
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, Json},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
    second_factors::{RecoveryCode, SecondFactors},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A first code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTotpRequest {
    /// What the app shows.
    #[schema(example = "123456")]
    code: String,
}

/// Recovery codes. They are shown this once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodesView {
    /// Ten, each good for one sign-in.
    #[schema(example = json!(["JBSW-Y3DP-EHPK-3PXP"]))]
    recovery_codes: Vec<String>,
}

impl RecoveryCodesView {
    /// What the user sees of `codes`.
    pub fn new(codes: &[RecoveryCode]) -> Self {
        Self { recovery_codes: codes.iter().map(RecoveryCode::shown).collect() }
    }
}

/// Ends the set-up of an authenticator app with a first code.
///
/// From here on every sign-in asks for a code of it. The recovery codes are for whoever loses it.
#[utoipa::path(
    post,
    path = "/v1/me/totp/confirm",
    operation_id = "me-totp-confirm",
    tag = "Second factor",
    security(("access_token" = [])),
    request_body = ConfirmTotpRequest,
    responses((status = 200, description = "It is set up", body = RecoveryCodesView)),
    extensions(("x-codes" = json!(["conflict", "otp_incorrect", "otp_locked"]))),
)]
async fn confirm(
    caller: Caller,
    accounts: Accounts,
    second_factors: SecondFactors,
    messenger: Messenger,
    recorder: Recorder,
    Json(request): Json<ConfirmTotpRequest>,
) -> Result<Json<RecoveryCodesView>, Error> {
    let event = recorder.event(caller.own_activity(Action::SecondFactorAdd))?;
    let (user, codes) =
        second_factors.recording(event).confirm(&caller.user, &request.code).await?;
    accounts.tell(&user, Subject::SecondFactorAdded, None, &messenger).await;
    Ok(Json(RecoveryCodesView::new(&codes)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(confirm))
}
