//! The queue of ended sessions, in SQS.

use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use aws_types::SdkConfig;

use super::EndedSession;
use crate::{
    aws::unavailable,
    base::{Environment, Error},
};

/// The variables that are read here. Only `back-channel-ended` has them.
pub const VARIABLES: [&str; 1] = [QUEUE_URL];
/// The variable with the URL of the queue.
const QUEUE_URL: &str = "BACK_CHANNEL_QUEUE_URL";
/// The most messages that SQS takes in one call.
const MAX_BATCH: usize = 10;

/// The queue.
#[derive(Clone)]
pub struct Queue {
    client: Client,
    url: String,
}

impl Queue {
    /// The queue that `environment` names. No call is made.
    ///
    /// # Errors
    /// [`Error::Internal`] if it names none.
    pub fn new(config: &SdkConfig, environment: &Environment) -> Result<Self, Error> {
        let url = environment
            .get(QUEUE_URL)
            .ok_or_else(|| Error::Internal(format!("{QUEUE_URL} is not set")))?;
        Ok(Self { client: Client::new(config), url: url.to_owned() })
    }

    /// Puts one message for each session into the queue.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if some are not in the queue. Others may be.
    pub(super) async fn put(&self, sessions: &[EndedSession]) -> Result<(), Error> {
        for batch in sessions.chunks(MAX_BATCH) {
            let entries = batch.iter().enumerate().map(|(index, session)| {
                let body = serde_json::to_string(session).map_err(internal)?;
                let entry = SendMessageBatchRequestEntry::builder();
                entry.id(index.to_string()).message_body(body).build().map_err(internal)
            });
            let entries = entries.collect::<Result<Vec<_>, Error>>()?;
            let send = self.client.send_message_batch().queue_url(&self.url);
            let sent = send.set_entries(Some(entries)).send().await.map_err(unavailable)?;
            if !sent.failed.is_empty() {
                let count = sent.failed.len();
                return Err(Error::Unavailable(format!("SQS did not take {count} messages")));
            }
        }
        Ok(())
    }
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}
