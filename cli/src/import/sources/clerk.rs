//! Clerk: the CSV of the dashboard.

use crate::import::{Terms, draft::Draft, row::Fields};

/// The hashers whose digests are in a format that Latchkey verifies.
const HASHERS: [&str; 6] = [
    "bcrypt",
    "argon2i",
    "argon2id",
    "pbkdf2_sha256_django",
    "bcrypt_sha256_django",
    "scrypt_werkzeug",
];

/// A user.
pub(super) fn draft<'a>(fields: &Fields, terms: &'a Terms) -> Draft<'a> {
    let mut draft = Draft::of(fields.text("id"), terms);
    let (phone, is_verified, others) = chosen(fields, "phone_number");
    draft.phone(phone, is_verified);
    if others {
        draft.leave_out("further phones");
    }
    let (email, is_verified, others) = chosen(fields, "email_address");
    draft.email(email, is_verified);
    if others {
        draft.leave_out("further e-mail addresses");
    }

    draft.username(fields.text("username"));
    draft.full_name(fields.text("first_name"), fields.text("last_name"));
    draft.totp_secret(fields.text("totp_secret"));
    if let Some(digest) = fields.text("password_digest") {
        match fields.text("password_hasher") {
            Some(hasher) if !HASHERS.contains(&hasher.as_str()) => {
                // The name of a hasher is one of a list, so it has nothing of the hash.
                draft.leave_out(format!(
                    "passwords whose hash is of a format that is not read: {hasher}"
                ));
            }
            _ => draft.password(Some(digest)),
        }
    }
    draft.created_at(fields.text("created_at"));
    draft.disabled(fields.flag("banned") == Some(true));
    draft
}

/// The primary phone or address, or else the first one; whether it is verified; and whether there are
/// others.
fn chosen(fields: &Fields, what: &str) -> (Option<String>, bool, bool) {
    let plural = if what.ends_with('s') { format!("{what}es") } else { format!("{what}s") };
    let verified = fields.list(&format!("verified_{plural}"));
    let unverified = fields.list(&format!("unverified_{plural}"));
    let primary = fields.text(&format!("primary_{what}"));

    let first = primary.or_else(|| verified.iter().chain(&unverified).next().cloned());
    let is_verified = first.as_ref().is_some_and(|first| verified.contains(first));
    let others = verified.iter().chain(&unverified).any(|it| Some(it) != first.as_ref());
    (first, is_verified, others)
}
