//! `GET /v1/roles/{role}`: returns a role.

use shared::{
    base::Error,
    http::{Admin, Json, PathName, RolesRead},
    latchkey::Latchkey,
    roles::{RoleView, Roles},
};
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// Get a role
#[utoipa::path(
    get,
    path = "/v1/roles/{role}",
    operation_id = "roles-get",
    tag = "Roles",
    security(("access_token" = ["roles:read"])),
    params(("role" = String, Path, description = "The role's name, in any letter case")),
    responses((status = 200, description = "The role", body = RoleView)),
    extensions(("x-codes" = json!(["not_found"]))),
)]
async fn get(
    _: Admin<RolesRead>,
    roles: Roles,
    PathName(name): PathName,
) -> Result<Json<RoleView>, Error> {
    let role = roles.get(&name).await?.ok_or(Error::NotFound)?;
    Ok(Json(RoleView::from(role)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(get))
}
