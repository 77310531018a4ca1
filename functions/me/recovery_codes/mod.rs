//! `POST /v1/me/recovery-codes`: a new set of recovery codes.

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::me::totp::confirm::RecoveryCodesView;
use shared::{
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, Json},
    latchkey::Latchkey,
    second_factors::SecondFactors,
};

#[cfg(test)]
mod tests;

/// Proof of the second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewRecoveryCodesRequest {
    /// The 6 digits that the authenticator app shows, or a recovery code. It works once.
    #[schema(example = "123456")]
    code: String,
}

/// Renew the recovery codes
///
/// The response is a new set of 10 codes. The old codes no longer work.
#[utoipa::path(
    post,
    path = "/v1/me/recovery-codes",
    operation_id = "me-recovery-codes",
    tag = "Second factor",
    security(("access_token" = [])),
    request_body = RenewRecoveryCodesRequest,
    responses((status = 200, description = "The new set", body = RecoveryCodesView)),
    extensions(("x-codes" = json!(["conflict", "otp_incorrect", "otp_locked"]))),
)]
async fn renew(
    caller: Caller,
    second_factors: SecondFactors,
    recorder: Recorder,
    Json(request): Json<RenewRecoveryCodesRequest>,
) -> Result<Json<RecoveryCodesView>, Error> {
    let renewal = async {
        // Before the old codes are gone: if it failed after that, nobody would get the new ones.
        recorder.record(caller.own_activity(Action::RecoveryCodesRenew)).await?;
        second_factors.renew_recovery_codes(caller.user.id).await
    };
    let codes = second_factors.with_code(&caller.user, &request.code, renewal).await?;
    Ok(Json(RecoveryCodesView::new(&codes)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(renew))
}
