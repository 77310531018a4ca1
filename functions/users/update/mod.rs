//! `PATCH /v1/users/{user_id}`: changes a user.

use serde::Deserialize;
use shared::{
    accounts::UserView,
    administration::{Users, check_is_other},
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Recorder},
    base::Error,
    http::{Admin, DocumentJson, IfMatch, PathId, Tagged, UsersWrite, given, sent},
    identifiers::{ExternalId, Username, parse_name},
    latchkey::Latchkey,
    users::{MetadataObject, MetadataPatch, ProfileChange, UserStatus},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::me::update::read_locale;

#[cfg(test)]
mod tests;

/// The fields to change. A field that is left out stays as it is, and `null` clears it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateUserRequest {
    /// The display name: 1 to 64 visible characters, without spaces around them and without any of
    /// `/:@#<>{}\`, control characters and marks of direction. It is kept in NFC.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "Ann Lee")]
    name: Option<Option<String>>,
    /// The username: a letter, then 2 to 63 letters, digits, `.`, `_` or `-`, all in ASCII. It is
    /// unique regardless of letter case. If somebody else has it, the answer is `conflict`.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "ann")]
    username: Option<Option<String>>,
    /// The language of messages to the user: a BCP 47 language tag. Its language, script and region
    /// are kept, and a tag without a language is refused.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "en-US")]
    locale: Option<Option<String>>,
    /// The id that the user has elsewhere: 1 to 255 characters, without control characters and spaces
    /// around it. If somebody else has it, the answer is `conflict`.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "auth0|5f7c8ec7c33c6c004bbafe82")]
    external_id: Option<Option<String>>,
    /// The metadata that the user may read and write, as JSON Merge Patch (RFC 7396): a member replaces one of the same
    /// name, objects are merged, `null` removes a member, and `null` instead of the object removes all.
    /// At most 16 KiB of JSON and three levels deep afterwards.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<HashMap<String, Value>>, additional_properties, example = json!({"theme": "dark"}))]
    metadata: Option<Option<MetadataObject>>,
    /// The metadata that the user may read, and only administrators may write, as JSON Merge Patch (RFC 7396): a member replaces one of the same
    /// name, objects are merged, `null` removes a member, and `null` instead of the object removes all.
    /// At most 16 KiB of JSON and three levels deep afterwards. Apps can take members of it
    /// into tokens (`token_claims`), up to 512 bytes together.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<HashMap<String, Value>>, additional_properties, example = json!({"plan": "pro"}))]
    app_metadata: Option<Option<MetadataObject>>,
    /// Whether the user may sign in. `disabled` ends all their sessions immediately. `active` also ends
    /// every wait of the user: for wrong codes, passwords and second factors, and for messages. It cannot be `null`.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = UserStatus)]
    status: Option<UserStatus>,
}

/// Change a user
///
/// With `If-Match` the change is made only if the user is still as you have read them. You can
/// change only users who have no right that you lack, and not your own status. The last
/// administrator cannot be disabled. The status `active` also ends every wait of the user: for wrong codes, passwords and second factors, and for
/// messages.
#[utoipa::path(
    patch,
    path = "/v1/users/{user_id}",
    operation_id = "users-update",
    tag = "Users",
    security(("access_token" = ["users:write"])),
    params(("user_id" = uuid::Uuid, Path, description = "The user's id, a UUID"), IfMatch),
    request_body = UpdateUserRequest,
    responses((
        status = 200,
        description = "The changed user",
        body = UserView,
        headers(("ETag" = String, description = "For `If-Match`"))
    )),
    extensions(("x-codes" = json!(["not_found", "conflict", "precondition_failed"]))),
)]
async fn update(
    admin: Admin<UsersWrite>,
    users: Users,
    recorder: Recorder,
    PathId(id): PathId,
    seen: IfMatch,
    DocumentJson(request): DocumentJson<UpdateUserRequest>,
) -> Result<Tagged, Error> {
    if request.status.is_some() {
        check_is_other(admin.caller.user.id, id)?;
    }
    let profile = ProfileChange {
        name: request.name.map(|name| name.as_deref().map(parse_name).transpose()).transpose()?,
        username: request
            .username
            .map(|name| name.as_deref().map(Username::parse).transpose())
            .transpose()?,
        locale: request
            .locale
            .map(|locale| locale.as_deref().map(read_locale).transpose())
            .transpose()?,
        external_id: request
            .external_id
            .map(|id| id.as_deref().map(ExternalId::parse).transpose())
            .transpose()?,
        metadata: MetadataPatch {
            metadata: request.metadata,
            app_metadata: request.app_metadata,
            ..MetadataPatch::default()
        },
    };

    let activity = |action| admin.caller.activity(action, format!("user:{id}"));
    let (user, metadata) = users
        .recording(recorder.event(activity(Action::UserUpdate))?)
        .change(id, (&profile, request.status), seen.tags(), &admin.permissions)
        .await?;

    if request.status == Some(UserStatus::Active) {
        users.unlock(&user, &recorder.event(activity(Action::UserUnlock))?).await?;
    }

    Ok(Tagged::new(&user, metadata, DEFAULT_CLIENT_ID, users.avatar_urls()))
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(update))
}
