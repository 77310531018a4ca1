//! Long texts that are compressed at build time.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};

use super::preferences;

/// A text, plain and compressed with gzip.
pub struct Compressed {
    /// The text.
    pub text: &'static str,
    /// The same text, compressed (RFC 1952).
    pub gzip: &'static [u8],
}

impl Compressed {
    /// The response in a form that the client accepts: gzip if the `headers` of its request name
    /// it, otherwise plain text (RFC 9110 §12.5.3).
    pub fn answer(&self, headers: &HeaderMap) -> Response {
        let is_gzip = |coding: &&str| coding.eq_ignore_ascii_case("gzip");
        if preferences(headers, &header::ACCEPT_ENCODING).iter().any(is_gzip) {
            ([(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))], self.gzip)
                .into_response()
        } else {
            self.text.into_response()
        }
    }
}
