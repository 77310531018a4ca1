//! Faults between the SDK and the embedded services, for tests: a proxy that refuses, delays, holds
//! or loses the calls that its rules match, and passes on all others.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use hyper::service::service_fn;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::{Barrier, watch},
    task::JoinHandle,
};

use crate::{EmbeddedAws, StartError, chain::longest_chain, front_door};

/// A call that the SDK made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service, as its endpoint variable names it: `DYNAMODB`, `SNS`…
    pub service: &'static str,
    /// The operation, as AWS names it: `PutItem`, `Publish`. For services whose requests name none,
    /// the method and the path.
    pub operation: String,
    /// The body.
    pub body: String,
}

impl Call {
    /// Whether it is this operation of this service.
    pub fn is(&self, service: &str, operation: &str) -> bool {
        self.service == service && self.operation == operation
    }

    /// Whether its body contains this text, such as a key or a phone.
    pub fn mentions(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// Whether the operation changes anything.
    pub fn writes(&self) -> bool {
        const READS: [&str; 8] =
            ["Get", "BatchGet", "Query", "Scan", "Describe", "List", "GET ", "HEAD "];
        !READS.iter().any(|read| self.operation.starts_with(read))
    }
}

/// A refusal, as the service words it. The service does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// DynamoDB: the table or a partition receives too many requests.
    ProvisionedThroughputExceeded,
    /// Any service: the account sends too many requests.
    Throttling,
    /// Any service: an internal error, status 500.
    InternalServerError,
    /// DynamoDB: a transaction was cancelled, with this reason for its first item.
    TransactionCanceled(&'static str),
    /// DynamoDB: a write conflicts with a transaction.
    TransactionConflict,
    /// DynamoDB: a transaction with the same token is still in progress.
    TransactionInProgress,
    /// Any service: the caller lacks the right. A retry does not help.
    AccessDenied,
}

/// The fault that a call meets.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The call is refused, and the service does not see it.
    Refuse(Refusal),
    /// The connection ends before the service sees it.
    Reset,
    /// The service does its work, but the connection ends before the reply.
    LoseReply,
    /// The service does its work, but the reply never comes.
    HoldReply,
    /// The call reaches the service after this delay.
    Delay(Duration),
    /// The call waits at the barrier until enough calls have arrived.
    Gather(Arc<Barrier>),
}

type Matches = Arc<dyn Fn(&Call) -> bool + Send + Sync>;

struct Rule {
    matches: Matches,
    /// How many matching calls are spared before the first one that is struck.
    skip: usize,
    /// How many matching calls are struck.
    times: usize,
    seen: usize,
    fault: Fault,
}

impl Rule {
    /// Counts a call. Returns the fault that strikes it, if one does.
    fn strike(&mut self, call: &Call) -> Option<Fault> {
        if !(self.matches)(call) {
            return None;
        }
        let place = self.seen;
        self.seen += 1;
        let is_struck = place >= self.skip && place - self.skip < self.times;
        is_struck.then(|| self.fault.clone())
    }
}

#[derive(Default)]
struct Plan {
    rules: Vec<Rule>,
    calls: Vec<Call>,
    /// When each call that was answered began and ended.
    spans: Vec<(Instant, Instant)>,
}

/// The proxy. It ends when this is dropped.
pub struct Faults {
    proxy: Arc<Proxy>,
    environment: Vec<(String, String)>,
    task: JoinHandle<()>,
}

struct Proxy {
    client: Client<HttpConnector, Body>,
    endpoints: HashMap<&'static str, String>,
    plan: Mutex<Plan>,
    /// How many faults have taken effect.
    struck: watch::Sender<usize>,
}

impl Faults {
    /// Starts a proxy to the services of `aws`, without any faults.
    ///
    /// # Errors
    /// A sentence that says why it could not be started.
    pub async fn start(aws: &EmbeddedAws) -> Result<Self, StartError> {
        let listener =
            TcpListener::bind("127.0.0.1:0").await.map_err(|error| format!("faults: {error}"))?;
        let address = listener.local_addr().map_err(|error| format!("faults: {error}"))?;
        let variable =
            |name: &&str| (format!("AWS_ENDPOINT_URL_{name}"), format!("http://{address}"));
        let proxy = Arc::new(Proxy {
            client: Client::builder(TokioExecutor::new()).build_http(),
            endpoints: aws.endpoints.iter().cloned().collect(),
            plan: Mutex::default(),
            struck: watch::Sender::new(0),
        });

        let environment = proxy.endpoints.keys().map(variable).collect();
        let task = tokio::spawn(serve(listener, proxy.clone()));
        Ok(Self { proxy, environment, task })
    }

