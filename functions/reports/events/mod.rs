//! The Lambda that counts what became of the texts and calls of AWS End User Messaging. EventBridge
//! brings it the events.

use std::pin::Pin;

use shared::{base::Error, latchkey::Latchkey, messages::DeliveryEvent};

#[cfg(test)]
mod tests;

/// Counts what an event says.
///
/// It is boxed, since the compiler limits how deep the futures of a Lambda are nested.
///
/// # Errors
/// [`Error::Unavailable`]: Lambda tries the event again.
pub fn count(
    latchkey: &Latchkey,
    event: DeliveryEvent,
) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + '_>> {
    Box::pin(async { latchkey.delivery_events().receive(event).await })
}
