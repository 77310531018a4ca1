//! `POST /v1/otp/verify`: proves a challenge.

use serde::Deserialize;
use shared::{
    challenge::Purpose,
    challenges::Challenges,
    error::Error,
    http::{Client, Json},
    one_time_code::OneTimeCode,
    parts::Parts,
    sessions::{Sessions, SignedIn},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// A code for a challenge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyOtpRequest {
    challenge_id: Uuid,
    /// The digits that were sent.
    #[schema(example = "123456")]
    code: String,
}

/// Proves a challenge with its code: a session.
///
/// A code signs in once, however many requests arrive together. The last wrong code answers
/// `otp_incorrect` with `attempts_left` 0; what follows is `otp_locked`, with `retry_after` where the
/// phone itself has to wait.
#[utoipa::path(
    post,
    path = "/v1/otp/verify",
    operation_id = "otp-verify",
    tag = "One-time codes",
    request_body = VerifyOtpRequest,
    responses((status = 200, description = "Signed in", body = SignedIn)),
    extensions(("x-codes" = json!(["otp_incorrect", "otp_locked", "otp_expired", "user_disabled"]))),
)]
async fn verify(
    challenges: Challenges,
    sessions: Sessions,
    client: Client,
    Json(request): Json<VerifyOtpRequest>,
) -> Result<Json<SignedIn>, Error> {
    let code = OneTimeCode::parse(&request.code).ok_or_else(|| Error::field("code", "must be 6 to 10 digits"))?;
    let proven = challenges.prove(request.challenge_id, &code).await?;
    match proven.challenge.purpose {
        Purpose::SignIn => Ok(Json(sessions.sign_in(proven, client.into_device()).await?)),
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(verify))
}
