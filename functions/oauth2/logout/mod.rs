//! `GET /oauth2/logout`: signs out of the browser (OpenID Connect RP-Initiated Logout 1.0).

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use shared::{
    apps::App,
    audit::Recorder,
    authorization::{Flow, Parameters, SignOut, Step, Task},
    base::Error,
    http::Client,
    latchkey::Latchkey,
    sessions::Browser,
    tokens::IdTokenHint,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    confirmation::{Page, Reader},
    hosted::{Visit, end_browser},
};

#[cfg(test)]
mod tests;

/// Sign out on the hosted page
///
/// Ends the session of the browser and of the apps that were entered from it, except those with the
/// scope `offline_access`. With an `id_token_hint` of this browser nobody is asked, also if the token
/// or its session has expired; otherwise a page asks. The person is then sent to
/// `post_logout_redirect_uri`, if the app lists that.
#[utoipa::path(
    get,
    path = "/oauth2/logout",
    operation_id = "oauth2-logout",
    tag = "OAuth 2.0",
    params(
        ("id_token_hint" = Option<String>, Query, description = "An ID token of the app"),
        ("client_id" = Option<String>, Query, description = "The app, if there is no ID token"),
        ("post_logout_redirect_uri" = Option<String>, Query, description = "One of the app's `post_logout_redirect_uris`"),
        ("state" = Option<String>, Query, description = "Comes back with the redirect"),
        ("ui_locales" = Option<String>, Query, description = "Languages, the preferred one first"),
    ),
    responses(
        (status = 200, description = "A page that asks, or says that it is done", content_type = "text/html", body = String),
        (status = 204, description = "Nothing is done for a browser that only looks ahead"),
        (status = 303, description = "To the app"),
    ),
)]
async fn logout(
    State(latchkey): State<Latchkey>,
    client: Client,
    recorder: Recorder,
    method: Method,
    reader: Reader,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    // A browser that only looks ahead signs nobody out.
    if method != Method::GET || headers.get("sec-purpose").is_some() {
        return StatusCode::NO_CONTENT.into_response();
    }

    let parameters = Parameters::read(query.unwrap_or_default().as_bytes());
    let locales = parameters.get("ui_locales");
    let answered = match Visit::new(&latchkey, client, &headers, locales).await {
        Ok(visit) => answer(visit, &recorder, &parameters).await,
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| reader.refusal(error, Page::Failed))
}

/// Answers a request to sign out.
async fn answer(
    mut visit: Visit,
    recorder: &Recorder,
    parameters: &Parameters,
) -> Result<Response, Error> {
    let latchkey = visit.latchkey.clone();

    let named = parameters.get("client_id");
    let hint = match parameters.get("id_token_hint") {
        None => None,
        Some(token) => match latchkey.access_tokens().hint(token).await {
            Ok(hint) => Some(hint).filter(|hint| named.is_none_or(|named| named == hint.aud)),
            Err(Error::TokenInvalid) => None,
            Err(error) => return Err(error),
        },
    };
    // A hint that was sent and is not good names no app.
    let is_bad = hint.is_none() && parameters.get("id_token_hint").is_some();
    let client_id = hint.as_ref().map(|hint| hint.aud.as_str()).or(named).filter(|_| !is_bad);
    let app = match client_id {
        Some(client_id) => latchkey.apps().get(client_id).await?,
        None => None,
    };
    let sign_out = SignOut {
        address: address(parameters, app.as_ref()),
        state: parameters.get("state").map(str::to_owned),
        ui_locales: parameters.get("ui_locales").map(str::to_owned),
    };

    let browser = visit.browser().await?;
    let is_asked = match (&browser, &hint) {
        (Some(browser), Some(hint)) => !is_of(hint, browser),
        (Some(_), None) => true,
        // Nobody is signed in, so there is nothing to ask. A link without a good hint leads nowhere.
        (None, Some(_)) => false,
        (None, None) => return visit.leave(&SignOut::default()),
    };
    if is_asked {
        let flow = Flow::new(Task::SignOut(sign_out), Step::SignOut, latchkey.random())?;
        return visit.show(&flow, app.as_ref(), browser.as_ref(), None);
    }
    end_browser(&mut visit, recorder).await?;
    visit.leave(&sign_out)
}

/// Where the person goes after signing out, if the app lists the address.
fn address(parameters: &Parameters, app: Option<&App>) -> Option<String> {
    let asked = parameters.get("post_logout_redirect_uri")?;
    app.filter(|app| app.hosted.accepts_post_logout(asked)).map(|_| asked.to_owned())
}

/// Whether an ID token is of the user of `browser`, and not of a session that began in another
/// browser.
fn is_of(hint: &IdTokenHint, browser: &Browser) -> bool {
    let session = browser.user.sessions.get(&hint.sid);
    let elsewhere = session.and_then(|session| session.grant.as_ref());
    hint.sub == browser.user.id && elsewhere.is_none_or(|grant| grant.browser == browser.id())
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(logout))
}
