//! `POST /v1/apps/{client_id}/secret`: gives a confidential app a new secret.

use serde::{Deserialize, Serialize};
use shared::{
    accounts::Accounts,
    apps::{Apps, MAX_OLD_VALID_SECONDS},
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, AppsWrite, Json, OptionalJson, PathName},
    latchkey::Latchkey,
    messages::{Messenger, Subject},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// How long the previous secret stays valid if the request does not say: a day, to roll out the new
/// one.
const OLD_VALID_SECONDS: i64 = 24 * 3600;

/// How long the previous secret stays valid.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateSecretRequest {
    /// How long the previous secret stays valid, in seconds: 0 to 604800 (7 days). If it is `null`
    /// or left out: 86400 (a day). With 0 it is revoked immediately, for example because it leaked.
    #[schema(example = 86_400)]
    old_secret_valid_for: Option<i64>,
}

/// The new secret.
#[derive(Serialize, ToSchema)]
pub struct RotatedSecret {
    /// The app's public identifier.
    client_id: String,
    /// The new secret. It is shown only this once.
    #[schema(example = "lks_…")]
    client_secret: String,
    /// How many seconds the previous secret stays valid.
    old_secret_valid_for: i64,
}

/// Rotate the secret of a confidential app
///
/// The previous secret stays valid for a while, so that servers can switch to the new one without
/// downtime. At most one previous secret is valid: another rotation revokes the older one
/// immediately. A public app has no secret, and the response is `conflict`. The administrators are
/// told.
#[utoipa::path(
    post,
    path = "/v1/apps/{client_id}/secret",
    operation_id = "apps-secret-rotate",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    params(("client_id" = String, Path, description = "The app's `client_id`")),
    request_body = RotateSecretRequest,
    responses((status = 200, description = "The new secret", body = RotatedSecret)),
    extensions(("x-codes" = json!(["not_found", "conflict"]))),
)]
async fn rotate(
    admin: Admin<AppsWrite>,
    apps: Apps,
    accounts: Accounts,
    messenger: Messenger,
    recorder: Recorder,
    PathName(client_id): PathName,
    OptionalJson(request): OptionalJson<RotateSecretRequest>,
) -> Result<Json<RotatedSecret>, Error> {
    let valid_for = request.old_secret_valid_for.unwrap_or(OLD_VALID_SECONDS);
    if !(0..=MAX_OLD_VALID_SECONDS).contains(&valid_for) {
        let message = format!("must be from 0 to {MAX_OLD_VALID_SECONDS} seconds");
        return Err(Error::field("old_secret_valid_for", message));
    }

    Apps::check_may_change(&client_id, &admin.permissions)?;
    // With the secret of a machine, its scopes are theirs.
    let app = apps.get(&client_id).await?;
    Apps::check_may_grant(app.as_ref().map(|app| &app.grants.scopes), &admin.permissions)?;

    let event = recorder
        .event(admin.caller.activity(Action::AppSecretRotate, format!("app:{client_id}")))?;
    let (app, secret) = apps.recording(event).rotate_secret(&client_id, valid_for).await?;
    accounts.tell_administrators(Subject::AppChanged, &messenger).await;

    Ok(Json(RotatedSecret {
        client_id: app.client_id,
        client_secret: secret.reveal(),
        old_secret_valid_for: valid_for,
    }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(rotate))
}
