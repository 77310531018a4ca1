//! CSV of an operator's making: its columns are the fields of a record.

use crate::import::{
    Terms,
    draft::{Draft, Unusable},
    row::Fields,
};

/// The columns.
const COLUMNS: [&str; 15] = [
    "external_id",
    "phone",
    "phone_verified",
    "email",
    "email_verified",
    "username",
    "name",
    "locale",
    "metadata",
    "app_metadata",
    "roles",
    "password_hash",
    "totp_secret",
    "created_at",
    "status",
];

/// A user.
///
/// # Errors
/// A column has a name, or a cell a value, that is not known.
pub(super) fn draft<'a>(fields: &Fields, terms: &'a Terms) -> Result<Draft<'a>, Unusable> {
    if let Some(reason) = fault(fields) {
        return Err(Unusable { id: fields.text("external_id"), reason });
    }
    let is_set = |name| fields.flag(name) == Some(true);
    let mut draft = Draft::of(fields.text("external_id"), terms);
    draft.phone(fields.text("phone"), is_set("phone_verified"));
    draft.email(fields.text("email"), is_set("email_verified"));
    draft.username(fields.text("username"));
    draft.name(fields.text("name"));
    draft.record.locale = fields.text("locale");
    let metadata = draft.object(fields, "metadata");
    draft.metadata(metadata);
    let app_metadata = draft.object(fields, "app_metadata");
    draft.app_metadata(app_metadata);
    let roles = fields.text("roles").unwrap_or_default();
    draft.record.roles = roles.split_whitespace().map(str::to_owned).collect();
    draft.password(fields.text("password_hash"));
    draft.totp_secret(fields.text("totp_secret"));
    draft.created_at(fields.text("created_at"));
    draft.disabled(fields.text("status").as_deref() == Some("disabled"));
    Ok(draft)
}

/// Why a line is not a record. A value that was mistyped must not become another one.
fn fault(fields: &Fields) -> Option<String> {
    if let Some(unknown) = fields.names().find(|name| !COLUMNS.contains(name)) {
        return Some(format!("the column {unknown} is not a field of a record"));
    }
    for name in ["phone_verified", "email_verified"] {
        if fields.text(name).is_some() && fields.flag(name).is_none() {
            return Some(format!("{name} is neither true nor false"));
        }
    }
    match fields.text("status").as_deref() {
        None | Some("active" | "disabled") => None,
        Some(_) => Some("status is neither active nor disabled".to_owned()),
    }
}
