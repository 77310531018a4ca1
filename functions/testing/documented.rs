//! The status of every answer that a test gets is in the OpenAPI document.

use std::sync::LazyLock;

use axum::http::{Method, StatusCode};
use serde_json::Value;

use crate::document::document;

struct Operation {
    method: String,
    segments: Vec<String>,
    statuses: Vec<String>,
}

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let document = serde_json::to_value(document()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| operations(path, item)).collect()
});

fn operations(path: &str, item: &Value) -> Vec<Operation> {
    let operations = item.as_object().unwrap().iter().filter(|(_, it)| it.is_object());
    let to_operation = |(method, operation): (&String, &Value)| Operation {
        method: method.to_uppercase(),
        segments: path.split('/').map(str::to_owned).collect(),
        statuses: operation["responses"].as_object().unwrap().keys().cloned().collect(),
    };
    operations.map(to_operation).collect()
}

impl Operation {
    /// How many segments of a path are this operation's word for word, if it is for that path.
    fn likeness(&self, path: &[&str]) -> Option<usize> {
        let fits = |(own, other): (&String, &&str)| {
            (own.starts_with('{') && !other.is_empty()) || own == other
        };
        let is_for = self.segments.len() == path.len() && self.segments.iter().zip(path).all(fits);
        is_for.then(|| self.segments.iter().zip(path).filter(|(own, other)| own == *other).count())
    }
}

/// The refusals that every path has, whatever its operation does.
const OF_EVERY_PATH: [StatusCode; 2] =
    [StatusCode::METHOD_NOT_ALLOWED, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE];

/// Asserts that the document names the status, if it has the operation.
#[track_caller]
pub(super) fn assert_documented(method: &Method, path: &str, status: StatusCode) {
    if OF_EVERY_PATH.contains(&status) {
        return;
    }
    let segments: Vec<_> = path.split('/').collect();
    let of_method = OPERATIONS.iter().filter(|operation| operation.method == method.as_str());
    let Some(operation) = of_method
        .filter_map(|operation| Some((operation.likeness(&segments)?, operation)))
        .max_by_key(|(likeness, _)| *likeness)
        .map(|(_, operation)| operation)
    else {
        return;
    };
    assert!(
        operation.statuses.iter().any(|known| known == status.as_str()),
        "the OpenAPI document does not name {status} of {method} {path}"
    );
}
