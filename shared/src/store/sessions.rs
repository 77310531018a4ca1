//! Sessions.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Item, Store, Updated, bytes, from_item,
    keys::{self, Key},
    number, text, unavailable,
};
use crate::{
    error::Error,
    session::{REFRESH_GRACE_MILLIS, Session},
};

/// The outcome of using a refresh token.
#[derive(Debug)]
pub enum Rotation {
    /// The successor is the live one now; or the client asks again for it, within the grace.
    Rotated(Box<Session>),
    /// The token had been used before.
    Replayed,
    /// The session was idle for too long.
    Expired,
    /// There is no such session.
    Ended,
}

impl Store {
    /// Puts the hash of the next refresh secret in the place of `current`, in one conditional write.
    pub async fn rotate_refresh(
        &self,
        (user_id, session_id): (Uuid, Uuid),
        current: &[u8],
        next: &[u8],
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<Rotation, Error> {
        let update = self
            .client
            .update_item()
            .update_expression(
                "SET refresh_hash = :next, previous_refresh_hash = :current, last_used_at = :now_millis, expires_at = :expires_at",
            )
            .condition_expression("refresh_hash = :current AND expires_at > :now")
            .expression_attribute_values(":current", bytes(current))
            .expression_attribute_values(":next", bytes(next))
            .expression_attribute_values(":now", number(now.as_second()))
            .expression_attribute_values(":now_millis", number(now.as_millisecond()))
            .expression_attribute_values(":expires_at", number(expires_at.as_second()));
        let item = match self.update_if(Key::session(user_id, session_id), update).await? {
            Updated::Done(item) => return Ok(Rotation::Rotated(Box::new(from_item(item)?))),
            Updated::Refused(None) => return Ok(Rotation::Ended),
            Updated::Refused(Some(item)) => item,
        };
        let session: Session = from_item(item)?;
        if session.expires_at <= now {
            return Ok(Rotation::Expired);
        }
        // The same successor is the live one: a retry, or our own write whose answer was lost. Once
        // the successor was used itself, this no longer holds.
        let same_successor = session.refresh_hash == next && session.previous_refresh_hash.as_deref() == Some(current);
        let age_millis = now.as_millisecond() - session.last_used_at.as_millisecond();
        if same_successor && age_millis <= REFRESH_GRACE_MILLIS {
            return Ok(Rotation::Rotated(Box::new(session)));
        }
        Ok(Rotation::Replayed)
    }

    /// A session, live or not; nothing where there is none.
    pub async fn session(&self, user_id: Uuid, id: Uuid) -> Result<Option<Session>, Error> {
        self.get(Key::session(user_id, id)).await
    }

    /// The sessions that are kept for a user, live or not, oldest first.
    pub async fn sessions(&self, user_id: Uuid) -> Result<Vec<Session>, Error> {
        self.items_of(user_id, keys::SESSION_PREFIX).await?.into_iter().map(from_item).collect()
    }

    /// Deletes everything that is kept under a user's key.
    pub(super) async fn delete_all_of(&self, user_id: Uuid) -> Result<(), Error> {
        for item in self.items_of(user_id, "").await? {
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
            self.delete(Key::of_user(user_id, &sk)).await?;
        }
        Ok(())
    }

    /// The items under a user's key whose sort key starts with `prefix`.
    async fn items_of(&self, user_id: Uuid, prefix: &str) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let mut query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", Key::user(user_id).pk())
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            if !prefix.is_empty() {
                query = query
                    .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                    .expression_attribute_values(":prefix", text(prefix));
            }
            let answer = query.send().await.map_err(unavailable)?;
            self.count_read(answer.consumed_capacity.as_ref());
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}
