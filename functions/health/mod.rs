//! `GET /health`: whether the service and its table work, and a key can sign tokens.

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
/// Each call reads the published keys from the DynamoDB table. If that fails, the response is
/// `unavailable` (503). Before the first signing key is published, it is `not_ready` (503), and nobody
/// can sign in.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "Service",
    responses((status = 200, description = "The service and its table work", body = HealthView)),
    extensions(("x-codes" = json!(["not_ready"]))),
)]
async fn health(State(latchkey): State<Latchkey>) -> Result<Json<HealthView>, Error> {
    latchkey.check_ready().await?;
    Ok(Json(HealthView { status: "ok", version: env!("CARGO_PKG_VERSION"), table: "ok" }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(health))
}
