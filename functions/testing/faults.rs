//! Endpoints under faults: each AWS call of a request fails once, fails for good, loses its reply,
//! or is the last one before the process is killed.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex, atomic::Ordering},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use embedded_aws::{
    AVATAR_BUCKET,
    faults::{Call, Fault, Faults, Refusal},
};
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
};

use super::{Answer, TestApp, accounts::Item, bearer, invariants::assert_invariants};
use crate::promises::template::policy_allows;

/// How long a request may take: its deadline of 8 s, and some time for a busy machine.
const DEADLINE: Duration = Duration::from_millis(8_500);
/// How many scenarios run at the same time. They spend most of their time in the SDK's backoff.
const AT_ONCE: usize = 4;
/// Strikes all calls: skips none, and has no limit.
pub(crate) const EVERY: (usize, usize) = (0, usize::MAX);

pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// Prepares a service for a case: an endpoint, or a way to call one.
pub(crate) type Prepare = fn(TestApp, &'static str) -> Boxed<Case>;

/// A request that changes something.
pub(crate) struct Case {
    request: Request<Vec<u8>>,
    /// The responses that a retry may get if the first request was interrupted after it had changed
    /// something.
    or: Vec<(u16, &'static str)>,
    /// Whether a retry may get them also if the first request failed half way and could have been
    /// undone.
    or_refused: bool,
    /// Whether a retry may get them after any first request that failed.
    or_beside: bool,
    /// Asserts that the client reaches its goal. Gets the response to the client's last try.
    goal: Box<dyn Fn(TestApp, Answer) -> Boxed<()> + Send + Sync>,
}

impl Case {
    pub(crate) fn new<F: Future<Output = ()> + Send + 'static>(
        request: Request<Vec<u8>>,
        goal: impl Fn(TestApp, Answer) -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            request,
            or: Vec::new(),
            or_refused: false,
            or_beside: false,
            goal: Box::new(move |app, answer| Box::pin(goal(app, answer))),
        }
    }

    /// Allows a response to a retry after a first request that was interrupted.
    pub(crate) fn or(mut self, status: u16, code: &'static str) -> Self {
        self.or.push((status, code));
        self
    }

    /// Allows it also after any first request that failed: a write is made beside a read, so whether it
    /// comes before a failure of the read is chance.
    pub(crate) fn or_beside(mut self, status: u16, code: &'static str) -> Self {
        self.or_beside = true;
        self.or(status, code)
    }

    /// Allows it also after a first request that failed half way.
    pub(crate) fn or_refused(mut self, status: u16, code: &'static str) -> Self {
        self.or_refused = true;
        self.or(status, code)
    }

    fn request(&self) -> Request<Body> {
        self.request.clone().map(Body::from)
    }
}

/// A request, with a JSON body and an access token if they are given.
pub(crate) fn call(
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<Value>,
) -> Request<Vec<u8>> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, bearer(token));
    }
    if body.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    request.body(body.map_or_else(Vec::new, |body| body.to_string().into_bytes())).unwrap()
}

/// The trouble that a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Every call fails at its first try, except those that send messages.
    EachOnce(Refused),
    /// Every call succeeds at its first try but its reply is lost, except those that send messages.
    EachLosesReply,
    /// This call fails once.
    Once(Refused),
    /// All calls like this one fail from now on.
    Always(Refused),
    /// All calls of every kind fail from this one on.
    Outage(Refused),
    /// This call succeeds, but its reply is lost.
    LosesReply,
    /// All calls like this one succeed, but their replies are lost.
    LosesReplies,
    /// The process is killed once this call has succeeded.
    Killed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    By(Refusal),
    Reset,
}

