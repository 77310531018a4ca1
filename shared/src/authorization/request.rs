//! The request of an app at the authorization endpoint.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{Parameters, claims::AskedLevel};
use crate::{
    apps::{App, AppType, DEFAULT_CLIENT_ID, GrantType, Pkce},
    users::{MULTI_FACTOR, SCOPES},
};

/// The most bytes of `state`.
const MAX_STATE_BYTES: usize = 2048;
/// The most bytes of `nonce`.
const MAX_NONCE_BYTES: usize = 512;
/// The most characters of `login_hint` and `ui_locales`. Longer ones are ignored.
const MAX_HINT_CHARS: usize = 254;
/// The most bytes of the permissions in `scope`. They are kept in the session.
const MAX_PERMISSIONS_BYTES: usize = 512;
/// The parameters that may be sent only once.
const ONCE: [&str; 17] = [
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "prompt",
    "max_age",
    "acr_values",
    "claims",
    "login_hint",
    "id_token_hint",
    "request",
    "request_uri",
    "ui_locales",
    "display",
];
/// All characters but those that a query may have as they are (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where an answer goes, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The address of the app, which was checked.
    pub redirect_uri: String,
    /// Whether the app did not name this address, since it lists only one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_only_address: bool,
    /// The `state` of the app's request, which it gets back byte for byte.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Whether the browser posts the answer as a form, instead of following a redirect.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub form_post: bool,
}

/// A value of `prompt`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// No page is shown.
    None,
    /// The person signs in again.
    Login,
    /// The person is asked for their consent.
    Consent,
    /// The person chooses an account.
    SelectAccount,
    /// The person signs up. The page is the same as for a sign-in.
    Create,
}

/// A valid request of an app for a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The app.
    pub client_id: String,
    /// Where the answer goes.
    pub to: Destination,
    /// The scopes that are granted, separated by spaces: those of OpenID Connect that were asked for,
    /// and permissions if the app is first-party ([`crate::users::Grant`]).
    pub scope: String,
    /// The nonce, which the ID token carries back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The SHA-256 of the code verifier (RFC 7636 §4.2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_challenge: Option<String>,
    /// The values of `prompt`: the questions that the page has to ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<Prompt>,
    /// The greatest age of the sign-in, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<i64>,
    /// Whether both factors are asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multi_factor: bool,
    /// Whether the app wants no code without both factors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_both: bool,
    /// The person who is expected to sign in. It proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// The languages that the person reads, the preferred one first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ui_locales: Option<String>,
}

/// An error that is sent to the app (RFC 6749 §4.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub error: &'static str,
    /// The cause, in English, for developers.
    pub description: &'static str,
}

impl Refusal {
    /// An error with its cause.
    pub const fn new(error: &'static str, description: &'static str) -> Self {
        Self { error, description }
    }

    /// The error of a sign-in that cannot have the level which the app needs (OpenID Connect Core
    /// Error Code unmet_authentication_requirements 1.0).
    pub const fn unmet(description: &'static str) -> Self {
        Self::new("unmet_authentication_requirements", description)
    }

    pub(super) const fn invalid(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }
}

impl Destination {
    /// The parameters of an answer: those of `answer`, `state`, and `iss` (RFC 9207).
    pub fn parameters<'a>(
        &'a self,
        issuer: &'a str,
        answer: &[(&'a str, &'a str)],
    ) -> Vec<(&'a str, &'a str)> {
        let state = self.state.as_deref().map(|state| ("state", state));
        answer.iter().copied().chain(state).chain([("iss", issuer)]).collect()
    }

    /// The address with `parameters` in its query.
    pub fn url(&self, parameters: &[(&str, &str)]) -> String {
        with_query(&self.redirect_uri, parameters)
    }
}

/// An address with further parameters in its query.
pub(super) fn with_query(address: &str, parameters: &[(&str, &str)]) -> String {
    let mut url = address.to_owned();
    for (name, value) in parameters {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        url.extend(utf8_percent_encode(value, ESCAPED));
    }
    url
}

