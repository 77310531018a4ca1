//! `DELETE /v1/apps/{client_id}/messages/{kind}/{language}`: lets an app send a built-in e-mail again.

use axum::http::StatusCode;
use shared::{
    apps::Apps,
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, AppsWrite, PathMail},
    latchkey::Latchkey,
    messages::MailTemplates,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Delete the words of an e-mail of an app
///
/// From now on people get the app's template in English, if there is another one, or else the
/// built-in e-mail.
#[utoipa::path(
    delete,
    path = "/v1/apps/{client_id}/messages/{kind}/{language}",
    operation_id = "apps-messages-delete",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    params(
        ("client_id" = String, Path, description = "The app's `client_id`"),
        ("kind" = String, Path, description = "The kind of e-mail, like `sign_in`"),
        ("language" = String, Path, description = "`en`, `es`, `hi` or `ar`"),
    ),
    responses((status = 204, description = "Deleted")),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn delete(
    admin: Admin<AppsWrite>,
    templates: MailTemplates,
    recorder: Recorder,
    PathMail { client_id, name }: PathMail,
) -> Result<StatusCode, Error> {
    Apps::check_may_change(&client_id, &admin.permissions)?;
    let event = recorder
        .event(admin.caller.activity(Action::AppMessageDelete, format!("app:{client_id}")))?;
    templates.recording(event).delete(&client_id, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
