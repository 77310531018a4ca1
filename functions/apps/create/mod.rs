//! `POST /v1/apps`: registers an app.

use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use shared::{
    apps::{App, AppChange, AppType, AppView, Apps, NewApp, SignUp},
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, AppsWrite, Json, sent},
    latchkey::Latchkey,
    roles::Roles,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A new app. What is left out is as the deployment's settings say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAppRequest {
    /// One is made where none is given. It is never given twice.
    #[schema(example = "shop")]
    client_id: Option<String>,
    /// 1 to 64 characters; people read it in messages.
    #[schema(example = "Shop")]
    name: String,
    /// `public` where it is not given.
    #[serde(rename = "type", default)]
    kind: AppType,
    /// `open` where it is not given.
    sign_up: Option<SignUp>,
    /// The role of those who are new to the app; `null` for none.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    default_role: Option<Option<String>>,
    /// Up to 20 web origins that may call the API; codes are filled in on the first one's host.
    #[schema(example = json!(["https://shop.example.com"]))]
    allowed_origins: Option<Vec<String>>,
    /// Seconds: 60 to 900.
    access_token_ttl: Option<i64>,
    /// Seconds: 900 to 2592000.
    refresh_token_ttl: Option<i64>,
    /// One line of up to 160 characters with `{code}` in it.
    #[schema(example = "{code} is your Shop code.")]
    sms_text: Option<String>,
    /// The most that the app's texts may cost in a month (UTC), from 0 to 1000000.
    #[schema(example = 25.0)]
    sms_monthly_budget_usd: Option<f64>,
    /// The same in a day (UTC).
    #[schema(example = 2.0)]
    sms_daily_budget_usd: Option<f64>,
    /// `true` where it is not given.
    active: Option<bool>,
}

/// The app, with its secret.
#[derive(Serialize, ToSchema)]
pub struct CreatedApp {
    #[serde(flatten)]
    app: AppView,
    /// A confidential app's secret. It is shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "lks_…")]
    client_secret: Option<String>,
}

/// Registers an app.
///
/// A public app runs in browsers or on phones and has no secret; a confidential one runs on a server and
/// authenticates by HTTP Basic wherever it names its `client_id`.
#[utoipa::path(
    post,
    path = "/v1/apps",
    operation_id = "apps-create",
    tag = "Apps",
    security(("access_token" = ["apps:write"])),
    request_body = CreateAppRequest,
    responses((
        status = 201,
        description = "Registered",
        body = CreatedApp,
        headers(("Location" = String, description = "Where the app is"))
    )),
    extensions(("x-codes" = json!(["conflict"]))),
)]
async fn create(
    admin: Admin<AppsWrite>,
    apps: Apps,
    roles: Roles,
    recorder: Recorder,
    Json(request): Json<CreateAppRequest>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<CreatedApp>), Error> {
    if let Some(Some(role)) = &request.default_role {
        roles.check_default(role, &admin.permissions).await?;
    }
    let settings = AppChange {
        name: None,
        sign_up: request.sign_up,
        default_role: request.default_role,
        allowed_origins: request.allowed_origins,
        access_token_ttl: request.access_token_ttl.map(Some),
        refresh_token_ttl: request.refresh_token_ttl.map(Some),
        sms_text: request.sms_text.map(Some),
        sms_monthly_budget_usd: request.sms_monthly_budget_usd.map(Some),
        sms_daily_budget_usd: request.sms_daily_budget_usd.map(Some),
        active: request.active,
    };
    let new =
        NewApp { client_id: request.client_id, name: request.name, kind: request.kind, settings };
    let created = |app: &App| {
        recorder.event(admin.caller.activity(Action::AppCreate, format!("app:{}", app.client_id)))
    };
    let (app, secret) = apps.create(new, created).await?;
    let location = format!("/v1/apps/{}", app.client_id);
    let client_secret = secret.map(|secret| secret.reveal());
    let created = CreatedApp { app: AppView::new(app, apps.settings()), client_secret };
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(created)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(create))
}
