//! Transactions: several writes as one.

use futures_util::FutureExt;
use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, Put, ReturnConsumedCapacity, TransactWriteItem, Update},
};
use uuid::Uuid;

use super::{Item, Key, Store, number};
use crate::{aws::unavailable, base::Error};

/// The most items of a transaction.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>
const MAX_ITEMS: usize = 100;

/// The reasons that are temporary. The SDK does not retry a transaction that they cancelled.
const TEMPORARY: [&str; 3] =
    ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];

/// How a transaction ended.
pub(crate) enum Outcome {
    /// Everything is written.
    Done,
    /// The condition of the item at this index failed, and nothing is written.
    Refused(usize),
    /// Another transaction was running, or DynamoDB throttled this one. Nothing is written.
    Busy,
}

impl Store {
    /// Writes all or nothing, with the items of [`Self::with_extra_items`].
    pub(crate) async fn transact(
        &self,
        mut items: Vec<TransactWriteItem>,
    ) -> Result<Outcome, Error> {
        for item in (*self.extra_items).clone()? {
            if items.len() < MAX_ITEMS {
                items.push(self.put_always(item)?);
            } else {
                // The first extra item is an event. Those that do not fit are marks by which it is
                // found; a mark whose event is not written leads to nothing, and expires.
                self.put(item).await?;
            }
        }

        self.transact_alone(items).await
    }

    /// Writes all or nothing, without the items of [`Self::with_extra_items`].
    pub(crate) async fn transact_alone(
        &self,
        items: Vec<TransactWriteItem>,
    ) -> Result<Outcome, Error> {
        // One token for all attempts of the SDK, so that the call is idempotent: if a response is
        // lost, the retry does not write twice.
        let token = Uuid::from_bytes(self.random.bytes()?);
        let result = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .client_request_token(token.to_string())
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .boxed()
            .await;

        match result {
            Ok(output) => {
                self.count_write(output.consumed_capacity.as_ref().and_then(|all| all.first()));
                Ok(Outcome::Done)
            }
            Err(error) => match canceled(&error) {
                Some(Outcome::Busy) => {
                    // Back off at random, so that the same requests do not conflict again
                    // immediately.
                    let [jitter] = self.random.bytes::<1>()?;
                    tokio::time::sleep(Duration::from_millis(10 + u64::from(jitter) / 4)).await;
                    Ok(Outcome::Busy)
                }
                Some(outcome) => Ok(outcome),
                None => Err(unavailable(error)),
            },
        }
    }

    /// Puts an item if there is none with its key.
    pub(crate) fn put_if_absent(&self, item: &Item) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item.clone()))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Puts an item if the stored version is still the one that was read (optimistic locking).
    pub(crate) fn put_over(&self, item: Item, read: u64) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("version = :version")
            .expression_attribute_values(":version", version(read))
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Puts an item, without a condition.
    pub(crate) fn put_always(&self, item: Item) -> Result<TransactWriteItem, Error> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item)).build();
        Ok(TransactWriteItem::builder()
            .put(put.map_err(|error| Error::Internal(error.to_string()))?)
            .build())
    }

    /// Deletes an item, without a condition.
    pub(crate) fn delete_always(&self, key: Key) -> Result<TransactWriteItem, Error> {
        let delete =
            Delete::builder().table_name(&self.table).set_key(Some(key.attributes())).build();
        Ok(TransactWriteItem::builder()
            .delete(delete.map_err(|error| Error::Internal(error.to_string()))?)
            .build())
    }

    /// Adds a text to a set of an item (`is_in`), or removes it. Creates the item if there is none.
    pub(crate) fn change_set(
        &self,
        key: Key,
        attribute: &str,
        (member, is_in): (&str, bool),
    ) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .update_expression(if is_in { "ADD #set :member" } else { "DELETE #set :member" })
            .expression_attribute_names("#set", attribute)
            .expression_attribute_values(":member", AttributeValue::Ss(vec![member.to_owned()]))
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Puts an item if a `condition` on `:value` holds for the stored one.
    pub(crate) fn put_where(
        &self,
        item: Item,
        condition: &str,
        value: AttributeValue,
    ) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .expression_attribute_values(":value", value)
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Deletes an item if a `condition` holds for it, on `:value` if there is one.
    pub(crate) fn delete_if(
        &self,
        key: Key,
        condition: &str,
        value: Option<AttributeValue>,
    ) -> Result<TransactWriteItem, Error> {
        let mut delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .condition_expression(condition);
        if let Some(value) = value {
            delete = delete.expression_attribute_values(":value", value);
        }
        let delete = delete.build().map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Changes only the version of an item, if it is still the one that was `read`.
    pub(crate) fn touch(&self, key: Key, read: u64) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .update_expression("ADD version :one")
            .condition_expression("version = :version")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":version", version(read))
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// Deletes an item if its `attribute` has this value.
    pub(crate) fn delete_where(
        &self,
        key: Key,
        attribute: &str,
        value: AttributeValue,
    ) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .condition_expression("#attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", value)
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}

/// A version as an attribute.
pub(crate) fn version(version: u64) -> AttributeValue {
    number(i64::try_from(version).unwrap_or(i64::MAX))
}

/// The outcome of a cancelled transaction; `None` for other errors.
fn canceled(error: &SdkError<TransactWriteItemsError>) -> Option<Outcome> {
    let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) =
        error.as_service_error()
    else {
        return None;
    };
    let reasons: Vec<_> = canceled
        .cancellation_reasons()
        .iter()
        .map(|reason| reason.code().unwrap_or_default())
        .collect();

    if let Some(index) = reasons.iter().position(|reason| *reason == "ConditionalCheckFailed") {
        return Some(Outcome::Refused(index));
    }
    reasons.iter().any(|reason| TEMPORARY.contains(reason)).then_some(Outcome::Busy)
}
