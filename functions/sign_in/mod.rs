//! `POST /sign-in`: the forms of the hosted page.

mod device;
mod entering;
mod proof;
mod refusals;
mod second_factor;
mod steps;

use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::Response,
};
use futures_util::future::{BoxFuture, ready};
use serde::Deserialize;
use shared::{
    apps::App,
    audit::Recorder,
    authorization::{AuthorizationRequest, Flow, Refusal, SignOut, Step, Task},
    base::Error,
    http::{Client, Form, Trail},
    identifiers::Channel,
    latchkey::Latchkey,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    confirmation::{Page, Reader},
    hosted::{CONTINUE, Text, Visit, end_browser},
};

#[cfg(test)]
mod tests;

/// The most characters that the field of the first step takes, as the page has it.
const MAX_TYPED_CHARS: usize = 254;

/// A form of the page. The page knows which fields it has.
#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct SignInForm {
    /// The sealed field of the page.
    flow: String,
    /// The button.
    #[schema(example = "continue")]
    action: String,
    /// The code that a device shows.
    user_code: String,
    /// A phone, an e-mail address or a username.
    identifier: String,
    /// The password.
    #[schema(format = "password")]
    password: String,
    /// A code.
    code: String,
    /// The solved proof of work, if the page asked for one.
    proof: String,
}

/// A step that is being taken. In a box, since the steps take much of the stack.
type Answering = BoxFuture<'static, Result<Response, Error>>;

/// The parts that a step of the page works with.
struct Desk {
    latchkey: Latchkey,
    visit: Visit,
    flow: Flow,
    request: AuthorizationRequest,
    app: App,
    recorder: Recorder,
    form: SignInForm,
}

/// Send a form of the sign-in page
///
/// For the page that `GET /oauth2/authorize`, `GET /device` and `GET /oauth2/logout` show. Every limit of the API
/// holds here, too. A form is accepted only from the browser that was shown the page; any other browser
/// gets a page that says so (403).
#[utoipa::path(
    post,
    path = "/sign-in",
    operation_id = "sign-in",
    tag = "OAuth 2.0",
    request_body(content = SignInForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The next page", content_type = "text/html", body = String),
        (status = 303, description = "To the app, with a code or an error"),
        (status = 400, description = "A page: the form's app or its address is gone", content_type = "text/html", body = String),
        (status = 403, description = "A page: this browser was not shown the form", content_type = "text/html", body = String),
    ),
)]
async fn sign_in(
    State(latchkey): State<Latchkey>,
    client: Client,
    trail: Trail,
    reader: Reader,
    headers: HeaderMap,
    Form(form): Form<SignInForm>,
) -> Response {
    let taken = take_form(latchkey, (client, trail), &headers, form).await;
    taken.unwrap_or_else(|error| reader.refusal(error, Page::Failed))
}

/// Takes a form of the page.
async fn take_form(
    latchkey: Latchkey,
    (client, trail): (Client, Trail),
    headers: &HeaderMap,
    form: SignInForm,
) -> Result<Response, Error> {
    let keys = latchkey.hash_keys().await?;
    let flow = Flow::decode(&form.flow, &keys);
    let locales = flow.as_ref().and_then(Flow::ui_locales).map(str::to_owned);
    let mut visit = Visit::new(&latchkey, client, headers, locales.as_deref()).await?;
    let Some(flow) = flow else { return visit.lost() };
    let id = flow.id.simple().to_string();
    let is_done = visit.cookies.has_done(&id);
    let is_shown = is_done || visit.cookies.has_flow(&id);
    if !is_shown || is_foreign(headers, &latchkey.settings().issuer) {
        return visit.lost();
    }

    visit.typed = typed(&flow.step, &form);
    let (again, same) = (visit.clone(), flow.clone());
    match take_shown(latchkey, (visit, flow), trail.recorder(), form, is_done).await {
        Ok(response) => Ok(response),
        Err(error) => again.failed(error, &same),
    }
}

/// Takes a form that this browser was shown.
async fn take_shown(
    latchkey: Latchkey,
    (visit, flow): (Visit, Flow),
    recorder: Recorder,
    form: SignInForm,
    is_done: bool,
) -> Result<Response, Error> {
    let request = match &flow.task {
        Task::SignOut(sign_out) => {
            return finish_sign_out(visit, &recorder, &flow, sign_out, &form.action).await;
        }
        Task::SignIn(request) => (**request).clone(),
        Task::Device(device) => device.request.clone(),
    };
    // The app may have changed since the page was shown.
    let app = latchkey.apps().get(&request.client_id).await?.filter(|app| app.active);
    let app = app.filter(|app| match &flow.task {
        Task::Device(_) => true,
        _ => app.hosted.accepts_redirect(&request.to.redirect_uri),
    });
    let Some(app) = app else { return visit.bad_link() };
    if is_done {
        return visit.finished(&request, &app);
    }

    let is_old = flow.ends_at <= latchkey.clock().now().as_second();
    let desk = Desk { latchkey, visit, flow, request, app, recorder, form };
    if is_old {
        return desk.start_again(Text::Expired);
    }
    desk.take_step().await
}