impl Refused {
    /// The refusal of call number `turn`. Every endpoint has enough calls to meet all kinds.
    fn nth(call: &Call, turn: usize) -> Self {
        let mut all = vec![
            Self::By(Refusal::Throttling),
            Self::By(Refusal::InternalServerError),
            Self::Reset,
        ];

        if call.service == "DYNAMODB" {
            all.push(Self::By(Refusal::ProvisionedThroughputExceeded));
            if call.operation == "TransactWriteItems" {
                all.extend([
                    Self::By(Refusal::TransactionCanceled("TransactionConflict")),
                    Self::By(Refusal::TransactionCanceled("ThrottlingError")),
                    Self::By(Refusal::TransactionInProgress),
                ]);
            } else if call.writes() {
                all.push(Self::By(Refusal::TransactionConflict));
            }
        }

        all[turn % all.len()]
    }

    fn fault(self) -> Fault {
        match self {
            Self::By(refusal) => Fault::Refuse(refusal),
            Self::Reset => Fault::Reset,
        }
    }
}

/// The state before a request, and the request's outcome without faults.
struct Stage {
    endpoint: &'static str,
    settings: &'static [(&'static str, &'static str)],
    case: Case,
    /// The items of the table before the request.
    items: Vec<Item>,
    /// The objects of the bucket before the request.
    objects: BTreeMap<String, Vec<u8>>,
    now_millis: i64,
    calls: Vec<Call>,
    status: u16,
    messages: usize,
}

impl Stage {
    /// A new deployment with the state before the request.
    async fn set(&self) -> TestApp {
        let app = TestApp::with_mail_and(self.settings).await;
        app.now_millis.store(self.now_millis, Ordering::SeqCst);
        app.put_all(self.items.clone()).await;

        for (name, object) in &self.objects {
            let file = app.aws.buckets().join(AVATAR_BUCKET).join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, object).unwrap();
        }

        app
    }
}

/// The service without (`app`) and with (`faulty`) a proxy that injects faults.
pub(crate) struct Trial {
    pub(crate) app: TestApp,
    pub(crate) faulty: TestApp,
    pub(crate) faults: Faults,
}

impl Trial {
    /// Starts fresh instances of `app` that reach AWS through a proxy.
    pub(crate) async fn of(app: TestApp) -> Self {
        let faults = Faults::start(&app.aws).await.unwrap();
        let environment: Vec<_> =
            faults.environment().iter().map(|(name, url)| (&**name, &**url)).collect();
        let faulty = app.restarted(&environment);
        Self { app, faulty, faults }
    }

    /// Sends a request, and asserts that its response arrives within the deadline.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        #[expect(clippy::disallowed_methods, reason = "the time that the client waits")]
        let began = Instant::now();
        let answer = self.faulty.send(request).await;
        assert!(began.elapsed() < DEADLINE, "it took {:?}", began.elapsed());
        answer
    }

    /// Sends a request, and kills the process once a fault has struck. Returns whether it was
    /// killed.
    pub(crate) async fn send_and_kill(&self, request: Request<Body>) -> bool {
        let faulty = self.faulty.clone();
        let mut sent = tokio::spawn(async move { faulty.send(request).await });
        let is_killed = tokio::select! {
            () = self.faults.strike() => true,
            _ = &mut sent => false,
        };

        sent.abort();

        // Wait until the aborted task no longer runs.
        let _ = sent.await;
        is_killed
    }
}

