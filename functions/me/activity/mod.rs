//! `GET /v1/me/activity`: lists what happened to the signed-in user's account.

use shared::{
    audit::{ActivityView, Audit, EventFilter, Position, user_subject},
    base::Error,
    http::{Caller, CurrentHashKeys, Json, Page, PageQuery, Query},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// List what happened to the signed-in user's account
///
/// Sign-ins, failed sign-ins, changes, and what administrators did. The newest come first. All
/// addresses are masked. A page may have fewer items than `limit`, or none,
/// and still a `next_cursor`. Events are deleted after some months.
#[utoipa::path(
    get,
    path = "/v1/me/activity",
    operation_id = "me-activity",
    tag = "Me",
    security(("access_token" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page of events", body = Page<ActivityView>)),
    extensions(("x-codes" = json!(["invalid_request"]))),
)]
async fn activity(
    caller: Caller,
    audit: Audit,
    CurrentHashKeys(keys): CurrentHashKeys,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ActivityView>>, Error> {
    let user = &caller.user;
    let list = format!("activity of {}", user.id);
    let (limit, after) = (query.limit()?, query.after(&list, &keys)?);

    let filter = EventFilter { target: Some(user_subject(user.id)), ..EventFilter::default() };
    let from = after.as_deref().and_then(Position::parse);
    let (events, next) = audit.page(&filter, user.last_sign_ins(), from, limit).await?;

    let items = events.into_iter().map(|event| ActivityView::new(event, user.id)).collect();
    Ok(Json(Page::new(items, &list, next.map(|next| next.text()).as_deref(), &keys)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(activity))
}
