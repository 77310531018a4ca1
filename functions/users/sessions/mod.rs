//! `GET /v1/users/{user_id}/sessions`: lists the sessions of a user.

use shared::{
    audit::{Action, Recorder, user_subject},
    base::{Clock, Error},
    http::{Admin, CurrentHashKeys, Json, Page, PageQuery, PathId, Query, UsersRead},
    latchkey::Latchkey,
    users::{Directory, SessionView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// List the sessions of a user
///
/// Each sign-in of a device is a session. Sessions that ended or expired are left out. The newest
/// come first. The read is recorded in the audit trail.
#[utoipa::path(
    get,
    path = "/v1/users/{user_id}/sessions",
    operation_id = "users-sessions",
    tag = "Users",
    security(("access_token" = ["users:read"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user's id, a UUID"), PageQuery),
    responses((status = 200, description = "A page of sessions", body = Page<SessionView>)),
    extensions(("x-codes" = json!(["invalid_request", "not_found"]))),
)]
async fn sessions(
    admin: Admin<UsersRead>,
    directory: Directory,
    recorder: Recorder,
    clock: Clock,
    CurrentHashKeys(keys): CurrentHashKeys,
    PathId(id): PathId,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SessionView>>, Error> {
    let list = format!("sessions of {id}");
    let (limit, after) = (query.limit()?, query.after(&list, &keys)?);
    let user = directory.get(id).await?;
    recorder.record(admin.caller.activity(Action::UserSessionsRead, user_subject(id))).await?;

    let newest_first = user.live_sessions(clock.now()).rev();
    let mut live: Vec<_> = newest_first
        .filter(|(id, _)| after.as_ref().is_none_or(|after| id.to_string() < *after))
        .collect();
    let more = live.len() > limit;
    live.truncate(limit);
    let end = live.last().filter(|_| more).map(|(id, _)| id.to_string());

    let own = admin.caller.claims.sid;
    let items = live.into_iter().map(|(id, session)| SessionView::new(id, session, own)).collect();
    Ok(Json(Page::new(items, &list, end.as_deref(), &keys)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(sessions))
}
