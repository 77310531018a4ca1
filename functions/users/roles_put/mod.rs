//! `PUT /v1/users/{user_id}/roles`: sets the roles of a user in an app.

use axum::http::{HeaderName, header};
use serde::{Deserialize, Serialize};
use shared::{
    accounts::{UserView, entity_tag},
    administration::{Users, check_is_other},
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, IfMatch, Json, PathId, Permission, RolesAssign, UsersRead},
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

#[cfg(test)]
mod tests;

/// All roles that the user has in an app from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutRolesRequest {
    /// The names of up to 20 roles, in any letter case. An empty list takes all roles.
    #[schema(example = json!(["Editor"]))]
    roles: Vec<String>,
    /// The app in which the user has the roles. Default: `default`.
    client_id: Option<String>,
}

/// The answer, which depends on what the caller may see.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum PutRolesAnswer {
    /// For callers with `users:read`: the user.
    User(Box<UserView>),
    /// For all others: the roles.
    Roles(UserRolesView),
}

/// The roles of a user in an app.
#[derive(Serialize, ToSchema)]
struct UserRolesView {
    /// The user's id.
    id: Uuid,
    /// The roles that the user has in that app.
    #[schema(example = json!(["Editor"]))]
    roles: Vec<String>,
}

/// Set a user's roles in an app
///
/// The new roles replace all roles that the user has in the app. You can give and take only roles
/// whose permissions you have. An access token of an app other than `default` can set roles only in that
/// app, and has to name it. You cannot set your own roles, and only an administrator sets those of an
/// administrator: the answer is `forbidden`. The last administrator cannot lose that role: the answer is `conflict`.
/// Callers who have `users:read` in `default` get the user, all others only `id` and `roles`.
#[utoipa::path(
    put,
    path = "/v1/users/{user_id}/roles",
    operation_id = "users-roles-put",
    tag = "Users",
    security(("access_token" = ["roles:assign"])),
    params(("user_id" = Uuid, Path, description = "The user's id, a UUID"), IfMatch),
    request_body = PutRolesRequest,
    responses((
        status = 200,
        description = "The changed user with the roles in that app, or the roles alone",
        body = PutRolesAnswer,
        headers(("ETag" = String, description = "For `If-Match`"))
    )),
    extensions(("x-codes" = json!(["not_found", "conflict", "precondition_failed"]))),
)]
async fn put(
    admin: Admin<RolesAssign>,
    users: Users,
    recorder: Recorder,
    PathId(id): PathId,
    seen: IfMatch,
    Json(request): Json<PutRolesRequest>,
) -> Result<([(HeaderName, String); 1], Json<PutRolesAnswer>), Error> {
    let own = &admin.caller.claims.client_id;
    let client_id = request.client_id.as_deref().unwrap_or(DEFAULT_CLIENT_ID);
    if own != DEFAULT_CLIENT_ID && client_id != own {
        return Err(Error::Forbidden("roles:assign".to_owned()));
    }

    check_is_other(admin.caller.user.id, id)?;

    let event =
        recorder.event(admin.caller.activity(Action::UserRolesChange, format!("user:{id}")))?;

    let user = users
        .recording(event)
        .set_roles(id, client_id, &request.roles, seen.tags(), &admin.permissions)
        .await?;

    // As everywhere, users:read counts in the default app alone.
    let sees_users = own == DEFAULT_CLIENT_ID && admin.permissions.contains(UsersRead::NAME);
    let answer = if sees_users {
        let metadata = users.metadata(&user).await?;
        let view = UserView::new(&user, metadata, client_id, users.avatar_urls());
        PutRolesAnswer::User(Box::new(view))
    } else {
        PutRolesAnswer::Roles(UserRolesView { id, roles: user.roles_in(client_id) })
    };
    Ok(([(header::ETAG, entity_tag(&user))], Json(answer)))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(put))
}
