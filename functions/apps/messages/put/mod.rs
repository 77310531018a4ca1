//! `PUT /v1/apps/{client_id}/messages/{kind}/{language}`: words an e-mail of an app.

use serde::Deserialize;
use shared::{
    accounts::Accounts,
    apps::Apps,
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, AppsWrite, DocumentJson, Json, PathMail},
    latchkey::Latchkey,
    messages::{MailTemplateView, MailTemplates, MailWording, Messenger, Subject},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The words of an e-mail. They replace all previous ones.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageWording {
    /// The subject line: one line of up to 150 characters, with any placeholder but `{link}`. If it
    /// is `null` or left out, the built-in one is used.
    #[schema(example = "Your {app} code")]
    subject: Option<String>,
    /// The plain text: up to 4096 bytes.
    #[schema(example = "{code} is your code. It is valid for {minutes} minutes.")]
    text: String,
    /// The same in HTML: up to 32768 bytes. If it is `null` or left out, the e-mail has plain text
    /// alone.
    #[schema(example = "<p><b>{code}</b> is your code. It is valid for {minutes} minutes.</p>")]
    html: Option<String>,
}

impl From<MessageWording> for MailWording {
    fn from(MessageWording { subject, text, html }: MessageWording) -> Self {
        Self { subject, text, html }
    }
}

/// Word an e-mail of an app
///
/// People get this e-mail in place of the built-in one. A language without a template uses the one
/// in English, if there is one, and else the built-in e-mail.
///
/// E-mails with a code are `sign_in`, `account_exists`, `password_reset` and `new_address`. They have
/// the placeholders `{code}`, which must be in `text` and in `html`, `{minutes}` and `{app}`;
/// `password_reset` also has `{link}` if `PASSWORD_RESET_URL` is set. Without it, a template with
/// `{link}` is not used.
///
/// The notices `password_changed`, `address_changed`, `second_factor_added`,
/// `second_factor_removed`, `passkey_added`, `phone_detached` and `account_erasure` are sent in the
/// name of the app `default`, so only that app can have them. They have the placeholders `{link}`, which undoes the
/// change and must be in `text` and in `html`, and `{app}`; `account_erasure` also has `{date}`.
///
/// Links may lead only to the app's `allowed_origins` and to the origins of its `redirect_uris`,
/// `post_logout_redirect_uris` and `links`. Images are only below the origin of its `logo`. HTML with
/// scripts, forms, comments or styles that load something is refused. A link to stop e-mails is added
/// by the service. The administrators are told of the change.
#[utoipa::path(
    put,
    path = "/v1/apps/{client_id}/messages/{kind}/{language}",
    operation_id = "apps-messages-put",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    params(
        ("client_id" = String, Path, description = "The app's `client_id`"),
        ("kind" = String, Path, description = "The kind of e-mail, like `sign_in`"),
        ("language" = String, Path, description = "`en`, `es`, `hi` or `ar`"),
    ),
    request_body = MessageWording,
    responses((status = 200, description = "The template", body = MailTemplateView)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn put(
    admin: Admin<AppsWrite>,
    templates: MailTemplates,
    accounts: Accounts,
    messenger: Messenger,
    recorder: Recorder,
    PathMail { client_id, name }: PathMail,
    DocumentJson(wording): DocumentJson<MessageWording>,
) -> Result<Json<MailTemplateView>, Error> {
    Apps::check_may_change(&client_id, &admin.permissions)?;
    let event = recorder
        .event(admin.caller.activity(Action::AppMessageChange, format!("app:{client_id}")))?;
    let template = templates.recording(event).put(&client_id, name, wording.into()).await?;

    accounts.tell_administrators(Subject::AppChanged, &messenger).await;
    Ok(Json(template))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(put))
}
