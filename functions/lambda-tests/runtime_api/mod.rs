//! The Lambda Runtime API, and a binary that runs against it as on Lambda.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    collections::HashMap,
    fs::File,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderName, StatusCode},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// How long to wait for a start or an invocation: longer than any takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The outcome of an invocation: the payload that the Lambda returned, or its report of an error.
pub(crate) type Outcome = Result<Value, Value>;

/// A Lambda in its own process. It ends when this is dropped.
pub(crate) struct Lambda {
    child: Child,
    api: JoinHandle<()>,
    events: mpsc::UnboundedSender<Invocation>,
    output: NamedTempFile,
}

struct Invocation {
    event: Value,
    answer: oneshot::Sender<Outcome>,
}

#[derive(Clone)]
struct Api {
    events: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>>,
    running: Arc<Mutex<HashMap<String, oneshot::Sender<Outcome>>>>,
}

impl Lambda {
    /// Starts a binary. Its environment holds these variables and those that Lambda adds, and no
    /// others.
    pub(crate) async fn start(binary: &str, environment: &[(String, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (events, received) = mpsc::unbounded_channel();
        let api =
            Api { events: Arc::new(tokio::sync::Mutex::new(received)), running: Arc::default() };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            // The largest response that Lambda accepts.
            .layer(DefaultBodyLimit::max(6 * 1024 * 1024))
            .with_state(api);
        let api = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let output = NamedTempFile::new().unwrap();
        let writer = || Stdio::from(File::options().append(true).open(output.path()).unwrap());

        let child = Command::new(binary)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .stdin(Stdio::null())
            .stdout(writer())
            .stderr(writer())
            .spawn()
            .unwrap();

        Self { child, api, events, output }
    }

    /// Sends an event and waits for the outcome.
    pub(crate) async fn invoke(&self, event: Value) -> Outcome {
        let (answer, answered) = oneshot::channel();
        self.events.send(Invocation { event, answer }).unwrap();
        match timeout(PATIENCE, answered).await {
            Ok(Ok(outcome)) => outcome,
            other => panic!("no answer ({other:?}); the log says:\n{}", self.output()),
        }
    }

    /// Waits until the process exits on its own.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let end = async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, end).await.unwrap()
    }

    /// Its standard output and error so far.
    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(self.output.path()).unwrap()
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.api.abort();
    }
}

async fn next(State(api): State<Api>) -> impl IntoResponse {
    let Some(Invocation { event, answer }) = api.events.lock().await.recv().await else {
        std::future::pending().await
    };
    let id = uuid::Uuid::new_v4().to_string();
    api.running.lock().unwrap().insert(id.clone(), answer);

    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", "4102444800000".to_owned()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:000000000000:function:function".to_owned(),
        ),
    ];

    (headers.map(|(name, value)| (HeaderName::from_static(name), value)), event.to_string())
}

async fn response(State(api): State<Api>, Path(id): Path<String>, body: String) -> StatusCode {
    api.answer(&id, Ok(serde_json::from_str(&body).unwrap_or_default()))
}

async fn error(State(api): State<Api>, Path(id): Path<String>, body: String) -> StatusCode {
    api.answer(&id, Err(serde_json::from_str(&body).unwrap_or_default()))
}

impl Api {
    fn answer(&self, id: &str, outcome: Outcome) -> StatusCode {
        match self.running.lock().unwrap().remove(id) {
            Some(answer) => {
                // A test that no longer waits has failed already.
                let _ = answer.send(outcome);
                StatusCode::ACCEPTED
            }
            None => StatusCode::NOT_FOUND,
        }
    }
}
