//! The hosted page: what the endpoints behind it share.

mod cookies;
mod failing;
mod forms;
mod html;
mod identifying;
mod leaving;
mod proof;
mod second_factor;
mod steps;
mod waits;
mod words;

use std::sync::Arc;

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use shared::{
    apps::{App, Branding, Links},
    authorization::{AuthorizationRequest, Destination, Flow, Refusal, Step, Task},
    base::{Device, Error, seconds_until},
    crypto::HashKeys,
    http::{Client, ErrorPage, preferences},
    latchkey::Latchkey,
    messages::Language,
    sessions::{Browser, Sessions},
    users::User,
};

pub(crate) use self::{
    cookies::{BROWSER, Cookies, DEVICE},
    forms::by_get,
    html::{CONTINUE, Look, Page, Script},
    leaving::end_browser,
    second_factor::{has_both_factors, lacks_second_factor, owes_second_factor},
    steps::{asks_consent, is_called, needs_sign_in},
    words::{Text, words},
};

/// A visit of a browser to the hosted page.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) latchkey: Latchkey,
    pub(crate) sessions: Sessions,
    pub(crate) keys: Arc<HashKeys>,
    pub(crate) cookies: Cookies,
    pub(crate) language: Language,
    pub(crate) device: Device,
    /// The cookies that the response sets.
    pub(crate) sets: Vec<HeaderValue>,
    /// The identifier, as the person has typed it. The first step shows it again.
    pub(crate) typed: Option<String>,
    /// Whether the request prefers a page to data, if it fails.
    prefers_page: bool,
}

impl Visit {
    /// The visit of a request. The languages that the app asks for come before those of the browser.
    pub(crate) async fn new(
        latchkey: &Latchkey,
        client: Client,
        headers: &HeaderMap,
        ui_locales: Option<&str>,
    ) -> Result<Self, Error> {
        let asked = ui_locales.unwrap_or_default().split(' ');
        let accepted = preferences(headers, &header::ACCEPT_LANGUAGE);
        let language = asked.chain(accepted).find_map(Language::of_tag);
        Ok(Self {
            sessions: latchkey.hosted_sessions().await?,
            keys: latchkey.hash_keys().await?,
            cookies: Cookies::read(headers, &latchkey.settings().issuer),
            language: language.unwrap_or(Language::English),
            device: client.into_device(),
            sets: Vec::new(),
            typed: None,
            prefers_page: ErrorPage::is_preferred(headers),
            latchkey: latchkey.clone(),
        })
    }

    /// Prefers the languages that the app asks for.
    pub(crate) fn prefer(&mut self, ui_locales: Option<&str>) {
        let asked = ui_locales.unwrap_or_default().split(' ').find_map(Language::of_tag);
        self.language = asked.unwrap_or(self.language);
    }

    /// The session of the browser, if somebody is signed in.
    pub(crate) async fn browser(&self) -> Result<Option<Browser>, Error> {
        match self.cookies.get(BROWSER) {
            Some(cookie) => self.sessions.browser(cookie).await,
            None => Ok(None),
        }
    }

    /// Whether `user` is the person that an app expects. An app that names nobody expects anybody, and
    /// a hint that nobody can have is ignored.
    pub(crate) async fn is_hinted(
        &self,
        request: &AuthorizationRequest,
        user: &User,
    ) -> Result<bool, Error> {
        let Some(hint) = &request.login_hint else { return Ok(true) };
        let hint = self.latchkey.challenges().await?.identifier(hint);
        Ok(hint.map_or(true, |hint| is_called(user, &hint)))
    }

    /// A text in the language of the visit, with its values.
    pub(crate) fn say(&self, text: Text, values: &[(&str, &str)]) -> String {
        let mut said = words(self.language, text).to_owned();
        for (name, value) in values {
            said = said.replace(&format!("{{{name}}}"), &self.isolated(value));
        }
        said
    }

