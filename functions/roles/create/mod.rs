//! `POST /v1/roles`: makes one role, or many.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use shared::{
    administration::Users,
    audit::{Action, Recorder},
    base::Error,
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
    /// A letter, then up to 63 letters, digits, `_` and `-`; unique without regard to case.
    #[schema(example = "Editor")]
    name: String,
    /// Up to 500 characters.
    description: Option<String>,
    /// Of the form `word:word`; nobody gives one that he lacks.
    #[schema(example = json!(["orders:read", "orders:write"]))]
    permissions: Option<Vec<String>>,
    /// `true` where it is not given.
    active: Option<bool>,
}

impl NewRole {
    fn parse(self) -> (String, RoleChange) {
        let permissions = self.permissions.map(|permissions| permissions.into_iter().collect());
        (self.name, RoleChange { description: self.description, permissions, active: self.active })
    }
}

/// One role, or `roles` with up to 50 of them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRolesRequest {
    /// As in [`NewRole`].
    #[schema(example = "Editor")]
    name: Option<String>,
    description: Option<String>,
    permissions: Option<Vec<String>>,
    active: Option<bool>,
    roles: Option<Vec<NewRole>>,
}

/// Several roles.
#[derive(Serialize, ToSchema)]
pub struct RolesView {
    /// The roles.
    pub roles: Vec<RoleView>,
}

/// What was made: the role, or the roles where several were asked for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum CreatedRoles {
    /// One.
    One(RoleView),
    /// Several.
    Many(RolesView),
}

/// Makes one role, or many, all or none.
///
/// Nobody has a new role, not even who was given one of that name while it was being deleted.
#[utoipa::path(
    post,
    path = "/v1/roles",
    operation_id = "roles-create",
    tag = "Roles",
    security(("access_token" = ["roles:write"])),
    params(Once),
    request_body = CreateRolesRequest,
    responses((status = 201, description = "Made", body = CreatedRoles)),
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
                let made = roles.create(vec![new], &admin.permissions).await?;
                let role = made
                    .into_iter()
                    .next()
                    .ok_or_else(|| Error::Internal("no role was made".into()))?;
                let location = [(header::LOCATION, format!("/v1/roles/{}", role.name))];
                Ok((StatusCode::CREATED, location, Json(CreatedRoles::One(role.into())))
                    .into_response())
            }
            (None, Some(many))
                if description.is_none() && permissions.is_none() && active.is_none() =>
            {
                let new = many.into_iter().map(NewRole::parse).collect();
                let made = roles.create(new, &admin.permissions).await?;
                let roles = made.into_iter().map(RoleView::from).collect();
                Ok((StatusCode::CREATED, Json(CreatedRoles::Many(RolesView { roles })))
                    .into_response())
            }
            (None, None) => Err(Error::field("name", "is missing")),
            _ => Err(Error::field("roles", "give one role or `roles`, not both")),
        }
    })
    .await
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(create))
}
