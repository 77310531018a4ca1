//! `GET /v1/audit`: lists the audit trail.

use shared::{
    audit::{Audit, EventView},
    base::Error,
    http::{Admin, AuditRead, CurrentHashKeys, Json, Page, PageQuery, Query},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// List the audit trail
///
/// An event says who did what, and when. The newest come first.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "audit-list",
    tag = "Audit",
    security(("access_token" = ["audit:read"])),
    params(PageQuery),
    responses((status = 200, description = "A page of events", body = Page<EventView>)),
    extensions(("x-codes" = json!(["invalid_request"]))),
)]
async fn list(
    _: Admin<AuditRead>,
    audit: Audit,
    CurrentHashKeys(keys): CurrentHashKeys,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<EventView>>, Error> {
    const LIST: &str = "audit";
    let (limit, after) = (query.limit()?, query.after(LIST, &keys)?);
    let before = after.as_deref().and_then(|id| Uuid::try_parse(id).ok());
    let (events, end) = audit.list(before, limit).await?;
    let items = events.into_iter().map(EventView::from).collect();
    Ok(Json(Page::new(items, LIST, end.as_deref(), &keys)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
