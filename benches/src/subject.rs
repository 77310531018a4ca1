//! The Lambdas that are measured, and what each is asked.

use std::path::Path;

use crate::{event::HttpRequest, program::Program};

/// The requests that a Lambda gets.
#[derive(Clone)]
pub(crate) enum Kind {
    /// The same request every time.
    Same(Box<HttpRequest>),
    /// Requests for a code, each for another person, who exists.
    Send,
    /// Proofs with the right code, each by another person, who exists.
    Verify,
    /// Requests for one person's own data.
    Me,
    /// Refreshes, each with the token that the previous one returned.
    Refresh,
}

/// A Lambda, and the requests that it gets.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) program: Program,
    pub(crate) kind: Kind,
    /// It always has a whole core, as a function that hashes passwords has when it is deployed.
    pub(crate) whole_core: bool,
}

/// How many more items `get-item ×11` reads than `get-item`. The CPU time of one `GetItem` is the
/// mean over these.
pub(crate) const ITEMS: u32 = 10;

impl Subject {
    /// All of them. `login` is a request that signs a person in by password.
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

    /// The names of the Lambdas of Latchkey that have to be built: those that are measured, and
    /// those that prepare the people.
    pub(crate) fn lambdas() -> Vec<String> {
        let all = Self::all(Path::new(""), HttpRequest::get("/"));
        let measured = all.into_iter().map(|subject| subject.program.name);

        let references = ["hello", "get-item"];
        let prepares = ["auth-register", "keys-rotate"].map(str::to_owned);

        measured.filter(|name| !references.contains(&name.as_str())).chain(prepares).collect()
    }
}
