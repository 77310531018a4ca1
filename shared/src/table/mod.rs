//! The store: one DynamoDB table. The other wings add the methods of their domain.
//!
//! An invariant that must hold under concurrency is one conditional write or one transaction. Every
//! read that a decision depends on is strongly consistent. Calls that do not need each
//! other's answers are made together. The SDK's calls are in boxes: each takes 8 KiB or more of the stack, and
//! a request has several under way inside one another.

pub(crate) mod keys;
mod lists;
mod transactions;

use futures_util::FutureExt;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_sdk_dynamodb::{
    Client,
    config::retry::RetryConfig,
    error::SdkError,
    operation::update_item::{
        UpdateItemError, UpdateItemOutput, builders::UpdateItemFluentBuilder,
    },
    types::{
        AttributeValue, ConsumedCapacity, ReturnConsumedCapacity, ReturnValue,
        ReturnValuesOnConditionCheckFailure,
    },
};
use aws_types::SdkConfig;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

pub use self::{keys::TTL, lists::Listed};
pub(crate) use self::{
    keys::{APPS_LIST, ERASURES, Key, LIST, LIST_KEY, LISTS_INDEX, MAIL, ROLES_LIST, erasure_time},
    transactions::{Outcome, version},
};
use crate::{
    aws::{Aws, TransactionConflictClassifier, unavailable},
    base::{Error, Random},
};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The outcome of an update with a condition.
pub(crate) enum Updated {
    /// The item as it is now.
    Done(Item),
    /// The condition did not hold. This is the current item, if there is one.
    Refused(Option<Item>),
}

impl Updated {
    /// Whether the condition held.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }
}

/// How often a change is tried if others come first (optimistic locking). Of the changes that run
/// together, one succeeds each time.
pub(crate) const CHANGE_TRIES: usize = 25;

/// The attribute with the mark of the last write. With this mark, a retry recognises its own
/// earlier write, whose response was lost.
pub(crate) const WRITTEN_BY: &str = "written_by";

/// The condition of a write that counts something. If its response was lost, its mark is there
/// already, so a retry does not count twice.
pub(crate) const NOT_WRITTEN: &str = "(attribute_not_exists(written_by) OR written_by <> :mark)";

/// The table.
#[derive(Clone)]
pub struct Store {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) random: Random,
    consumed: Arc<ConsumedUnits>,
    /// Items that each transaction also writes, or the error that prevented making them.
    extra_items: Arc<Result<Vec<Item>, Error>>,
}

/// Request units used since the store was made, in tenths.
#[derive(Debug, Default)]
struct ConsumedUnits {
    read: AtomicU64,
    write: AtomicU64,
}

impl Store {
    /// The table with this name. No call is made.
    pub fn new(aws: &Aws, name: &str, random: Random) -> Self {
        Self::of_config(&aws.config("DYNAMODB"), name, random)
    }

    /// The table with this name, with a configuration of the AWS SDK. No call is made.
    pub fn of_config(config: &SdkConfig, name: &str, random: Random) -> Self {
        let config = aws_sdk_dynamodb::config::Builder::from(config)
            .retry_classifier(TransactionConflictClassifier)
            .build();
        Self {
            client: Client::from_conf(config),
            table: name.to_owned(),
            random,
            consumed: Arc::default(),
            extra_items: Arc::new(Ok(Vec::new())),
        }
    }

    /// Returns a copy whose transactions put other extra items: what `change` makes of them.
    #[must_use]
    pub(crate) fn with_extra_items(
        &self,
        change: impl FnOnce(Vec<Item>) -> Result<Vec<Item>, Error>,
    ) -> Self {
        let items = (*self.extra_items).clone().and_then(change);
        Self { extra_items: Arc::new(items), ..self.clone() }
    }

    /// Checks that the table can be read. This also opens the connection.
    pub async fn ping(&self) -> Result<(), Error> {
        self.get::<HashMap<String, String>>(Key::public_keys()).await.map(drop)
    }

