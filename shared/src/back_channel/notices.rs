//! Telling an app: a logout token, signed and posted.

use std::sync::Arc;

use futures_util::future::join_all;
use serde::Deserialize;

use super::{
    BatchResponse, EndedSession,
    client::{Client, Failure},
};
use crate::{
    apps::Apps,
    base::{Clock, Error, Random},
    tokens::{LogoutClaims, Signer},
};

/// Messages of the queue, as Lambda brings them.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>
#[derive(Debug, Deserialize)]
pub struct QueueEvent {
    /// The messages.
    #[serde(rename = "Records")]
    pub records: Vec<QueuedMessage>,
}

/// A message of the queue.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueuedMessage {
    /// Its id.
    pub message_id: String,
    /// An [`EndedSession`], as JSON.
    pub body: String,
}

/// The outcome of a notice.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The app was told, or does not want to be told any more.
    Done,
    /// The app refused the notice, and would refuse it again.
    Refused,
}

/// Tells apps of the end of their sessions.
#[derive(Clone)]
pub struct LogoutNotices {
    apps: Apps,
    signer: Arc<Signer>,
    client: Client,
    issuer: String,
    clock: Clock,
    random: Random,
}

impl LogoutNotices {
    /// The notices of an `issuer`. In production, they go to the public internet alone.
    pub(crate) fn new(
        (apps, signer): (Apps, Arc<Signer>),
        (issuer, is_prod): (String, bool),
        (clock, random): (Clock, Random),
    ) -> Self {
        Self { apps, signer, client: Client::new(is_prod), issuer, clock, random }
    }

    /// Tells the apps of all messages, at the same time. The response has the messages that failed,
    /// which the queue brings again.
    pub async fn send(&self, event: QueueEvent) -> BatchResponse {
        let sent = event.records.iter().map(async |message| match self.tell(message).await {
            Ok(Outcome::Done | Outcome::Refused) => None,
            Err(error) => {
                tracing::warn!(%error, "an app could not be told of the end of a session");
                Some(message.message_id.clone())
            }
        });
        BatchResponse::of(join_all(sent).await.into_iter().flatten())
    }

    async fn tell(&self, message: &QueuedMessage) -> Result<Outcome, Error> {
        let ended: EndedSession = serde_json::from_str(&message.body).map_err(|error| {
            Error::Internal(format!("a message is not an ended session: {error}"))
        })?;
        let app = self.apps.get(&ended.client_id).await?;
        let Some(hosted) = app.map(|app| app.hosted) else { return Ok(Outcome::Done) };
        let Some(address) = &hosted.backchannel_logout_uri else { return Ok(Outcome::Done) };

        // Each try has its own token: the last one may have expired.
        let now = self.clock.now();
        let (ids, jti) = ((ended.sub, ended.sid), self.random.uuid(now)?);
        let claims = LogoutClaims::new(&self.issuer, &ended.client_id, ids, jti, now);
        let is_rs256 = hosted.id_token_signed_response_alg.is_some();
        let token = self.signer.sign_logout(&claims, is_rs256)?;

        // A token has no character that a form would have to escape.
        let answer = self.client.post(address, format!("logout_token={token}")).await;
        outcome(answer, &ended.client_id)
    }
}

/// The outcome that an answer means. A status of 5xx may be another the next time, and so may 408 and 429, which
/// ask for a later try. Other statuses stay the same, and a redirect is not followed.
fn outcome(answer: Result<u16, Failure>, client_id: &str) -> Result<Outcome, Error> {
    match answer {
        Ok(200..300) => Ok(Outcome::Done),
        Ok(status @ (408 | 429 | 500..)) => {
            Err(Error::Unavailable(format!("the app {client_id} answered {status}")))
        }
        Ok(status) => {
            tracing::warn!(client_id, status, "an app refused a logout token");
            Ok(Outcome::Refused)
        }
        Err(Failure::Refused) => {
            tracing::warn!(
                client_id,
                "backchannel_logout_uri does not lead to the public internet"
            );
            Ok(Outcome::Refused)
        }
        Err(Failure::NoAnswer(reason)) => {
            Err(Error::Unavailable(format!("the app {client_id}: {reason}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_succeed_later_is_tried_again() {
        for status in [200, 204] {
            assert_eq!(outcome(Ok(status), "shop"), Ok(Outcome::Done), "{status}");
        }
        for status in [301, 302, 307, 308, 400, 401, 403, 404, 410] {
            assert_eq!(outcome(Ok(status), "shop"), Ok(Outcome::Refused), "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(outcome(Ok(status), "shop").is_err(), "{status}");
        }
        assert_eq!(outcome(Err(Failure::Refused), "shop"), Ok(Outcome::Refused));
        assert!(outcome(Err(Failure::NoAnswer("no answer in time")), "shop").is_err());
    }
}