    /// The environment variables with which the functions reach the proxy.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Lets `fault` strike matching calls: `times` of them, after the first `skip`. If several
    /// rules strike a call, the oldest one decides.
    pub fn inject(
        &self,
        matches: impl Fn(&Call) -> bool + Send + Sync + 'static,
        (skip, times): (usize, usize),
        fault: Fault,
    ) {
        self.change(|plan| {
            plan.rules.push(Rule { matches: Arc::new(matches), skip, times, seen: 0, fault })
        });
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.change(|plan| plan.rules.clear());
    }

    /// The calls since the start, including those that were struck.
    pub fn calls(&self) -> Vec<Call> {
        self.change(|plan| plan.calls.clone())
    }

    /// The length of the longest chain of calls since the last time, of which each waited for the
    /// one before. Let calls take some time ([`Fault::Delay`]), so that those made together overlap.
    pub fn take_longest_chain(&self) -> usize {
        longest_chain(self.change(|plan| std::mem::take(&mut plan.spans)))
    }

    /// How many faults have struck.
    pub fn struck(&self) -> usize {
        *self.proxy.struck.borrow()
    }

    /// Waits until a fault has struck. A lost or held reply has struck once the service has done
    /// its work.
    pub async fn strike(&self) {
        // The sender lives as long as `self`.
        let _ = self.proxy.struck.subscribe().wait_for(|struck| *struck > 0).await;
    }

    fn change<T: Default>(&self, change: impl FnOnce(&mut Plan) -> T) -> T {
        self.proxy.plan.lock().map(|mut plan| change(&mut plan)).unwrap_or_default()
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The connection ends without a reply.
#[derive(Debug)]
struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault ends the connection")
    }
}

impl std::error::Error for Ended {}

async fn serve(listener: TcpListener, proxy: Arc<Proxy>) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { return };
        let proxy = proxy.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
                let proxy = proxy.clone();
                // In a separate task, so that the call is completed even if the client
                // disconnects.
                let answer =
                    tokio::spawn(async move { proxy.answer(request.map(Body::new)).await });
                async { answer.await.unwrap_or(Err(Ended)) }
            });
            // Faults end connections, so an error is expected here.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(socket), answer)
                .await;
        });
    }
}

impl Proxy {
    #[expect(clippy::disallowed_methods, reason = "tells which calls overlap")]
    async fn answer(&self, request: Request) -> Result<Response, Ended> {
        let began_at = Instant::now();
        let answer = self.answer_now(request).await;
        if let Ok(mut plan) = self.plan.lock() {
            plan.spans.push((began_at, Instant::now()));
        }
        answer
    }

    async fn answer_now(&self, request: Request) -> Result<Response, Ended> {
        let Some(service) = front_door::service(&request) else {
            return Ok((
                StatusCode::BAD_REQUEST,
                "the request is not signed for an embedded service",
            )
                .into_response());
        };

        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.map_err(|_| Ended)?;
        let operation = operation(&head, &body);
        let call = Call { service, operation, body: String::from_utf8_lossy(&body).into_owned() };
        let fault = self.plan.lock().ok().and_then(|mut plan| {
            plan.calls.push(call.clone());
            plan.rules.iter_mut().find_map(|rule| rule.strike(&call))
        });
        let forwarded = self.forward(service, Request::from_parts(head, Body::from(body)));

        match fault {
            None => forwarded.await,
            Some(Fault::Refuse(refusal)) => {
                self.count();
                Ok(refusal.response(&call))
            }
            Some(Fault::Reset) => {
                self.count();
                Err(Ended)
            }
            Some(Fault::LoseReply) => {
                let done = forwarded.await;
                self.count();
                done.and(Err(Ended))
            }
            Some(Fault::HoldReply) => {
                let done = forwarded.await;
                self.count();
                done.map(|_: Response| ())?;
                let never: Infallible = std::future::pending().await;
                match never {}
            }
            Some(Fault::Delay(time)) => {
                self.count();
                tokio::time::sleep(time).await;
                forwarded.await
            }
            Some(Fault::Gather(barrier)) => {
                barrier.wait().await;
                self.count();
                forwarded.await
            }
        }
    }

