//! `POST /v1/roles`: creates one role, or several.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use shared::{
    administration::Users,
    audit::{Action, Recorder},
    base::{Error, FieldError},
    http::{Admin, Idempotent, Json, Once, RolesWrite},
    latchkey::Latchkey,
    roles::{RoleChange, RoleView, Roles},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A new role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// The name: a letter, then up to 63 letters, digits, `_` or `-`, all in ASCII. It is unique
    /// regardless of letter case, and must not look like `Admin`.
    #[schema(example = "Editor")]
    name: String,
    /// The purpose of the role: up to 500 characters on one line. Default: empty.
    description: Option<String>,
    /// Up to 100 permissions. Each is two words like `users:read`: a word is a lower-case letter,
    /// then up to 31 lower-case letters, digits, `_` or `-`. You can grant only permissions that
    /// you have. Default: none.
    #[schema(example = json!(["orders:read", "orders:write"]))]
    permissions: Option<Vec<String>>,
    /// Whether the role is active. An inactive role grants nothing. Default: `true`.
    active: Option<bool>,
}

impl NewRole {
    /// The name, and everything else.
    fn parse(self) -> (String, RoleChange) {
        let permissions = self.permissions.map(|permissions| permissions.into_iter().collect());
        (self.name, RoleChange { description: self.description, permissions, active: self.active })
    }
}

/// One role with its fields, or several in `roles`, but not both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRolesRequest {
    /// The name of the one role: a letter, then up to 63 letters, digits, `_` or `-`, all in ASCII.
    /// It is unique regardless of letter case, and must not look like `Admin`.
    #[schema(example = "Editor")]
    name: Option<String>,
    /// The purpose of the one role: up to 500 characters on one line. Default: empty.
    description: Option<String>,
    /// The permissions of the one role, up to 100, like `orders:read`. You can grant only
    /// permissions that you have. Default: none.
    permissions: Option<Vec<String>>,
    /// Whether the one role is active. An inactive role grants nothing. Default: `true`.
    active: Option<bool>,
    /// Several roles: 1 to 50. Either all are created or none.
    roles: Option<Vec<NewRole>>,
}

/// Several roles.
#[derive(Serialize, ToSchema)]
pub struct RolesView {
    /// The roles.
    pub roles: Vec<RoleView>,
}

/// The new role, or the new roles if `roles` was sent.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum CreatedRoles {
    /// The one role.
    One(RoleView),
    /// The roles of `roles`.
    Many(RolesView),
}

/// Create one or several roles
///
/// Either all roles are created or none. Nobody has a new role: if a deleted role had the same
/// name, it is first taken from users who were given it while it was being deleted.
#[utoipa::path(
    post,
    path = "/v1/roles",
    operation_id = "roles-create",
    tag = "Roles",
    security(("access_token" = ["roles:write"])),
    params(Once),
    request_body = CreateRolesRequest,
    responses((status = 201, description = "Created", body = CreatedRoles)),
    extensions(("x-codes" = json!(["conflict", "idempotency_conflict"]))),
)]
async fn create(
    admin: Admin<RolesWrite>,
    roles: Roles,
    users: Users,
    recorder: Recorder,
    Idempotent(request, once): Idempotent<CreateRolesRequest>,
) -> Result<Response, Error> {
    once.answer(&admin.caller.user.id.to_string(), async {
        let CreateRolesRequest { name, description, permissions, active, roles: many } = request;
        let names: Vec<_> = name
            .iter()
            .chain(many.iter().flatten().map(|role| &role.name))
            .map(String::as_str)
            .collect();

        let event = recorder.event(
            admin.caller.activity(Action::RoleCreate, format!("role:{}", names.join(","))),
        )?;

        let taken = |id| {
            recorder.event(admin.caller.activity(Action::UserRolesChange, format!("user:{id}")))
        };
        for role in roles.deleted(&names).await? {
            users.take_role_from_everybody(&role.name, taken).await?;
        }

        let roles = roles.recording(event);
        match (name, many) {
            (Some(name), None) => {
                let new = NewRole { name, description, permissions, active }.parse();
                let made = roles.create(vec![new], &admin.permissions).await;
                let made = made.map_err(|(_, error)| error)?;
                let role = made
                    .into_iter()
                    .next()
                    .ok_or_else(|| Error::Internal("no role was created".into()))?;
                let location = [(header::LOCATION, format!("/v1/roles/{}", role.name))];
                Ok((StatusCode::CREATED, location, Json(CreatedRoles::One(role.into())))
                    .into_response())
            }
            (None, Some(many))
                if description.is_none() && permissions.is_none() && active.is_none() =>
            {
                let new = many.into_iter().map(NewRole::parse).collect();
                let made = roles.create(new, &admin.permissions).await.map_err(in_list)?;
                let roles = made.into_iter().map(RoleView::from).collect();
                Ok((StatusCode::CREATED, Json(CreatedRoles::Many(RolesView { roles })))
                    .into_response())
            }
            (None, None) => Err(Error::field("name", "is missing")),
            _ => {
                Err(Error::field("roles", "must not be sent together with the fields of one role"))
            }
        }
    })
    .await
}

/// A refusal of one of many roles, whose fields are in the list of the request.
pub(crate) fn in_list((place, error): (usize, Error)) -> Error {
    let moved = |field: FieldError| FieldError {
        field: match field.field.as_str() {
            // The refusal of the list itself.
            "roles" => field.field,
            // In a path, the name of the role.
            "role" => format!("roles[{place}].name"),
            name => format!("roles[{place}].{name}"),
        },
        ..field
    };
    match error {
        Error::InvalidRequest(errors) => {
            Error::InvalidRequest(errors.into_iter().map(moved).collect())
        }
        Error::Conflict(error) => Error::Conflict(moved(error)),
        Error::NotFound => Error::Missing(FieldError::new(
            format!("roles[{place}].name"),
            "is not the name of a role that exists; create the role first",
        )),
        error => error,
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(create))
}
