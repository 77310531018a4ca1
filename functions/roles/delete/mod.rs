//! `DELETE /v1/roles/{role}`: removes a role.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    administration::Users,
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, PathName, Query, RolesWrite},
    latchkey::Latchkey,
    roles::Roles,
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// How many users a refusal names.
const NAMED_USERS: usize = 20;

/// What becomes of those who have it.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteRoleQuery {
    /// Take it from everybody who has it.
    #[serde(default)]
    force: bool,
}

/// Removes a role.
///
/// One that users have is refused with `role_in_use`, which names some of them, unless `force`. A system
/// role stays.
#[utoipa::path(
    delete,
    path = "/v1/roles/{role}",
    operation_id = "roles-delete",
    tag = "Roles",
    security(("access_token" = ["roles:write"])),
    params(("role" = String, Path, description = "The role's name"), DeleteRoleQuery),
    responses((status = 204, description = "Removed")),
    extensions(("x-codes" = json!(["not_found", "conflict", "role_in_use", "invalid_request"]))),
)]
async fn delete(
    admin: Admin<RolesWrite>,
    roles: Roles,
    recorder: Recorder,
    users: Users,
    PathName(name): PathName,
    Query(query): Query<DeleteRoleQuery>,
) -> Result<StatusCode, Error> {
    let role = roles.get(&name).await?.ok_or(Error::NotFound)?;
    if role.is_system() {
        return Err(Error::conflict("role", "a system role stays"));
    }
    if !query.force {
        let holders = users.with_role(&role.name, NAMED_USERS).await?;
        if !holders.is_empty() {
            return Err(Error::RoleInUse { users: holders });
        }
    }
    // Before the role goes, so that a request that is cut off can be sent again; and after, for whoever
    // was given it meanwhile.
    let taken =
        |id| recorder.event(admin.caller.activity(Action::UserRolesChange, format!("user:{id}")));
    users.take_role_from_everybody(&role.name, taken).await?;
    let event =
        recorder.event(admin.caller.activity(Action::RoleDelete, format!("role:{}", role.name)))?;
    roles.recording(event).delete(&role.name).await?;
    users.take_role_from_everybody(&role.name, taken).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
