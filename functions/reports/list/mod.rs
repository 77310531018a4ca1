//! `GET /v1/reports`: how many texts were delivered.

use serde::Deserialize;
use shared::{
    base::Error,
    http::{Admin, AuditRead, Json, Page, Query},
    latchkey::Latchkey,
    messages::{DeliveryCount, DeliveryCounts},
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

/// How many days are listed if the client does not say.
const DAYS: u8 = 7;

/// Selects the days.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReportsQuery {
    /// How many days, up to today (UTC); 7 by default.
    #[param(minimum = 1, maximum = 31)]
    days: Option<u8>,
}

/// List how many texts were delivered
///
/// By day, sender and country, as the senders have reported it. The last day comes first. A sender
/// that reports nothing is not listed: `sns` and `kaleyra` do not.
#[utoipa::path(
    get,
    path = "/v1/reports",
    operation_id = "reports-list",
    tag = "Senders",
    security(("access_token" = ["audit:read"])),
    params(ReportsQuery),
    responses((status = 200, description = "All counts on one page", body = Page<DeliveryCount>)),
    extensions(("x-codes" = json!(["invalid_request"]))),
)]
async fn list(
    _: Admin<AuditRead>,
    counts: DeliveryCounts,
    Query(query): Query<ReportsQuery>,
) -> Result<Json<Page<DeliveryCount>>, Error> {
    let items = counts.of_last(query.days.unwrap_or(DAYS)).await?;
    Ok(Json(Page { items, next_cursor: None }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
