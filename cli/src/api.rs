//! The client of the HTTP API: requests, retries, token refresh, and paged lists.

use std::{
    error::Error as _,
    io::{self, Write as _},
    net::IpAddr,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, StatusCode, Url, header::HeaderMap, redirect::Policy};
use serde_json::{Value, json};

use crate::{
    failure::{Failure, Problem},
    retry::{Outcome, Retries},
    sessions::{Session, Sessions},
    sign_in,
};

mod call;
#[cfg(test)]
mod tests;

use self::call::Body;
pub(crate) use self::call::Call;

/// The wait before the first retry of a request, if the service does not say when.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(30);

/// A service, and the session of the person who is signed in to it.
pub(crate) struct Api {
    client: Client,
    url: String,
    sessions: Sessions,
    bar: ProgressBar,
    /// The wait before the first retry of a request, if the service does not say when.
    first_wait: Duration,
}

/// A response, as it came.
struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

/// A text, encoded as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Parses the URL of a service, and drops a slash at its end. It must be HTTPS, because tokens are
/// sent to it; HTTP is accepted only for this machine.
pub(crate) fn parse_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("{error}: give a URL like https://id.example.com"))?;
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());

    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err("the URL must start with https://; http:// is accepted only for this machine"
            .to_owned());
    }

    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("the URL can have only a scheme, a host, a port and a path".to_owned());
    }

    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// The HTTP client of this command.
pub(crate) fn client() -> Result<Client, Failure> {
    Client::builder()
        .user_agent(concat!("latchkey-cli/", env!("CARGO_PKG_VERSION")))
        .timeout(TIMEOUT)
        .connect_timeout(Duration::from_secs(10))
        .redirect(Policy::none())
        .build()
        .map_err(|error| Failure::Machine(chain(&error)))
}

impl Api {
    /// A client of the service at `url`.
    pub(crate) fn new(url: String, sessions: Sessions) -> Result<Self, Failure> {
        let bar = ProgressBar::hidden();
        Ok(Self { client: client()?, url, sessions, bar, first_wait: FIRST_WAIT })
    }

    /// The URL of the service.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Prints a message to stderr, since it is not a result.
    pub(crate) fn note(&self, text: &str) {
        // A closed stderr is no reason to stop.
        self.bar.suspend(|| drop(writeln!(io::stderr(), "{text}")));
    }

    /// Sends a request without a token.
    pub(crate) async fn ask_as_nobody(&self, call: &Call) -> Result<Value, Failure> {
        self.send(call, None).await
    }

    /// Sends a request with an access token that is stored nowhere.
    pub(crate) async fn ask_with(&self, call: &Call, access_token: &str) -> Result<Value, Failure> {
        self.send(call, Some(access_token)).await
    }

    /// Sends a request as the person who is signed in. If it needs a fresh sign-in, the person can
    /// sign in again, and the request is repeated.
    pub(crate) async fn ask(&self, call: &Call) -> Result<Value, Failure> {
        match self.ask_now(call).await {
            Err(failure) if needs_step_up(&failure) && sign_in::again(self).await? => {
                self.ask_now(call).await
            }
            answer => answer,
        }
    }

    /// Sends a request as the person who is signed in. If the access token is refused, it is
    /// refreshed and the request is sent again.
    pub(crate) async fn ask_now(&self, call: &Call) -> Result<Value, Failure> {
        let session = self.sessions.at(&self.url)?.ok_or_else(|| self.not_signed_in())?;
        match self.send(call, Some(&session.access_token)).await {
            Err(failure) if is_token_refused(&failure) => {
                let session = self.refresh(&session).await?;
                self.send(call, Some(&session.access_token)).await
            }
            answer => answer,
        }
    }

    /// Stores the tokens of a sign-in.
    pub(crate) fn sign_in(&self, answer: &Value) -> Result<Session, Failure> {
        let session = session_of(answer)?;
        self.sessions.lock()?.keep(&self.url, Some(&session))?;
        Ok(session)
    }

    /// Deletes the stored tokens.
    pub(crate) fn forget(&self) -> Result<(), Failure> {
        self.sessions.lock()?.keep(&self.url, None)
    }

    fn not_signed_in(&self) -> Failure {
        Failure::NotSignedIn(format!("not signed in to {}: run `latchkey login`", self.url))
    }

    async fn refresh(&self, stale: &Session) -> Result<Session, Failure> {
        let sessions = self.sessions.lock()?;
        let kept = sessions.at(&self.url)?.ok_or_else(|| self.not_signed_in())?;
        if kept.access_token != stale.access_token {
            // Another `latchkey` command has already refreshed them.
            return Ok(kept);
        }

        let body = json!({"refresh_token": kept.refresh_token});
        // If the response is lost, the same token gets another pair.
        let call = Call::with_body(Method::POST, "/v1/auth/refresh", body).idempotent();
        match self.send(&call, None).await {
            Ok(pair) => {
                let session = session_of(&pair)?;
                sessions.keep(&self.url, Some(&session))?;
                Ok(session)
            }
            Err(failure) if failure.problem().is_some_and(|problem| problem.status == 401) => {
                sessions.keep(&self.url, None)?;
                Err(Failure::NotSignedIn(format!(
                    "the session is over: run `latchkey login`\n{failure}"
                )))
            }
            Err(failure) => Err(failure),
        }
    }

