//! JSON bodies, strictly.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, header};
use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::value::RawValue;

use super::json_bounds::{MAX_STRING_CHARS, check_bounds};
use crate::base::{Error, FieldError};

/// The largest JSON body.
pub const MAX_BODY_BYTES: usize = 16 * 1024;
/// The media type of JSON.
const JSON: &str = "application/json";
/// The largest JSON body that has a document, in which a letter may take six bytes (`\u0627`).
const MAX_DOCUMENT_BODY_BYTES: usize = 128 * 1024;
/// Characters of a document.
const MAX_DOCUMENT_CHARS: usize = 32 * 1024;

/// The largest JSON body with records, such as users with their metadata.
const MAX_RECORDS_BODY_BYTES: usize = 1024 * 1024;

/// Characters of a part of a credential.
const MAX_CREDENTIAL_CHARS: usize = 12 * 1024;

/// A JSON body, in and out.
///
/// In: an object, as `application/json` in UTF-8, of at most [`MAX_BODY_BYTES`]. Unknown,
/// duplicate, missing and invalid fields are refused. No refusal repeats the value that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// As [`Json`], of at most 128 KiB, with strings of up to 32 Ki characters: for texts that are
/// documents, and for metadata. Only endpoints with an access token take it.
#[derive(Clone, Copy, Debug)]
pub struct DocumentJson<T>(pub T);

/// As [`Json`], with strings of up to 12 Ki characters: for credentials of WebAuthn, whose attestation
/// may have certificates.
#[derive(Clone, Copy, Debug)]
pub struct CredentialJson<T>(pub T);

/// As [`DocumentJson`], of at most 1 MiB: for many records. Only endpoints of administrators take it.
#[derive(Clone, Copy, Debug)]
pub struct RecordsJson<T>(pub T);

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
        parse_sent(headers, body, MAX_STRING_CHARS)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for DocumentJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (headers, body) = read_up_to(request, MAX_DOCUMENT_BODY_BYTES).await?;
        parse_sent(&headers, &body, MAX_DOCUMENT_CHARS).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for RecordsJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (headers, body) = read_up_to(request, MAX_RECORDS_BODY_BYTES).await?;
        parse_sent(&headers, &body, MAX_DOCUMENT_CHARS).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for CredentialJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (headers, body) = read(request).await?;
        parse_sent(&headers, &body, MAX_CREDENTIAL_CHARS).map(Self)
    }
}

/// Reads a body that was sent with these headers, whose strings have up to `max_chars` characters.
fn parse_sent<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: &[u8],
    max_chars: usize,
) -> Result<T, Error> {
    if body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
        return Err(missing_body::<T>());
    }
    check_content_type(headers, JSON)?;
    parse_within(body, max_chars)
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

/// `#[serde(deserialize_with = "sent")]` with a default: distinguishes a field that is `null` from
/// one that is missing (RFC 7396).
///
/// # Errors
/// Those of the value.
pub fn sent<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// `#[serde(deserialize_with = "given")]` with a default: a field that may be left out, but cannot
/// be cleared by `null`.
///
/// # Errors
/// Those of the value; `null` is refused like any other wrong type.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The form of a time in a query, and what is said about any other.
const NOT_A_TIME: &str = "a time in RFC 3339, like 2027-01-15T08:00:00Z";

/// `#[serde(deserialize_with = "sent_time")]` with a default: a time (RFC 3339) that may be left out.
///
/// # Errors
/// A text that is no time.
pub fn sent_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|_| D::Error::custom(NOT_A_TIME))
}

/// The refusal of a request without a body, which names the field that is missing.
fn missing_body<T: DeserializeOwned>() -> Error {
    match parse::<T>(b"{}") {
        Err(error) => error,
        Ok(_) => Error::field("", "the body is missing: send a JSON object"),
    }
}

/// The headers and the body of a request.
///
/// # Errors
/// [`Error::BodyTooLarge`] above [`MAX_BODY_BYTES`].
pub(super) async fn read(request: Request<Body>) -> Result<(HeaderMap, Vec<u8>), Error> {
    read_up_to(request, MAX_BODY_BYTES).await
}

async fn read_up_to(
    request: Request<Body>,
    max_bytes: usize,
) -> Result<(HeaderMap, Vec<u8>), Error> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, max_bytes).await.map_err(|_| Error::BodyTooLarge { max_bytes })?;

    Ok((head.headers, body.to_vec()))
}

