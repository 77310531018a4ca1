//! `GET /v1/apps/{client_id}/messages`: the e-mails that an app words itself.

use shared::{
    base::Error,
    http::{Admin, AppsRead, Json, Page, PathName},
    latchkey::Latchkey,
    messages::{MailTemplateView, MailTemplates},
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// List the e-mails that an app words itself
///
/// All other e-mails are the built-in ones.
#[utoipa::path(
    get,
    path = "/v1/apps/{client_id}/messages",
    operation_id = "apps-messages-list",
    tag = "Apps",
    security(("access_token" = ["apps:read"])),
    params(("client_id" = String, Path, description = "The app's `client_id`")),
    responses((
        status = 200,
        description = "All templates on one page",
        body = Page<MailTemplateView>
    )),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn list(
    _: Admin<AppsRead>,
    templates: MailTemplates,
    PathName(client_id): PathName,
) -> Result<Json<Page<MailTemplateView>>, Error> {
    let items = templates.list(&client_id).await?;
    Ok(Json(Page { items, next_cursor: None }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
