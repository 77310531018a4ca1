//! Forms and queries, read as OAuth 2.0 requires.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::json::{check_content_type, read, wrong_field};
use crate::base::Error;

/// The media type of forms.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// A form of at most 16 KiB. A parameter may occur once, and parameters that `T` does not know are
/// ignored (RFC 6749 §3.2).
#[derive(Clone, Copy, Debug)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (headers, body) = read(request).await?;
        check_content_type(&headers, FORM)?;
        parse_urlencoded(&body).map(Self)
    }
}

/// A form of at most 16 KiB as it was sent, for endpoints that pass its parameters on.
#[derive(Clone, Debug)]
pub struct RawForm(pub Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for RawForm {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let (headers, body) = read(request).await?;
        check_content_type(&headers, FORM)?;
        Ok(Self(body))
    }
}

/// Reads a form's body or a query.
///
/// # Errors
/// [`Error::InvalidRequest`], which names the parameter and what it accepts, but not its value.
pub(super) fn parse_urlencoded<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text));
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| wrong_field(error.path(), &error.inner().to_string()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only refusals are looked at")]
    struct Search {
        limit: Option<usize>,
        all: Option<bool>,
        status: Option<Status>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Status {
        Active,
        Disabled,
    }

    #[test]
    fn a_refusal_names_the_parameter_and_what_it_accepts_but_not_its_value() {
        for (query, field, message) in [
            ("limit=98765x", "limit", "must be a whole number"),
            ("limit=-98765", "limit", "must be a whole number"),
            ("limit=", "limit", "must be a whole number"),
            ("limit=98765987659876598765", "limit", "is out of range"),
            ("all=98765", "all", "must be true or false"),
            ("status=98765", "status", "must be `active` or `disabled`"),
            ("status=98765,+expected+98765", "status", "must be `active` or `disabled`"),
            ("status=98765,+expected+98765+at+line+1", "status", "must be `active` or `disabled`"),
            ("limit=1&limit=98765", "limit", "duplicate field"),
            ("size=98765", "size", "unknown field"),
        ] {
            let refusal = parse_urlencoded::<Search>(query.as_bytes()).unwrap_err();
            assert_eq!(refusal, Error::field(field, message), "{query}");
        }
    }
}
