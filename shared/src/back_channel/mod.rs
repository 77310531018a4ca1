//! Back-channel logout (OpenID Connect Back-Channel Logout 1.0): an app with a
//! `backchannel_logout_uri` is told that a session of it has ended, however it has ended.
//!
//! Nothing that ends a session knows of this. The stream of the table brings every change of a user,
//! [`EndedSessions`] compares the sessions before and after it, and puts one message into a queue for
//! each that has ended. [`LogoutNotices`] takes a message, signs a logout token and posts it. So no
//! request waits for an app, and an app is told even if the Lambda that ended a session died
//! immediately afterwards. An app may be told twice, as with every queue.

mod address;
mod client;
mod ended;
mod notices;
mod queue;

pub use self::{
    ended::{Change, EndedSession, EndedSessions, StreamEvent},
    notices::{LogoutNotices, QueueEvent, QueuedMessage},
    queue::{Queue, VARIABLES},
};

use serde::Serialize;

/// The parts of a batch of events that failed. Lambda brings them again.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// The parts that failed. Of a stream, Lambda brings all from the first of these on.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// A part of a batch that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// The sequence number of a change, or the id of a message.
    pub item_identifier: String,
}

impl BatchResponse {
    fn of(failed: impl IntoIterator<Item = String>) -> Self {
        let failures =
            failed.into_iter().map(|item_identifier| BatchItemFailure { item_identifier });
        Self { batch_item_failures: failures.collect() }
    }
}
