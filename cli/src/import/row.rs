//! One entry of an export: a line of CSV, or an object of JSON.

use std::fmt;

use serde_json::{Map, Value};

/// The marks by which databases write that a value is absent.
const ABSENT: [&str; 3] = ["NULL", "null", "\\N"];

/// An entry of an export.
pub(crate) struct Row {
    pub(crate) place: Place,
    /// Its fields; or why it cannot be read.
    pub(crate) fields: Result<Fields, &'static str>,
}

/// A place in the file, as people find it: `line 7` or `user 7`.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// A line of CSV, from 1 on.
    Line(u64),
    /// An object of JSON, from 1 on.
    User(u64),
}

impl Place {
    /// The number of the line or the user.
    pub(crate) fn number(self) -> u64 {
        let (Self::Line(number) | Self::User(number)) = self;
        number
    }

    /// Another place in the same file.
    pub(crate) fn with_number(self, number: u64) -> Self {
        match self {
            Self::Line(_) => Self::Line(number),
            Self::User(_) => Self::User(number),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::User(number) => write!(f, "user {number}"),
        }
    }
}

/// The fields of an entry, by name. In CSV, each is a text.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// The fields of a JSON object.
    pub(crate) fn of(object: Map<String, Value>) -> Self {
        Self(object)
    }

    /// A field as it is.
    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// The names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A text or a number. Spaces around it do not count, and an empty text is none.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        text(self.value(name)?)
    }

    /// The first of these fields that has a text.
    pub(crate) fn first_text(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.text(name))
    }

    /// A yes or no: a boolean of JSON, or `true`, `t`, `yes`, `1` and their opposites as databases
    /// write them. `None` for anything else.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        flag(self.value(name)?)
    }

    /// The first of these fields that is a yes or no.
    pub(crate) fn first_flag(&self, names: &[&str]) -> Option<bool> {
        names.iter().find_map(|name| self.flag(name))
    }

    /// The items of a list: of a JSON array, or of a text that separates them by `,` or `|`.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
            Some(Value::String(_)) => {
                let text = self.text(name).unwrap_or_default();
                let items = text.split([',', '|']).map(str::trim).filter(|item| !item.is_empty());
                items.map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// An object, also one that is written as JSON in a text.
    ///
    /// # Errors
    /// It is there, but is not an object.
    pub(crate) fn object(&self, name: &str) -> Result<Map<String, Value>, NotAnObject> {
        match self.value(name) {
            None => Ok(Map::new()),
            Some(Value::Object(object)) => Ok(object.clone()),
            Some(Value::String(_)) => match self.text(name) {
                None => Ok(Map::new()),
                Some(text) => serde_json::from_str(&text).map_err(|_| NotAnObject),
            },
            Some(_) => Err(NotAnObject),
        }
    }

    /// The objects of an array.
    pub(crate) fn objects(&self, name: &str) -> Vec<Self> {
        let items = self.value(name).and_then(Value::as_array);
        let objects = items.into_iter().flatten().filter_map(Value::as_object);
        objects.map(|object| Self(object.clone())).collect()
    }
}

/// A field is not a JSON object.
pub(crate) struct NotAnObject;

/// A text or a number as a text.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let text = text.trim();
            (!text.is_empty() && !ABSENT.contains(&text)).then(|| text.to_owned())
        }
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn flag(value: &Value) -> Option<bool> {
    if let Value::Bool(flag) = value {
        return Some(*flag);
    }
    match text(value)?.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "0" => Some(false),
        _ => None,
    }
}