    /// The (read, write) request units used since the store was made.
    pub fn consumed_units(&self) -> (f64, f64) {
        let units = |tenths: &AtomicU64| {
            f64::from(u32::try_from(tenths.load(Ordering::Relaxed)).unwrap_or(u32::MAX)) / 10.0
        };
        (units(&self.consumed.read), units(&self.consumed.write))
    }

    /// Reads an item, strongly consistent, as a `T`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>, Error> {
        self.item(key).await?.map(from_item).transpose()
    }

    /// Reads an item as a `T`, for half the price and perhaps without the last second: only for a
    /// hint, on which no decision depends.
    pub(crate) async fn get_lately<T: DeserializeOwned>(
        &self,
        key: Key,
    ) -> Result<Option<T>, Error> {
        self.read(key, false).await?.map(from_item).transpose()
    }

    /// Reads an item, strongly consistent.
    pub(crate) async fn item(&self, key: Key) -> Result<Option<Item>, Error> {
        self.read(key, true).await
    }

    async fn read(&self, key: Key, is_consistent: bool) -> Result<Option<Item>, Error> {
        if !key.fits() {
            return Ok(None);
        }
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .consistent_read(is_consistent)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .boxed()
            .await
            .map_err(unavailable)?;
        self.count_read(output.consumed_capacity.as_ref());
        Ok(output.item)
    }

    /// Sends an update with a condition. Returns the item as it is after the update or, if the
    /// condition did not hold, as it is now.
    pub(crate) async fn update_if(
        &self,
        key: Key,
        update: UpdateItemFluentBuilder,
    ) -> Result<Updated, Error> {
        self.outcome(self.addressed(key, update).send().boxed().await)
    }

    /// A new mark for one write.
    pub(crate) fn mark(&self) -> Result<Uuid, Error> {
        Ok(Uuid::from_bytes(self.random.bytes()?))
    }

    /// Like [`Self::update_if`], for an update that sets `attribute` to the value `:mark`. If the
    /// condition did not hold only because our own write succeeded and its response was lost, it
    /// counts as done.
    pub(crate) async fn update_once(
        &self,
        key: Key,
        update: UpdateItemFluentBuilder,
        (attribute, mark): (&str, impl ToString),
    ) -> Result<Updated, Error> {
        let mark = text(mark);
        let update = update.expression_attribute_values(":mark", mark.clone());
        Ok(match self.update_if(key, update).await? {
            Updated::Refused(Some(item)) if item.get(attribute) == Some(&mark) => {
                Updated::Done(item)
            }
            updated => updated,
        })
    }

    /// Like [`Self::update_once`], but returns the item as it was before the update; if it did not
    /// exist, an empty one. If the response to our own write was lost, it returns the item after
    /// it, in which `attribute` is `:mark`.
    pub(crate) async fn update_once_from(
        &self,
        key: Key,
        update: UpdateItemFluentBuilder,
        (attribute, mark): (&str, impl ToString),
    ) -> Result<Updated, Error> {
        let mark = text(mark);
        let update = update.expression_attribute_values(":mark", mark.clone());
        let update = self.addressed(key, update).return_values(ReturnValue::AllOld);
        Ok(match self.outcome(update.send().boxed().await)? {
            Updated::Refused(Some(item)) if item.get(attribute) == Some(&mark) => {
                Updated::Done(item)
            }
            updated => updated,
        })
    }

    /// Like [`Self::update_if`], for a refund, and without retries. An attempt that failed may
    /// still have been written, and a later write by others may have overwritten its mark, so a
    /// retry could refund twice.
    pub(crate) async fn refund(
        &self,
        key: Key,
        update: UpdateItemFluentBuilder,
    ) -> Result<(), Error> {
        let once = aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled());
        self.outcome(
            self.addressed(key, update).customize().config_override(once).send().boxed().await,
        )
        .map(drop)
    }

    /// The update with the table, the key, and what to return.
    fn addressed(&self, key: Key, update: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        update
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    /// The outcome of an update with a condition.
    fn outcome(
        &self,
        result: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    ) -> Result<Updated, Error> {
        match result {
            Ok(output) => {
                self.count_write(output.consumed_capacity.as_ref());
                Ok(Updated::Done(output.attributes.unwrap_or_default()))
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    Ok(Updated::Refused(failed.item.clone()))
                }
                _ => Err(unavailable(error)),
            },
        }
    }

    pub(crate) async fn delete(&self, key: Key) -> Result<(), Error> {
        let output = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .boxed()
            .await
            .map_err(unavailable)?;
        self.count_write(output.consumed_capacity.as_ref());
        Ok(())
    }

    /// Writes an item that has nothing but its end (epoch seconds), unless there is one, or it was
    /// given back. Returns whether it is new.
    pub(crate) async fn put_new(&self, key: Key, expires_at: i64) -> Result<bool, Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET expires_at = :expires_at, written_by = :mark REMOVE given_back")
            .condition_expression("attribute_not_exists(pk) OR attribute_exists(given_back)")
            .expression_attribute_values(":expires_at", number(expires_at));
        let updated = self.update_once(key, update, (WRITTEN_BY, self.mark()?)).await?;
        Ok(updated.is_done())
    }

    /// Gives back an item of [`Self::put_new`], so that it can be written again. It is not deleted:
    /// that would need a further right.
    pub(crate) async fn give_back(&self, key: Key) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET given_back = :true")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        self.update_if(key, update).await.map(drop)
    }

    pub(crate) async fn put(&self, item: Item) -> Result<(), Error> {
        let output = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .boxed()
            .await
            .map_err(unavailable)?;
        self.count_write(output.consumed_capacity.as_ref());
        Ok(())
    }

    pub(crate) fn count_read(&self, capacity: Option<&ConsumedCapacity>) {
        self.consumed.read.fetch_add(tenths(capacity), Ordering::Relaxed);
    }

    pub(crate) fn count_write(&self, capacity: Option<&ConsumedCapacity>) {
        self.consumed.write.fetch_add(tenths(capacity), Ordering::Relaxed);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "request units are small and positive"
)]
pub(crate) fn tenths(capacity: Option<&ConsumedCapacity>) -> u64 {
    (capacity.and_then(ConsumedCapacity::capacity_units).unwrap_or_default() * 10.0).round() as u64
}

