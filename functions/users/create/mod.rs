//! `POST /v1/users`: makes a user.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use shared::{
    accounts::{UserView, entity_tag},
    administration::{NewUser, Users},
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Recorder},
    base::Error,
    challenges::Challenges,
    http::{Admin, Idempotent, Json, Once, UsersWrite},
    identifiers::{Address, Username, parse_name},
    latchkey::Latchkey,
    users::{Password, User},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A new user. A phone or an e-mail address is needed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUserRequest {
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    email: Option<String>,
    #[schema(example = "ann")]
    username: Option<String>,
    #[schema(example = "Ann Lee")]
    name: Option<String>,
    password: Option<String>,
    /// His roles in the default app; the default role where they are not given.
    #[schema(example = json!(["User"]))]
    roles: Option<Vec<String>>,
}

/// Makes a user.
///
/// He is sent nothing. Once he proves the phone or the e-mail address with a code, a password that was set
/// here is gone: whoever set it is not him.
#[utoipa::path(
    post,
    path = "/v1/users",
    operation_id = "users-create",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    params(Once),
    request_body = CreateUserRequest,
    responses((
        status = 201,
        description = "Made",
        body = UserView,
        headers(("Location" = String, description = "Where the user is"), ("ETag" = String))
    )),
    extensions(("x-codes" = json!([
        "invalid_phone", "country_not_allowed", "invalid_email", "weak_password", "conflict",
        "idempotency_conflict"
    ]))),
)]
async fn create(
    admin: Admin<UsersWrite>,
    users: Users,
    challenges: Challenges,
    recorder: Recorder,
    Idempotent(request, once): Idempotent<CreateUserRequest>,
) -> Result<Response, Error> {
    once.answer(&admin.caller.user.id.to_string(), async {
        let (address, email) = match (&request.phone, &request.email) {
            (Some(phone), Some(email)) => {
                (Address::Sms(challenges.phone(phone)?), Some(challenges.email(email)?))
            }
            (phone, email) => (challenges.address(phone.as_deref(), email.as_deref())?, None),
        };
        let new = NewUser {
            address,
            email,
            username: request.username.as_deref().map(Username::parse).transpose()?,
            name: request.name.map(parse_name).transpose()?,
            password: request
                .password
                .map(|password| Password::parse("password", password))
                .transpose()?,
            roles: request.roles,
        };
        let created = |user: &User| {
            recorder.event(admin.caller.activity(Action::UserCreate, format!("user:{}", user.id)))
        };
        let user = users.create(new, &admin.permissions, created).await?;
        let view = UserView::without_avatar(&user, DEFAULT_CLIENT_ID);
        let headers = [
            (header::LOCATION, format!("/v1/users/{}", user.id)),
            (header::ETAG, entity_tag(&user)),
        ];
        Ok((StatusCode::CREATED, headers, Json(view)).into_response())
    })
    .await
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(create))
}
