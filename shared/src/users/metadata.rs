//! Metadata: what apps keep about a user, which means nothing to this service.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{apps::TokenClaims, base::Error};

/// A JSON object of metadata.
pub type MetadataObject = Map<String, Value>;

/// The longest metadata, in bytes of JSON; that of a user and that of the apps each.
const MAX_BYTES: usize = 16 * 1024;
/// How deep metadata nests: the object itself is the first level.
const MAX_DEPTH: usize = 3;
/// The longest name in metadata, in characters.
const MAX_NAME_CHARS: usize = 128;

/// The metadata of a user, as the store keeps it beside the user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The metadata that the user may read and write.
    #[serde(with = "json_text", default, skip_serializing_if = "Map::is_empty")]
    pub metadata: MetadataObject,
    /// The metadata that the user may read, and only administrators may write.
    #[serde(with = "json_text", default, skip_serializing_if = "Map::is_empty")]
    pub app_metadata: MetadataObject,
    /// The number of writes, for optimistic locking.
    #[serde(default)]
    pub version: u64,
}

/// A change of metadata, as JSON Merge Patch describes it (RFC 7396): a member replaces one of the
/// same name, objects are merged, and `null` removes. `None` leaves all as it is, `Some(None)` clears
/// it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataPatch {
    /// The change of what the user may write.
    pub metadata: Option<Option<MetadataObject>>,
    /// The change of what only administrators may write.
    pub app_metadata: Option<Option<MetadataObject>>,
    /// Whether the objects replace those that are there, and are not merged with them.
    pub replaces: bool,
    /// The claims of apps, which must have room in tokens after a change of what administrators may
    /// write.
    pub token_claims: Vec<(String, TokenClaims)>,
}

impl MetadataPatch {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.metadata.is_none() && self.app_metadata.is_none()
    }
}

impl Metadata {
    /// The metadata of a new user.
    ///
    /// # Errors
    /// As [`Self::patched`].
    pub fn new(patch: &MetadataPatch) -> Result<Self, Error> {
        let metadata = Self::default().patched(patch)?;
        let version = u64::from(metadata != Self::default());
        Ok(Self { version, ..metadata })
    }

    /// The metadata after a change. Its version is the same.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if it would be longer than 16 KiB, nest deeper than three levels, or
    /// have an empty name or one of more than 128 characters, and as [`TokenClaims::check`].
    pub fn patched(&self, patch: &MetadataPatch) -> Result<Self, Error> {
        let after = Self {
            metadata: patched(
                "metadata",
                &self.metadata,
                (patch.metadata.as_ref(), patch.replaces),
            )?,
            app_metadata: patched(
                "app_metadata",
                &self.app_metadata,
                (patch.app_metadata.as_ref(), patch.replaces),
            )?,
            version: self.version,
        };
        if after.app_metadata != self.app_metadata {
            for (client_id, claims) in &patch.token_claims {
                claims.check(client_id, (&self.app_metadata, &after.app_metadata))?;
            }
        }
        Ok(after)
    }
}

/// The object in `field` after a change.
fn patched(
    field: &str,
    before: &MetadataObject,
    (patch, replaces): (Option<&Option<MetadataObject>>, bool),
) -> Result<MetadataObject, Error> {
    let Some(patch) = patch else { return Ok(before.clone()) };
    let mut after = if replaces { Map::new() } else { before.clone() };
    match patch {
        Some(patch) => merge(&mut after, patch),
        None => after.clear(),
    }
    check(field, &after)?;
    Ok(after)
}

/// RFC 7396 §2.
fn merge(target: &mut MetadataObject, patch: &MetadataObject) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(patch) => {
                let member = target.entry(name).or_insert_with(|| Value::Object(Map::new()));
                if !member.is_object() {
                    *member = Value::Object(Map::new());
                }
                if let Value::Object(member) = member {
                    merge(member, patch);
                }
            }
            value => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

fn check(field: &str, object: &MetadataObject) -> Result<(), Error> {
    let value = Value::Object(object.clone());
    if depth(&value) > MAX_DEPTH {
        return Err(Error::field(field, format!("must nest at most {MAX_DEPTH} levels")));
    }
    if !names_fit(&value) {
        let text = format!("must have names of 1 to {MAX_NAME_CHARS} characters");
        return Err(Error::field(field, text));
    }
    if value.to_string().len() > MAX_BYTES {
        return Err(Error::field(field, format!("must be at most {MAX_BYTES} bytes of JSON")));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn names_fit(value: &Value) -> bool {
    let fits = |name: &String| (1..=MAX_NAME_CHARS).contains(&name.chars().count());
    match value {
        Value::Object(members) => members.iter().all(|(name, it)| fits(name) && names_fit(it)),
        Value::Array(items) => items.iter().all(names_fit),
        _ => true,
    }
}

/// Kept as a text: DynamoDB's numbers and names are not quite those of JSON.
mod json_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _, ser::Error as _};

    use super::MetadataObject;

    pub(super) fn serialize<S: Serializer>(
        object: &MetadataObject,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(object).map_err(S::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<MetadataObject, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> MetadataObject {
        match value {
            Value::Object(object) => object,
            other => panic!("{other} is no object"),
        }
    }

    fn merged(before: Value, patch: Value) -> Result<Value, Error> {
        let before = Metadata { metadata: object(before), ..Metadata::default() };
        let patch =
            MetadataPatch { metadata: Some(Some(object(patch))), ..MetadataPatch::default() };
        before.patched(&patch).map(|after| Value::Object(after.metadata))
    }

    /// The cases of RFC 7396 appendix A whose target and patch are objects.
    #[test]
    fn changes_are_merged_as_the_standard_says() {
        for (before, patch, after) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            assert_eq!(merged(before.clone(), patch.clone()), Ok(after), "{before} {patch}");
        }
    }

    #[test]
    fn metadata_stays_small_and_flat() {
        let is_refused =
            |value: Value| matches!(merged(json!({}), value), Err(Error::InvalidRequest(_)));
        assert!(merged(json!({}), json!({"a": {"b": ["c"]}})).is_ok());
        assert!(is_refused(json!({"a": {"b": [["c"]]}})));
        assert!(merged(json!({}), json!({"a": "x".repeat(MAX_BYTES - 8)})).is_ok());
        assert!(is_refused(json!({"a": "x".repeat(MAX_BYTES - 7)})));
        assert!(is_refused(json!({"": 1})));
        assert!(is_refused(json!({"x".repeat(MAX_NAME_CHARS + 1): 1})));
        // Metadata that is full can be removed bit by bit.
        let full = json!({"a": "x".repeat(8_000), "b": "x".repeat(8_000)});
        assert!(merged(full, json!({"a": null})).is_ok());
    }
}
