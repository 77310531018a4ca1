//! `GET /oauth2/authorize`: the authorization endpoint (RFC 6749 §3.1, OpenID Connect Core 1.0
//! §3.1.2).

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use shared::{
    apps::App,
    authorization::{
        AuthorizationRequest, Flow, Parameters, Prompt, Refusal, Step, Task, is_pushed,
        redirect_uri,
    },
    base::Error,
    http::Client,
    latchkey::Latchkey,
    sessions::Browser,
};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    confirmation::{Page, Reader},
    hosted::{Visit, asks_consent, lacks_second_factor, needs_sign_in},
};

#[cfg(test)]
mod tests;

/// Sign in on the hosted page
///
/// As in OpenID Connect Core 1.0 §3.1.2, with the code flow. A person who is not signed in to this
/// browser gets the sign-in page. Otherwise, they are sent to the app's `redirect_uri` with a `code`
/// for `POST /oauth2/token`. A public app must use PKCE with `S256`. Every answer to the app carries
/// `iss` and its `state`. If the app or its `redirect_uri` is not registered, a page says so (400), and
/// nobody is sent anywhere. Unknown parameters are ignored.
#[utoipa::path(
    get,
    path = "/oauth2/authorize",
    operation_id = "oauth2-authorize",
    tag = "OAuth 2.0",
    params(
        ("client_id" = String, Query, description = "The app"),
        ("request_uri" = Option<String>, Query, description = "The name of a request that was pushed to `POST /oauth2/par`. Then only this and `client_id` count"),
        ("response_type" = Option<String>, Query, description = "`code`", example = "code"),
        ("redirect_uri" = Option<String>, Query, description = "One of the app's `redirect_uris`"),
        ("scope" = Option<String>, Query, description = "Of `openid`, `profile`, `email`, `phone` and `offline_access`, separated by spaces. A first-party app may add permissions; without any it gets all of the person's"),
        ("state" = Option<String>, Query, description = "Comes back with the answer"),
        ("nonce" = Option<String>, Query, description = "Comes back in the ID token"),
        ("code_challenge" = Option<String>, Query, description = "The SHA-256 of the code verifier, in base64url"),
        ("code_challenge_method" = Option<String>, Query, description = "`S256`"),
        ("response_mode" = Option<String>, Query, description = "`query` (the default) or `form_post`"),
        ("prompt" = Option<String>, Query, description = "`none`, or some of `login`, `consent`, `select_account` and `create`"),
        ("max_age" = Option<String>, Query, description = "The greatest age of the sign-in in seconds"),
        ("acr_values" = Option<String>, Query, description = "`aal2` asks for both factors. People who have one may set up another on the page, or skip it"),
        ("claims" = Option<String>, Query, description = "JSON, as in OpenID Connect Core 1.0 §5.5, of at most 2048 bytes. Only `acr` in `id_token` counts: with `aal2` as an `essential` value, the app gets the error `unmet_authentication_requirements` instead of a code for one factor", example = r#"{"id_token": {"acr": {"essential": true, "value": "aal2"}}}"#),
        ("login_hint" = Option<String>, Query, description = "Who is expected: a phone, an e-mail address or a username"),
        ("id_token_hint" = Option<String>, Query, description = "An ID token of the person who is expected"),
        ("ui_locales" = Option<String>, Query, description = "Languages, the preferred one first"),
    ),
    responses(
        (status = 200, description = "A page", content_type = "text/html", body = String),
        (status = 204, description = "Nothing is done for a browser that only looks ahead"),
        (status = 303, description = "To the app, with a code or an error"),
        (status = 400, description = "A page: the link names no app, or an address that the app does not have", content_type = "text/html", body = String),
    ),
)]
async fn authorize(
    State(latchkey): State<Latchkey>,
    client: Client,
    method: Method,
    reader: Reader,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let answered = answer(latchkey, (client, method), &headers, query).await;
    answered.unwrap_or_else(|error| reader.refusal(error, Page::Failed))
}

/// Answers a request for a sign-in.
async fn answer(
    latchkey: Latchkey,
    (client, method): (Client, Method),
    headers: &HeaderMap,
    query: Option<String>,
) -> Result<Response, Error> {
    // A browser that only looks ahead gets no code.
    let is_prefetch = headers.get("sec-purpose").is_some();
    if method != Method::GET || is_prefetch {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }

    let parameters = Parameters::read(query.unwrap_or_default().as_bytes());
    let visit = Visit::new(&latchkey, client, headers, parameters.get("ui_locales")).await?;
    let Some(client_id) = parameters.get("client_id").map(str::to_owned) else {
        return visit.bad_link();
    };
    let pushed = parameters.get("request_uri").filter(|it| is_pushed(it));
    let Some(request_uri) = pushed.map(str::to_owned) else {
        return answer_to(&client_id, parameters, visit).await;
    };

    // Only the parameters that were pushed count (RFC 9126 §4).
    let requests = latchkey.pushed_requests();
    let answered = requests.take(&request_uri, &client_id, async |taken| {
        let mut visit = visit.clone();
        visit.prefer(taken.get("ui_locales"));
        answer_to(&client_id, taken, visit).await
    });
    match answered.await? {
        Some(answer) => Ok(answer),
        None => visit.bad_link(),
    }
}

