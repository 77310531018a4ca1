//! SQS: one queue in memory, as far as the service needs it (JSON 1.0), and what Lambda's event source
//! mapping does with it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use uuid::Uuid;

/// How often a message is received before it is a dead letter, as in the template.
const MAX_RECEIVES: u32 = 5;

/// The queue, with its dead letters.
#[derive(Clone, Default)]
pub struct Queue {
    messages: Arc<Mutex<Messages>>,
}

#[derive(Default)]
struct Messages {
    waiting: VecDeque<QueuedMessage>,
    dead: Vec<QueuedMessage>,
}

/// A message of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedMessage {
    /// Its id.
    pub id: String,
    /// Its text.
    pub body: String,
    /// How often it was received.
    pub receives: u32,
}

impl Queue {
    /// Takes all messages that wait.
    pub fn receive(&self) -> Vec<QueuedMessage> {
        self.change(|messages| {
            let mut received: Vec<_> = messages.waiting.drain(..).collect();
            received.iter_mut().for_each(|message| message.receives += 1);
            received
        })
    }

    /// Puts a message back that could not be processed. After a few times, it is a dead letter.
    pub fn put_back(&self, message: QueuedMessage) {
        self.change(|messages| match message.receives {
            MAX_RECEIVES.. => messages.dead.push(message),
            _ => messages.waiting.push_back(message),
        });
    }

    /// The dead letters, the oldest first.
    pub fn dead_letters(&self) -> Vec<QueuedMessage> {
        self.change(|messages| messages.dead.clone())
    }

    fn send(&self, body: &str) -> String {
        let id = Uuid::new_v4().to_string();
        let message = QueuedMessage { id: id.clone(), body: body.to_owned(), receives: 0 };
        self.change(|messages| messages.waiting.push_back(message));
        id
    }

    fn change<T: Default>(&self, change: impl FnOnce(&mut Messages) -> T) -> T {
        self.messages.lock().map(|mut messages| change(&mut messages)).unwrap_or_default()
    }
}

pub(crate) fn router(queue: Queue) -> Router {
    Router::new().route("/", post(call)).with_state(queue)
}

async fn call(State(queue): State<Queue>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let entries = request.get("Entries").and_then(Value::as_array);
    match (target, entries) {
        (Some("AmazonSQS.SendMessageBatch"), Some(entries)) => {
            let sent: Vec<_> = entries.iter().map(|entry| send(&queue, entry)).collect();
            Json(json!({"Successful": sent, "Failed": []})).into_response()
        }
        _ => {
            let error = json!({
                "__type": "com.amazonaws.sqs#UnsupportedOperation",
                "message": "only SendMessageBatch is supported",
            });
            (StatusCode::BAD_REQUEST, Json(error)).into_response()
        }
    }
}

/// Sends one entry of a batch. Returns what SQS says of it.
fn send(queue: &Queue, entry: &Value) -> Value {
    let field = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default();
    let id = queue.send(field("MessageBody"));
    json!({"Id": field("Id"), "MessageId": id, "MD5OfMessageBody": ""})
}
