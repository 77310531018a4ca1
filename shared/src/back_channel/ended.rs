//! Which sessions have ended, by the changes of users in the table's stream.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_dynamo::{AttributeValue, Item};
use uuid::Uuid;

use super::{BatchResponse, Queue};
use crate::{
    apps::Apps,
    base::{Clock, Error},
    users::{Session, SessionKind, User, UserStatus},
};

/// The sort key of a user's own item, as the event source mapping in the template names it, too.
const USER: &str = "USER";

/// Changes of items, in the order in which they were made, as Lambda brings them.
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    /// The changes.
    #[serde(rename = "Records")]
    pub records: Vec<StreamRecord>,
}

/// A change of an item, with what is around it.
#[derive(Debug, Deserialize)]
pub struct StreamRecord {
    /// The change.
    pub dynamodb: Change,
}

/// A change of an item.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// The keys of the item.
    keys: Item,
    /// The item before the change. `None` if it is new.
    #[serde(default)]
    old_image: Option<Item>,
    /// The item after the change. `None` if it is deleted.
    #[serde(default)]
    new_image: Option<Item>,
    /// The number by which Lambda knows the change.
    sequence_number: String,
}

/// A session that has ended, as the queue has it: ids, and nothing about the person.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EndedSession {
    /// The app.
    pub client_id: String,
    /// The user.
    pub sub: Uuid,
    /// The session.
    pub sid: Uuid,
}

/// Finds the sessions that have ended, and puts those of apps that are told into the queue.
#[derive(Clone)]
pub struct EndedSessions {
    pub(crate) apps: Apps,
    pub(crate) queue: Queue,
    pub(crate) clock: Clock,
}

impl EndedSessions {
    /// Queues the sessions that have ended by `changes`. If one cannot be queued, the response names
    /// the change, and Lambda brings it and those after it again.
    pub async fn queue(&self, event: StreamEvent) -> BatchResponse {
        let mut told = HashMap::new();
        for StreamRecord { dynamodb: change } in event.records {
            if let Err(error) = self.queue_ended_by(&change, &mut told).await {
                tracing::warn!(%error, "ended sessions could not be queued; they will be again");
                return BatchResponse::of([change.sequence_number]);
            }
        }
        BatchResponse::default()
    }

    /// Queues the sessions that have ended by one change. `told` remembers which apps are told.
    async fn queue_ended_by(
        &self,
        change: &Change,
        told: &mut HashMap<String, bool>,
    ) -> Result<(), Error> {
        let mut ended = Vec::new();
        for session in ended_by(change, self.clock.now()) {
            let is_told = match told.get(&session.client_id) {
                Some(is_told) => *is_told,
                None => {
                    let app = self.apps.get(&session.client_id).await?;
                    let is_told =
                        app.is_some_and(|app| app.hosted.backchannel_logout_uri.is_some());
                    told.insert(session.client_id.clone(), is_told);
                    is_told
                }
            };
            if is_told {
                ended.push(session);
            }
        }
        self.queue.put(&ended).await
    }
}

/// The sessions that have ended by a change. A change that cannot be read is skipped: it would be no
/// better the next time, and those behind it would wait.
fn ended_by(change: &Change, now: Timestamp) -> Vec<EndedSession> {
    let is_user = change.keys.get("sk") == Some(&AttributeValue::S(USER.to_owned()));
    let Some(old) = change.old_image.as_ref().filter(|_| is_user) else { return Vec::new() };
    let new = change.new_image.as_ref().map(image).transpose();
    match (image(old), new) {
        (Ok(old), Ok(new)) => ended(&old, new.as_ref(), now),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(%error, "a change of a user cannot be read; no app is told of it");
            Vec::new()
        }
    }
}

fn image(item: &Item) -> Result<User, serde_dynamo::Error> {
    serde_dynamo::from_item(item.clone())
}

/// The sessions of apps that are in `old` and no longer in `new`. A disabled user has none.
///
/// - A session that had expired is not among them. It is removed only when its user signs in again,
///   and an app that signs out the user, not the session, would end the new one.
/// - A session with `offline_access` outlives its browser, but the person has signed out: its app is
///   told, and keeps its refresh token (§2.7).
fn ended(old: &User, new: Option<&User>, now: Timestamp) -> Vec<EndedSession> {
    let before: BTreeMap<_, _> =
        live_sessions(old).filter(|(_, session)| session.expires_at() > now).collect();
    let after: BTreeMap<_, _> = new.into_iter().flat_map(live_sessions).collect();

    let lost_its_browser = |session: &Session| {
        let browser = session.grant.as_ref().map(|grant| grant.browser);
        browser.is_some_and(|id| before.contains_key(&id) && !after.contains_key(&id))
    };
    let has_ended = |id: &Uuid| after.get(id).is_none_or(|session| lost_its_browser(session));
    before
        .iter()
        .filter(|(id, session)| session.kind == SessionKind::App && has_ended(id))
        .map(|(id, session)| EndedSession {
            client_id: session.client_id.clone(),
            sub: old.id,
            sid: **id,
        })
        .collect()
}

/// The sessions of a user that are accepted.
fn live_sessions(user: &User) -> impl Iterator<Item = (&Uuid, &Session)> {
    user.sessions.iter().filter(|_| user.status == UserStatus::Active)
}
