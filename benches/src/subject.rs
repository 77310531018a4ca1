//! What is measured: a Lambda, and what it is asked.

use std::path::Path;

use crate::{event::HttpRequest, program::Program};

/// What a Lambda is asked.
#[derive(Clone)]
pub(crate) enum Kind {
    /// The same every time.
    Same(Box<HttpRequest>),
    /// Codes for people who exist.
    Send,
    /// Right codes of people who exist.
    Verify,
    /// Who somebody is.
    Me,
    /// New tokens, each for the last ones.
    Refresh,
}

/// A Lambda and its requests.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    pub(crate) kind: Kind,
    /// A password takes a whole core for its time, and has one.
    pub(crate) whole_core: bool,
}

/// How many items the unit of CPU time is the mean of, but one.
pub(crate) const ITEMS: u32 = 10;

impl Subject {
    /// All of them. `login` signs somebody in by his password.
    pub(crate) fn all(binaries: &Path, login: HttpRequest) -> Vec<Self> {
        let same = |path: &str| Kind::Same(Box::new(HttpRequest::get(path)));
        let items = HttpRequest { query: "times=11", ..HttpRequest::get("/items") };
        let subject = |name: &'static str, binary: &str, kind: Kind| Self {
            name,
            program: Program::binary(binaries, binary, 256),
            kind,
            whole_core: false,
        };
        let login = Self {
            name: "auth-login",
            program: Program::binary(binaries, "auth-login", 1769),
            kind: Kind::Same(Box::new(login)),
            whole_core: true,
        };
        vec![
            subject("hello", "hello", same("/hello")),
            subject("get-item", "get-item", same("/item")),
            subject("get-item ×11", "get-item", Kind::Same(Box::new(items))),
            subject("health", "health", same("/health")),
            subject("discovery", "discovery", same("/.well-known/openid-configuration")),
            subject("jwks", "jwks", same("/.well-known/jwks.json")),
            subject("openapi", "openapi", same("/openapi.json")),
            subject("docs", "docs", same("/docs")),
            subject("otp-send", "otp-send", Kind::Send),
            subject("otp-verify", "otp-verify", Kind::Verify),
            subject("me-get", "me-get", Kind::Me),
            subject("auth-refresh", "auth-refresh", Kind::Refresh),
            login,
        ]
    }

    /// The Lambdas that have to be built: those that are measured, and what prepares them.
    pub(crate) fn lambdas() -> Vec<String> {
        let all = Self::all(Path::new(""), HttpRequest::get("/"));
        let measured = all.into_iter().map(|subject| subject.program.name);
        let references = ["hello", "get-item"];
        let prepares = ["auth-register", "keys-rotate"].map(str::to_owned);
        measured.filter(|name| !references.contains(&name.as_str())).chain(prepares).collect()
    }
}