/// Where the answer to a request goes: the address in it, if `app` lists that, or the only one that
/// the app lists if it names none. Until this is known, nobody is sent anywhere.
pub fn redirect_uri(parameters: &Parameters, app: &App) -> Option<String> {
    if parameters.is_repeated("redirect_uri") {
        return None;
    }
    match parameters.get("redirect_uri") {
        Some(asked) => app.hosted.accepts_redirect(asked).then(|| asked.to_owned()),
        None => match app.hosted.redirect_uris.as_slice() {
            [only] if parameters.words("scope").all(|scope| scope != "openid") => {
                Some(only.clone())
            }
            _ => None,
        },
    }
}

impl AuthorizationRequest {
    /// Reads a request of `app` whose answer goes to `redirect_uri`. Returns also where a refusal
    /// goes.
    ///
    /// # Errors
    /// The error that the app gets.
    pub fn read(
        parameters: &Parameters,
        app: &App,
        redirect_uri: String,
    ) -> Result<Self, (Destination, Refusal)> {
        let mode = parameters.get("response_mode");
        let state = parameters.get("state");
        let to = Destination {
            redirect_uri,
            is_only_address: parameters.get("redirect_uri").is_none(),
            state: state.filter(|state| state.len() <= MAX_STATE_BYTES).map(str::to_owned),
            form_post: mode == Some("form_post"),
        };

        let wishes = check(parameters, app).and_then(|()| {
            Ok((Self::wishes(parameters)?, AskedLevel::read(parameters.get("claims"))?))
        });
        match wishes {
            Ok(((prompts, max_age), level)) => Ok(Self {
                client_id: app.client_id.clone(),
                scope: granted(parameters, app),
                nonce: parameters.get("nonce").map(str::to_owned),
                code_challenge: parameters.get("code_challenge").map(str::to_owned),
                prompts,
                max_age,
                multi_factor: level.multi_factor
                    || parameters.words("acr_values").any(|acr| acr == MULTI_FACTOR),
                needs_both: level.is_essential,
                login_hint: short(parameters.get("login_hint")),
                ui_locales: short(parameters.get("ui_locales")),
                to,
            }),
            Err(refusal) => Err((to, refusal)),
        }
    }

    /// Reads the request of `app` on a device (RFC 8628 §3.1). It has no address, since the device polls
    /// for the answer. `max_age`, `acr_values` and `prompt` mean what they mean for a browser.
    ///
    /// # Errors
    /// The error that the app gets.
    pub fn of_device(parameters: &Parameters, app: &App) -> Result<Self, Refusal> {
        check_once(parameters)?;
        check_scope(parameters, app)?;
        let (prompts, max_age) = Self::wishes(parameters)?;
        Ok(Self {
            client_id: app.client_id.clone(),
            to: Destination { is_only_address: true, ..Destination::default() },
            scope: granted(parameters, app),
            prompts,
            max_age,
            multi_factor: parameters.words("acr_values").any(|acr| acr == MULTI_FACTOR),
            ..Self::default()
        })
    }

    /// The request of a page that does not know yet who asks: it is of the default app, and asks for
    /// nothing.
    pub(super) fn of_nobody(ui_locales: Option<&str>) -> Self {
        let client_id = DEFAULT_CLIENT_ID.to_owned();
        Self { client_id, ui_locales: short(ui_locales), ..Self::default() }
    }

    /// Whether `prompt` has this value.
    pub fn prompts(&self, prompt: Prompt) -> bool {
        self.prompts.contains(&prompt)
    }

    /// The questions that the page has to ask, and how old the sign-in may be.
    fn wishes(parameters: &Parameters) -> Result<(Vec<Prompt>, Option<i64>), Refusal> {
        let prompts = parameters.words("prompt").map(|prompt| match prompt {
            "none" => Ok(Prompt::None),
            "login" => Ok(Prompt::Login),
            "consent" => Ok(Prompt::Consent),
            "select_account" => Ok(Prompt::SelectAccount),
            "create" => Ok(Prompt::Create),
            _ => Err(Refusal::invalid("The prompt is unknown.")),
        });
        let prompts: Vec<_> = prompts.collect::<Result<_, _>>()?;
        if prompts.contains(&Prompt::None) && prompts.len() > 1 {
            return Err(Refusal::invalid("The prompt none must be the only one."));
        }

        let max_age = match parameters.get("max_age") {
            None => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().unwrap_or(i64::from(i32::MAX)))
            }
            Some(_) => return Err(Refusal::invalid("The max_age must be a number of seconds.")),
        };
        Ok((prompts, max_age))
    }
}

