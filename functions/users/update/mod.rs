//! `PATCH /v1/users/{user_id}`: changes a user.

use serde::Deserialize;
use shared::{
    accounts::UserView,
    administration::Users,
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, IfMatch, Json, PathId, Tagged, UsersWrite, given, sent},
    identifiers::{Username, parse_name},
    latchkey::Latchkey,
    messages,
    users::{ProfileChange, UserStatus},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// What changes; `null` clears what can be empty.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUserRequest {
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "Ann Lee")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "ann")]
    username: Option<Option<String>>,
    /// A BCP 47 language tag.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "en-US")]
    locale: Option<Option<String>>,
    /// `disabled` ends all sessions, and no new one begins.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = UserStatus)]
    status: Option<UserStatus>,
}

/// Changes a user; only where he is as you have read him, if you send `If-Match`.
///
/// Administrators are changed by administrators alone, and the last one stays active. The status `active` also ends
/// every wait for wrong codes and passwords, as after a hundred of them in a row nothing else does.
#[utoipa::path(
    patch,
    path = "/v1/users/{user_id}",
    operation_id = "users-update",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user"), IfMatch),
    request_body = UpdateUserRequest,
    responses((status = 200, description = "The user as he is now", body = UserView, headers(("ETag" = String)))),
    extensions(("x-codes" = json!(["not_found", "conflict", "precondition_failed"]))),
)]
async fn update(
    admin: Admin<UsersWrite>,
    users: Users,
    recorder: Recorder,
    PathId(id): PathId,
    seen: IfMatch,
    Json(request): Json<UpdateUserRequest>,
) -> Result<Tagged, Error> {
    let profile = ProfileChange {
        name: request.name.map(|name| name.map(parse_name).transpose()).transpose()?,
        username: request
            .username
            .map(|name| name.as_deref().map(Username::parse).transpose())
            .transpose()?,
        locale: request.locale.map(messages::parse_locale).transpose()?,
    };
    let activity = || admin.caller.activity(Action::UserUpdate, format!("user:{id}"));
    let user = users
        .recording(recorder.event(activity())?)
        .change(id, (&profile, request.status), seen.tag(), &admin.permissions)
        .await?;
    if request.status == Some(UserStatus::Active) {
        users.unlock(&user, &recorder.event(activity())?).await?;
    }
    Ok(Tagged::new(&user, DEFAULT_CLIENT_ID, users.avatar_urls()))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(update))
}
