//! `DELETE /v1/roles/{role}`: deletes a role.

use axum::http::StatusCode;
use serde::Deserialize;
use shared::{
    administration::Users,
    apps::Apps,
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, PathName, Query, RolesWrite},
    latchkey::Latchkey,
    roles::{Role, Roles},
};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The most users that a refusal names.
const NAMED_USERS: usize = 20;

/// Says what happens to users who have the role.
#[derive(Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteRoleQuery {
    /// Whether the role is taken from all users who have it. Default: `false`.
    #[serde(default)]
    force: bool,
}

/// Delete a role
///
/// If users have the role, the answer is `role_in_use`, with up to 20 of them, unless `force` is
/// `true`. A system role cannot be deleted, nor a role that newcomers get: the deployment's
/// `DEFAULT_ROLE`, and the `default_role` of any app. The answer is `conflict`.
#[utoipa::path(
    delete,
    path = "/v1/roles/{role}",
    operation_id = "roles-delete",
    tag = "Roles",
    security(("access_token" = ["roles:write"])),
    params(
        ("role" = String, Path, description = "The role's name, in any letter case"),
        DeleteRoleQuery
    ),
    responses((status = 204, description = "Deleted")),
    extensions(("x-codes" = json!(["not_found", "conflict", "role_in_use", "invalid_request"]))),
)]
async fn delete(
    admin: Admin<RolesWrite>,
    (roles, apps): (Roles, Apps),
    recorder: Recorder,
    users: Users,
    PathName(name): PathName,
    Query(query): Query<DeleteRoleQuery>,
) -> Result<StatusCode, Error> {
    let role = roles.get(&name).await?.ok_or(Error::NotFound)?;
    if role.is_system() {
        return Err(Error::conflict("role", "is a system role, which cannot be deleted"));
    }
    check_not_default(&role, &roles, &apps).await?;

    if !query.force {
        let holders = users.with_role(&role.name, NAMED_USERS).await?;
        if !holders.is_empty() {
            return Err(Error::RoleInUse { users: holders });
        }
    }
    // Taken from users before the role is deleted, so that an interrupted request can be sent
    // again; and once more after that, for users who were given it in the meantime.
    let taken =
        |id| recorder.event(admin.caller.activity(Action::UserRolesChange, format!("user:{id}")));
    users.take_role_from_everybody(&role.name, taken).await?;

    let event =
        recorder.event(admin.caller.activity(Action::RoleDelete, format!("role:{}", role.name)))?;
    roles.recording(event).delete(&role.name).await?;

    users.take_role_from_everybody(&role.name, taken).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses a role that newcomers get: those of later would have a role that does not exist.
async fn check_not_default(role: &Role, roles: &Roles, apps: &Apps) -> Result<(), Error> {
    if roles.is_default(role) {
        return Err(Error::conflict(
            "role",
            "is the deployment's DEFAULT_ROLE; change that setting first",
        ));
    }
    match apps.with_default_role(role).await? {
        Some(client_id) => Err(Error::conflict(
            "role",
            format!("is the default_role of the app {client_id}; change that first"),
        )),
        None => Ok(()),
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(delete))
}
