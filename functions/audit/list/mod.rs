//! `GET /v1/audit`: lists the audit trail.

use jiff::Timestamp;
use serde::Deserialize;
use shared::{
    audit::{ANYBODY, Action, Audit, EventFilter, EventView, Position, user_subject},
    base::Error,
    http::{Admin, AuditRead, CurrentHashKeys, Json, Page, PageQuery, Query, sent_time},
    latchkey::Latchkey,
    roles::{Roles, role_name},
    users::Directory,
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// The subjects that events can have.
const TARGETS: &str = "must be user:<id>, role:<name>, app:<client_id>, a masked address as events show \
                       it, users or anybody";
/// The subject of a list of users.
const USERS: &str = "users";
/// The sign for hidden characters in a masked address.
const MASK: char = '•';
/// The longest `target`, in bytes.
const MAX_TARGET_BYTES: usize = 256;

/// Selects the events, and the page. An event must meet all conditions.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// The id of a user: only events that they caused.
    actor: Option<Uuid>,
    /// Only events about this user (`user:<id>`), role (`role:<name>`), app (`app:<client_id>`) or
    /// masked address, as events show it; `users` for lists of users, `anybody` for failures that are
    /// counted together. The id of a user and the name of a role may have any letter case.
    #[param(example = "user:01890000-0000-7000-8000-000000000000")]
    target: Option<String>,
    /// Only events of this action.
    action: Option<Action>,
    /// Only events from this time on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "sent_time")]
    from: Option<Timestamp>,
    /// Only events before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "sent_time")]
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
    (audit, roles): (Audit, Roles),
    directory: Directory,
    CurrentHashKeys(keys): CurrentHashKeys,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Page<EventView>>, Error> {
    let target = match query.target.as_deref() {
        Some(target) => Some(subject(target, &roles).await?),
        None => None,
    };
    let filter = EventFilter {
        actor: query.actor,
        target,
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

/// The subject that a caller names, as events have it: the id of a user in lower case, and the names
/// of roles as they were created.
///
/// # Errors
/// [`Error::InvalidRequest`] if no event can be about it.
async fn subject(target: &str, roles: &Roles) -> Result<String, Error> {
    if !(1..=MAX_TARGET_BYTES).contains(&target.len()) {
        return Err(Error::field("target", format!("must have 1 to {MAX_TARGET_BYTES} bytes")));
    }
    if target == ANYBODY || target == USERS || target.contains(MASK) {
        return Ok(target.to_owned());
    }
    match target.split_once(':') {
        Some(("user", id)) => {
            let id = Uuid::try_parse(id).map_err(|_| {
                Error::field("target", "must have the id of a user, a UUID, after user:")
            })?;
            Ok(user_subject(id))
        }
        Some(("role", names)) => {
            let names: Vec<_> = names.split(',').collect();
            if names.iter().any(|name| role_name(name).is_none()) {
                return Err(Error::field("target", "must have the name of a role after role:"));
            }
            Ok(format!("role:{}", roles.as_written(&names).await?.join(",")))
        }
        Some(("app", client_id)) if !client_id.is_empty() => Ok(target.to_owned()),
        _ => Err(Error::field("target", TARGETS)),
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
