//! `PATCH /v1/apps/{client_id}`: changes an app.

use serde::Deserialize;
use shared::{
    apps::{AppChange, AppView, Apps, SignUp},
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, AppsWrite, Json, PathName, given, sent},
    latchkey::Latchkey,
    roles::Roles,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// What changes. Of what can be `null` that goes back to what the deployment's settings say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateAppRequest {
    /// 1 to 64 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String)]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = SignUp)]
    sign_up: Option<SignUp>,
    /// The role of those who are new to the app; `null` for none.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    default_role: Option<Option<String>>,
    /// Up to 20 web origins; `null` for none.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<Vec<String>>)]
    allowed_origins: Option<Option<Vec<String>>>,
    /// Seconds: 60 to 900.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<i64>)]
    access_token_ttl: Option<Option<i64>>,
    /// Seconds: 900 to 2592000.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<i64>)]
    refresh_token_ttl: Option<Option<i64>>,
    /// One line of up to 160 characters with `{code}` in it; `null` for the built-in texts.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    sms_text: Option<Option<String>>,
    /// The most that the app's texts may cost in a month (UTC), from 0 to 1000000; `null` for the deployment's budget alone.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<f64>)]
    sms_monthly_budget_usd: Option<Option<f64>>,
    /// The same in a day (UTC).
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<f64>)]
    sms_daily_budget_usd: Option<Option<f64>>,
    /// An app that is switched off refuses everything at once.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    active: Option<bool>,
}

/// Changes an app.
///
/// Lifetimes and the role of newcomers hold for sign-ins that begin from then on; all else at once. The
/// default app cannot be switched off.
#[utoipa::path(
    patch,
    path = "/v1/apps/{client_id}",
    operation_id = "apps-update",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    params(("client_id" = String, Path, description = "The app")),
    request_body = UpdateAppRequest,
    responses((status = 200, description = "The app as it is now", body = AppView)),
    extensions(("x-codes" = json!(["not_found", "conflict"]))),
)]
async fn update(
    admin: Admin<AppsWrite>,
    apps: Apps,
    roles: Roles,
    recorder: Recorder,
    PathName(client_id): PathName,
    Json(request): Json<UpdateAppRequest>,
) -> Result<Json<AppView>, Error> {
    if let Some(role) = newcomers_role(&apps, &client_id, &request).await? {
        roles.check_default(&role, &admin.permissions).await?;
    }
    let change = AppChange {
        name: request.name,
        sign_up: request.sign_up,
        default_role: request.default_role,
        allowed_origins: request.allowed_origins.map(Option::unwrap_or_default),
        access_token_ttl: request.access_token_ttl,
        refresh_token_ttl: request.refresh_token_ttl,
        sms_text: request.sms_text,
        sms_monthly_budget_usd: request.sms_monthly_budget_usd,
        sms_daily_budget_usd: request.sms_daily_budget_usd,
        active: request.active,
    };
    let event =
        recorder.event(admin.caller.activity(Action::AppUpdate, format!("app:{client_id}")))?;
    let app = apps.recording(event).change(&client_id, &change).await?;
    Ok(Json(AppView::new(app, apps.settings())))
}

/// The role that newcomers are given by this change, and were not before it.
async fn newcomers_role(
    apps: &Apps,
    client_id: &str,
    request: &UpdateAppRequest,
) -> Result<Option<String>, Error> {
    match &request.default_role {
        Some(role) => Ok(role.clone()),
        None if request.sign_up == Some(SignUp::Open) || request.active == Some(true) => {
            let app = apps
                .get(client_id)
                .await?
                .filter(|app| app.sign_up == SignUp::Closed || !app.active);
            Ok(app.and_then(|app| app.default_role))
        }
        None => Ok(None),
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(update))
}