/// Tries every fault at every call of an endpoint. Returns how many of them the endpoint does not
/// withstand.
pub(crate) async fn failures(
    endpoint: &'static str,
    settings: &'static [(&str, &str)],
    prepare: Prepare,
) -> usize {
    let app = TestApp::with_mail_and(settings).await;
    let case = prepare(app.clone(), endpoint).await;
    let now_millis = app.now_millis.load(Ordering::SeqCst);
    let (items, objects) = (app.items().await, app.objects());
    let trial = Trial::of(app).await;
    let before = trial.app.aws.inbox.messages(None).len();
    let answer = trial.send(case.request()).await;

    assert!(answer.status.is_success(), "{endpoint}: {}", answer.text);
    let calls = trial.faults.calls();
    assert!(calls.iter().any(Call::writes), "{endpoint} writes nothing: {calls:?}");
    assert_permitted(endpoint.split(':').next().unwrap(), &calls);

    let status = answer.status.as_u16();
    let messages = trial.app.aws.inbox.messages(None).len() - before;
    (case.goal)(trial.app.clone(), answer).await;
    assert_invariants(&trial.app).await;

    let stage = Arc::new(Stage {
        endpoint,
        settings,
        case,
        items,
        objects,
        now_millis,
        calls,
        status,
        messages,
    });
    let (mut runs, turns) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for (place, trouble) in troubles(&stage.calls) {
        let (stage, turns) = (stage.clone(), turns.clone());
        runs.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            let withstood = run(stage, place, trouble).await.is_ok();
            (!withstood).then_some((place, trouble))
        });
    }

    // Run all of them, so that one failure does not hide another.
    let mut failed = 0;
    for (place, trouble) in runs.join_all().await.into_iter().flatten() {
        // On a busy machine a call may be too slow for the SDK, which is another fault. Retry
        // alone.
        failed += usize::from(run(stage.clone(), place, trouble).await.is_err());
    }

    failed
}

/// Asserts that the deployed function's policy allows what it does to the table. Each part of a
/// transaction is checked separately.
fn assert_permitted(lambda: &str, calls: &[Call]) {
    let calls = calls.iter().filter(|call| call.service == "DYNAMODB");
    let done: BTreeSet<_> = calls.flat_map(|call| on_items(&call.operation, &call.body)).collect();
    let refused = done.iter().filter(|(operation, key)| !policy_allows(lambda, operation, key));
    assert_eq!(
        refused.collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "template.yaml does not allow {lambda} to do this"
    );
}

/// The actions of a call, as IAM names them, each with its partition key. Indexes have separate
/// rights.
fn on_items(operation: &str, body: &str) -> Vec<(String, String)> {
    let body: Value = serde_json::from_str(body).unwrap();
    let key = |item: &Value| {
        item["pk"]["S"].as_str().unwrap_or_else(|| panic!("no key: {item}")).to_owned()
    };
    let parts = |name: &str| body[name].as_array().into_iter().flatten();

    match operation {
        "PutItem" => vec![(operation.to_owned(), key(&body["Item"]))],
        "GetItem" | "UpdateItem" | "DeleteItem" => vec![(operation.to_owned(), key(&body["Key"]))],
        "Query" if body.get("IndexName").is_some() => Vec::new(),
        "Query" => {
            vec![(
                operation.to_owned(),
                body["ExpressionAttributeValues"][":pk"]["S"].as_str().unwrap().to_owned(),
            )]
        }
        "BatchGetItem" => {
            let keys = body["RequestItems"].as_object().unwrap().values();
            keys.flat_map(|table| table["Keys"].as_array().unwrap())
                .map(|it| (operation.to_owned(), key(it)))
                .collect()
        }
        "BatchWriteItem" => {
            let writes = body["RequestItems"]
                .as_object()
                .unwrap()
                .values()
                .flat_map(|table| table.as_array().unwrap());
            let keys = writes.map(|write| {
                key(write.pointer("/PutRequest/Item").unwrap_or(&write["DeleteRequest"]["Key"]))
            });

            keys.map(|key| (operation.to_owned(), key)).collect()
        }
        "TransactWriteItems" => parts("TransactItems")
            .flat_map(|part| part.as_object().unwrap())
            .map(|(kind, part)| match kind.as_str() {
                "Put" => ("PutItem".to_owned(), key(&part["Item"])),
                "ConditionCheck" => ("ConditionCheckItem".to_owned(), key(&part["Key"])),
                kind => (format!("{kind}Item"), key(&part["Key"])),
            })
            .collect(),
        other => panic!("unknown operation {other}"),
    }
}

