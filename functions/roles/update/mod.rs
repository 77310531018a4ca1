//! `PATCH /v1/roles/{role}`: changes a role.

use serde::Deserialize;
use shared::{
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, Json, PathName, RolesWrite, given, sent},
    latchkey::Latchkey,
    roles::{RoleChange, RoleView, Roles},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The fields to change. A field that is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRoleRequest {
    /// The purpose of the role: up to 500 characters on one line. `null` clears it.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>)]
    description: Option<Option<String>>,
    /// All permissions that the role has from now on: up to 100, like `orders:read`. You can add
    /// only permissions that you have.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Vec<String>, example = json!(["orders:read"]))]
    permissions: Option<Vec<String>>,
    /// Whether the role is active. An inactive role grants nothing, from the next request on.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool)]
    active: Option<bool>,
}

/// Change a role
///
/// A system role cannot be changed: the answer is `conflict`.
#[utoipa::path(
    patch,
    path = "/v1/roles/{role}",
    operation_id = "roles-update",
    tag = "Roles",
    security(("access_token" = ["roles:write"])),
    params(("role" = String, Path, description = "The role's name, in any letter case")),
    request_body = UpdateRoleRequest,
    responses((status = 200, description = "The changed role", body = RoleView)),
    extensions(("x-codes" = json!(["not_found", "conflict"]))),
)]
async fn update(
    admin: Admin<RolesWrite>,
    roles: Roles,
    recorder: Recorder,
    PathName(name): PathName,
    Json(request): Json<UpdateRoleRequest>,
) -> Result<Json<RoleView>, Error> {
    let permissions = request.permissions.map(|permissions| permissions.into_iter().collect());
    let description = request.description.map(Option::unwrap_or_default);
    let change = RoleChange { description, permissions, active: request.active };

    let role = roles.get(&name).await?.ok_or(Error::NotFound)?;
    let event =
        recorder.event(admin.caller.activity(Action::RoleUpdate, format!("role:{}", role.name)))?;

    let changed = roles.recording(event).change(vec![(name, change)], &admin.permissions).await;
    let role = changed.map_err(|(_, error)| error)?.into_iter().next().ok_or(Error::NotFound)?;
    Ok(Json(RoleView::from(role)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(update))
}
