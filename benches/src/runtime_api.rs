//! The Lambda Runtime API for one process, as much of it as runtimes use.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    future::ready,
    io,
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt as _,
};
use futures_util::stream;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
    task::JoinHandle,
};

use crate::{failure::Failure, process::CpuClock};

/// How long a Lambda may take to start, and for an event.
const PATIENCE: Duration = Duration::from_secs(30);

/// When a runtime did something: the time, and its CPU time so far.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) at: Instant,
    pub(crate) cpu: Duration,
}

/// The state of the API's handlers.
struct Shared {
    cpu: OnceLock<CpuClock>,
    polls: mpsc::UnboundedSender<Mark>,
    events: Mutex<mpsc::UnboundedReceiver<(String, String)>>,
    answers: mpsc::UnboundedSender<(Mark, Result<Bytes, String>)>,
}

impl Shared {
    /// The mark of now.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures the machine's own time")]
    async fn mark(&self) -> Mark {
        let at = Instant::now();
        loop {
            // The process may poll before `measure` was called with its clock.
            match self.cpu.get() {
                Some(clock) => return Mark { cpu: clock.now(), at },
                None => tokio::task::yield_now().await,
            }
        }
    }
}

/// The API, and what arrived at it.
pub(crate) struct RuntimeApi {
    /// The `AWS_LAMBDA_RUNTIME_API` of the process.
    pub(crate) address: String,
    shared: Arc<Shared>,
    polls: mpsc::UnboundedReceiver<Mark>,
    events: mpsc::UnboundedSender<(String, String)>,
    answers: mpsc::UnboundedReceiver<(Mark, Result<Bytes, String>)>,
    served: u64,
    task: JoinHandle<()>,
}

impl RuntimeApi {
    /// Starts the API on a free port.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let (poll_sender, polls) = mpsc::unbounded_channel();
        let (event_sender, events) = mpsc::unbounded_channel();
        let (answer_sender, answers) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            cpu: OnceLock::new(),
            polls: poll_sender,
            events: Mutex::new(events),
            answers: answer_sender,
        });

        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error))
            .with_state(shared.clone());

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));

        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { address, shared, polls, events: event_sender, answers, served: 0, task })
    }

    /// Sets the clock of the process. No request is answered before.
    pub(crate) fn measure(&self, cpu: CpuClock) {
        // A second clock is ignored: the process was started once.
        let _ = self.shared.cpu.set(cpu);
    }

    /// Waits until the runtime asks for an event.
    pub(crate) async fn polled(&mut self) -> Result<Mark, Failure> {
        let poll = tokio::select! {
            poll = tokio::time::timeout(PATIENCE, self.polls.recv()) => poll?,
            Some((_, Err(error))) = self.answers.recv() => return Err(error.into()),
        };

        poll.ok_or_else(|| "the runtime API ended".into())
    }

    /// The id that the next event should carry.
    pub(crate) fn next_request_id(&mut self) -> String {
        self.served += 1;
        format!("00000000-0000-4000-8000-{:012}", self.served)
    }

    /// Hands an event to the runtime, and waits for what it returns.
    pub(crate) async fn answer(
        &mut self,
        request_id: String,
        event: String,
    ) -> Result<(Mark, Bytes), Failure> {
        self.events.send((request_id, event))?;
        let answer = tokio::time::timeout(PATIENCE, self.answers.recv()).await?;
        let (mark, answer) = answer.ok_or("the runtime API ended")?;
        Ok((mark, answer?))
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "AWS has its own clock")]
async fn next(State(shared): State<Arc<Shared>>) -> Response {
    let _ = shared.polls.send(shared.mark().await);
    let (request_id, event) = match shared.events.lock().await.recv().await {
        Some((request_id, event)) => (request_id, Body::from(event)),
        // A runtime ends, and returns from `main`, if the connection breaks off within an event.
        None => {
            let broken = Err::<Bytes, _>(io::Error::other("there are no more events"));
            (String::new(), Body::from_stream(stream::once(ready(broken))))
        }
    };

    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let headers = [
        ("lambda-runtime-aws-request-id", request_id),
        ("lambda-runtime-deadline-ms", (now + PATIENCE).as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:bench".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-65a1b2c3-0123456789abcdef01234567;Sampled=0".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ];

    (headers, event).into_response()
}

async fn response(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let _ = shared.answers.send((shared.mark().await, Ok(body)));
    StatusCode::ACCEPTED
}

async fn error(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    let problem = String::from_utf8_lossy(&body).into_owned();
    let _ = shared.answers.send((shared.mark().await, Err(problem)));
    StatusCode::ACCEPTED
}
