//! `POST /v1/users`: creates a user.

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
    identifiers::{Address, ExternalId, Username, parse_name},
    latchkey::Latchkey,
    users::{MetadataObject, MetadataPatch, Password, User},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// A new user. It needs a phone or an e-mail address; it may have both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUserRequest {
    /// The phone number in E.164 form, or the digits of a national number if the deployment has a
    /// default region.
    #[schema(example = "+14155550123")]
    phone: Option<String>,
    /// The e-mail address, in ASCII and of at most 254 characters. It is refused if the deployment
    /// sends no e-mails. If a phone is sent too, the address belongs to nobody until it is
    /// verified.
    email: Option<String>,
    /// The username: a letter, then 2 to 63 letters, digits, `.`, `_` or `-`, all in ASCII. It is
    /// unique regardless of letter case.
    #[schema(example = "ann")]
    username: Option<String>,
    /// The id that the user has elsewhere: 1 to 255 characters, without control characters and spaces
    /// around it.
    #[schema(example = "auth0|5f7c8ec7c33c6c004bbafe82")]
    external_id: Option<String>,
    /// The display name: 1 to 64 visible characters, without spaces around them and without any of
    /// `/:@#<>{}\`, control characters and marks of direction. It is kept in NFC.
    #[schema(example = "Ann Lee")]
    name: Option<String>,
    /// The metadata that the user may read and write: at most 16 KiB of JSON, three levels deep.
    #[schema(value_type = Option<HashMap<String, Value>>, additional_properties, example = json!({"theme": "dark"}))]
    metadata: Option<MetadataObject>,
    /// The metadata that the user may read, and only administrators may write: at most 16 KiB of JSON, three levels
    /// deep.
    #[schema(value_type = Option<HashMap<String, Value>>, additional_properties, example = json!({"plan": "pro"}))]
    app_metadata: Option<MetadataObject>,
    /// A first password: up to 256 characters, and at least as many as the deployment's minimum (8
    /// by default). One that is easy to guess is refused. If it is left out, the user has no
    /// password.
    password: Option<String>,
    /// The names of up to 20 roles in the default app. You can give only roles whose permissions
    /// you have. Default: the default role.
    #[schema(example = json!(["User"]))]
    roles: Option<Vec<String>>,
}

/// Create a user
///
/// The user is not notified. When they first verify the phone or the e-mail address with a code, a
/// password that was set here is removed, because somebody else knows it.
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
        description = "Created",
        body = UserView,
        headers(
            ("Location" = String, description = "The path of the user"),
            ("ETag" = String, description = "For `If-Match`")
        )
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
            external_id: request.external_id.as_deref().map(ExternalId::parse).transpose()?,
            name: request.name.as_deref().map(parse_name).transpose()?,
            metadata: MetadataPatch {
                metadata: request.metadata.map(Some),
                app_metadata: request.app_metadata.map(Some),
                ..MetadataPatch::default()
            },
            password: request
                .password
                .map(|password| Password::parse("password", password))
                .transpose()?,
            roles: request.roles,
        };

        let created = |user: &User| {
            recorder.event(admin.caller.activity(Action::UserCreate, format!("user:{}", user.id)))
        };
        let (user, metadata) = users.create(new, &admin.permissions, created).await?;

        let view = UserView::without_avatar(&user, metadata, DEFAULT_CLIENT_ID);
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
