//! The cookies of the hosted page. No other endpoint reads them.

use axum::http::{HeaderMap, HeaderValue, header};

/// The session of the browser.
pub(crate) const BROWSER: &str = "lk-browser";
/// The known device.
pub(crate) const DEVICE: &str = "lk-device";
/// How long the cookie of a page is kept. It is worthless without the page.
const FLOW_COOKIE_SECONDS: i64 = 24 * 3600;
/// How long a browser remembers that a page is done, in seconds.
const DONE_COOKIE_SECONDS: i64 = 600;
/// The value of the cookie of a page that is done.
const DONE: &str = "done";

/// The cookies of a request, and how new ones are made.
#[derive(Clone)]
pub(crate) struct Cookies {
    /// Whether the issuer has https. Only on a laptop it has not, and then a cookie can be neither
    /// `Secure` nor named `__Host-`.
    is_secure: bool,
    sent: Vec<(String, String)>,
}

impl Cookies {
    /// The cookies of a request to `issuer`.
    pub(crate) fn read(headers: &HeaderMap, issuer: &str) -> Self {
        let values = headers.get_all(header::COOKIE).iter();
        let pairs = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        Self {
            is_secure: issuer.starts_with("https://"),
            sent: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    /// The value of a cookie.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let name = self.name(name);
        self.sent.iter().find(|(sent, _)| *sent == name).map(|(_, value)| value.as_str())
    }

    /// Whether the browser has seen the page of a flow.
    pub(crate) fn has_flow(&self, flow: &str) -> bool {
        self.get(&flow_name(flow)) == Some(flow)
    }

    /// Remembers that the browser has seen the page of a flow. Each has its own cookie, so that
    /// tabs do not get in each other's way.
    pub(crate) fn keep_flow(&self, flow: &str) -> Option<HeaderValue> {
        self.keep(&flow_name(flow), flow, FLOW_COOKIE_SECONDS)
    }

    /// Whether the browser has finished a flow.
    pub(crate) fn has_done(&self, flow: &str) -> bool {
        self.get(&flow_name(flow)) == Some(DONE)
    }

    /// Remembers that the browser has finished a flow.
    pub(crate) fn finish_flow(&self, flow: &str) -> Option<HeaderValue> {
        self.keep(&flow_name(flow), DONE, DONE_COOKIE_SECONDS)
    }

    /// Forgets a flow.
    pub(crate) fn forget_flow(&self, flow: &str) -> Option<HeaderValue> {
        self.keep(&flow_name(flow), "", 0)
    }

    /// A cookie that is kept for some seconds; 0 deletes it. `Lax`, since apps send people here from
    /// other sites.
    pub(crate) fn keep(&self, name: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let name = self.name(name);
        let cookie =
            format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
        HeaderValue::from_str(&cookie).ok()
    }

    /// The name with the prefix that keeps other hosts of the domain from setting it.
    fn name(&self, name: &str) -> String {
        if self.is_secure { format!("__Host-{name}") } else { name.to_owned() }
    }
}

fn flow_name(flow: &str) -> String {
    format!("lk-flow-{}", flow.get(..8).unwrap_or(flow))
}