/// The identifier, as the person has typed it at this step or an earlier one.
fn typed(step: &Step, form: &SignInForm) -> Option<String> {
    match step {
        Step::Prove { identifier, .. } | Step::Code { identifier, .. } => Some(identifier.clone()),
        Step::Password { identifier } => Some(identifier.clone()),
        _ => Some(form.identifier.trim().chars().take(MAX_TYPED_CHARS).collect()),
    }
    .filter(|typed: &String| !typed.is_empty())
}

impl Desk {
    /// Takes the step that the person has filled in. A question is answered by its own buttons alone:
    /// any other action shows it again.
    fn take_step(mut self) -> Answering {
        let action = std::mem::take(&mut self.form.action);
        let action = match action.as_str() {
            "" if has_field(&self.flow.step) => CONTINUE,
            action => action,
        };
        match (action, self.flow.step.clone()) {
            ("cancel", step) if self.is_device() => {
                Box::pin(async move { self.cancel_device(&step).await })
            }
            ("cancel", _) => {
                let refusal = Refusal::new("access_denied", "The person has cancelled.");
                Box::pin(ready(self.visit.refuse(&self.request.to, refusal)))
            }
            ("another", _) => {
                self.flow.sets_up = false;
                self.shown(Step::Identify)
            }
            ("skip", Step::OfferSecondFactor { user_id } | Step::SetUp { user_id, .. }) => {
                Box::pin(self.skip_set_up(user_id))
            }
            ("resend", Step::Code { .. }) => Box::pin(self.resend(None)),
            ("sms", Step::Code { .. }) => Box::pin(self.resend(Some(Channel::Sms))),
            ("whatsapp", Step::Code { .. }) => Box::pin(self.resend(Some(Channel::Whatsapp))),
            ("voice", Step::Code { .. }) => Box::pin(self.resend(Some(Channel::Voice))),
            ("password", Step::Code { identifier, .. } | Step::Prove { identifier, .. }) => {
                self.shown(Step::Password { identifier })
            }
            ("code", Step::Password { identifier }) => {
                let same = self.flow.step.clone();
                Box::pin(self.send_to(identifier, None, same))
            }
            (CONTINUE, step) => self.go_on_from(step),
            (_, Step::Confirm { user_id }) => Box::pin(self.ask_again(user_id)),
            (_, step) => self.shown(step),
        }
    }

    /// Takes a step by its main button.
    fn go_on_from(self, step: Step) -> Answering {
        match step {
            Step::OfferSecondFactor { user_id } => Box::pin(self.accept_set_up(user_id)),
            Step::SetUp { user_id, set_up, .. } => Box::pin(self.confirm_set_up(user_id, set_up)),
            Step::RecoveryCodes { user_id, .. } => Box::pin(self.keep_codes(user_id)),
            Step::UserCode => Box::pin(self.user_code()),
            Step::Confirm { user_id } if self.is_device() => Box::pin(self.allow_device(user_id)),
            Step::Confirm { user_id } => Box::pin(self.confirm(user_id)),
            Step::Prove { identifier, .. } => Box::pin(self.prove(identifier)),
            Step::Code { challenge_id, .. } => Box::pin(self.code(challenge_id)),
            Step::Password { identifier } => Box::pin(self.password(identifier)),
            Step::SecondFactor { mfa_token } => Box::pin(self.second_factor(mfa_token)),
            Step::Identify | Step::SignOut => Box::pin(self.identify()),
        }
    }

    /// Shows a step.
    fn shown(self, step: Step) -> Answering {
        Box::pin(ready(self.show(step, None)))
    }
}

/// Whether the person fills in a field at a step. Programs that fill in fields may send a form
/// without a button.
fn has_field(step: &Step) -> bool {
    match step {
        Step::UserCode | Step::Identify | Step::Prove { .. } | Step::Code { .. } => true,
        Step::Password { .. } | Step::SecondFactor { .. } | Step::SetUp { .. } => true,
        Step::Confirm { .. } | Step::OfferSecondFactor { .. } => false,
        Step::RecoveryCodes { .. } | Step::SignOut => false,
    }
}

/// Whether a form comes from a page of another site. Browsers that hide where it comes from send
/// `null`.
fn is_foreign(headers: &HeaderMap, issuer: &str) -> bool {
    let is = |name: &str, wanted: &[&str]| {
        headers.get(name).is_none_or(|value| wanted.iter().any(|wanted| value == wanted))
    };
    !is(header::ORIGIN.as_str(), &[issuer, "null"])
        || !is("sec-fetch-site", &["same-origin", "none"])
}

/// Ends the session of the browser, if the person says so, and sends them back to the app. Any other
/// action than that of a button shows the question again.
async fn finish_sign_out(
    mut visit: Visit,
    recorder: &Recorder,
    flow: &Flow,
    sign_out: &SignOut,
    action: &str,
) -> Result<Response, Error> {
    match action {
        CONTINUE => end_browser(&mut visit, recorder).await?,
        "cancel" => {}
        _ => return visit.show(flow, None, None, None),
    }
    visit.sets.extend(visit.cookies.forget_flow(&flow.id.simple().to_string()));
    visit.leave(sign_out)
}

/// The route.
pub fn routes() -> OpenApiRouter<Latchkey> {
    OpenApiRouter::new().routes(routes!(sign_in))
}
