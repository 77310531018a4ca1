//! The Lambda that tells apps of the end of their sessions. Lambda brings it messages from the queue.

use std::pin::Pin;

use shared::{
    back_channel::{BatchResponse, QueueEvent},
    base::Error,
    latchkey::Latchkey,
};

#[cfg(test)]
mod tests;

/// Signs a logout token for each message, and posts it to the app.
///
/// It is boxed, since the compiler limits how deep the futures of a Lambda are nested.
///
/// # Errors
/// [`Error::Unavailable`] if the signing key cannot be read. A message that failed is in the response.
pub fn notify(
    latchkey: &Latchkey,
    event: QueueEvent,
) -> Pin<Box<dyn Future<Output = Result<BatchResponse, Error>> + Send + '_>> {
    Box::pin(async { Ok(latchkey.logout_notices().await?.send(event).await) })
}
