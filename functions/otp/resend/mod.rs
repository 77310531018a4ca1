//! `POST /v1/otp/resend`: sends the same code again.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    base::Error,
    challenges::{ChallengeView, Challenges},
    http::{Client, Credentials, EndUserAddress, Json},
    identifiers::Channel,
    latchkey::Latchkey,
    messages::Messenger,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The challenge whose code did not arrive.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"challenge_id": "01890000-0000-7000-8000-000000000000"}))]
pub struct ResendOtpRequest {
    /// The `challenge_id` of the response that started the challenge.
    challenge_id: Uuid,
    /// How to send it, one of the `channels` of `GET /v1/config`: `sms`, `whatsapp` or `voice` to a
    /// phone, `email` to an e-mail address. Default: the channel that `POST /v1/otp/send` was asked for; if
    /// it was asked for none, the next sender of the phone's country chooses.
    channel: Option<Channel>,
}

/// Send a code again
///
/// The code stays the same, so it also works if the first message arrives late. Tries that were
/// used stay used, and the challenge expires at the same time as before. If a confidential app asked
/// for the code to sign in, it authenticates by HTTP Basic here, too.
#[utoipa::path(
    post,
    path = "/v1/otp/resend",
    operation_id = "otp-resend",
    tag = "One-time codes",
    params(EndUserAddress),
    request_body = ResendOtpRequest,
    responses((status = 202, description = "The code is on its way again", body = ChallengeView)),
    extensions(("x-codes" = json!([
        "resend_too_soon", "undeliverable", "sms_limit_reached", "otp_locked", "otp_expired",
        "invalid_client", "app_disabled", "forbidden"
    ]))),
)]
async fn resend(
    challenges: Challenges,
    messenger: Messenger,
    client: Client,
    Credentials(credentials): Credentials,
    Json(request): Json<ResendOtpRequest>,
) -> Result<(StatusCode, Json<ChallengeView>), Error> {
    let (challenge, room) = tokio::try_join!(
        challenges.resume(request.challenge_id, credentials.as_ref()),
        challenges.room(client.ip.as_deref()),
    )?;
    let client = client.served_by(challenge.app())?;

    let from = (client.ip.as_deref(), &room);
    let challenge = challenge.by(request.channel);
    let sent = challenges.resend(challenge, from, &messenger).await?;
    Ok((StatusCode::ACCEPTED, Json(sent)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(resend))
}
