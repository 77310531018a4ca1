//! Auth0: what the job `users-exports` writes in the format `json`, and the hashes that its support
//! sends.

use std::{collections::HashMap, path::Path};

use serde_json::{Map, Value};

use crate::{
    failure::Failure,
    import::{
        Terms,
        draft::Draft,
        row::Fields,
        rows::{self, Header},
    },
};

/// The provider of users in Auth0's databases, which stands before their ids.
const DATABASE: &str = "auth0";

/// A user.
pub(super) fn draft<'a>(fields: &Fields, terms: &'a Terms) -> Draft<'a> {
    let mut draft = Draft::of(fields.text("user_id"), terms);
    draft.phone(fields.text("phone_number"), fields.flag("phone_verified") == Some(true));
    draft.email(fields.text("email"), fields.flag("email_verified") == Some(true));
    draft.username(fields.text("username"));
    match fields.text("name").filter(|name| Some(name) != draft.record.phone.as_ref()) {
        Some(name) => draft.name(Some(name)),
        None => draft.full_name(fields.text("given_name"), fields.text("family_name")),
    }
    draft.record.locale = fields.text("locale");

    let metadata = draft.object(fields, "user_metadata");
    draft.metadata(metadata);
    let app_metadata: Map<String, Value> = draft.object(fields, "app_metadata");
    for role in Fields::of(app_metadata.clone()).list("roles") {
        draft.role(&role);
    }
    draft.app_metadata(app_metadata);

    draft.created_at(fields.text("created_at"));
    draft.disabled(fields.flag("blocked") == Some(true));
    password(&mut draft, &database_ids(fields));
    identities(&mut draft, fields);
    draft
}

/// The ids of a user in Auth0's databases: the user's, and those of linked identities, whose user may come
/// from another provider.
fn database_ids(fields: &Fields) -> Vec<String> {
    let id = fields.text("user_id");
    let id = id.as_deref().and_then(|id| id.strip_prefix(DATABASE)?.strip_prefix('|'));
    let identities = fields.objects("identities");
    let linked = identities
        .iter()
        .filter(|identity| identity.text("provider").as_deref() == Some(DATABASE))
        .filter_map(|identity| identity.text("user_id"));
    id.map(str::to_owned).into_iter().chain(linked).collect()
}

fn password(draft: &mut Draft<'_>, ids: &[String]) {
    if ids.is_empty() {
        return;
    }
    match &draft.terms().hashes {
        Some(hashes) => draft.password(ids.iter().find_map(|id| hashes.of(id))),
        None => draft.leave_out("passwords, if there are any (--hashes has them)"),
    }
}

fn identities(draft: &mut Draft<'_>, fields: &Fields) {
    for identity in fields.objects("identities") {
        let provider = identity.text("provider").unwrap_or_default();
        if ![DATABASE, "sms", "email"].contains(&provider.as_str()) {
            draft.leave_out(format!("social identities: {provider}"));
        }
    }
    if !fields.list("multifactor").is_empty() {
        draft.leave_out("second factors");
    }
}

/// Hashes of passwords, by the id in Auth0's database. There is no `Debug`.
pub(crate) struct Hashes(HashMap<String, String>);

impl Hashes {
    /// Reads the NDJSON of Auth0's support: `_id.$oid` or `alt_id`, and `passwordHash`.
    ///
    /// # Errors
    /// [`Failure::Machine`] or [`Failure::Usage`] if the file cannot be read or has no hash.
    pub(crate) fn read(file: &Path) -> Result<Self, Failure> {
        let mut hashes = HashMap::new();
        for row in rows::read(file, Header::First) {
            let Ok(fields) = row?.fields else { continue };
            let Some(hash) = fields.text("passwordHash") else { continue };
            let id = fields.value("_id").or_else(|| fields.value("_ID"));
            let id = id.and_then(|id| id.get("$oid")).and_then(Value::as_str).map(str::to_owned);
            for id in [id, fields.text("alt_id")].into_iter().flatten() {
                hashes.insert(id, hash.clone());
            }
        }
        if hashes.is_empty() {
            return Err(Failure::Usage(format!(
                "{}: no line has _id.$oid and passwordHash",
                file.display()
            )));
        }
        Ok(Self(hashes))
    }

    /// The hash of a user's password.
    fn of(&self, id: &str) -> Option<String> {
        self.0.get(id).cloned()
    }
}
