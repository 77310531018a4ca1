//! Amazon Cognito: the JSON of `ListUsers`, and CSV with the header of `GetCSVHeader`.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::import::{Terms, draft::Draft, row::Fields};

/// Attributes that an app has defined.
const CUSTOM: &str = "custom:";

/// A user: `Username`, `Attributes` with names and values, `Enabled`, `UserStatus`, `UserCreateDate`; or
/// in CSV, a column for each attribute.
pub(super) fn draft<'a>(fields: &Fields, terms: &'a Terms) -> Draft<'a> {
    let attributes = attributes(fields);
    let said = attributes.as_ref().unwrap_or(fields);
    let username = fields.first_text(&["Username", "cognito:username"]);

    let mut draft = Draft::of(said.text("sub").or_else(|| sub(username.as_deref())), terms);
    draft.phone(said.text("phone_number"), said.flag("phone_number_verified") == Some(true));
    draft.email(said.text("email"), said.flag("email_verified") == Some(true));
    let is_external = said.text("identities").is_some()
        || fields.text("UserStatus").as_deref() == Some("EXTERNAL_PROVIDER");
    // Cognito makes up the usernames of people from other providers.
    draft.username(said.text("preferred_username").or(username.filter(|_| !is_external)));
    match said.text("name") {
        Some(name) => draft.name(Some(name)),
        None => draft.full_name(said.text("given_name"), said.text("family_name")),
    }
    draft.record.locale = said.text("locale");

    let custom: Map<String, Value> = said
        .names()
        .filter_map(|name| Some((name.strip_prefix(CUSTOM)?.to_owned(), said.text(name)?.into())))
        .collect();
    draft.app_metadata(custom);

    draft.created_at(fields.text("UserCreateDate"));
    draft.disabled(fields.flag("Enabled") == Some(false));

    if is_external {
        draft.leave_out("social identities and those of other providers");
    }
    if fields.flag("cognito:mfa_enabled") == Some(true)
        || fields.value("MFAOptions").and_then(Value::as_array).is_some_and(|all| !all.is_empty())
    {
        draft.leave_out("second factors");
    }
    draft
}

/// The `sub` of somebody whose export has none. In pools whose people sign in with an address, it is the
/// username; any other username is not an id, and the real `sub` would differ from it.
fn sub(username: Option<&str>) -> Option<String> {
    username.filter(|username| Uuid::try_parse(username).is_ok()).map(str::to_owned)
}

/// The attributes of `ListUsers`, by name.
fn attributes(fields: &Fields) -> Option<Fields> {
    fields.value("Attributes")?;
    let attributes = fields
        .objects("Attributes")
        .into_iter()
        .filter_map(|attribute| Some((attribute.text("Name")?, attribute.value("Value")?.clone())));
    Some(Fields::of(attributes.collect()))
}
