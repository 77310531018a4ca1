//! `POST /v1/apps/{client_id}/secret`: gives a confidential app a new secret.

use serde::{Deserialize, Serialize};
use shared::{
    apps::{Apps, MAX_OLD_VALID_SECONDS},
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, AppsWrite, Json, OptionalJson, PathName},
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// How long the old secret stays good, where the request does not say: a day, to roll it out.
const OLD_VALID_SECONDS: i64 = 24 * 3600;

/// What becomes of the old secret.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateSecretRequest {
    /// For how long the old one stays good: 0 to 604800 seconds; 86400 where it is not given.
    #[schema(example = 86_400)]
    old_secret_valid_for: Option<i64>,
}

/// The new secret.
#[derive(Serialize, ToSchema)]
pub struct RotatedSecret {
    client_id: String,
    /// It is shown this once.
    #[schema(example = "lks_…")]
    client_secret: String,
    /// For how many seconds the old one stays good.
    old_secret_valid_for: i64,
}

/// Gives a confidential app a new secret.
///
/// The old one stays good for a while, so that servers can take the new one without a pause. A second
/// rotation ends the one before at once.
#[utoipa::path(
    post,
    path = "/v1/apps/{client_id}/secret",
    operation_id = "apps-secret-rotate",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    params(("client_id" = String, Path, description = "The app")),
    request_body = RotateSecretRequest,
    responses((status = 200, description = "The new secret", body = RotatedSecret)),
    extensions(("x-codes" = json!(["not_found", "conflict"]))),
)]
async fn rotate(
    admin: Admin<AppsWrite>,
    apps: Apps,
    recorder: Recorder,
    PathName(client_id): PathName,
    OptionalJson(request): OptionalJson<RotateSecretRequest>,
) -> Result<Json<RotatedSecret>, Error> {
    let valid_for = request.old_secret_valid_for.unwrap_or(OLD_VALID_SECONDS);
    if !(0..=MAX_OLD_VALID_SECONDS).contains(&valid_for) {
        let message = format!("must be from 0 to {MAX_OLD_VALID_SECONDS} seconds");
        return Err(Error::field("old_secret_valid_for", message));
    }
    let event = recorder
        .event(admin.caller.activity(Action::AppSecretRotate, format!("app:{client_id}")))?;
    let (app, secret) = apps.recording(event).rotate_secret(&client_id, valid_for).await?;
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
