//! The client of the HTTP API: requests, retries, token refresh, and paged lists.

use std::{
    error::Error as _,
    io::{self, Write as _},
    net::IpAddr,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Client, Method, StatusCode, Url,
    header::{HeaderMap, RETRY_AFTER},
    redirect::Policy,
};
use serde_json::{Value, json};

use crate::{
    failure::{Failure, Problem},
    sessions::{Session, Sessions},
    sign_in,
};

/// How often a request is retried if the service asks to wait.
const RETRIES: usize = 2;
/// The longest wait before a retry. If the service asks for a longer one, the request fails.
const LONGEST_WAIT: Duration = Duration::from_secs(120);
const TIMEOUT: Duration = Duration::from_secs(30);

/// A service, and the session of the person who is signed in to it.
pub(crate) struct Api {
    client: Client,
    url: String,
    sessions: Sessions,
    bar: ProgressBar,
}

/// A request.
pub(crate) struct Call {
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    body: Option<Body>,
}

/// The body of a request.
enum Body {
    Json(Value),
    Form(Vec<(&'static str, String)>),
}

impl Call {
    /// A request without a body.
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), query: Vec::new(), body: None }
    }

    /// A request with a JSON body.
    pub(crate) fn with_body(method: Method, path: impl Into<String>, body: Value) -> Self {
        Self { method, path: path.into(), query: Vec::new(), body: Some(Body::Json(body)) }
    }

    /// A request with a form.
    pub(crate) fn form(path: impl Into<String>, fields: Vec<(&'static str, String)>) -> Self {
        let body = Some(Body::Form(fields));
        Self { method: Method::POST, path: path.into(), query: Vec::new(), body }
    }

    /// Adds a query parameter, if there is a value.
    pub(crate) fn query(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_owned())));
        self
    }
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
        Ok(Self { client: client()?, url, sessions, bar: ProgressBar::hidden() })
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
        match self.send(&Call::with_body(Method::POST, "/v1/auth/refresh", body), None).await {
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

    /// Sends a request, and retries it if the service says when.
    async fn send(&self, call: &Call, access_token: Option<&str>) -> Result<Value, Failure> {
        let mut retries = 0;
        loop {
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
            if status.is_success() {
                return self.parse(&body);
            }

            match wait(status, &headers) {
                Some(wait) if retries < RETRIES && wait <= LONGEST_WAIT => {
                    let problem = Problem::parse(status.as_u16(), None, &body);
                    self.note(&format!("{}: trying again in {} s", problem.code, wait.as_secs()));
                    tokio::time::sleep(wait).await;
                    retries += 1;
                }
                _ => {
                    let request_id = text_header(&headers, "x-request-id").map(str::to_owned);
                    return Err(Failure::Refused(Box::new(Problem::parse(
                        status.as_u16(),
                        request_id,
                        &body,
                    ))));
                }
            }
        }
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

/// How long to wait before a retry, if the service asks to.
fn wait(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let asked = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
    let seconds = text_header(headers, RETRY_AFTER.as_str())?.parse().ok()?;
    asked.then_some(Duration::from_secs(seconds))
}

fn text_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
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

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        net::TcpListener,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use super::*;

    /// How many requests arrive before the command gives up, if the server always returns `answer`.
    async fn requests(answer: &'static str) -> (usize, Failure) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                // A request this small arrives in one piece.
                let _ = stream.read(&mut [0; 4096]).unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                write!(
                    stream,
                    "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
                .unwrap();
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let api = Api::new(url, Sessions::in_folder(folder.path().to_owned())).unwrap();
        let failure = api.ask_as_nobody(&Call::get("/v1/me")).await.unwrap_err();
        (count.load(Ordering::SeqCst), failure)
    }

    #[tokio::test]
    async fn a_request_is_retried_twice_and_only_if_the_service_says_when() {
        let (requests_503, failure) = requests("503 Service Unavailable\r\nretry-after: 0").await;
        assert_eq!((requests_503, failure.exit_code()), (3, std::process::ExitCode::from(8)));
        let (requests_429, failure) = requests("429 Too Many Requests\r\nretry-after: 1").await;
        assert_eq!((requests_429, failure.exit_code()), (3, std::process::ExitCode::from(7)));
        for once in [
            "503 Service Unavailable",
            "429 Too Many Requests\r\nretry-after: 3600",
            "400 Bad Request\r\nretry-after: 0",
            "307 Temporary Redirect\r\nlocation: /v1/me",
        ] {
            assert_eq!(requests(once).await.0, 1, "{once}");
        }
    }

    #[tokio::test]
    async fn a_response_that_is_not_from_latchkey_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let api = Api::new(
            "http://127.0.0.1:1".to_owned(),
            Sessions::in_folder(folder.path().to_owned()),
        )
        .unwrap();
        assert!(matches!(api.parse("<html>"), Err(Failure::Unavailable(_))));
        assert!(
            api.sign_in(&json!({"user": {}}))
                .is_err_and(|failure| matches!(failure, Failure::Unavailable(_)))
        );
        assert!(api.sessions.at(&api.url).unwrap().is_none());
    }

    #[test]
    fn tokens_leave_this_machine_only_over_tls() {
        for good in [
            "https://id.example.com/",
            "http://localhost:4400",
            "http://127.0.0.1:3000/",
            "http://[::1]:1",
        ] {
            assert_eq!(parse_url(good), Ok(good.trim_end_matches('/').to_owned()));
        }
        assert_eq!(
            parse_url("https://x.example.com/prod/").as_deref(),
            Ok("https://x.example.com/prod")
        );
        for bad in [
            "http://id.example.com",
            "id.example.com",
            "ftp://127.0.0.1",
            "https://u:p@x.example",
            "https://x?y",
        ] {
            assert!(parse_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_segment_of_a_path_stays_one_segment() {
        assert_eq!(segment("+1415/.."), "%2B1415%2F%2E%2E");
    }
}
