//! `GET /v1/otp/{challenge_id}`: where a challenge stands.

use shared::{
    base::Error,
    challenges::{ChallengeStatusView, Challenges},
    http::{Json, PathId},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Tells where a challenge stands.
///
/// An id that nobody was given reads as expired.
#[utoipa::path(
    get,
    path = "/v1/otp/{challenge_id}",
    operation_id = "otp-status",
    tag = "One-time codes",
    params(("challenge_id" = uuid::Uuid, Path, description = "The challenge")),
    responses((status = 200, description = "Where it stands", body = ChallengeStatusView)),
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
