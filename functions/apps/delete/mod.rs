//! `DELETE /v1/apps/{client_id}`: deletes an app.

use axum::http::StatusCode;
use shared::{
    apps::Apps,
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, AppsWrite, PathName},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Delete an app
///
/// The app's tokens stop working immediately. Its users keep their accounts, and its `client_id` is
/// never given to another app. The default app cannot be deleted.
#[utoipa::path(
    delete,
    path = "/v1/apps/{client_id}",
    operation_id = "apps-delete",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    params(("client_id" = String, Path, description = "The app's `client_id`")),
    responses((status = 204, description = "Deleted")),
    extensions(("x-codes" = json!(["not_found", "conflict"]))),
)]
async fn delete(
    admin: Admin<AppsWrite>,
    apps: Apps,
    recorder: Recorder,
    PathName(client_id): PathName,
) -> Result<StatusCode, Error> {
    Apps::check_may_change(&client_id, &admin.permissions)?;
    let event =
        recorder.event(admin.caller.activity(Action::AppDelete, format!("app:{client_id}")))?;
    apps.recording(event).delete(&client_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
