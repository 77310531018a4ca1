//! Long texts that were compressed when they were built.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};

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
        let vary = (header::VARY, HeaderValue::from_static("accept-encoding"));
        if takes_gzip(headers) {
            let encoding = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            ([vary, encoding], self.gzip).into_response()
        } else {
            ([vary], self.text).into_response()
        }
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|codings| codings.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_name_it() {
        let takes = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            takes_gzip(&headers)
        };
        for values in [&["gzip"][..], &["GZIP"], &["deflate, gzip;q=0.5, br"], &["br", "gzip ; q=1"]] {
            assert!(takes(values), "{values:?}");
        }
        for values in [&[][..], &[""], &["*"], &["br"], &["gzip;q=0"], &["gzip; q=0.000"], &["gzip;q=x"], &["xgzip"]] {
            assert!(!takes(values), "{values:?}");
        }
    }
}
