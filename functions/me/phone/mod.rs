//! `POST /v1/me/phone`: starts adding or changing the phone.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    base::Error,
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
    /// The new phone number in E.164 form, or the digits of a national number if the deployment has
    /// a default region.
    #[schema(example = "+14155550124")]
    phone: String,
    /// The solved proof of work, if the answer to this request was `proof_required`.
    proof: Option<String>,
}

/// Start adding or changing the phone
///
/// A code is sent to the new phone. To finish, verify it with `POST /v1/otp/verify` and the same
/// user's access token. Then the phone changes, and a notice is sent to the old one if it was
/// verified. If somebody else already has the new phone, the response says so only after the code
/// is verified.
///
/// It needs a fresh sign-in (RFC 9470): less than 10 minutes old, and with both factors if the user
/// has two.
#[utoipa::path(
    post,
    path = "/v1/me/phone",
    operation_id = "me-phone",
    tag = "Me",
    security(("access_token" = [])),
    request_body = ChangePhoneRequest,
    responses((status = 202, description = "The code is on its way", body = ChallengeView)),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "resend_too_soon", "undeliverable",
        "sms_limit_reached", "proof_required", "otp_locked", "insufficient_user_authentication", "conflict"
    ]))),
)]
async fn phone(
    caller: Caller,
    challenges: Challenges,
    messenger: Messenger,
    client: Client,
    Json(request): Json<ChangePhoneRequest>,
) -> Result<(StatusCode, Json<ChallengeView>), Error> {
    let address = challenges.address(Some(&request.phone), None)?;
    let (client_id, from) = (&caller.claims.client_id, (client.ip, request.proof));
    let opened = challenges.open_new_address(&caller.user, client_id, address, from, &messenger);
    Ok((StatusCode::ACCEPTED, Json(opened.await?)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(phone))
}
