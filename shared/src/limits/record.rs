//! The lines of the log that the operators' command reads: which texts were sent, by which sender, and
//! which codes were used. They cost no write. They identify nobody.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Decision;
use crate::{base::metrics::RECORD, identifiers::Channel};

/// A line of the log that `latchkey fraud replay` or `latchkey senders --log` reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recorded {
    /// The decision about a text.
    SendDecision(Box<Decision>),
    /// The text with a code was handed to a sender.
    TextSent(SentText),
    /// The code of this challenge was verified.
    CodeVerified(Uuid),
}

/// A text with a code that was sent, or may have been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentText {
    /// When its sender had answered.
    pub at: Timestamp,
    /// The challenge whose code the text carries.
    pub challenge_id: Uuid,
    /// The sender, as `TEXT_SENDERS` names it.
    pub sender: String,
    /// The channel that was used.
    pub channel: Channel,
    /// The country of the phone (ISO 3166-1); empty if a number belongs to none.
    pub country: String,
}

impl Recorded {
    /// Writes the line to the log.
    pub fn log(&self) {
        match serde_json::to_string(self) {
            Ok(line) => tracing::info!(target: RECORD, line),
            Err(error) => tracing::error!(%error, "could not write a record to the log"),
        }
    }
}
