//! JSON bodies, strictly.

use std::fmt;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};

use crate::base::{Error, FieldError};

/// The largest JSON body.
pub const MAX_BODY_BYTES: usize = 16 * 1024;
/// The media type of JSON.
const JSON: &str = "application/json";
/// How deep objects and arrays may nest.
const MAX_DEPTH: u32 = 8;
/// Characters of one string.
const MAX_STRING_CHARS: usize = 1_024;

/// A JSON body, in and out.
///
/// In: an object, as `application/json` in UTF-8, of at most [`MAX_BODY_BYTES`]; unknown, repeated,
/// missing and wrong fields are refused.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A JSON body that may be left out.
#[derive(Clone, Copy, Debug)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (headers, body) = read(request).await?;
        Self::parse(&headers, &body).map(Self)
    }
}

impl<T: DeserializeOwned> Json<T> {
    /// Reads a body that was sent with these headers.
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<T, Error> {
        check_content_type(headers, JSON)?;
        parse(body)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (headers, body) = read(request).await?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        check_content_type(&headers, JSON)?;
        parse(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// `#[serde(deserialize_with = "sent")]` with a default: tells a field that is `null` from one that is not
/// there (RFC 7396).
///
/// # Errors
/// Those of the value.
pub fn sent<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// `#[serde(deserialize_with = "given")]` with a default: a field that may be left out, and cannot be cleared by `null`.
///
/// # Errors
/// Those of the value, of which `null` is one.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

pub(super) async fn read(request: Request<Body>) -> Result<(HeaderMap, Vec<u8>), Error> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Error::BodyTooLarge)?;
    Ok((parts.headers, body.to_vec()))
}

/// This media type, with no charset or UTF-8 (RFC 8259 §8.1), and not compressed.
pub(super) fn check_content_type(headers: &HeaderMap, media_type: &str) -> Result<(), Error> {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_expected = parts.next().as_deref() == Some(media_type);
    let is_utf8 = parts.all(|parameter| {
        parameter
            .strip_prefix("charset=")
            .is_none_or(|charset| charset.trim_matches('"') == "utf-8")
    });
    let encoded = headers.contains_key(header::CONTENT_ENCODING);
    if is_expected && is_utf8 && !encoded { Ok(()) } else { Err(Error::UnsupportedMediaType) }
}

/// Reads `body` as a `T`.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let mut checked = serde_json::Deserializer::from_slice(body);
    Bounds { depth: MAX_DEPTH }
        .deserialize(&mut checked)
        .and_then(|()| checked.end())
        .map_err(|error| if error.is_data() { whole_body(&error) } else { Error::InvalidJson })?;
    // serde reads a struct from an array, too.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Error::field("", "the body must be an object"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(wrong_field)
}

/// The refusal of what does not deserialize, which names the field.
pub(super) fn wrong_field<E: fmt::Display>(error: serde_path_to_error::Error<E>) -> Error {
    let path = error.path().to_string();
    Error::InvalidRequest(vec![field_error(&path, &error.into_inner().to_string())])
}

fn whole_body(error: &serde_json::Error) -> Error {
    Error::field("", without_position(&error.to_string()))
}

fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message)
}

/// serde names a missing or unknown field in its message only.
fn field_error(path: &str, message: &str) -> FieldError {
    let message = without_position(message);
    let parent = if path == "." { "" } else { path };
    let named = |prefix: &str| message.strip_prefix(prefix)?.split('`').next();
    let child = |name: &str| match parent.rsplit_once('.').map_or(parent, |(_, last)| last) {
        last if last == name => parent.to_owned(),
        "" => name.to_owned(),
        _ => format!("{parent}.{name}"),
    };
    if let Some(name) = named("missing field `") {
        FieldError::new(child(name), "is missing")
    } else if let Some(name) = named("unknown field `") {
        FieldError::new(child(name), "is not known here")
    } else if let Some(name) = named("duplicate field `") {
        FieldError::new(child(name), "is there twice")
    } else {
        FieldError::new(parent, message)
    }
}

/// Walks a document and refuses what is too deep or too long, before any of it is used.
struct Bounds {
    depth: u32,
}

impl Bounds {
    fn deeper<E: serde::de::Error>(&self) -> Result<u32, E> {
        self.depth
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("nests deeper than {MAX_DEPTH}")))
    }
}

impl<'de> DeserializeSeed<'de> for Bounds {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounds {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.chars().count() > MAX_STRING_CHARS {
            return Err(E::custom(format_args!(
                "has a string of more than {MAX_STRING_CHARS} characters"
            )));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while items.next_element_seed(Self { depth })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while let Some(name) = entries.next_key::<String>()? {
            if name.chars().count() > MAX_STRING_CHARS {
                return Err(A::Error::custom("has a field with too long a name"));
            }
            entries.next_value_seed(Self { depth })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Person {
        phone: String,
        #[serde(default)]
        tags: Vec<Tag>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Tag {
        name: String,
    }

    fn refusal(body: &str) -> (String, String) {
        match parse::<Person>(body.as_bytes()) {
            Err(Error::InvalidRequest(errors)) => {
                (errors[0].field.clone(), errors[0].message.clone())
            }
            Err(Error::InvalidJson) => ("-".into(), "not JSON".into()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn refusals_name_the_field() {
        for (body, field, message) in [
            (r"{}", "phone", "is missing"),
            (r#"{"phone": "1", "fone": "1"}"#, "fone", "is not known here"),
            (r#"{"phone": "1", "phone": "2"}"#, "phone", "is there twice"),
            (r#"{"phone": 1}"#, "phone", "invalid type: integer `1`, expected a string"),
            (r#"{"phone": null}"#, "phone", "invalid type: null, expected a string"),
            (r#"{"phone": "1", "tags": [{"name": "a"}, {}]}"#, "tags[1].name", "is missing"),
            (
                r#"{"phone": "1", "tags": [{"name": "a", "x": 1}]}"#,
                "tags[0].x",
                "is not known here",
            ),
            (r#"["1"]"#, "", "the body must be an object"),
            (r#""1""#, "", "the body must be an object"),
            ("[[[[[[[[[]]]]]]]]]", "", "nests deeper than 8"),
            (r#"{"phone": "1""#, "-", "not JSON"),
            (r#"{"phone": "1"} x"#, "-", "not JSON"),
            ("", "-", "not JSON"),
            ("\u{feff}{}", "-", "not JSON"),
        ] {
            assert_eq!(refusal(body), (field.to_owned(), message.to_owned()), "{body}");
        }
        let long = format!(r#"{{"phone": "{}"}}"#, "1".repeat(MAX_STRING_CHARS + 1));
        assert_eq!(refusal(&long).1, "has a string of more than 1024 characters");
        assert!(parse::<Person>(b"{\"phone\": \"\xff\"}").is_err());
    }

    #[test]
    fn only_plain_json_in_utf8_is_read() {
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            check_content_type(&headers, JSON).is_ok()
        };
        assert!(check("application/json") && check("Application/JSON; charset=\"UTF-8\""));
        for bad in [
            "text/json",
            "application/json; charset=latin1",
            "application/x-www-form-urlencoded",
            "",
        ] {
            assert!(!check(bad), "{bad}");
        }
    }
}
