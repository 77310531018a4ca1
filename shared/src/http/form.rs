//! Forms, as OAuth 2.0 wants them.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use super::json::{check_content_type, read, wrong_field};
use crate::base::Error;

/// The media type of forms.
const FORM: &str = "application/x-www-form-urlencoded";

/// A form of at most 16 KiB. A parameter may be there once; what `T` does not know is ignored
/// (RFC 6749 §3.2).
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

/// Reads a form's body or a query.
///
/// # Errors
/// [`Error::InvalidRequest`], which names the parameter.
pub(super) fn parse_urlencoded<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(text));
    serde_path_to_error::deserialize(deserializer).map_err(wrong_field)
}