/// The troubles to try, each with the number of the call that it strikes.
fn troubles(calls: &[Call]) -> Vec<(usize, Trouble)> {
    let (mut has_written, mut read) = (false, BTreeSet::new());
    let refusals = [
        Refused::By(Refusal::Throttling),
        Refused::By(Refusal::InternalServerError),
        Refused::Reset,
    ];
    let mut troubles: Vec<_> = refusals.map(|refused| (0, Trouble::EachOnce(refused))).into();

    troubles.push((0, Trouble::EachLosesReply));
    for (place, call) in calls.iter().enumerate() {
        // A repeated read before anything has changed (such as of other shards) fails like the
        // first one.
        if !call.writes() && !read.insert((&call.operation, kind(call))) {
            continue;
        }

        let refused = Refused::nth(call, place);
        troubles.push((place, Trouble::Always(refused)));

        // The SDK does not retry these calls. We retry transactions, and nobody retries messages.
        if call.operation == "TransactWriteItems" || is_message(call) {
            troubles.push((place, Trouble::Once(refused)));
        }

        if is_message(call) {
            troubles.push((place, Trouble::LosesReply));
        }

        if has_written {
            // Before the first write, an outage is the same as `Always`.
            troubles.push((place, Trouble::Outage(refused)));
        }

        if call.writes() {
            troubles.extend([(place, Trouble::LosesReplies), (place, Trouble::Killed)]);
            (has_written, read) = (true, BTreeSet::new());
        }
    }

    troubles
}

/// Whether a call sends a message, so that a person would notice a repetition.
fn is_message(call: &Call) -> bool {
    matches!(call.service, "SNS" | "SESV2")
}

/// Matches the first try of every call that sends no message. An SDK retry has the same body.
fn first_try() -> impl Fn(&Call) -> bool + Send + Sync + 'static {
    let seen = Mutex::new(BTreeSet::new());
    move |call| {
        // Of shards that are read together, strike only one: the SDK stops retrying when too much
        // fails.
        let what = if call.writes() { call.body.clone() } else { kind(call) };
        !is_message(call) && seen.lock().unwrap().insert((call.operation.clone(), what))
    }
}

/// Starts a scenario in its own task, which may panic.
fn run(stage: Arc<Stage>, place: usize, trouble: Trouble) -> JoinHandle<()> {
    tokio::spawn(async move { run_scenario(&stage, place, trouble).await })
}

