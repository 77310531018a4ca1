//! Throttles: what identifiers and source addresses may do.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    CHANGE_TRIES, NOT_WRITTEN, Store, Updated, from_item,
    keys::{self, Key},
    number, text, to_item, unavailable,
};
use crate::{error::Error, hash_keys::IdentifierHash, throttle::Throttle};

const HOUR_SECONDS: i64 = 3_600;

/// A throttle as it is stored: a change is written only over the version it was made from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct StoredThrottle {
    version: u64,
    /// The write that made this version, by which a write whose answer was lost is recognised.
    #[serde(default)]
    written_by: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    state: Throttle,
}

#[derive(Deserialize)]
struct Owner {
    user_id: Uuid,
}

/// What is known of an identifier.
#[derive(Debug, Default)]
pub struct Identity {
    /// The user whose it is.
    pub owner: Option<Uuid>,
    stored: StoredThrottle,
}

impl Identity {
    /// What the identifier may do.
    pub fn throttle(&self) -> &Throttle {
        &self.stored.state
    }
}

impl Store {
    /// Who has an identifier and what it may do, in one read.
    pub async fn identity(&self, identifier: &IdentifierHash) -> Result<Identity, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", Key::owner(identifier).pk())
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_read(answer.consumed_capacity.as_ref());
        let mut identity = Identity::default();
        for item in answer.items.unwrap_or_default() {
            match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
                Some(keys::OWNER) => identity.owner = Some(from_item::<Owner>(item)?.user_id),
                Some(keys::THROTTLE) => identity.stored = from_item(item)?,
                _ => {}
            }
        }
        Ok(identity)
    }

    /// Changes the throttle of an identifier, starting from what `identity` read. Where another change
    /// comes first, `change` is applied anew to what that one left.
    ///
    /// # Errors
    /// What `change` refuses; then nothing is written.
    pub async fn change_throttle<T>(
        &self,
        identifier: &IdentifierHash,
        mut identity: Identity,
        now: Timestamp,
        mut change: impl FnMut(&mut Throttle) -> Result<T, Error>,
    ) -> Result<T, Error> {
        for _ in 0..CHANGE_TRIES {
            let read = identity.stored;
            let mut stored = read.clone();
            let answer = change(&mut stored.state)?;
            stored.version += 1;
            stored.written_by = self.random.uuid(now)?;
            stored.expires_at = stored.state.expires_at();
            if self.replace_throttle(identifier, &read, &stored).await? {
                return Ok(answer);
            }
            identity = self.identity(identifier).await?;
        }
        Err(Error::Unavailable("a throttle is changed too often at once".into()))
    }

    async fn replace_throttle(
        &self,
        identifier: &IdentifierHash,
        read: &StoredThrottle,
        stored: &StoredThrottle,
    ) -> Result<bool, Error> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(Key::throttle(identifier), stored)?))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        // TTL may have removed what was read: then there is nothing that another write could have changed.
        put = put.condition_expression("attribute_not_exists(pk) OR version = :version");
        put = put.expression_attribute_values(":version", number(i64::try_from(read.version).unwrap_or(i64::MAX)));
        match put.send().await {
            Ok(answer) => {
                self.count_write(answer.consumed_capacity.as_ref());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let there = failed.item.clone().map(from_item::<StoredThrottle>).transpose()?;
                    Ok(there.is_some_and(|there| there.written_by == stored.written_by))
                }
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Counts a message of the running hour for a source address or a prefix of numbers.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] where there were `max` of them.
    pub async fn count_send(&self, address: &IdentifierHash, max: u32, now: Timestamp) -> Result<(), Error> {
        let hour = now.as_second().div_euclid(HOUR_SECONDS);
        let hour_end = (hour + 1) * HOUR_SECONDS;
        let mark = text(self.random.uuid(now)?);
        let update = self
            .client
            .update_item()
            .update_expression("ADD sends :one SET expires_at = :hour_end, written_by = :mark")
            .condition_expression(format!("(attribute_not_exists(sends) OR sends < :max) AND {NOT_WRITTEN}"))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":hour_end", number(hour_end))
            .expression_attribute_values(":max", number(max.into()))
            .expression_attribute_values(":mark", mark.clone());
        match self.update_if(Key::sends(address, hour), update).await? {
            Updated::Refused(item) if item.as_ref().and_then(|item| item.get("written_by")) != Some(&mark) => {
                Err(Error::SmsLimitReached { retry_after: hour_end - now.as_second() })
            }
            _ => Ok(()),
        }
    }

    /// Takes back one message that [`Self::count_send`] counted at `counted_at`.
    pub async fn release_send(&self, address: &IdentifierHash, counted_at: Timestamp) -> Result<(), Error> {
        let hour = counted_at.as_second().div_euclid(HOUR_SECONDS);
        let update = self
            .client
            .update_item()
            .update_expression("ADD sends :minus_one SET written_by = :mark")
            .condition_expression(format!("sends > :zero AND {NOT_WRITTEN}"))
            .expression_attribute_values(":minus_one", number(-1))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":mark", text(self.random.uuid(counted_at)?));
        self.update_if(Key::sends(address, hour), update).await.map(drop)
    }
}