    /// Sends a request, and retries it as [`Retries`] says.
    async fn send(&self, call: &Call, access_token: Option<&str>) -> Result<Value, Failure> {
        let mut retries = Retries::new(call.is_idempotent, self.first_wait);
        loop {
            let (wait, failure) = match self.send_once(call, access_token).await {
                Ok(response) if response.status.is_success() => return self.parse(&response.body),
                Ok(response) => {
                    let refused = Outcome::Refused(response.status, &response.headers);
                    (retries.next(&refused), response.refusal())
                }
                Err(failure) => (retries.next(&Outcome::Lost), failure),
            };
            let Some(wait) = wait else { return Err(failure) };
            let what = match failure.problem() {
                Some(problem) => problem.code.clone(),
                None => failure.to_string(),
            };
            self.note(&format!("{what}: trying again in {} s", wait.as_secs()));
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(
        &self,
        call: &Call,
        access_token: Option<&str>,
    ) -> Result<Response, Failure> {
        let mut request =
            self.client.request(call.method.clone(), format!("{}{}", self.url, call.path));
        request = request.query(&call.query);
        request = match &call.body {
            Some(Body::Json(body)) => request.json(body),
            Some(Body::Form(fields)) => request.form(fields),
            None => request,
        };
        if let Some(token) = access_token {
            request = request.bearer_auth(token);
        }

        let response = request.send().await.map_err(|error| self.unreachable(error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.text().await.map_err(|error| self.unreachable(error))?;
        Ok(Response { status, headers, body })
    }

    fn parse(&self, body: &str) -> Result<Value, Failure> {
        if body.is_empty() {
            return Ok(Value::Null);
        }
        let foreign = |_| {
            Failure::Unavailable(format!(
                "the response from {} is not from Latchkey: check the URL",
                self.url
            ))
        };
        serde_json::from_str(body).map_err(foreign)
    }

    fn unreachable(&self, error: reqwest::Error) -> Failure {
        Failure::Unavailable(format!("cannot reach {}: {}", self.url, chain(&error.without_url())))
    }

    /// Reads a list, page by page, to its end. `each` gets the items of a page and returns whether
    /// to read the next one.
    pub(crate) async fn pages(
        &mut self,
        (path, what): (&str, &str),
        query: &[(&'static str, Option<String>)],
        mut each: impl FnMut(Vec<Value>) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let mut cursor: Option<String> = None;
        let result = loop {
            let mut call = Call::get(path).query("cursor", cursor.as_deref());
            for (name, value) in query {
                call = call.query(name, value.as_deref());
            }
            let mut page = match self.ask(&call).await {
                Ok(page) => page,
                Err(failure) => break Err(failure),
            };
            let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
                break Err(Failure::Unavailable(format!(
                    "the response from {} is not a list: check the URL",
                    self.url
                )));
            };

            self.bar.inc(items.len() as u64);
            match self.bar.suspend(|| each(items)) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(failure) => break Err(failure),
            }

            let next = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            if next.is_none() {
                break Ok(());
            }
            if next == cursor {
                break Err(Failure::Unavailable(
                    "the service returned the same page twice: try again later".to_owned(),
                ));
            }

            if cursor.is_none() {
                self.show_progress(what);
            }
            cursor = next;
        };

        self.bar.finish_and_clear();
        self.bar = ProgressBar::hidden();
        result
    }

    /// Shows how many of `total` are done, if stderr is a terminal.
    pub(crate) fn show_share(&mut self, total: u64, what: &str) {
        self.bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let template = "{bar:40} {pos} of {len} {msg} ({elapsed}, {eta} left)";
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        self.bar.set_message(what.to_owned());
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }

    /// Adds to what is done.
    pub(crate) fn advance(&self, count: u64) {
        self.bar.inc(count);
    }

    /// No longer shows how many are done.
    pub(crate) fn hide_share(&mut self) {
        self.bar.finish_and_clear();
        self.bar = ProgressBar::hidden();
    }

    /// Shows the progress of a list with more than one page, if stderr is a terminal.
    fn show_progress(&mut self, what: &str) {
        let read = self.bar.position();
        // Without a terminal at stderr, nothing is drawn.
        self.bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} {msg} ({elapsed})") {
            self.bar.set_style(style);
        }
        self.bar.set_message(what.to_owned());
        self.bar.set_position(read);
        self.bar.enable_steady_tick(Duration::from_millis(100));
    }
}

pub(crate) fn session_of(answer: &Value) -> Result<Session, Failure> {
    serde_json::from_value(answer.clone())
        .map_err(|_| Failure::Unavailable("the response has no tokens: check the URL".to_owned()))
}

/// Whether the service asks for a fresh sign-in (RFC 9470). Refreshing does not help then.
fn needs_step_up(failure: &Failure) -> bool {
    failure.problem().is_some_and(|problem| problem.code == "insufficient_user_authentication")
}

fn is_token_refused(failure: &Failure) -> bool {
    !needs_step_up(failure) && failure.problem().is_some_and(|problem| problem.status == 401)
}

impl Response {
    fn refusal(&self) -> Failure {
        let request_id = self.headers.get("x-request-id").and_then(|id| id.to_str().ok());
        let problem =
            Problem::parse(self.status.as_u16(), request_id.map(str::to_owned), &self.body);
        Failure::Refused(Box::new(problem))
    }
}

/// The innermost cause of an error: the outermost one says only "error sending request".
pub(crate) fn chain(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut told = error.to_string();
    while let Some(error) = cause {
        told = error.to_string();
        cause = error.source();
    }
    if error.is_timeout() { "no response in time".to_owned() } else { told }
}
