//! `POST /v1/me/totp/confirm`: finishes the set-up of an authenticator app.

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

/// The first code of an authenticator app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTotpRequest {
    /// The 6 digits that the authenticator app shows.
    #[schema(example = "123456")]
    code: String,
}

/// The user's recovery codes. They are shown only this once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodesView {
    /// Ten codes of 16 letters and digits. Each works once, in place of a code of the authenticator
    /// app.
    #[schema(example = json!(["JBSW-Y3DP-EHPK-3PXP"]))]
    recovery_codes: Vec<String>,
}

impl RecoveryCodesView {
    /// `codes` as the user sees them.
    pub fn new(codes: &[RecoveryCode]) -> Self {
        Self { recovery_codes: codes.iter().map(RecoveryCode::shown).collect() }
    }
}

/// Finish the set-up of an authenticator app
///
/// From now on every sign-in requires a second factor. The response contains recovery codes for the
/// case that the user loses the authenticator app. A notice is sent to the user.
#[utoipa::path(
    post,
    path = "/v1/me/totp/confirm",
    operation_id = "me-totp-confirm",
    tag = "Second factor",
    security(("access_token" = [])),
    request_body = ConfirmTotpRequest,
    responses((
        status = 200,
        description = "The authenticator app is set up",
        body = RecoveryCodesView
    )),
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
    let by = (&caller.user, caller.claims.sid);
    let (user, codes) = second_factors.recording(event).confirm(by, &request.code).await?;
    accounts.tell(&user, Subject::SecondFactorAdded, None, &messenger).await;
    Ok(Json(RecoveryCodesView::new(&codes)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(confirm))
}
