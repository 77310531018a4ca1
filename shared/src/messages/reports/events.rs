//! The events of AWS End User Messaging, which EventBridge brings: what became of a text or a call.
//! <https://docs.aws.amazon.com/sms-voice/latest/userguide/monitor-event-bridge.html>

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    super::senders::{Delivery, Report, ReportedText},
    note,
};
use crate::{apps::SenderName, base::Error, table::Store};

/// An event. Its other fields name the origin and the carrier, and are not read.
#[derive(Debug, Deserialize)]
pub struct DeliveryEvent {
    detail: Detail,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    /// Like `TEXT_DELIVERED` or `VOICE_BUSY`.
    event_type: String,
    /// Whether no other event follows.
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    iso_country_code: String,
    message_id: Uuid,
    /// When the message was sent, in epoch milliseconds.
    message_request_timestamp: i64,
}

/// Receives the events.
#[derive(Clone)]
pub struct DeliveryEvents {
    /// The table.
    pub store: Store,
}

impl DeliveryEvents {
    /// Counts what an event says. One that comes again, or too late, changes nothing.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: EventBridge brings the event again.
    pub async fn receive(&self, event: DeliveryEvent) -> Result<(), Error> {
        let detail = event.detail;
        let Ok(sent_at) = Timestamp::from_millisecond(detail.message_request_timestamp) else {
            return Ok(());
        };
        let country = match &*detail.iso_country_code {
            code if code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase()) => code,
            _ => "",
        };
        let sender = SenderName::EndUserMessaging;
        let text = ReportedText::new(sender, country.to_owned(), detail.message_id, sent_at);
        let Some(text) = text else { return Ok(()) };
        let delivery = delivery(&detail.event_type, detail.is_final);
        note(&self.store, &text, Report { delivery, reason: detail.event_type }).await
    }
}

/// The step of a delivery that an event is. A final success is a delivery, since some countries report
/// no more.
/// <https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-types.html>
fn delivery(event: &str, is_final: bool) -> Option<Delivery> {
    match event {
        "TEXT_QUEUED" | "TEXT_PENDING" | "VOICE_INITIATED" => Some(Delivery::Queued),
        "TEXT_SUCCESSFUL" if is_final => Some(Delivery::Delivered),
        "TEXT_SUCCESSFUL" | "VOICE_RINGING" | "VOICE_ANSWERED" => Some(Delivery::Sent),
        "TEXT_DELIVERED" | "VOICE_COMPLETED" => Some(Delivery::Delivered),
        "TEXT_INVALID"
        | "TEXT_INVALID_MESSAGE"
        | "TEXT_UNREACHABLE"
        | "TEXT_BLOCKED"
        | "TEXT_CARRIER_UNREACHABLE"
        | "TEXT_CARRIER_BLOCKED"
        | "TEXT_SPAM"
        | "TEXT_TTL_EXPIRED"
        | "TEXT_PROTECT_BLOCKED"
        | "VOICE_BUSY"
        | "VOICE_NO_ANSWER"
        | "VOICE_FAILED"
        | "VOICE_TTL_EXPIRED" => Some(Delivery::Failed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_a_step_of_a_delivery() {
        assert_eq!(delivery("TEXT_SUCCESSFUL", true), Some(Delivery::Delivered));
        assert_eq!(delivery("TEXT_SUCCESSFUL", false), Some(Delivery::Sent));
        assert_eq!(delivery("TEXT_CARRIER_BLOCKED", true), Some(Delivery::Failed));
        assert_eq!(delivery("VOICE_NO_ANSWER", true), Some(Delivery::Failed));
        assert_eq!(delivery("TEXT_UNKNOWN", true), None);
    }
}
