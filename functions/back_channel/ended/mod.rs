//! The Lambda that finds the sessions of apps that have ended. Lambda brings it the changes of users
//! from the stream of the table.

use std::pin::Pin;

use shared::{
    back_channel::{BatchResponse, StreamEvent},
    base::Error,
    latchkey::Latchkey,
};

#[cfg(test)]
mod tests;

/// Puts a message into the queue for each session that has ended and whose app wants to be told.
///
/// It is boxed, since the compiler limits how deep the futures of a Lambda are nested.
///
/// # Errors
/// [`Error::Internal`] if the environment names no queue. A change that could not be processed is in
/// the response.
pub fn queue_ended(
    latchkey: &Latchkey,
    event: StreamEvent,
) -> Pin<Box<dyn Future<Output = Result<BatchResponse, Error>> + Send + '_>> {
    Box::pin(async { Ok(latchkey.ended_sessions()?.queue(event).await) })
}
