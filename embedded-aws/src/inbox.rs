//! The texts and e-mails that were sent.

use std::sync::{
    Arc, RwLock,
    atomic::{AtomicBool, Ordering},
};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::broadcast;

/// How many messages are kept. Older ones are dropped.
const KEPT: usize = 10_000;

/// A text or e-mail that was sent.
#[derive(Clone, Debug, Serialize)]
pub struct Message {
    /// `sms` or `email`.
    pub channel: &'static str,
    /// The phone in E.164, or the e-mail address.
    pub to: String,
    /// The text of the message.
    pub body: String,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Its attributes: SNS's message attributes, or an e-mail's sender, subject and HTML.
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

    /// The messages from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Message> {
        self.arrivals.subscribe()
    }

    /// Makes SNS and SES refuse to send from now on, or accept messages again.
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

        // It does not matter if nobody is subscribed.
        let _ = self.arrivals.send(message);
    }
}
