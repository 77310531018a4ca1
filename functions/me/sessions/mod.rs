//! `GET /v1/me/sessions`: lists the signed-in user's sessions.

use shared::{
    base::{Clock, Error},
    http::{Caller, CurrentHashKeys, Json, Page, PageQuery, Query},
    latchkey::Latchkey,
    users::SessionView,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// List the signed-in user's sessions
///
/// Each sign-in of a device is a session. Sessions that ended or expired are left out. The newest
/// come first.
#[utoipa::path(
    get,
    path = "/v1/me/sessions",
    operation_id = "me-sessions",
    tag = "Me",
    security(("access_token" = [])),
    params(PageQuery),
    responses((status = 200, description = "A page of sessions", body = Page<SessionView>)),
    extensions(("x-codes" = json!(["invalid_request"]))),
)]
async fn sessions(
    caller: Caller,
    clock: Clock,
    CurrentHashKeys(keys): CurrentHashKeys,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SessionView>>, Error> {
    let list = format!("sessions of {}", caller.user.id);
    let (limit, after) = (query.limit()?, query.after(&list, &keys)?);

    let newest_first = caller.user.live_sessions(clock.now()).rev();
    let mut live: Vec<_> = newest_first
        .filter(|(id, _)| after.as_ref().is_none_or(|after| id.to_string() < *after))
        .collect();

    let more = live.len() > limit;
    live.truncate(limit);
    let end = live.last().filter(|_| more).map(|(id, _)| id.to_string());

    let items = live
        .into_iter()
        .map(|(id, session)| SessionView::new(id, session, caller.claims.sid))
        .collect();
    Ok(Json(Page::new(items, &list, end.as_deref(), &keys)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(sessions))
}
