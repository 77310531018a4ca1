//! Back-channel logout on a laptop. In a deployment, Lambda reads the stream of the table and the queue
//! of ended sessions, and calls two functions with what it finds. Here, this does.

use std::time::Duration;

use embedded_aws::{Queue, QueuedMessage as Received, Stream};
use functions::back_channel::{ended::queue_ended, notify::notify};
use shared::{
    back_channel::{QueueEvent, QueuedMessage},
    base::Error,
    latchkey::Latchkey,
};

/// How often the stream and the queue are read.
const INTERVAL: Duration = Duration::from_millis(250);
/// How long a message waits that could not be processed. In a deployment, this is the queue's
/// `VisibilityTimeout`.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// Tells apps of the sessions that end, until the task is aborted.
pub(crate) async fn tell_apps(stream: Stream, queue: Queue, latchkey: Latchkey) {
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        interval.tick().await;
        if let Err(error) = queue_changes(&stream, &latchkey).await {
            tracing::warn!(%error, "the changes of users could not be read");
        }
        let messages = queue.receive();
        if !messages.is_empty() {
            // An app that is slow must not keep the others waiting.
            tokio::spawn(process(messages, queue.clone(), latchkey.clone()));
        }
    }
}

/// Reads the stream to its end. A change that fails comes again the next time.
async fn queue_changes(stream: &Stream, latchkey: &Latchkey) -> Result<(), Error> {
    while let Some(batch) = stream.next() {
        let event = serde_json::from_value(batch.event.clone())
            .map_err(|error| Error::Internal(error.to_string()))?;
        if !queue_ended(latchkey, event).await?.batch_item_failures.is_empty() {
            break;
        }
        stream.advance(batch);
    }
    Ok(())
}

/// Processes messages of the queue. Those that fail go back after a while.
async fn process(messages: Vec<Received>, queue: Queue, latchkey: Latchkey) {
    let records = messages.iter().map(|message| QueuedMessage {
        message_id: message.id.clone(),
        body: message.body.clone(),
    });
    let event = QueueEvent { records: records.collect() };
    let failed: Vec<_> = match notify(&latchkey, event).await {
        Ok(response) => {
            let failed = response.batch_item_failures.into_iter().map(|it| it.item_identifier);
            let failed: Vec<_> = failed.collect();
            messages.into_iter().filter(|message| failed.contains(&message.id)).collect()
        }
        Err(error) => {
            tracing::warn!(%error, "apps could not be told of ended sessions");
            messages
        }
    };
    if !failed.is_empty() {
        tokio::time::sleep(RETRY_AFTER).await;
        failed.into_iter().for_each(|message| queue.put_back(message));
    }
}
