//! `GET /health`: whether the service and its table answer.

use axum::extract::State;
use serde::Serialize;
use shared::{base::Error, http::Json, latchkey::Latchkey};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The state of the service.
#[derive(Serialize, ToSchema)]
pub struct HealthView {
    #[schema(example = "ok")]
    status: &'static str,
    /// The version of Latchkey.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Whether the table answers.
    #[schema(example = "ok")]
    table: &'static str,
}

/// Tells whether the service and its table answer.
///
/// Where the table does not, the answer is `unavailable`.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "Service",
    responses((status = 200, description = "All is well", body = HealthView)),
)]
async fn health(State(latchkey): State<Latchkey>) -> Result<Json<HealthView>, Error> {
    latchkey.ping().await?;
    Ok(Json(HealthView { status: "ok", version: env!("CARGO_PKG_VERSION"), table: "ok" }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(health))
}