/// Checks what has only one right form.
fn check(parameters: &Parameters, app: &App) -> Result<(), Refusal> {
    if !app.grants.allow(GrantType::AuthorizationCode) {
        let description = "The grant_types of the app lack authorization_code.";
        return Err(Refusal::new("unauthorized_client", description));
    }
    check_once(parameters)?;
    match parameters.get("response_type") {
        Some("code") => {}
        None => return Err(Refusal::invalid("The response_type is missing.")),
        Some(_) => {
            let description = "The response_type must be code.";
            return Err(Refusal::new("unsupported_response_type", description));
        }
    }
    if parameters.get("request").is_some() {
        return Err(Refusal::new("request_not_supported", "Request objects are not supported."));
    }
    if parameters.get("request_uri").is_some() {
        let description = "Requests by reference are not supported.";
        return Err(Refusal::new("request_uri_not_supported", description));
    }
    if !matches!(parameters.get("response_mode"), None | Some("query" | "form_post")) {
        return Err(Refusal::invalid("The response_mode must be query or form_post."));
    }
    if parameters.get("state").is_some_and(|state| state.len() > MAX_STATE_BYTES) {
        return Err(Refusal::invalid("The state is longer than 2048 bytes."));
    }
    if parameters.get("nonce").is_some_and(|nonce| nonce.len() > MAX_NONCE_BYTES) {
        return Err(Refusal::invalid("The nonce is longer than 512 bytes."));
    }
    check_scope(parameters, app)?;
    check_pkce(parameters, app)
}

/// Checks that no known parameter is repeated (RFC 6749 §3.1).
fn check_once(parameters: &Parameters) -> Result<(), Refusal> {
    match ONCE.iter().any(|name| parameters.is_repeated(name)) {
        true => Err(Refusal::invalid("A parameter is repeated.")),
        false => Ok(()),
    }
}

/// Checks the length of the permissions that the app asks for.
fn check_scope(parameters: &Parameters, app: &App) -> Result<(), Refusal> {
    let bytes = permissions(parameters, app).map(str::len).sum::<usize>();
    match bytes > MAX_PERMISSIONS_BYTES {
        true => Err(Refusal::new(
            "invalid_scope",
            "The permissions in scope are longer than 512 bytes.",
        )),
        false => Ok(()),
    }
}

/// Checks the code challenge (RFC 7636). A public app must send one. A confidential app may send a
/// nonce instead, which its client compares (RFC 9700 §2.1.1).
fn check_pkce(parameters: &Parameters, app: &App) -> Result<(), Refusal> {
    let is_needed = app.kind == AppType::Public
        || app.hosted.pkce == Pkce::Required && parameters.get("nonce").is_none();
    let Some(challenge) = parameters.get("code_challenge") else {
        return match parameters.get("code_challenge_method") {
            Some(_) => Err(Refusal::invalid("The code_challenge is missing.")),
            None if is_needed => {
                Err(Refusal::invalid("The code_challenge is missing: PKCE with S256 is required."))
            }
            None => Ok(()),
        };
    };
    if parameters.get("code_challenge_method") != Some("S256") {
        return Err(Refusal::invalid("The code_challenge_method must be S256."));
    }
    let is_challenge = (43..=128).contains(&challenge.len())
        && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
    if is_challenge { Ok(()) } else { Err(Refusal::invalid("The code_challenge is not valid.")) }
}

/// The scopes of OpenID Connect that were asked for, and then the permissions.
fn granted(parameters: &Parameters, app: &App) -> String {
    let asked: Vec<_> = parameters.words("scope").collect();
    let known = SCOPES.into_iter().filter(|scope| asked.contains(scope));
    known.chain(permissions(parameters, app)).collect::<Vec<_>>().join(" ")
}

/// The permissions that a first-party app asks for: all that is no scope of OpenID Connect.
fn permissions<'a>(parameters: &'a Parameters, app: &App) -> impl Iterator<Item = &'a str> {
    let words = parameters.words("scope").filter(|word| !SCOPES.contains(word));
    words.take(if app.is_first_party() { usize::MAX } else { 0 })
}

fn short(hint: Option<&str>) -> Option<String> {
    hint.filter(|hint| hint.chars().count() <= MAX_HINT_CHARS).map(str::to_owned)
}
