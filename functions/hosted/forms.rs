//! Forms of other sites, answered by a redirect to the same by `GET`: a browser does not send its
//! cookies along with such a form.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use shared::base::Error;

/// The most bytes of a form. API Gateway accepts 10,240 bytes of request line and headers.
const MAX_FORM_BYTES: usize = 8 * 1024;

/// Sends the browser to `path` with the parameters of a form, as they are.
///
/// # Errors
/// [`Error::BodyTooLarge`]; a refusal of the body if it is no form.
pub(crate) fn by_get(path: &str, form: &[u8]) -> Result<Response, Error> {
    if form.len() > MAX_FORM_BYTES {
        return Err(Error::BodyTooLarge { max_bytes: MAX_FORM_BYTES });
    }
    let query = std::str::from_utf8(form).ok();
    let query = query.filter(|form| form.bytes().all(|byte| byte.is_ascii_graphic()));
    let query = query.ok_or_else(|| Error::field("", "the body must be a form"))?;
    let location = HeaderValue::from_str(&format!("{path}?{query}"))
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}
