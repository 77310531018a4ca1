//! What was texted and mailed.

use std::sync::{
    Arc, RwLock,
    atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::broadcast;

/// Older messages are forgotten.
const KEPT: usize = 10_000;

/// A message that somebody was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// `sms` or `email`.
    pub channel: &'static str,
    /// The phone in E.164, or the e-mail address.
    pub to: String,
    /// What it says.
    pub body: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// What came with it: SNS's message attributes, an e-mail's subject.
    #[serde(skip)]
    pub attributes: Vec<(String, String)>,
}

/// All messages.
#[derive(Clone)]
pub struct Inbox {
    messages: Arc<RwLock<Vec<Message>>>,
    arrivals: broadcast::Sender<Message>,
    refuses: Arc<AtomicBool>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            messages: Arc::default(),
            arrivals: broadcast::Sender::new(256),
            refuses: Arc::default(),
        }
    }
}

impl Inbox {
    /// The messages to `to`, or to all, oldest first.
    pub fn messages(&self, to: Option<&str>) -> Vec<Message> {
        let messages = self.messages.read().map(|messages| messages.clone()).unwrap_or_default();
        messages.into_iter().filter(|message| to.is_none_or(|to| message.to == to)).collect()
    }

    /// Messages from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Message> {
        self.arrivals.subscribe()
    }

    /// From now on SNS and SES refuse to send, or send again.
    pub fn refuse(&self, refuse: bool) {
        self.refuses.store(refuse, Ordering::SeqCst);
    }

    pub(crate) fn refuses(&self) -> bool {
        self.refuses.load(Ordering::SeqCst)
    }

    #[expect(clippy::disallowed_methods, reason = "AWS has its own clock")]
    pub(crate) fn deliver(
        &self,
        channel: &'static str,
        to: String,
        body: String,
        attributes: Vec<(String, String)>,
    ) {
        let message = Message { channel, to, body, sent_at: Timestamp::now(), attributes };
        if let Ok(mut messages) = self.messages.write() {
            if messages.len() >= KEPT {
                messages.remove(0);
            }
            messages.push(message.clone());
        }
        // Nobody listening is fine.
        let _ = self.arrivals.send(message);
    }
}
