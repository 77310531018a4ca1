//! `GET /v1/roles`: lists the roles.

use serde::Deserialize;
use shared::{
    base::Error,
    http::{Admin, CurrentHashKeys, Json, Page, PageQuery, Query, RolesRead},
    latchkey::Latchkey,
    roles::{RoleView, Roles},
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Selects the roles, and the page.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListRolesQuery {
    /// Whether inactive roles are listed, too. Default: `false`.
    #[serde(default)]
    all: bool,
    /// The most items of the page, from 1 to 100. Default: 50.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// The `next_cursor` of the previous page. If it is left out, the first page is returned.
    cursor: Option<String>,
}

/// List the roles
///
/// In the order of their names, without regard to letter case. Inactive roles are left out unless
/// `all` is `true`. A page may have fewer items than `limit`, or none, and still a `next_cursor`.
#[utoipa::path(
    get,
    path = "/v1/roles",
    operation_id = "roles-list",
    tag = "Roles",
    security(("access_token" = ["roles:read"])),
    params(ListRolesQuery),
    responses((status = 200, description = "A page of roles", body = Page<RoleView>)),
    extensions(("x-codes" = json!(["invalid_request"]))),
)]
async fn list(
    _: Admin<RolesRead>,
    roles: Roles,
    CurrentHashKeys(keys): CurrentHashKeys,
    Query(query): Query<ListRolesQuery>,
) -> Result<Json<Page<RoleView>>, Error> {
    const LIST: &str = "roles";
    let page = PageQuery::new(query.limit, query.cursor);
    let (limit, after) = (page.limit()?, page.after(LIST, &keys)?);

    let (items, end) = roles.list(after.as_deref(), limit, query.all).await?;
    Ok(Json(Page::new(
        items.into_iter().map(RoleView::from).collect(),
        LIST,
        end.as_deref(),
        &keys,
    )))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(list))
}
