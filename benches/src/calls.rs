//! The calls to AWS: what they were, what they cost, and which keys they wrote.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use embedded_aws::longest_chain;
use serde_json::Value;

/// One call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// As `DYNAMODB.GetItem`.
    pub(crate) name: String,
    /// When it arrived.
    began_at: Instant,
    /// How long AWS took.
    took: Duration,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    /// The partition keys that were written, of the table and of its indexes.
    pub(crate) written: Vec<String>,
}

impl Call {
    /// Reads a call's request and response. The call ends now.
    pub(crate) fn read(
        service: &str,
        target: Option<&str>,
        request: &[u8],
        answer: &[u8],
        began_at: Instant,
    ) -> Self {
        let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or("call");
        let mut call = Self {
            name: format!("{service}.{operation}"),
            began_at,
            took: began_at.elapsed(),
            read_units: 0.0,
            write_units: 0.0,
            written: Vec::new(),
        };

        if service == "DYNAMODB" {
            let request: Value = serde_json::from_slice(request).unwrap_or_default();
            let answer: Value = serde_json::from_slice(answer).unwrap_or_default();

            call.written = written(operation, &request);

            let units = consumed(&answer);
            match operation {
                "GetItem" | "Query" | "BatchGetItem" | "TransactGetItems" | "Scan" => {
                    call.read_units = units
                }
                // A refused write costs a unit, and its response does not say so.
                _ if answer.get("__type").is_some() => call.write_units = 1.0,
                _ => call.write_units = units,
            }
        }

        call
    }
}

/// The time during which at least one of the calls was under way.
pub(crate) fn time_of(calls: &[Call]) -> Duration {
    let mut spans: Vec<_> =
        calls.iter().map(|call| (call.began_at, call.began_at + call.took)).collect();
    spans.sort();

    let mut until = None;
    let mut time = Duration::ZERO;
    for (from, to) in spans {
        let from = until.map_or(from, |until| from.max(until));
        time += to.saturating_duration_since(from);
        until = Some(to.max(from));
    }

    time
}

/// The length of the longest chain of calls, each of which waited for the one before. If calls are
/// fast, some that are made together do not overlap; `--away` lets them.
pub(crate) fn chain_of(calls: &[Call]) -> usize {
    longest_chain(calls.iter().map(|call| (call.began_at, call.began_at + call.took)))
}

/// The request units that a response names. A transaction names them as a list.
fn consumed(answer: &Value) -> f64 {
    let one = |capacity: &Value| {
        capacity.get("CapacityUnits").and_then(Value::as_f64).unwrap_or_default()
    };

    match answer.get("ConsumedCapacity") {
        Some(Value::Array(list)) => list.iter().map(one).sum(),
        Some(capacity) => one(capacity),
        None => 0.0,
    }
}

/// The partition keys that a request writes.
fn written(operation: &str, request: &Value) -> Vec<String> {
    match operation {
        "PutItem" | "UpdateItem" | "DeleteItem" => keys_of(request),
        "TransactWriteItems" => {
            let items = request
                .get("TransactItems")
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let writes = items
                .iter()
                .flat_map(|item| item.as_object().into_iter().flat_map(|item| item.values()));
            writes.flat_map(keys_of).collect()
        }
        _ => Vec::new(),
    }
}

/// The partition key of the item that is written. If the item is in an index, also its key there.
fn keys_of(write: &Value) -> Vec<String> {
    let item = write.get("Key").or_else(|| write.get("Item"));
    let text = |name: &str| item?.get(name)?.get("S")?.as_str().map(str::to_owned);

    let list = text("list").map(|list| format!("index {list}"));
    text("pk").into_iter().chain(list).collect()
}

/// The calls since they were last taken.
#[derive(Clone, Default)]
pub(crate) struct CallLog {
    calls: Arc<Mutex<Vec<Call>>>,
    connections: Arc<AtomicU32>,
}

impl CallLog {
    /// Adds a call.
    pub(crate) fn add(&self, call: Call) {
        if let Ok(mut calls) = self.calls.lock() {
            calls.push(call);
        }
    }

    /// Counts a connection.
    pub(crate) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// The calls since the last time, and how many connections were made.
    pub(crate) fn take(&self) -> (Vec<Call>, u32) {
        let calls =
            self.calls.lock().map(|mut calls| std::mem::take(&mut *calls)).unwrap_or_default();
        (calls, self.connections.swap(0, Ordering::Relaxed))
    }
}
