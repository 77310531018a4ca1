//! Accounts that are to be erased, in the table: the date is in the user, and in an item by which
//! the account is found when it is due.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::User;
use crate::{
    aws::unavailable,
    base::Error,
    crypto::HashKeys,
    table::{ERASURES, Item, Key, Store, erasure_time, text},
};

/// An account whose time has come, as [`Store::due_erasures`] finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueErasure {
    /// The user.
    pub user_id: Uuid,
    at: Timestamp,
}

impl Store {
    /// Notes that a user is to be erased at `at`, by a request of a session, and ends all sessions, known
    /// devices and sign-ins that wait. If this has been asked for before, the date stays. Returns the user.
    ///
    /// # Errors
    /// As [`Self::change_user`]; [`Error::Conflict`] for the last administrator;
    /// [`Error::TokenInvalid`] if the session has ended.
    pub async fn plan_erasure(
        &self,
        (user_id, session_id): (Uuid, Uuid),
        keys: &HashKeys,
        (now, at): (Timestamp, Timestamp),
    ) -> Result<User, Error> {
        let listed = Key::erasure(at, user_id).attributes();
        let change = |user: &mut User| {
            user.check_session(session_id, now)?;
            user.erase_at.get_or_insert(at);
            user.updated_at = now;
            user.sign_out_everywhere();
            Ok(())
        };
        self.change_user_and(user_id, keys, change, vec![self.put_always(listed)?]).await
    }

    /// Keeps a user who was to be erased.
    ///
    /// # Errors
    /// As [`Self::change_user`].
    pub async fn keep_user(
        &self,
        user_id: Uuid,
        keys: &HashKeys,
        now: Timestamp,
    ) -> Result<User, Error> {
        self.change_user(user_id, keys, |user| {
            if user.erase_at.take().is_some() {
                user.updated_at = now;
            }
            Ok(())
        })
        .await
    }

    /// Up to `limit` accounts that are due at `now`, the longest due first.
    pub async fn due_erasures(&self, now: Timestamp, limit: i32) -> Result<Vec<DueErasure>, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk < :until")
            .expression_attribute_values(":pk", text(ERASURES))
            // `$` comes after the `#` that follows a time.
            .expression_attribute_values(":until", text(format!("{}$", erasure_time(now))))
            .consistent_read(true)
            .limit(limit)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_read(answer.consumed_capacity.as_ref());
        Ok(answer.items.unwrap_or_default().iter().filter_map(due).collect())
    }

    /// Removes an account from those that are to be erased.
    pub async fn forget_erasure(&self, due: &DueErasure) -> Result<(), Error> {
        self.delete(Key::erasure(due.at, due.user_id)).await
    }
}

fn due(item: &Item) -> Option<DueErasure> {
    let (at, user_id) = item.get("sk").map(AttributeValue::as_s)?.ok()?.split_once('#')?;
    let at = Timestamp::from_second(at.parse().ok()?).ok()?;
    Some(DueErasure { user_id: user_id.parse().ok()?, at })
}
