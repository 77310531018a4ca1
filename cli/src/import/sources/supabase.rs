//! Supabase: the table `auth.users`, as CSV or JSON.

use crate::import::{
    Terms,
    draft::{Draft, Unusable},
    row::Fields,
    times,
};

/// What Supabase itself writes into the metadata of the user: copies of other columns, which the user can
/// change there. They prove nothing.
const COPIES: [&str; 6] = ["sub", "email", "email_verified", "phone", "phone_verified", "iss"];

/// A user.
///
/// # Errors
/// The account was deleted.
pub(super) fn draft<'a>(fields: &Fields, terms: &'a Terms) -> Result<Draft<'a>, Unusable> {
    if fields.text("deleted_at").is_some() {
        let reason = "the account was deleted there".to_owned();
        return Err(Unusable { id: fields.text("id"), reason });
    }
    let mut draft = Draft::of(fields.text("id"), terms);
    // The table has phones without `+`.
    let phone = fields.text("phone").map(|phone| format!("+{}", phone.trim_start_matches('+')));
    draft.phone(phone, fields.text("phone_confirmed_at").is_some());
    draft.email(fields.text("email"), fields.text("email_confirmed_at").is_some());
    draft.password(fields.text("encrypted_password"));

    let mut metadata = draft.object(fields, "raw_user_meta_data");
    let said = Fields::of(metadata.clone());
    match said.first_text(&["full_name", "name", "display_name"]) {
        Some(name) => draft.name(Some(name)),
        None => draft.full_name(said.text("first_name"), said.text("last_name")),
    }
    metadata.retain(|name, _| !COPIES.contains(&name.as_str()));
    draft.metadata(metadata);

    let mut app_metadata = draft.object(fields, "raw_app_meta_data");
    let said = Fields::of(app_metadata.clone());
    for provider in said.list("providers") {
        if !["email", "phone"].contains(&provider.as_str()) {
            draft.leave_out(format!("social identities: {provider}"));
        }
    }
    for role in said.list("role").into_iter().chain(said.list("roles")) {
        draft.role(&role);
    }
    app_metadata.retain(|name, _| name != "provider" && name != "providers");
    draft.app_metadata(app_metadata);

    draft.created_at(fields.text("created_at"));
    let banned_until = fields.text("banned_until");
    draft.disabled(banned_until.is_some_and(|until| {
        // A ban that cannot be read, such as `infinity`, is one.
        times::parse(&until).is_none_or(|until| until > terms.now)
    }));
    Ok(draft)
}
