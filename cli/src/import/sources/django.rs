//! Django: what `manage.py dumpdata` writes, or the table of users as CSV.

use serde_json::{Map, Value};

use crate::import::{Terms, draft::Draft, row::Fields, sources::columns};

/// A user; `None` for an object of another model. Every model that has a password is one of users.
pub(super) fn draft<'a>(row: &Fields, terms: &'a Terms) -> Option<Draft<'a>> {
    let (id, fields) = match (row.text("model"), row.value("fields")) {
        (Some(_), Some(Value::Object(fields))) => {
            fields.get("password")?;
            (row.text("pk"), Fields::of(fields.clone()))
        }
        _ => (row.text("id"), Fields::of(copy(row))),
    };

    let mut draft = Draft::of(id, terms);
    draft.phone(fields.first_text(&columns::PHONES), columns::is_phone_verified(&fields, terms));
    draft.email(fields.text("email"), columns::is_email_verified(&fields, terms));
    draft.username(fields.text("username"));
    draft.full_name(fields.text("first_name"), fields.text("last_name"));
    // Django marks a password that never matches by a `!`.
    draft.password(fields.text("password").filter(|hash| !hash.starts_with('!')));
    draft.created_at(fields.text("date_joined"));
    draft.disabled(fields.flag("is_active") == Some(false));

    for (flag, role) in [("is_superuser", "superuser"), ("is_staff", "staff")] {
        if fields.flag(flag) == Some(true) {
            draft.role(role);
        }
    }
    groups(&mut draft, &fields);
    Some(draft)
}

/// Groups are numbers, or with `--natural-foreign` a list with the name of each.
fn groups(draft: &mut Draft<'_>, fields: &Fields) {
    for group in fields.value("groups").and_then(Value::as_array).into_iter().flatten() {
        match group {
            Value::Array(names) => {
                names.iter().filter_map(Value::as_str).for_each(|name| draft.role(name))
            }
            Value::String(name) => draft.role(name),
            Value::Number(number) => draft.role(&format!("group {number}")),
            _ => {}
        }
    }
}

fn copy(row: &Fields) -> Map<String, Value> {
    row.names().filter_map(|name| Some((name.to_owned(), row.value(name)?.clone()))).collect()
}
