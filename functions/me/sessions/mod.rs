//! `GET /v1/me/sessions`: my devices.

use shared::{
    clock::Clock,
    error::Error,
    http::{Caller, CurrentHashKeys, Json, Page, PageQuery, Query},
    parts::Parts,
    session::SessionView,
    store::Store,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// My live sessions, newest first.
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
    store: Store,
    clock: Clock,
    CurrentHashKeys(keys): CurrentHashKeys,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SessionView>>, Error> {
    let list = format!("sessions of {}", caller.user.id);
    let (limit, after) = (query.limit()?, query.after(&list, &keys)?);
    let now = clock.now();
    let mut live = store.sessions(caller.user.id).await?;
    live.retain(|session| caller.user.has_session(session.id, now) && session.expires_at > now);
    live.retain(|session| after.as_ref().is_none_or(|after| session.id.to_string() < *after));
    live.reverse();
    let more = live.len() > limit;
    live.truncate(limit);
    let end = live.last().filter(|_| more).map(|session| session.id.to_string());
    let items = live.into_iter().map(|session| SessionView::new(session, caller.claims.sid)).collect();
    Ok(Json(Page::new(items, &list, end.as_deref(), &keys)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Parts> {
    OpenApiRouter::new().routes(routes!(sessions))
}
