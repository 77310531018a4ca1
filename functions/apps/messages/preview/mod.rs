//! `POST /v1/apps/{client_id}/messages/{kind}/{language}/preview`: an e-mail with sample values.

use serde::Deserialize;
use shared::{
    base::Error,
    http::{Admin, AppsWrite, DocumentJson, Json, PathMail},
    latchkey::Latchkey,
    messages::{MailPreview, MailTemplates, MailWording},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::apps::messages::put::MessageWording;

#[cfg(test)]
mod tests;

/// The words to preview.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewMessageRequest {
    /// Words that are not stored. If they are `null` or left out, the e-mail is the one that people
    /// get now.
    draft: Option<MessageWording>,
}

/// Preview an e-mail of an app
///
/// Nothing is sent and nothing is stored. A draft is checked as if it were stored.
#[utoipa::path(
    post,
    path = "/v1/apps/{client_id}/messages/{kind}/{language}/preview",
    operation_id = "apps-messages-preview",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    params(
        ("client_id" = String, Path, description = "The app's `client_id`"),
        ("kind" = String, Path, description = "The kind of e-mail, like `sign_in`"),
        ("language" = String, Path, description = "`en`, `es`, `hi` or `ar`"),
    ),
    request_body = PreviewMessageRequest,
    responses((status = 200, description = "The e-mail with sample values", body = MailPreview)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn preview(
    _: Admin<AppsWrite>,
    templates: MailTemplates,
    PathMail { client_id, name }: PathMail,
    DocumentJson(request): DocumentJson<PreviewMessageRequest>,
) -> Result<Json<MailPreview>, Error> {
    let draft = request.draft.map(MailWording::from);
    Ok(Json(templates.preview(&client_id, name, draft).await?))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(preview))
}