/// Tries a change until it is written, up to [`CHANGE_TRIES`] times. An attempt that returns `None`
/// lost against another change, so it starts again from what that one left. This is a macro, since
/// axum's handlers cannot hold a closure that is asynchronous and generic.
macro_rules! until_written {
    ($what:expr, $attempt:block) => {{
        for _ in 0..$crate::table::CHANGE_TRIES {
            let attempt: Result<Option<_>, $crate::base::Error> = async { $attempt }.await;
            if let Some(done) = attempt? {
                return Ok(done);
            }
        }
        Err($crate::base::Error::Unavailable(format!(
            "{} changed by too many requests at the same time",
            $what
        )))
    }};
}
pub(crate) use until_written;

pub(crate) fn to_item<T: Serialize>(key: Key, body: &T) -> Result<Item, Error> {
    let mut item: Item =
        serde_dynamo::to_item(body).map_err(|error| Error::Internal(error.to_string()))?;
    item.extend(key.attributes());
    Ok(item)
}

pub(crate) fn from_item<T: DeserializeOwned>(item: Item) -> Result<T, Error> {
    serde_dynamo::from_item(item)
        .map_err(|error| Error::Internal(format!("cannot read an item of the table: {error}")))
}

/// A number in an item; zero if it is not there.
pub(crate) fn amount(item: &Item, name: &str) -> i64 {
    item.get(name)
        .and_then(|amount| amount.as_n().ok())
        .and_then(|amount| amount.parse().ok())
        .unwrap_or_default()
}

pub(crate) fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

pub(crate) fn bytes(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(bytes.into())
}
