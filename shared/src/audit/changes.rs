//! The fields that a change changed, before and after, without personal values.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::base::Error;

/// Stands for a value that the trail does not show: a name, an address, a text, a secret.
const HIDDEN: &str = "hidden";

/// A field before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// The value before; `null` for none, and `hidden` for one that the trail does not show.
    #[schema(example = json!(["User"]))]
    pub before: Value,
    /// The value after.
    #[schema(example = json!(["Editor", "User"]))]
    pub after: Value,
}

/// Changed fields by name.
pub type Changes = BTreeMap<String, Change>;

/// The fields of an item of which the trail shows more than whether they changed.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// The fields whose values are shown. All others are hidden, so a new field is hidden until it
    /// is listed here.
    pub shown: &'static [&'static str],
    /// The fields that are not part of a change: counters, marks and times.
    pub ignored: &'static [&'static str],
}

impl Fields {
    /// The fields in which `after` differs from `before`. `None` is an item that does not exist.
    ///
    /// # Errors
    /// [`Error::Internal`] for an item that cannot be written as JSON.
    pub fn changes<T: Serialize>(
        self,
        before: Option<&T>,
        after: Option<&T>,
    ) -> Result<Changes, Error> {
        let (before, after) = (fields(before)?, fields(after)?);
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();

        let mut changes = Changes::new();
        for name in names.into_iter().filter(|name| !self.ignored.contains(&name.as_str())) {
            let (old, new) = (before.get(name), after.get(name));
            if is_none(old) && is_none(new) || old == new {
                continue;
            }
            let is_shown = self.shown.contains(&name.as_str());
            let show = |value: Option<&Value>| match value {
                Some(value) if is_shown => value.clone(),
                value if is_none(value) => Value::Null,
                _ => Value::from(HIDDEN),
            };
            changes.insert(name.clone(), Change { before: show(old), after: show(new) });
        }
        Ok(changes)
    }
}

/// Whether there is no value. An empty list or map is none, as is a flag that is not set.
fn is_none(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.values().all(|value| is_none(Some(value))),
        Some(_) => false,
    }
}

fn fields<T: Serialize>(item: Option<&T>) -> Result<Map<String, Value>, Error> {
    match serde_json::to_value(item) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(Error::Internal(format!("a change cannot be described: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FIELDS: Fields = Fields { shown: &["status", "roles"], ignored: &["version"] };

    #[test]
    fn only_listed_fields_show_their_values() {
        let before = json!({"status": "active", "roles": {"a": ["B"]}, "phone": "+1", "version": 1, "totp": false});
        let after = json!({"status": "disabled", "roles": {"a": []}, "phone": "+2", "version": 2, "name": "Ann"});
        let changes = FIELDS.changes(Some(&before), Some(&after)).unwrap();
        assert_eq!(
            serde_json::to_value(changes).unwrap(),
            json!({
                "status": {"before": "active", "after": "disabled"},
                "roles": {"before": {"a": ["B"]}, "after": {"a": []}},
                "phone": {"before": "hidden", "after": "hidden"},
                "name": {"before": null, "after": "hidden"},
            })
        );
    }

    #[test]
    fn a_new_item_has_nothing_before() {
        let made = json!({"status": "active", "phone": "+1"});
        let changes = FIELDS.changes(None, Some(&made)).unwrap();
        assert_eq!(
            serde_json::to_value(changes).unwrap(),
            json!({
                "status": {"before": null, "after": "active"},
                "phone": {"before": null, "after": "hidden"},
            })
        );
    }
}
