//! An app that is told of the end of its sessions, and Lambda's part in telling it: what brings the
//! changes of the table and the messages of the queue to the functions.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::any,
};
use embedded_aws::QueuedMessage;
use shared::back_channel::QueueEvent;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    TestApp,
    hosted::{Client, hosted_app_with},
};
use crate::back_channel::{ended::queue_ended, notify::notify};

/// The app's own server. It ends when this is dropped.
pub(crate) struct RelyingParty {
    pub(crate) address: String,
    desk: Desk,
    server: JoinHandle<()>,
}

/// The bodies that the server got, and the status with which it answers.
#[derive(Clone, Default)]
struct Desk {
    bodies: Arc<Mutex<Vec<String>>>,
    status: Arc<AtomicU16>,
}

impl RelyingParty {
    /// A server that accepts what it gets.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/logout?tenant=7", listener.local_addr().unwrap());
        let desk = Desk { status: Arc::new(AtomicU16::new(200)), ..Desk::default() };
        let routes = Router::new().route("/{*path}", any(receive)).with_state(desk.clone());
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, desk, server }
    }

    /// Answers with another status from now on.
    pub(crate) fn answer_with(&self, status: u16) {
        self.desk.status.store(status, Ordering::SeqCst);
    }

    /// Takes the logout tokens that have arrived since the last call.
    pub(crate) fn tokens(&self) -> Vec<String> {
        let bodies = std::mem::take(&mut *self.desk.bodies.lock().unwrap());
        let token = |body: String| body.strip_prefix("logout_token=").unwrap().to_owned();
        bodies.into_iter().map(token).collect()
    }

    /// An app that is told at this server.
    pub(crate) async fn app(&self, app: &TestApp, client_id: &str) -> Client {
        let address = Some(self.address.clone());
        hosted_app_with(app, client_id, |app| app.hosted.backchannel_logout_uri = address).await
    }
}

impl Drop for RelyingParty {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(
    State(desk): State<Desk>,
    headers: HeaderMap,
    body: String,
) -> impl IntoResponse + use<> {
    assert_eq!(headers[header::CONTENT_TYPE], "application/x-www-form-urlencoded");
    desk.bodies.lock().unwrap().push(body);
    let status = StatusCode::from_u16(desk.status.load(Ordering::SeqCst)).unwrap();
    // If anybody followed it, there would be another body.
    (status, [(header::LOCATION, "/elsewhere")], "x".repeat(1_000_000))
}

impl TestApp {
    /// Brings the changes of the table to the function, until it has processed all. Returns whether
    /// it has.
    pub(crate) async fn queue_ended(&self) -> bool {
        while let Some(batch) = self.aws.stream.next() {
            let event = serde_json::from_value(batch.event.clone()).unwrap();
            match queue_ended(&self.latchkey, event).await {
                Ok(response) if response.batch_item_failures.is_empty() => {
                    self.aws.stream.advance(batch);
                }
                _ => return false,
            }
        }
        true
    }

    /// Brings the messages of the queue to the function, once. Those that fail go back.
    pub(crate) async fn notify(&self) {
        let messages = self.aws.queue.receive();
        let records = messages.iter().map(|message| shared::back_channel::QueuedMessage {
            message_id: message.id.clone(),
            body: message.body.clone(),
        });
        let event = QueueEvent { records: records.collect() };
        let failed = notify(&self.latchkey, event).await.unwrap().batch_item_failures;
        let has_failed =
            |message: &QueuedMessage| failed.iter().any(|it| it.item_identifier == message.id);
        messages.into_iter().filter(has_failed).for_each(|it| self.aws.queue.put_back(it));
    }

    /// Does all that follows the end of a session.
    pub(crate) async fn tell_apps(&self) {
        assert!(self.queue_ended().await);
        self.notify().await;
    }
}