/// The charsets whose texts are UTF-8 (RFC 8259 §8.1), by the names that clients give them.
const UTF8_CHARSETS: [&str; 4] = ["utf-8", "utf8", "us-ascii", "ascii"];

/// Accepts only this media type, without a charset or with one of [`UTF8_CHARSETS`], not compressed.
///
/// # Errors
/// [`Error::UnsupportedMediaType`], which says what is accepted.
pub(super) fn check_content_type(headers: &HeaderMap, media_type: &str) -> Result<(), Error> {
    let value =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());

    if parts.next().as_deref() != Some(media_type) {
        let must_be = format!("must be {media_type}: say so in Content-Type");
        return Err(Error::UnsupportedMediaType(must_be));
    }
    if !parts.all(|parameter| is_utf8(&parameter)) {
        let must_be = "must be in UTF-8: leave the charset out of Content-Type, or send utf-8";
        return Err(Error::UnsupportedMediaType(must_be.into()));
    }
    check_encoding(headers)
}

/// Whether a parameter of a content type is another one than the charset, or names UTF-8.
fn is_utf8(parameter: &str) -> bool {
    let Some((name, charset)) = parameter.split_once('=') else { return true };
    name.trim() != "charset" || UTF8_CHARSETS.contains(&charset.trim().trim_matches('"'))
}

/// Accepts only a body without a `Content-Encoding`, also without `identity` (RFC 9110 §8.4.1: it must
/// not be sent).
///
/// # Errors
/// [`Error::UnsupportedMediaType`].
pub fn check_encoding(headers: &HeaderMap) -> Result<(), Error> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        let must_be = "must not be compressed: leave Content-Encoding out";
        return Err(Error::UnsupportedMediaType(must_be.into()));
    }
    Ok(())
}

/// Reads one of the records of a [`RecordsJson`] as a `T`.
///
/// # Errors
/// [`Error::InvalidRequest`], which names the field of the record.
pub fn read_record<T: DeserializeOwned>(record: &RawValue) -> Result<T, Error> {
    parse_within(record.get().as_bytes(), MAX_DOCUMENT_CHARS)
}

/// Reads `body` as a `T`.
///
/// # Errors
/// As [`parse_within`].
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    parse_within(body, MAX_STRING_CHARS)
}

/// Reads `body`, whose strings have up to `max_chars` characters, as a `T`.
///
/// # Errors
/// [`Error::InvalidJson`]; [`Error::InvalidRequest`], which names the field, or has an empty field
/// name if the body as a whole is not accepted.
fn parse_within<T: DeserializeOwned>(body: &[u8], max_chars: usize) -> Result<T, Error> {
    check_bounds(body, max_chars)?;

    // serde reads a struct from an array, too.
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(Error::field("", "the body must be a JSON object"));
    }

    let mut deserializer = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let message = error.inner().to_string();
        wrong_field(error.path(), without_position(&message))
    })
}

/// The refusal of the field at `path`, from serde's message.
pub(super) fn wrong_field(path: &serde_path_to_error::Path, message: &str) -> Error {
    Error::InvalidRequest(vec![field_error(&path.to_string(), message)])
}

/// serde_json's message without the line and the column, which it adds at the end.
pub(super) fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message)
}

/// serde names a missing, unknown or duplicate field only in its message.
pub(super) fn field_error(path: &str, message: &str) -> FieldError {
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
        FieldError::new(child(name), "unknown field")
    } else if let Some(name) = named("duplicate field `") {
        FieldError::new(child(name), "duplicate field")
    } else {
        FieldError::new(parent, accepted(message))
    }
}

