//! Requests to the service.

use reqwest::Method;
use serde_json::Value;

/// A request.
pub(crate) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<Body>,
    pub(super) is_idempotent: bool,
}

/// The body of a request.
pub(super) enum Body {
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

impl Call {
    /// A request without a body.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    /// A request with a JSON body.
    pub(crate) fn with_body(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self::new(method, path, Some(Body::Json(body)))
    }

    /// A request with a form.
    pub(crate) fn form(path: impl Into<String>, fields: Vec<(&'static str, String)>) -> Self {
        Self::new(Method::POST, path, Some(Body::Form(fields)))
    }

    fn new(method: Method, path: impl Into<String>, body: Option<Body>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body, is_idempotent: false }
    }

    /// Says that the request may be done twice. If no response comes, or one of an outage, it is sent again.
    pub(crate) fn idempotent(self) -> Self {
        Self { is_idempotent: true, ..self }
    }

    /// Adds a query parameter, if there is a value.
    pub(crate) fn query(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_owned())));
        self
    }
}
