//! A table of users as FastAPI Users, Flask-Security and most services with SQLAlchemy have one: CSV
//! with a header. Columns are found by their usual names.

use crate::import::{Terms, draft::Draft, row::Fields, sources::columns};

const PASSWORDS: [&str; 3] = ["hashed_password", "password_hash", "password"];
const CREATED: [&str; 5] =
    ["created_at", "date_joined", "create_datetime", "created", "registered_at"];

/// A user.
pub(super) fn draft<'a>(fields: &Fields, terms: &'a Terms) -> Draft<'a> {
    let mut draft = Draft::of(fields.first_text(&["id", "user_id", "uuid"]), terms);
    draft.phone(fields.first_text(&columns::PHONES), columns::is_phone_verified(fields, terms));
    draft.email(fields.first_text(&columns::EMAILS), columns::is_email_verified(fields, terms));
    draft.username(fields.first_text(&["username", "user_name"]));
    match fields.first_text(&["name", "full_name", "display_name"]) {
        Some(name) => draft.name(Some(name)),
        None => draft.full_name(fields.text("first_name"), fields.text("last_name")),
    }
    draft.record.locale = fields.first_text(&["locale", "language"]);
    match fields.first_text(&PASSWORDS) {
        Some(_) if columns::is_flask_security(fields) => {
            draft.leave_out("passwords of Flask-Security, which hashes them twice, with a key");
        }
        hash => draft.password(hash),
    }
    draft.created_at(fields.first_text(&CREATED));

    let is_active = fields.first_flag(&["is_active", "active", "enabled"]);
    let is_disabled = fields.first_flag(&["disabled", "is_disabled", "blocked", "is_blocked"]);
    draft.disabled(is_active == Some(false) || is_disabled == Some(true));

    if fields.flag("is_superuser") == Some(true) {
        draft.role("superuser");
    }
    for role in fields.list("role").into_iter().chain(fields.list("roles")) {
        draft.role(&role);
    }
    if fields.first_text(&["tf_totp_secret", "totp_secret", "mfa_secret"]).is_some() {
        draft.leave_out("second factors");
    }
    draft
}
