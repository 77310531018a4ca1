//! The Lambdas that are measured, and what each is asked.

use std::{collections::BTreeSet, path::Path};

use serde_json::json;

use crate::{event::HttpRequest, people::AUTHORIZE, program::Program};

/// The requests that a Lambda gets.
#[derive(Clone)]
pub(crate) enum Kind {
    /// The same request every time.
    Same(Box<HttpRequest>),
    /// Requests for a code, each for another person, who exists.
    Send,
    /// Requests for a code, each by another person from a device that they have signed in on.
    SendFromDevice,
    /// Proofs with the right code, each by another person, who exists.
    Verify,
    /// Sign-ins with a passkey, each by another person.
    Passkey,
    /// Requests for one person's own data.
    Me,
    /// Refreshes, each with the token that the previous one returned.
    Refresh,
    /// The same at the token endpoint of OAuth 2.0.
    RefreshByForm,
}

/// A Lambda, and the requests that it gets.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) name: String,
    pub(crate) program: Program,
    pub(crate) kind: Kind,
    /// It is deployed with more memory than the others, since it hashes passwords. It is not held to
    /// their share of a core.
    pub(crate) is_larger: bool,
}

/// How many more items `get-item ×11` reads than `get-item`. The CPU time of one `GetItem` is the
/// mean over these.
pub(crate) const ITEMS: u32 = 10;

impl Subject {
    /// All of them. `login` is a request that signs a person in by password.
    pub(crate) fn all(binaries: &Path, login: HttpRequest) -> Vec<Self> {
        let same = |path: &str| Kind::Same(Box::new(HttpRequest::get(path)));
        let items = HttpRequest { query: "times=11", ..HttpRequest::get("/items") };

        let page = HttpRequest { query: AUTHORIZE, ..HttpRequest::get("/oauth2/authorize") };

        let options = HttpRequest::post("/v1/auth/passkey/options", json!({}));

        let subject = |name: &str, binary: &str, kind: Kind| Self {
            name: name.to_owned(),
            program: Program::binary(binaries, binary, 256),
            kind,
            is_larger: false,
        };

        let send_by = |name: &str, sender: &str| Self {
            program: Program::binary(binaries, "otp-send", 256).with_sender(sender),
            ..subject(name, "otp-send", Kind::Send)
        };

        let login = Self {
            name: "auth-login".to_owned(),
            program: Program::binary(binaries, "auth-login", 512),
            kind: Kind::Same(Box::new(login)),
            is_larger: true,
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
            subject("otp-send (known device)", "otp-send", Kind::SendFromDevice),
            send_by("otp-send (Twilio)", "twilio"),
            send_by("otp-send (WhatsApp by AWS)", "whatsapp_aws"),
            subject("otp-verify", "otp-verify", Kind::Verify),
            subject("auth-passkey", "auth-passkey", Kind::Passkey),
            subject("auth-passkey-options", "auth-passkey-options", Kind::Same(Box::new(options))),
            subject("me-get", "me-get", Kind::Me),
            subject("auth-refresh", "auth-refresh", Kind::Refresh),
            subject("config", "config", same("/v1/config")),
            subject(
                "oauth-metadata",
                "oauth-metadata",
                same("/.well-known/oauth-authorization-server"),
            ),
            subject("oauth2-token", "oauth2-token", Kind::RefreshByForm),
            subject("oauth2-authorize", "oauth2-authorize", Kind::Same(Box::new(page))),
            login,
        ]
    }

    /// The names of the Lambdas of Latchkey that have to be built: those that are measured, and
    /// those that prepare the people.
    pub(crate) fn lambdas() -> Vec<String> {
        let all = Self::all(Path::new(""), HttpRequest::get("/"));
        let measured = all.into_iter().map(|subject| subject.program.name);

        let references = ["hello", "get-item"];
        let prepares = [
            "apps-create",
            "auth-register",
            "keys-rotate",
            "me-passkeys-create",
            "me-passkeys-options",
        ];
        let prepares = prepares.map(str::to_owned);

        let names = measured.filter(|name| !references.contains(&name.as_str())).chain(prepares);
        names.collect::<BTreeSet<_>>().into_iter().collect()
    }
}