async fn run_scenario(stage: &Stage, place: usize, trouble: Trouble) {
    let Stage { endpoint, case, .. } = stage;
    let trial = Trial::of(stage.set().await).await;
    let before = trial.app.aws.inbox.messages(None).len();
    let struck = stage.calls[place].clone();
    let scenario =
        format!("{endpoint}, call {place} ({}, {}): {trouble:?}", struck.operation, kind(&struck));
    let (writes_before, kind_of_struck) =
        (stage.calls[..place].iter().filter(|call| call.writes()).count(), kind(&struck));
    let alike =
        move |call: &Call| call.operation == struck.operation && kind(call) == kind_of_struck;
    let first_alike = stage.calls[..place].iter().filter(|call| alike(call)).count();

    match trouble {
        Trouble::EachOnce(refused) => trial.faults.inject(first_try(), EVERY, refused.fault()),
        Trouble::EachLosesReply => trial.faults.inject(first_try(), EVERY, Fault::LoseReply),
        Trouble::Once(refused) => trial.faults.inject(|_| true, (place, 1), refused.fault()),
        Trouble::Always(refused) => {
            trial.faults.inject(alike, (first_alike, usize::MAX), refused.fault())
        }
        Trouble::Outage(refused) => {
            trial.faults.inject(|_| true, (place, usize::MAX), refused.fault())
        }
        Trouble::LosesReply => trial.faults.inject(|_| true, (place, 1), Fault::LoseReply),
        Trouble::LosesReplies => {
            trial.faults.inject(alike, (first_alike, usize::MAX), Fault::LoseReply)
        }
        Trouble::Killed => trial.faults.inject(|_| true, (place, 1), Fault::HoldReply),
    }

    let first = if trouble == Trouble::Killed {
        assert!(
            trial.send_and_kill(case.request()).await,
            "{scenario}: the process was not killed"
        );
        None
    } else {
        Some(trial.send(case.request()).await)
    };

    assert!(trial.faults.struck() > 0, "{scenario}: nothing was struck");
    trial.faults.heal();
    let messages = trial.app.aws.inbox.messages(None).len() - before;
    assert!(messages <= stage.messages, "{scenario}: {messages} messages");
    assert_invariants(&trial.app).await;

    let is_done = first.as_ref().is_some_and(|first| first.status == stage.status);
    if let Some(first) = &first
        && !is_done
    {
        assert_unavailable(&scenario, first);
    }

    // The SDK's retries and ours have to hide these troubles.
    let must_do = match trouble {
        Trouble::EachOnce(_) | Trouble::EachLosesReply => true,
        Trouble::Once(_) => !is_message(&stage.calls[place]),
        _ => false,
    };

    assert!(
        is_done || !must_do,
        "{scenario}: {}",
        first.map_or_else(String::new, |first| first.text)
    );
    if is_done {
        let first = first.unwrap();
        // A notice that is sent as a courtesy may have been lost.
        (case.goal)(trial.app.clone(), first).await;
    } else {
        // A killed process is replaced by a new one. A process that lives on has to work again.
        let next = if first.is_none() {
            trial.app.send(case.request()).await
        } else {
            trial.send(case.request()).await
        };

        let outcome = (
            next.status.as_u16(),
            next.json["code"].as_str().or(next.json["error"].as_str()).unwrap_or_default(),
        );

        // A refused request leaves no trace: it changed nothing, or its changes were undone.
        let is_undone = match trouble {
            _ if case.or_beside => false,
            Trouble::Always(_) => writes_before == 0 || !case.or_refused,
            Trouble::Outage(_) => writes_before == 0,
            _ => false,
        };

        let is_allowed = outcome.0 == stage.status || !is_undone && case.or.contains(&outcome);
        assert!(is_allowed, "{scenario}: the next try: {}", next.text);

        (case.goal)(trial.app.clone(), next).await;
    }

    assert_invariants(&trial.app).await;
}

/// Asserts a 503 that tells the client when to retry.
#[track_caller]
pub(crate) fn assert_unavailable(scenario: &str, answer: &Answer) {
    let is_oauth = answer.json.get("error").is_some();
    let code = answer.json["code"].as_str().or(answer.json["error"].as_str()).unwrap_or_default();
    let wanted = if is_oauth { "temporarily_unavailable" } else { "unavailable" };
    assert_eq!((answer.status.as_u16(), code), (503, wanted), "{scenario}: {}", answer.text);
    assert!(
        answer.header("retry-after").parse::<u32>().is_ok_and(|wait| wait > 0),
        "{scenario}: no Retry-After"
    );
}

/// The kind of item that a call is about: the parts of its keys that identify nobody.
pub(crate) fn kind(call: &Call) -> String {
    let body: Value = serde_json::from_str(&call.body).unwrap_or_default();
    let key =
        ["Key", "Item", "ExpressionAttributeValues"].into_iter().find_map(|name| body.get(name));
    let part = |names: [&str; 2]| {
        let value = names.into_iter().find_map(|name| key?.get(name)?.get("S")?.as_str());
        let kind = value.unwrap_or_default().split('#').next().unwrap_or_default();
        // The sort key of an audit event is its id.
        if kind.starts_with(|c: char| c.is_ascii_digit()) { String::new() } else { kind.to_owned() }
    };

    format!("{} {}", part(["pk", ":pk"]), part(["sk", ":prefix"]))
}
