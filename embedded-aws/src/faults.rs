//! Faults between the SDK and the embedded services, for tests: a proxy that refuses, delays, holds or loses the
//! calls that its rules name, and passes on all others.

use std::{
    collections::HashMap,
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
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

use crate::{EmbeddedAws, StartError, front_door};

/// A call that the SDK made.
#[derive(Clone, Debug)]
pub struct Call {
    /// The service, as its endpoint variable names it: `DYNAMODB`, `SNS`…
    pub service: &'static str,
    /// The operation, as AWS names it: `PutItem`, `Publish`; the method and the path, for services that have no more.
    pub operation: String,
    /// The body.
    pub body: String,
}

impl Call {
    /// Whether it is this operation of this service.
    pub fn is(&self, service: &str, operation: &str) -> bool {
        self.service == service && self.operation == operation
    }

    /// Whether its body has this text: a key, a phone.
    pub fn mentions(&self, text: &str) -> bool {
        self.body.contains(text)
    }

    /// Whether it is told to change anything.
    pub fn writes(&self) -> bool {
        const READS: [&str; 8] =
            ["Get", "BatchGet", "Query", "Scan", "Describe", "List", "GET ", "HEAD "];
        !READS.iter().any(|read| self.operation.starts_with(read))
    }
}

/// A refusal as a service words it. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// DynamoDB: the table, or a partition, is asked too much.
    ProvisionedThroughputExceeded,
    /// Any service: the account is asked too much.
    Throttling,
    /// Any service: a fault of its own, status 500.
    InternalServerError,
    /// DynamoDB: a transaction was cancelled, with this reason for its first item.
    TransactionCanceled(&'static str),
    /// DynamoDB: a write met a transaction.
    TransactionConflict,
    /// DynamoDB: the transaction of the same token is still at work.
    TransactionInProgress,
    /// Any service: not this caller. No retry helps.
    AccessDenied,
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is refused; the service does not see it.
    Refuse(Refusal),
    /// The connection ends before the service sees it.
    Reset,
    /// It is done, and the connection ends before the reply.
    LoseReply,
    /// It is done, and the reply never comes.
    HoldReply,
    /// It reaches the service so much later.
    Delay(Duration),
    /// It waits until as many are there as the barrier wants.
    Gather(Arc<Barrier>),
}

type Matches = Arc<dyn Fn(&Call) -> bool + Send + Sync>;

struct Rule {
    matches: Matches,
    /// How many calls that match come before the first that is struck.
    skip: usize,
    /// How many are struck.
    times: usize,
    seen: usize,
    fault: Fault,
}

impl Rule {
    /// Counts a call; answers the fault that strikes it.
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
    /// A proxy to the services of `aws`, without any fault.
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

    /// The environment variables that lead the functions here.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Lets `fault` strike the calls that match: `times` of them, after the first `skip`. Of several rules the
    /// oldest that strikes decides.
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

    /// The calls since the start, struck ones too.
    pub fn calls(&self) -> Vec<Call> {
        self.change(|plan| plan.calls.clone())
    }

    /// How many faults have struck.
    pub fn struck(&self) -> usize {
        *self.proxy.struck.borrow()
    }

    /// Waits until a fault has struck; for a lost or held reply: until the service has done what it was asked.
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
                // A task of its own: what a client that goes away has asked for is done all the same.
                let answer =
                    tokio::spawn(async move { proxy.answer(request.map(Body::new)).await });
                async { answer.await.unwrap_or(Err(Ended)) }
            });
            // Connections end by faults.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(socket), answer)
                .await;
        });
    }
}

impl Proxy {
    async fn answer(&self, request: Request) -> Result<Response, Ended> {
        let Some(service) = front_door::service(&request) else {
            return Ok((
                StatusCode::BAD_REQUEST,
                "the request is not signed for a service that is here",
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
        // Whole: a reply that is lost is one that was given.
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(Body::new(body), usize::MAX).await.map_err(|_| Ended)?;
        Ok(Response::from_parts(head, Body::from(body)))
    }

    fn count(&self) {
        self.struck.send_modify(|struck| *struck += 1);
    }
}

/// The operation as AWS names it; the method and the path or the first parameter, where a request does not say.
fn operation(head: &Parts, body: &Bytes) -> String {
    let query = head.uri.query().unwrap_or_default();
    let id =
        query.split('&').find_map(|parameter| parameter.strip_prefix("x-id=")).map(str::to_owned);
    id.or_else(|| named_operation(&head.headers, body)).unwrap_or_else(|| {
        match query.split(['&', '=']).next() {
            // A path of S3 is a key.
            Some(parameter) if !parameter.is_empty() => format!("{} ?{parameter}", head.method),
            _ => format!("{} {}", head.method, head.uri.path()),
        }
    })
}

/// The operation as the JSON and Query protocols name it.
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

/// A reason for each item of a transaction: this one for the first.
fn reasons(reason: &str, transaction: &str) -> Value {
    let transaction: Value = serde_json::from_str(transaction).unwrap_or_default();
    let items = transaction.get("TransactItems").and_then(Value::as_array).map_or(1, Vec::len);
    let first = json!({"Code": reason, "Message": "Transaction is ongoing for the item"});
    std::iter::once(first).chain((1..items).map(|_| json!({"Code": "None"}))).collect()
}

fn xml(status: StatusCode, body: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml")], body.to_owned()).into_response()
}