/// Answers the request of an app with these parameters.
async fn answer_to(
    client_id: &str,
    parameters: Parameters,
    visit: Visit,
) -> Result<Response, Error> {
    let latchkey = &visit.latchkey;
    let apps = latchkey.apps();
    let (app, browser) = tokio::try_join!(apps.get(client_id), visit.browser())?;
    let Some(app) = app.filter(|app| app.active) else { return visit.bad_link() };
    let Some(address) = redirect_uri(&parameters, &app) else { return visit.bad_link() };

    // From here on, the app is told of errors.
    let mut request = match AuthorizationRequest::read(&parameters, &app, address) {
        Ok(request) => request,
        Err((to, refusal)) => return visit.refuse(&to, refusal),
    };
    let expected = match parameters.get("id_token_hint") {
        None => None,
        Some(hint) => match latchkey.access_tokens().hint(hint).await {
            Ok(hint) => Some(hint.sub),
            Err(Error::TokenInvalid) => {
                let refusal = Refusal::new("invalid_request", "The id_token_hint is not valid.");
                return visit.refuse(&request.to, refusal);
            }
            Err(error) => return Err(error),
        },
    };

    let is_hinted = match &browser {
        Some(browser) => visit.is_hinted(&request, &browser.user).await?,
        None => true,
    };
    if browser.is_some() && is_hinted {
        request.login_hint = None;
    }
    let needed = needed(&request, &app, (browser.as_ref(), expected, is_hinted), latchkey);
    let is_silent = request.prompts(Prompt::None);
    let to = request.to.clone();
    let task = Task::SignIn(Box::new(request.clone()));
    match (needed, browser) {
        (Some(needed), _) if is_silent => visit.refuse(&to, needed.refusal()),
        (None, Some(browser)) => {
            let flow = Flow::new(task, Step::Identify, latchkey.random())?;
            visit.grant(&flow, &request, (&app, &browser)).await
        }
        (Some(Needed::Click | Needed::Consent), Some(browser)) => {
            let step = Step::Confirm { user_id: browser.user.id };
            let flow = Flow::new(task, step, latchkey.random())?;
            visit.show(&flow, Some(&app), Some(&browser), None)
        }
        (Some(Needed::SecondFactor), Some(browser)) => {
            let step = Step::OfferSecondFactor { user_id: browser.user.id };
            let flow = Flow::new(task, step, latchkey.random())?;
            visit.show(&flow, Some(&app), Some(&browser), None)
        }
        (_, _) => {
            let flow = Flow::new(task, Step::Identify, latchkey.random())?;
            visit.show(&flow, Some(&app), None, None)
        }
    }
}

/// The step that a person has to take before the app gets a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    /// To sign in.
    SignIn,
    /// To allow it.
    Consent,
    /// To go on as the user who is signed in, or as somebody else.
    Click,
    /// To decide whether to set up a second factor.
    SecondFactor,
}

impl Needed {
    /// The error of a request that must show nothing (OpenID Connect Core 1.0 §3.1.2.6).
    fn refusal(self) -> Refusal {
        match self {
            Self::SignIn => Refusal::new("login_required", "The person has to sign in."),
            Self::Consent => Refusal::new("consent_required", "The person has to allow it."),
            Self::Click | Self::SecondFactor => {
                Refusal::new("interaction_required", "The person has to confirm it.")
            }
        }
    }
}

/// The step that is needed before a code; `None` if none is.
fn needed(
    request: &AuthorizationRequest,
    app: &App,
    (browser, expected, is_hinted): (Option<&Browser>, Option<Uuid>, bool),
    latchkey: &Latchkey,
) -> Option<Needed> {
    let Some(browser) = browser else { return Some(Needed::SignIn) };
    let is_other = expected.is_some_and(|expected| expected != browser.user.id);
    if is_other || needs_sign_in(request, browser, latchkey.clock().now().as_second()) {
        return Some(Needed::SignIn);
    }
    if asks_consent(request, app, Some(&browser.user)) {
        return Some(Needed::Consent);
    }
    if !is_hinted && request.prompts(Prompt::None) {
        return Some(Needed::SignIn);
    }
    let is_native = app.hosted.is_native(&request.to.redirect_uri);
    if is_native || !is_hinted || request.prompts(Prompt::SelectAccount) {
        return Some(Needed::Click);
    }
    // A request that must show nothing gets what there is, unless both factors are essential
    // (OpenID Connect Core 1.0 §5.5.1.1).
    let shows = !request.prompts(Prompt::None) || request.needs_both;
    let is_offered = lacks_second_factor(request, browser) && shows;
    is_offered.then_some(Needed::SecondFactor)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(authorize))
}
