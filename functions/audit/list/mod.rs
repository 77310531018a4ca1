//! `GET /v1/audit`: lists the audit trail.

use jiff::Timestamp;
use serde::Deserialize;
use shared::{
    audit::{Action, Audit, EventFilter, EventView, Position},
    base::Error,
    http::{Admin, AuditRead, CurrentHashKeys, Json, Page, PageQuery, Query},
    latchkey::Latchkey,
    users::Directory,
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The longest `target`, in bytes.
const MAX_TARGET_BYTES: usize = 256;

/// Selects the events, and the page. An event must meet all conditions.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// The id of a user: only events that they caused.
    actor: Option<Uuid>,
    /// Only events about this user (`user:<id>`), role (`role:<name>`), app (`app:<client id>`) or
    /// masked address.
    #[param(example = "user:01890000-0000-7000-8000-000000000000")]
    target: Option<String>,
    /// Only events of this action.
    action: Option<Action>,
    /// Only events from this time on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only events before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// The most items of the page; 50 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

/// List the audit trail
///
/// An event says who did what, and when. The newest come first. With a condition, a page may have
/// fewer items than `limit`, or none, and still a `next_cursor`. The failures of people who were not
/// recognised are one event for each source, hour, action and app, with their `count`.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "audit-list",
    tag = "Audit",
    security(("access_token" = ["audit:read"])),
    params(AuditQuery),
    responses((status = 200, description = "A page of events", body = Page<EventView>)),
    extensions(("x-codes" = json!(["invalid_request"]))),
)]
async fn list(
    _: Admin<AuditRead>,
    audit: Audit,
    directory: Directory,
    CurrentHashKeys(keys): CurrentHashKeys,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<EventView>>, Error> {
    if query.target.as_ref().is_some_and(|target| !(1..=MAX_TARGET_BYTES).contains(&target.len())) {
        return Err(Error::field("target", format!("must have 1 to {MAX_TARGET_BYTES} bytes")));
    }
    let filter = EventFilter {
        actor: query.actor,
        target: query.target,
        of: None,
        action: query.action,
        from: query.from,
        to: query.to,
    };

    let (page, list) = (PageQuery::new(query.limit, query.cursor), format!("audit {filter:?}"));
    let (limit, after) = (page.limit()?, page.after(&list, &keys)?);
    let from = after.as_deref().and_then(Position::parse);

    let sign_ins = match filter.user() {
        Some(id) if from.is_none() => directory.last_sign_ins(id).await?,
        _ => Vec::new(),
    };
    let (events, next) = audit.page(&filter, sign_ins, from, limit).await?;

    let items = events.into_iter().map(EventView::from).collect();
    Ok(Json(Page::new(items, &list, next.map(|next| next.text()).as_deref(), &keys)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