/// The type that a field accepts, from serde's message about a value that it does not accept. serde
/// quotes that value, which may be a code or a password, so only the expected type is passed on.
fn accepted(message: &str) -> String {
    // serde and the uuid crate name the expected type last, and it never contains these words.
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    match (expected, message) {
        (Some("a string" | "a borrowed string" | "string or map" | "unit"), _)
        // serde_json, about a value that is neither a string nor an object in place of a name.
        | (None, "expected value") => "must be a string".to_owned(),
        (Some("a boolean"), _) | (None, "provided string was not `true` or `false`") => {
            "must be true or false".to_owned()
        }
        (Some("f64" | "f32"), _) => "must be a number".to_owned(),
        (None, NOT_A_TIME) => format!("must be {NOT_A_TIME}"),
        (
            Some("i64" | "i32" | "i16" | "i8" | "isize" | "u64" | "u32" | "u16" | "u8" | "usize"),
            _,
        ) => {
            let is_whole = message.starts_with("invalid value: integer");
            if is_whole { "is out of range" } else { "must be a whole number" }.to_owned()
        }
        // The standard library, about a number in a query.
        (None, "invalid digit found in string" | "cannot parse integer from empty string") => {
            "must be a whole number".to_owned()
        }
        (None, "number too large to fit in target type") => "is out of range".to_owned(),
        (Some("a sequence"), _) => "must be a list".to_owned(),
        (Some("a map"), _) => "must be an object".to_owned(),
        (Some(expected), _) if expected.starts_with("struct ") => "must be an object".to_owned(),
        (Some("a formatted UUID string"), _) => "must be a UUID".to_owned(),
        (None, _) if message.starts_with("UUID parsing failed") => "must be a UUID".to_owned(),
        // The names of an enum.
        (Some(names), _) if names.starts_with('`') || names.starts_with("one of `") => {
            format!("must be {names}")
        }
        _ => "is not accepted".to_owned(),
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
        age: Option<i64>,
        #[serde(default)]
        agrees: bool,
        id: Option<uuid::Uuid>,
        colour: Option<Colour>,
        price: Option<f64>,
        small: Option<u16>,
        #[serde(default, deserialize_with = "sent_time")]
        since: Option<Timestamp>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Tag {
        name: String,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Colour {
        DarkRed,
        Green,
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
    fn a_refusal_names_the_field_and_what_it_accepts() {
        for (body, field, message) in [
            (r"{}", "phone", "is missing"),
            (r#"{"phone": "1", "fone": "1"}"#, "fone", "unknown field"),
            (r#"{"phone": "1", "phone": "2"}"#, "phone", "duplicate field"),
            (r#"{"phone": 1}"#, "phone", "must be a string"),
            (r#"{"phone": null}"#, "phone", "must be a string"),
            (r#"{"phone": "1", "age": "1"}"#, "age", "must be a whole number"),
            (r#"{"phone": "1", "age": 1.5}"#, "age", "must be a whole number"),
            (r#"{"phone": "1", "age": 9223372036854775808}"#, "age", "is out of range"),
            (r#"{"phone": "1", "agrees": 1}"#, "agrees", "must be true or false"),
            (r#"{"phone": "1", "id": "1"}"#, "id", "must be a UUID"),
            (r#"{"phone": "1", "id": 1}"#, "id", "must be a UUID"),
            (r#"{"phone": "1", "colour": "1"}"#, "colour", "must be `dark_red` or `green`"),
            (r#"{"phone": "1", "colour": 1}"#, "colour", "must be a string"),
            (r#"{"phone": "1", "price": "5"}"#, "price", "must be a number"),
            (r#"{"phone": "1", "price": true}"#, "price", "must be a number"),
            (r#"{"phone": "1", "small": "5"}"#, "small", "must be a whole number"),
            (r#"{"phone": "1", "small": 65536}"#, "small", "is out of range"),
            (
                r#"{"phone": "1", "since": "2027-01-15"}"#,
                "since",
                "must be a time in RFC 3339, like 2027-01-15T08:00:00Z",
            ),
            (r#"{"phone": "1", "since": 1}"#, "since", "must be a string"),
            (r#"{"phone": "1", "tags": "1"}"#, "tags", "must be a list"),
            (r#"{"phone": "1", "tags": ["1"]}"#, "tags[0]", "must be an object"),
            (r#"{"phone": "1", "tags": [{"name": "a"}, {}]}"#, "tags[1].name", "is missing"),
            (r#"{"phone": "1", "tags": [{"name": "a", "x": 1}]}"#, "tags[0].x", "unknown field"),
            (r#"["1"]"#, "", "the body must be a JSON object"),
            (r#""1""#, "", "the body must be a JSON object"),
            (
                r#"{"tags": [[[[[[[[]]]]]]]]}"#,
                "tags[0][0][0][0][0][0][0]",
                "nests deeper than 8 levels",
            ),
            (r#"{"phone": "1""#, "-", "not JSON"),
            (r#"{"phone": "1"} x"#, "-", "not JSON"),
            ("", "-", "not JSON"),
            ("\u{feff}{}", "-", "not JSON"),
        ] {
            assert_eq!(refusal(body), (field.to_owned(), message.to_owned()), "{body}");
        }
        let long = "1".repeat(MAX_STRING_CHARS + 1);
        let longer = |field: &str| (field.to_owned(), "is longer than 1024 characters".to_owned());
        assert_eq!(refusal(&format!(r#"{{"phone": "{long}"}}"#)), longer("phone"));
        let tags = format!(r#"{{"phone": "1", "tags": [{{"name": "a"}}, {{"name": "{long}"}}]}}"#);
        assert_eq!(refusal(&tags), longer("tags[1].name"));
        assert_eq!(
            refusal(&format!(r#"{{"{long}": 1}}"#)),
            ("".into(), "the body has a field whose name is longer than 1024 characters".into())
        );
        assert!(parse::<Person>(b"{\"phone\": \"\xff\"}").is_err());
    }

    #[test]
    fn a_content_type_with_any_name_of_utf_8_is_accepted() {
        let check = |content_type: &'static str, encoding: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            if let Some(encoding) = encoding {
                headers.insert(header::CONTENT_ENCODING, encoding.parse().unwrap());
            }
            check_content_type(&headers, JSON)
        };
        for accepted in [
            "application/json",
            "Application/JSON;charset=UTF-8",
            "application/json; charset=\"utf-8\"",
            "application/json;charset=utf8",
            "application/json; charset=us-ascii",
            "application/json;odata=verbose",
        ] {
            assert_eq!(check(accepted, None), Ok(()), "{accepted}");
        }
        for (content_type, encoding, reason) in [
            ("", None, "must be application/json: say so in Content-Type"),
            ("text/plain", None, "must be application/json: say so in Content-Type"),
            ("application/jsonx", None, "must be application/json: say so in Content-Type"),
            (
                "application/json;charset=iso-8859-1",
                None,
                "must be in UTF-8: leave the charset out of Content-Type, or send utf-8",
            ),
            (
                "application/json",
                Some("gzip"),
                "must not be compressed: leave Content-Encoding out",
            ),
            (
                "application/json",
                Some("identity"),
                "must not be compressed: leave Content-Encoding out",
            ),
        ] {
            let refused = Err(Error::UnsupportedMediaType(reason.to_owned()));
            assert_eq!(check(content_type, encoding), refused, "{content_type}");
        }
    }

    #[test]
    fn a_request_without_a_body_is_told_which_field_is_missing() {
        let missing = Json::<Person>::parse(&HeaderMap::new(), b"").unwrap_err();
        assert_eq!(missing, Error::field("phone", "is missing"));
    }

    #[test]
    fn a_refusal_does_not_repeat_the_value_that_was_sent() {
        let values = [
            ("98765432", "98765432"),
            ("-98765432.25", "98765432"),
            ("9.8765432e300", "9.8765432"),
            ("true", "true"),
            (r#""98765432""#, "98765432"),
            (r#""98765432, expected 98765432""#, "98765432"),
            (r#""`98765432` at line 98765432""#, "98765432"),
            (r#"[98765432, "98765432"]"#, "98765432"),
            (r#"{"98765432": 98765432}"#, "98765432"),
        ];
        // A string is accepted as a phone, and a boolean as an agreement.
        let accepts = |field: &str, value: &str| match field {
            "phone" => value.starts_with('"'),
            "agrees" => value == "true",
            _ => false,
        };
        for field in ["phone", "tags", "age", "agrees", "id", "colour", "price", "small", "since"] {
            for (value, secret) in values {
                let body = match field {
                    "phone" => format!(r#"{{"phone": {value}}}"#),
                    field => format!(r#"{{"phone": "1", "{field}": {value}}}"#),
                };
                let whole_number = field == "age" && value == "98765432";
                let number = field == "price" && value.parse::<f64>().is_ok();
                if accepts(field, value) || whole_number || number {
                    assert!(parse::<Person>(body.as_bytes()).is_ok(), "{body}");
                    continue;
                }
                let (named, message) = refusal(&body);
                assert_eq!(named.split('[').next(), Some(field), "{body}");
                let hint = message.replace("must be true or false", "");
                assert!(!named.contains(secret) && !hint.contains(secret), "{body}: {message}");
            }
        }
    }

    #[test]
    fn only_plain_json_in_utf8_is_accepted() {
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
