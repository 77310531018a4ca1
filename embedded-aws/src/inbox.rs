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
    /// `sms`, `whatsapp`, `voice` or `email`.
    pub channel: &'static str,
    /// The service that sent it: `ses`, or a sender of texts as `TEXT_SENDERS` names it.
    pub sender: &'static str,
    /// The phone in E.164, or the e-mail address.
    pub to: String,
    /// The subject of an e-mail.
    pub subject: Option<String>,
    /// The text of the message.
    pub body: String,
    /// The same as HTML, if it is an e-mail that has both.
    pub html: Option<String>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Its attributes: SNS's message attributes, the fields of another sender's request, or the
    /// address that an e-mail comes from.
    #[serde(skip)]
    pub attributes: Vec<(String, String)>,
}

impl Message {
    /// A text.
    pub(crate) fn text(
        sender: &'static str,
        to: String,
        body: String,
        attributes: Vec<(String, String)>,
    ) -> Self {
        Self {
            channel: "sms",
            sender,
            to,
            subject: None,
            body,
            html: None,
            sent_at: now(),
            attributes,
        }
    }

    /// The same message on another channel than `sms`.
    #[must_use]
    pub(crate) fn on(self, channel: &'static str) -> Self {
        Self { channel, ..self }
    }

    /// An e-mail, as SES sends it. An empty `subject` or `html` is none.
    pub(crate) fn mail(
        (from, to): (String, String),
        subject: String,
        body: String,
        html: String,
    ) -> Self {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            channel: "email",
            sender: "ses",
            to,
            subject: given(subject),
            body,
            html: given(html),
            sent_at: now(),
            attributes: vec![("from".to_owned(), from)],
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "AWS has its own clock")]
fn now() -> Timestamp {
    Timestamp::now()
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

    /// Drops all messages.
    pub fn clear(&self) {
        if let Ok(mut messages) = self.messages.write() {
            messages.clear();
        }
    }

    /// The messages from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Message> {
        self.arrivals.subscribe()
    }

    /// Makes all senders refuse to send from now on, or accept messages again.
    pub fn refuse(&self, refuse: bool) {
        self.refuses.store(refuse, Ordering::SeqCst);
    }

    pub(crate) fn refuses(&self) -> bool {
        self.refuses.load(Ordering::SeqCst)
    }

    pub(crate) fn deliver(&self, message: Message) {
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
