//! Refusals as pages, for people who follow a link in a browser.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderMap, HeaderValue, header};

use super::{Code, preferences};
use crate::base::Error;

/// The page that takes the place of the problem details of an [`Error`]: an extension of its
/// response.
#[derive(Clone, Debug)]
pub struct ErrorPage {
    /// The page.
    pub html: String,
    /// Its Content-Security-Policy.
    pub policy: HeaderValue,
    /// The cookies that it sets, as values of `Set-Cookie`.
    pub cookies: Vec<HeaderValue>,
}

impl ErrorPage {
    /// Whether a request prefers a page to data, as browsers do when they follow a link.
    #[must_use]
    pub fn is_preferred(headers: &HeaderMap) -> bool {
        let preferred = preferences(headers, &header::ACCEPT);
        preferred.first().is_some_and(|kind| ["text/html", "application/xhtml+xml"].contains(kind))
    }

    /// The whole response for `error`.
    pub(super) fn response(self, error: &Error) -> Response {
        let headers = [
            (header::CONTENT_SECURITY_POLICY, self.policy),
            (header::VARY, HeaderValue::from_static("accept, accept-language")),
        ];
        let mut response = (Code::of(error).status(), headers, Html(self.html)).into_response();
        for cookie in self.cookies {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}
