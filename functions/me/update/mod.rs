//! `PATCH /v1/me`: changes the signed-in user's profile.

use serde::Deserialize;
use shared::{
    accounts::{Accounts, UserView},
    audit::{Action, Recorder},
    base::Error,
    http::{Caller, DocumentJson, Json, sent},
    identifiers::{Username, parse_name},
    latchkey::Latchkey,
    messages,
    users::{MetadataObject, MetadataPatch, ProfileChange},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

#[cfg(test)]
mod tests;

/// The fields to change. A field that is left out stays as it is, and `null` clears it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"name": "Ann Lee"}))]
pub struct UpdateMeRequest {
    /// The display name: 1 to 64 visible characters, without spaces around them and without any of
    /// `/:@#<>{}\`, control characters and marks of direction. It is kept in NFC.
    #[serde(deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "Ann Lee")]
    name: Option<Option<String>>,
    /// The username: a letter, then 2 to 63 letters, digits, `.`, `_` or `-`, all in ASCII. It is
    /// unique regardless of letter case. If somebody else has it, the response is `conflict`. Names
    /// such as `admin`, and the service's own, are reserved.
    #[serde(deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "ann")]
    username: Option<Option<String>>,
    /// The language of messages to the user: a BCP 47 language tag. Its language, script and region
    /// are kept, and a tag without a language is refused.
    #[serde(deserialize_with = "sent")]
    #[schema(value_type = Option<String>, example = "en-US")]
    locale: Option<Option<String>>,
    /// The user's own metadata, as JSON Merge Patch (RFC 7396): a member replaces one of the same
    /// name, objects are merged, `null` removes a member, and `null` instead of the object removes all.
    /// At most 16 KiB of JSON and three levels deep afterwards.
    #[serde(deserialize_with = "sent")]
    #[schema(value_type = Option<HashMap<String, Value>>, additional_properties, example = json!({"theme": "dark"}))]
    metadata: Option<Option<MetadataObject>>,
}

/// Change the signed-in user's profile
#[utoipa::path(
    patch,
    path = "/v1/me",
    operation_id = "me-update",
    tag = "Me",
    security(("access_token" = [])),
    request_body = UpdateMeRequest,
    responses((status = 200, description = "The changed user", body = UserView)),
    extensions(("x-codes" = json!(["conflict"]))),
)]
async fn update(
    caller: Caller,
    accounts: Accounts,
    recorder: Recorder,
    DocumentJson(request): DocumentJson<UpdateMeRequest>,
) -> Result<Json<UserView>, Error> {
    let username = |username: Option<String>| {
        username.map(|username| choose(&username, &caller, accounts.app_name())).transpose()
    };
    let change = ProfileChange {
        name: request.name.map(|name| name.as_deref().map(parse_name).transpose()).transpose()?,
        username: request.username.map(username).transpose()?,
        locale: request
            .locale
            .map(|locale| locale.as_deref().map(read_locale).transpose())
            .transpose()?,
        external_id: None,
        metadata: MetadataPatch { metadata: request.metadata, ..MetadataPatch::default() },
    };

    let event = recorder.event(caller.own_activity(Action::ProfileChange))?;
    let (user, metadata) =
        accounts.recording(event).change_profile(caller.user.id, &change).await?;
    let client_id = &caller.claims.client_id;
    Ok(Json(UserView::new(&user, metadata, client_id, accounts.avatar_urls())))
}

/// Reads a `locale` that is to be kept.
///
/// # Errors
/// [`Error::InvalidRequest`] if it has no language.
pub(crate) fn read_locale(locale: &str) -> Result<String, Error> {
    let text = "must be a language tag that begins with a language, like en-US";
    messages::parse_locale(locale).ok_or_else(|| Error::field("locale", text))
}

/// The username that a user chooses. One that an administrator gave them may stay.
///
/// # Errors
/// [`Error::InvalidRequest`] if it is reserved, or has another form.
fn choose(username: &str, caller: &Caller, app_name: &str) -> Result<Username, Error> {
    let parsed = Username::parse(username)?;
    let current = caller.user.username.as_ref().map(Username::canonical);
    if current == Some(parsed.canonical()) {
        Ok(parsed)
    } else {
        Username::choose(username, app_name)
    }
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(update))
}
