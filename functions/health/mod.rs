//! `GET /health`: whether the service and its table work.

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
    /// Always `ok`. If the service does not work, the response is an error.
    #[schema(example = "ok")]
    status: &'static str,
    /// The version of Latchkey that is deployed.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Always `ok`. If the DynamoDB table cannot be read, the response is `unavailable`.
    #[schema(example = "ok")]
    table: &'static str,
}

/// Check the health of the service
///
/// Each call reads the DynamoDB table. If that fails, the response is `unavailable` (503).
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "Service",
    responses((status = 200, description = "The service and its table work", body = HealthView)),
)]
async fn health(State(latchkey): State<Latchkey>) -> Result<Json<HealthView>, Error> {
    latchkey.ping().await?;
    Ok(Json(HealthView { status: "ok", version: env!("CARGO_PKG_VERSION"), table: "ok" }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(health))
}
