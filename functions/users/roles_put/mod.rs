//! `PUT /v1/users/{user_id}/roles`: the roles of a user in an app.

use serde::Deserialize;
use shared::{
    accounts::UserView,
    administration::Users,
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, IfMatch, Json, PathId, RolesAssign, Tagged},
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// All roles that the user has in an app from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutRolesRequest {
    /// Up to 20.
    #[schema(example = json!(["Editor"]))]
    roles: Vec<String>,
    /// The app; where it is not given the default one or, with a token of another app, that one.
    client_id: Option<String>,
}

/// Gives a user these roles in an app, in the place of those he has there.
///
/// Nobody gives a role that permits what he may not do himself. With a token of another app than the
/// default one only that app's roles can be given. The last administrator stays one.
#[utoipa::path(
    put,
    path = "/v1/users/{user_id}/roles",
    operation_id = "users-roles-put",
    tag = "Users",
    security(("access_token" = ["roles:assign"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user"), IfMatch),
    request_body = PutRolesRequest,
    responses((status = 200, description = "The user, with the roles in that app", body = UserView, headers(("ETag" = String)))),
    extensions(("x-codes" = json!(["not_found", "conflict", "precondition_failed"]))),
)]
async fn put(
    admin: Admin<RolesAssign>,
    users: Users,
    recorder: Recorder,
    PathId(id): PathId,
    seen: IfMatch,
    Json(request): Json<PutRolesRequest>,
) -> Result<Tagged, Error> {
    let own = &admin.caller.claims.client_id;
    let client_id = request.client_id.as_ref().unwrap_or(own);
    if own != DEFAULT_CLIENT_ID && client_id != own {
        return Err(Error::Forbidden("roles:assign".to_owned()));
    }
    let event =
        recorder.event(admin.caller.activity(Action::UserRolesChange, format!("user:{id}")))?;
    let user = users
        .recording(event)
        .set_roles(id, client_id, &request.roles, seen.tag(), &admin.permissions)
        .await?;
    Ok(Tagged::new(&user, client_id, users.avatar_urls()))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(put))
}
