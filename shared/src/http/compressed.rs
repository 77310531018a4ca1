//! Long texts that were compressed when they were built.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};

use super::preferences;

/// A text, as it is and compressed by gzip.
pub struct Compressed {
    /// The text.
    pub text: &'static str,
    /// The same (RFC 1952).
    pub gzip: &'static [u8],
}

impl Compressed {
    /// Answers the form that the client takes: gzip where the `headers` of its request name it, and plain text
    /// elsewhere (RFC 9110 §12.5.3).
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let takes_gzip = |coding: &&str| coding.eq_ignore_ascii_case("gzip");
        if preferences(headers, &header::ACCEPT_ENCODING).iter().any(takes_gzip) {
            ([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))], self.gzip)
                .into_response()
        } else {
            self.text.into_response()
        }
    }
}
