//! Answers that are one of several, described so that generated clients can read them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::openapi::{RefOr, Schema};

use super::resolve;

/// The property that says which of several answers one is.
const PROPERTY: &str = "status";
/// The answers that no property tells apart.
const MERGED: [&str; 2] = ["CreatedRoles", "PutRolesAnswer"];

/// Gives each of the `schemas` that is one of several answers a discriminator. Those that no property
/// tells apart become one object, whose properties are required if all of them have them.
pub(super) fn tell_apart(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let all = serde_json::to_value(&*schemas).unwrap_or_default();
    for (name, schema) in schemas {
        let Some(written) = all.get(name) else { continue };
        let told = match MERGED.contains(&name.as_str()) {
            true => Some(merged(written, &all)),
            false => discriminated(written, &all),
        };
        if let Some(read) = told.and_then(|told| serde_json::from_value(told).ok()) {
            *schema = read;
        }
    }
}

/// The alternatives of a schema, and theirs.
fn alternatives<'a>(schema: &'a Value, all: &'a Value) -> Vec<&'a Value> {
    let own = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let nested = own.map(|one| match resolve(one, all) {
        inner if inner.get("oneOf").is_some() => alternatives(inner, all),
        _ => vec![one],
    });
    nested.flatten().collect()
}

/// A schema with a discriminator; `None` if it needs none.
fn discriminated(schema: &Value, all: &Value) -> Option<Value> {
    let alternatives = alternatives(schema, all);
    let by_value = |one: &&Value| {
        let value = only_value(one, all)?;
        Some((value, one.get("$ref")?.clone()))
    };
    let mapping: Map<String, Value> = alternatives.iter().filter_map(by_value).collect();
    if alternatives.is_empty() || mapping.len() != alternatives.len() {
        return None;
    }

    let mut told = schema.as_object()?.clone();
    told.insert("oneOf".to_owned(), alternatives.into_iter().cloned().collect());
    let discriminator = json!({"propertyName": PROPERTY, "mapping": mapping});
    told.insert("discriminator".to_owned(), discriminator);
    Some(Value::Object(told))
}

/// The only value that [`PROPERTY`] has in a schema.
fn only_value(schema: &Value, all: &Value) -> Option<String> {
    let schema = resolve(schema, all);
    let own = schema.get("properties").and_then(|properties| properties.get(PROPERTY));
    if let Some(property) = own {
        let values = resolve(property, all).get("enum")?.as_array()?;
        let [value] = values.as_slice() else { return None };
        return value.as_str().map(str::to_owned);
    }
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    parts.filter_map(|part| only_value(part, all)).next()
}

/// One object with the properties of all alternatives.
fn merged(schema: &Value, all: &Value) -> Value {
    let alternatives: Vec<_> =
        alternatives(schema, all).into_iter().map(|one| resolve(one, all)).collect();
    let mut properties = Map::new();
    for one in &alternatives {
        properties
            .extend(one.get("properties").and_then(Value::as_object).cloned().unwrap_or_default());
    }

    let is_required = |name: &&String| {
        alternatives.iter().all(|one| {
            let required = one.get("required").and_then(Value::as_array);
            required.is_some_and(|required| required.contains(&json!(name)))
        })
    };
    let required: Vec<_> = properties.keys().filter(is_required).cloned().collect();
    let mut object = json!({
        "type": "object",
        "description": schema.get("description"),
        "properties": properties,
    });
    if let (Some(object), false) = (object.as_object_mut(), required.is_empty()) {
        object.insert("required".to_owned(), json!(required));
    }
    object
}
