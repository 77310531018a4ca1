//! `POST /v1/me/phone`: starts a change of phone.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    base::{Clock, Error},
    challenges::{ChallengeView, Challenges},
    http::{Caller, Client, Json},
    latchkey::Latchkey,
    messages::Messenger,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The new phone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePhoneRequest {
    #[schema(example = "+14155550124")]
    phone: String,
}

/// Sends a code to my new phone.
///
/// I prove it with `POST /v1/otp/verify`, signed in as now; then it is mine, and the old one is told.
/// Whether somebody has it already shows only after the proof. It needs a fresh sign-in (RFC 9470).
#[utoipa::path(
    post,
    path = "/v1/me/phone",
    operation_id = "me-phone",
    tag = "Me",
    security(("access_token" = [])),
    request_body = ChangePhoneRequest,
    responses((status = 202, description = "The code is on its way", body = ChallengeView)),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "resend_too_soon", "sms_limit_reached", "otp_locked",
        "insufficient_user_authentication", "conflict"
    ]))),
)]
async fn phone(
    caller: Caller,
    challenges: Challenges,
    clock: Clock,
    messenger: Messenger,
    client: Client,
    Json(request): Json<ChangePhoneRequest>,
) -> Result<(StatusCode, Json<ChallengeView>), Error> {
    caller.require_fresh_sign_in(clock.now())?;
    let address = challenges.address(Some(&request.phone), None)?;
    let client_id = &caller.claims.client_id;
    let opened =
        challenges.open_new_address(&caller.user, client_id, address, client.ip, &messenger);
    Ok((StatusCode::ACCEPTED, Json(opened.await?)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(phone))
}
