//! `GET /v1/otp/{challenge_id}`: returns the status of a challenge.

use shared::{
    base::Error,
    challenges::{ChallengeStatusView, Challenges},
    http::{Json, PathId},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Get the status of a challenge
///
/// A challenge that never existed, or was replaced by a newer one, is reported as expired.
#[utoipa::path(
    get,
    path = "/v1/otp/{challenge_id}",
    operation_id = "otp-status",
    tag = "One-time codes",
    params((
        "challenge_id" = uuid::Uuid,
        Path,
        description = "The id of the challenge, a UUID",
        example = "01890000-0000-7000-8000-000000000000"
    )),
    responses((
        status = 200,
        description = "The status of the challenge",
        body = ChallengeStatusView
    )),
    extensions(("x-codes" = json!(["invalid_request"]))),
)]
async fn status(
    challenges: Challenges,
    PathId(id): PathId,
) -> Result<Json<ChallengeStatusView>, Error> {
    Ok(Json(challenges.status(id).await?))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(status))
}
