//! `PUT /v1/roles/permissions`: sets the permissions of several roles in one request.

use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::roles::create::{RolesView, in_list};
use shared::{
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, Json, RolesWrite},
    latchkey::Latchkey,
    roles::{RoleChange, RoleView, Roles},
};

#[cfg(test)]
mod tests;

/// All permissions that a role has from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolePermissions {
    /// The role's name, in any letter case.
    #[schema(example = "Editor")]
    name: String,
    /// All permissions of the role: up to 100, like `orders:read`. You can add only permissions
    /// that you have.
    #[schema(example = json!(["orders:read"]))]
    permissions: Vec<String>,
}

/// The roles to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutPermissionsRequest {
    /// The roles: 1 to 50, each only once.
    roles: Vec<RolePermissions>,
}

/// Set the permissions of several roles
///
/// Either all roles are changed or none. A system role cannot be changed: the answer is `conflict`. A
/// refusal names the role by its place, as `roles[1].name`.
#[utoipa::path(
    put,
    path = "/v1/roles/permissions",
    operation_id = "roles-permissions-put",
    tag = "Roles",
    security(("access_token" = ["roles:write"])),
    request_body = PutPermissionsRequest,
    responses((status = 200, description = "The changed roles", body = RolesView)),
    extensions(("x-codes" = json!(["not_found", "conflict"]))),
)]
async fn put(
    admin: Admin<RolesWrite>,
    roles: Roles,
    recorder: Recorder,
    Json(request): Json<PutPermissionsRequest>,
) -> Result<Json<RolesView>, Error> {
    let names: Vec<_> = request.roles.iter().map(|role| role.name.as_str()).collect();
    let target = format!("role:{}", roles.as_written(&names).await?.join(","));

    let changes = request.roles.into_iter().map(|role| {
        let permissions = Some(role.permissions.into_iter().collect());
        (role.name, RoleChange { permissions, ..RoleChange::default() })
    });

    let event = recorder.event(admin.caller.activity(Action::RoleUpdate, target))?;
    let changed = roles.recording(event).change(changes.collect(), &admin.permissions).await;
    let changed = changed.map_err(in_list)?;
    Ok(Json(RolesView { roles: changed.into_iter().map(RoleView::from).collect() }))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(put))
}
