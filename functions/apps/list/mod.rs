//! `GET /v1/apps`: lists the apps that share the users.

use shared::{
    apps::{AppView, Apps},
    base::Error,
    http::{Admin, AppsRead, CurrentHashKeys, Json, Page, PageQuery, Query},
    latchkey::Latchkey,
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// List the apps
///
/// The default app comes first, the others follow in the order of their `client_id`.
#[utoipa::path(
    get,
    path = "/v1/apps",
    operation_id = "apps-list",
    tag = "Apps",
    security(("access_token" = ["apps:read"])),
    params(PageQuery),
    responses((status = 200, description = "A page of apps", body = Page<AppView>)),
    extensions(("x-codes" = json!(["invalid_request"]))),
)]
async fn list(
    _: Admin<AppsRead>,
    apps: Apps,
    CurrentHashKeys(keys): CurrentHashKeys,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<AppView>>, Error> {
    const LIST: &str = "apps";
    let (limit, after) = (query.limit()?, query.after(LIST, &keys)?);
    let (items, end) = apps.list(after.as_deref(), limit).await?;
    let items = items.into_iter().map(|app| AppView::new(app, apps.settings())).collect();
    Ok(Json(Page::new(items, LIST, end.as_deref(), &keys)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