    /// A value as a part of a text. If it or the text is written from right to left, it is isolated, so
    /// that each is read in its own direction: a phone number would be shown backwards (UAX #9).
    pub(crate) fn isolated(&self, value: &str) -> String {
        let is_rtl = |c: char| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}');
        match self.language.direction() == "rtl" || value.chars().any(is_rtl) {
            true => format!("\u{2068}{value}\u{2069}"),
            false => value.to_owned(),
        }
    }

    /// Shows the step of a flow, after `problem` with the last one.
    pub(crate) fn show(
        mut self,
        flow: &Flow,
        app: Option<&App>,
        browser: Option<&Browser>,
        problem: Option<String>,
    ) -> Result<Response, Error> {
        let sealed = self.sealed(flow)?;
        let (title, inside) = self.step(flow, app, browser)?;
        let notice = problem.map(|problem| html::alert(&problem)).unwrap_or_default();
        let body = format!("{notice}{}", html::form(&sealed, &inside));
        self.sets.extend(self.cookies.keep_flow(&flow.id.simple().to_string()));
        let leads_to = match &flow.task {
            Task::SignIn(request) => Some(request.to.redirect_uri.clone()),
            Task::Device(_) => None,
            Task::SignOut(sign_out) => sign_out.address.clone(),
        };
        let look = app.map(|app| self.look(&app.branding)).unwrap_or_default();
        let script = matches!(flow.step, Step::Prove { .. }).then_some(Script::Solve);
        let page = self.page(StatusCode::OK, title, body);
        self.with_cookies(Page { leads_to, script, look, ..page }.response()?)
    }

    /// A flow as the page carries it, from now on.
    fn sealed(&self, flow: &Flow) -> Result<String, Error> {
        let (random, now) = (self.latchkey.random(), self.latchkey.clock().now());
        flow.encode(&self.keys, random, now.as_second() + self.ttl_seconds())
    }

    /// For how long a page can be used.
    fn ttl_seconds(&self) -> i64 {
        self.latchkey.settings().authorization.sign_in_ttl_seconds
    }

    /// Whether somebody has signed in to this browser since the page of `flow` was shown.
    pub(crate) fn is_newer(&self, browser: &Browser, flow: &Flow) -> bool {
        let shown_at = flow.ends_at - self.ttl_seconds();
        browser.session.created_at.as_second() >= shown_at
    }

    /// A page without a form.
    pub(crate) fn tell(
        self,
        status: StatusCode,
        title: Text,
        explanation: Text,
    ) -> Result<Response, Error> {
        let body = html::paragraph(&self.say(explanation, &[]));
        let page = self.page(status, self.say(title, &[]), body);
        self.with_cookies(page.response()?)
    }

    /// The page for a link that names no app or a wrong address. Nobody is sent anywhere.
    pub(crate) fn bad_link(self) -> Result<Response, Error> {
        self.tell(StatusCode::BAD_REQUEST, Text::BadLink, Text::NothingWasSent)
    }

    /// The page for a form that this browser has not been shown.
    pub(crate) fn lost(self) -> Result<Response, Error> {
        self.tell(StatusCode::FORBIDDEN, Text::Lost, Text::StartAgain)
    }

    /// The page for a form that this browser has finished: it sends nothing to the app again, and leads
    /// to where the app is.
    pub(crate) fn finished(
        self,
        request: &AuthorizationRequest,
        app: &App,
    ) -> Result<Response, Error> {
        let values = [("app", app.name.as_str())];
        let address = &request.to.redirect_uri;
        let is_web = address.starts_with("https://") || address.starts_with("http://");
        let label = self.say(Text::ToApp, &values);
        let link = match is_web {
            true => html::link(html::origin(address), &label),
            false => html::paragraph(&self.say(Text::YouMayClose, &[])),
        };
        let page = self.page(StatusCode::OK, self.say(Text::SignedInTo, &values), link);
        let look = self.look(&app.branding);
        self.with_cookies(Page { look, ..page }.response()?)
    }

    fn page(&self, status: StatusCode, title: String, body: String) -> Page {
        let title = shared::messages::escape(&title);
        let (language, leads_to, script) = (self.language, None, None);
        Page { status, language, title, body, leads_to, script, look: Look::default() }
    }

    /// The look of the page of an app.
    fn look(&self, branding: &Branding) -> Look {
        let on_accent = branding.text_on_accent();
        let style = branding.accent.as_ref().map(|accent| {
            format!("button.main{{background:{accent};border-color:{accent};color:{on_accent}}}")
        });
        let Links { terms, privacy, support } = branding.links.clone();
        let links = [(terms, Text::Terms), (privacy, Text::Privacy), (support, Text::Help)];
        let links = links.into_iter().filter_map(|(link, text)| Some((link?, self.say(text, &[]))));
        Look { style, logo: branding.logo.clone(), links: links.collect() }
    }

    /// Sends an answer to an app.
    pub(crate) fn answer(
        self,
        to: &Destination,
        answer: &[(&str, &str)],
    ) -> Result<Response, Error> {
        let issuer = self.latchkey.settings().issuer.clone();
        let parameters = to.parameters(&issuer, answer);
        if !to.form_post {
            return self.go(&to.url(&parameters));
        }
        let label = self.say(Text::Continue, &[]);
        let body = html::post_form(&to.redirect_uri, &parameters, &label);
        let page = self.page(StatusCode::OK, label, body);
        let script = Some(Script::Submit);
        let page = Page { leads_to: Some(to.redirect_uri.clone()), script, ..page };
        self.with_cookies(page.response()?)
    }

    /// Sends an error to an app.
    pub(crate) fn refuse(self, to: &Destination, refusal: Refusal) -> Result<Response, Error> {
        let Refusal { error, description } = refusal;
        self.answer(to, &[("error", error), ("error_description", description)])
    }

    /// Sends the browser to an address. 303, so that a form is not sent along.
    pub(crate) fn go(self, address: &str) -> Result<Response, Error> {
        let address = HeaderValue::from_str(address)
            .map_err(|_| Error::Internal("an address is not a header".into()))?;
        let response = (StatusCode::SEE_OTHER, [(header::LOCATION, address)]).into_response();
        self.with_cookies(response)
    }

    /// Sends a code to the app, for the user of `browser`. If they have just signed out elsewhere,
    /// they sign in again. If the app needs both factors and they have used one, it gets an error.
    pub(crate) async fn grant(
        self,
        flow: &Flow,
        request: &AuthorizationRequest,
        (app, browser): (&App, &Browser),
    ) -> Result<Response, Error> {
        if request.needs_both && !has_both_factors(browser) {
            let refusal = Refusal::unmet("The person has not used a second factor.");
            return self.refuse(&request.to, refusal);
        }
        let device = self.device.clone();
        match self.sessions.authorize(browser, request, app, device).await? {
            Some(code) => self.hand_over(flow, request, &code),
            None => self.show(&flow.at(Step::Identify), Some(app), None, None),
        }
    }

    /// Sends the browser to the app with a code.
    pub(crate) fn hand_over(
        mut self,
        flow: &Flow,
        request: &AuthorizationRequest,
        code: &str,
    ) -> Result<Response, Error> {
        self.sets.extend(self.cookies.finish_flow(&flow.id.simple().to_string()));
        self.answer(&request.to, &[("code", code)])
    }

    /// Keeps the session of a browser, and the token of its device.
    pub(crate) fn keep(&mut self, browser: &Browser, device: Option<&(String, i64)>) {
        let now = self.latchkey.clock().now();
        let seconds = seconds_until(browser.token.ends_at, now);
        let cookie = browser.token.to_cookie(&self.keys);
        self.sets.extend(self.cookies.keep(BROWSER, &cookie, seconds));
        if let Some((token, seconds)) = device {
            self.sets.extend(self.cookies.keep(DEVICE, token, *seconds));
        }
    }

    fn with_cookies(self, mut response: Response) -> Result<Response, Error> {
        for cookie in self.sets {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Ok(response)
    }
}
