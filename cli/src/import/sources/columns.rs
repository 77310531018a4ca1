//! The columns that tables of users have, by their usual names.

use crate::import::{Terms, row::Fields};

/// The columns of a phone.
pub(super) const PHONES: [&str; 5] =
    ["phone", "phone_number", "mobile", "mobile_number", "us_phone_number"];
const PHONE_FLAGS: [&str; 3] = ["phone_verified", "is_phone_verified", "phone_number_verified"];
const PHONE_TIMES: [&str; 2] = ["phone_verified_at", "phone_confirmed_at"];

/// The columns of an e-mail address.
pub(super) const EMAILS: [&str; 2] = ["email", "email_address"];
const EMAIL_FLAGS: [&str; 2] = ["email_verified", "is_email_verified"];
const EMAIL_TIMES: [&str; 2] = ["email_verified_at", "email_confirmed_at"];

/// Columns that do not say of what: FastAPI Users has the first one.
const FLAGS: [&str; 2] = ["is_verified", "verified"];
const TIMES: [&str; 2] = ["verified_at", "confirmed_at"];

/// Whether this is a table of Flask-Security, by the one column that only it has. Its `confirmed_at`
/// is about the e-mail address.
pub(super) fn is_flask_security(fields: &Fields) -> bool {
    fields.names().any(|name| name == "fs_uniquifier")
}

/// Whether the phone of a row is verified, as the table or the operator says.
pub(super) fn is_phone_verified(fields: &Fields, terms: &Terms) -> bool {
    let says = (PHONE_FLAGS.as_slice(), PHONE_TIMES.as_slice());
    is_verified(fields, says, &EMAILS, terms.verified.phone)
}

/// Whether the e-mail address of a row is verified, as the table or the operator says.
pub(super) fn is_email_verified(fields: &Fields, terms: &Terms) -> bool {
    if is_flask_security(fields) {
        return fields.text("confirmed_at").is_some();
    }
    let says = (EMAIL_FLAGS.as_slice(), EMAIL_TIMES.as_slice());
    is_verified(fields, says, &PHONES, terms.verified.email)
}

/// A column that says it counts. One that does not say of what counts if the table has no `others`, or
/// if the operator vouches for it. Without any column, the word of the operator counts.
fn is_verified(
    fields: &Fields,
    (flags, times): (&[&str], &[&str]),
    others: &[&str],
    is_vouched_for: bool,
) -> bool {
    let has = |columns: &[&str]| fields.names().any(|name| columns.contains(&name));
    let says = |flags: &[&str], times: &[&str]| {
        fields.first_flag(flags) == Some(true) || fields.first_text(times).is_some()
    };
    match () {
        () if has(flags) || has(times) => says(flags, times),
        () if has(&FLAGS) || has(&TIMES) => {
            says(&FLAGS, &TIMES) && (is_vouched_for || !has(others))
        }
        () => is_vouched_for,
    }
}
