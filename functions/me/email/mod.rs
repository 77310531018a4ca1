//! `POST /v1/me/email`: starts adding or changing the e-mail address.

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

/// The new e-mail address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmailRequest {
    /// The new e-mail address, in ASCII and of at most 254 characters.
    #[schema(example = "ann@example.com")]
    email: String,
}

/// Start adding or changing the e-mail address
///
/// A code is sent to the new address. To finish, verify it with `POST /v1/otp/verify` and the same
/// user's access token. Then the address changes, and a notice is sent to the old one if it was
/// verified. If somebody else already has the new address, the response says so only after the code
/// is verified.
///
/// It needs a fresh sign-in (RFC 9470): less than 10 minutes old, and with both factors if the user
/// has two.
#[utoipa::path(
    post,
    path = "/v1/me/email",
    operation_id = "me-email",
    tag = "Me",
    security(("access_token" = [])),
    request_body = ChangeEmailRequest,
    responses((status = 202, description = "The code is on its way", body = ChallengeView)),
    extensions(("x-codes" = json!([
        "invalid_email", "resend_too_soon", "sms_limit_reached", "otp_locked",
        "insufficient_user_authentication", "conflict"
    ]))),
)]
async fn email(
    caller: Caller,
    challenges: Challenges,
    messenger: Messenger,
    client: Client,
    Json(request): Json<ChangeEmailRequest>,
) -> Result<(StatusCode, Json<ChallengeView>), Error> {
    let address = challenges.address(None, Some(&request.email))?;
    // Nothing but texts ever needs a proof of work.
    let (client_id, from) = (&caller.claims.client_id, (client.ip, None));
    let opened = challenges.open_new_address(&caller.user, client_id, address, from, &messenger);
    Ok((StatusCode::ACCEPTED, Json(opened.await?)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(email))
}