    async fn forward(&self, service: &str, mut request: Request) -> Result<Response, Ended> {
        let endpoint = self.endpoints.get(service).ok_or(Ended)?;
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("{endpoint}{path}").parse::<Uri>().map_err(|_| Ended)?;
        let response = self.client.request(request).await.map_err(|_| Ended)?;
        // Read the whole reply: a lost reply has to be one that the service sent.
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(Body::new(body), usize::MAX).await.map_err(|_| Ended)?;
        Ok(Response::from_parts(head, Body::from(body)))
    }

    fn count(&self) {
        self.struck.send_modify(|struck| *struck += 1);
    }
}

/// The operation, as AWS names it. If a request does not name it: the method, and the path or the
/// first parameter.
fn operation(head: &Parts, body: &Bytes) -> String {
    let query = head.uri.query().unwrap_or_default();
    let id =
        query.split('&').find_map(|parameter| parameter.strip_prefix("x-id=")).map(str::to_owned);

    id.or_else(|| named_operation(&head.headers, body)).unwrap_or_else(|| {
        match query.split(['&', '=']).next() {
            // In S3, the path is the key of an object.
            Some(parameter) if !parameter.is_empty() => format!("{} ?{parameter}", head.method),
            _ => format!("{} {}", head.method, head.uri.path()),
        }
    })
}

/// The operation, as the JSON and Query protocols name it.
fn named_operation(headers: &HeaderMap, body: &Bytes) -> Option<String> {
    if let Some(target) = headers.get("x-amz-target") {
        return target.to_str().ok()?.rsplit('.').next().map(str::to_owned);
    }

    let is_form = headers
        .get(header::CONTENT_TYPE)?
        .to_str()
        .ok()?
        .starts_with("application/x-www-form-urlencoded");
    let form = std::str::from_utf8(body).ok().filter(|_| is_form)?;

    form.split('&').find_map(|field| field.strip_prefix("Action=")).map(str::to_owned)
}

impl Refusal {
    fn error(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::ProvisionedThroughputExceeded => (
                StatusCode::BAD_REQUEST,
                "ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded. Consider increasing your provisioning level with the UpdateTable API.",
            ),
            Self::Throttling => (StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded"),
            Self::InternalServerError => {
                (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "Internal server error")
            }
            Self::TransactionCanceled(_) => (
                StatusCode::BAD_REQUEST,
                "TransactionCanceledException",
                "Transaction cancelled, please refer cancellation reasons for specific reasons",
            ),
            Self::TransactionConflict => (
                StatusCode::BAD_REQUEST,
                "TransactionConflictException",
                "Transaction is ongoing for the item",
            ),
            Self::TransactionInProgress => (
                StatusCode::BAD_REQUEST,
                "TransactionInProgressException",
                "The transaction with the given request token is already in progress.",
            ),
            Self::AccessDenied => {
                (StatusCode::BAD_REQUEST, "AccessDeniedException", "not authorized")
            }
        }
    }

    fn response(self, call: &Call) -> Response {
        let (status, code, message) = self.error();
        match call.service {
            "SNS" => xml(
                status,
                &format!(
                    r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>local</RequestId></ErrorResponse>"#
                ),
            ),
            "S3" => xml(
                status,
                &format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
            ),
            "SESV2" => {
                (status, [("x-amzn-errortype", code)], axum::Json(json!({"message": message})))
                    .into_response()
            }
            "DYNAMODB" => {
                let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
                let body = match self {
                    Self::TransactionCanceled(reason) => json!({
                        "__type": kind, "message": message, "CancellationReasons": reasons(reason, &call.body),
                    }),
                    _ => json!({"__type": kind, "message": message}),
                };

                (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], body.to_string())
                    .into_response()
            }
            _ => (status, axum::Json(json!({"__type": code, "message": message}))).into_response(),
        }
    }
}

/// A reason for each item of a transaction: `reason` for the first one, `None` for the others.
fn reasons(reason: &str, transaction: &str) -> Value {
    let transaction: Value = serde_json::from_str(transaction).unwrap_or_default();
    let items = transaction.get("TransactItems").and_then(Value::as_array).map_or(1, Vec::len);
    let first = json!({"Code": reason, "Message": "Transaction is ongoing for the item"});
    std::iter::once(first).chain((1..items).map(|_| json!({"Code": "None"}))).collect()
}

fn xml(status: StatusCode, body: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml")], body.to_owned()).into_response()
}
