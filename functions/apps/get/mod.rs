//! `GET /v1/apps/{client_id}`: one app.

use shared::{
    apps::{AppView, Apps},
    base::Error,
    http::{Admin, AppsRead, Json, PathName},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Get an app
#[utoipa::path(
    get,
    path = "/v1/apps/{client_id}",
    operation_id = "apps-get",
    tag = "Apps",
    security(("access_token" = ["apps:read"])),
    params(("client_id" = String, Path, description = "The app's `client_id`")),
    responses((status = 200, description = "The app", body = AppView)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn get(
    _: Admin<AppsRead>,
    apps: Apps,
    PathName(client_id): PathName,
) -> Result<Json<AppView>, Error> {
    let app = apps.get(&client_id).await?.ok_or(Error::NotFound)?;
    Ok(Json(AppView::new(app, apps.settings())))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(get))
}
