//! The store: one DynamoDB table, with the verbs of the domain.
//!
//! Whatever must hold under concurrency is one conditional write or one transaction. Every read that
//! a decision rests on is strongly consistent.

pub(crate) mod keys;
mod lists;
mod transactions;

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
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

pub use self::{keys::TTL, lists::Listed};
pub(crate) use self::{
    keys::{APPS_LIST, Key, LIST, LIST_KEY, LISTS_INDEX, ROLES_LIST},
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
    /// The condition did not hold; this is what is there, if anything.
    Refused(Option<Item>),
}

/// How often a change is tried again when another came first. Of those that arrive together one wins each time.
pub(crate) const CHANGE_TRIES: usize = 25;

/// The attribute with the mark of the write that came last, by which one whose answer was lost is recognised.
pub(crate) const WRITTEN_BY: &str = "written_by";

/// The condition of a write that counts: one whose answer was lost has left its mark, and counts once.
pub(crate) const NOT_WRITTEN: &str = "(attribute_not_exists(written_by) OR written_by <> :mark)";

/// The table.
#[derive(Clone)]
pub struct Store {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) random: Random,
    consumed: Arc<ConsumedUnits>,
    /// An item that the next transaction puts beside what it writes, or why there is none.
    along: Option<Arc<Result<Item, Error>>>,
}

/// Request units since the store was made, in tenths.
#[derive(Debug, Default)]
struct ConsumedUnits {
    read: AtomicU64,
    write: AtomicU64,
}

impl Store {
    /// The table of this name. No call is made.
    pub fn new(aws: &Aws, name: &str, random: Random) -> Self {
        let config = aws_sdk_dynamodb::config::Builder::from(&aws.config("DYNAMODB"))
            .retry_classifier(TransactionConflictClassifier)
            .build();
        Self {
            client: Client::from_conf(config),
            table: name.to_owned(),
            random,
            consumed: Arc::default(),
            along: None,
        }
    }

    /// The same store, whose transactions put `item`, too.
    #[must_use]
    pub(crate) fn with_item(&self, item: Result<Item, Error>) -> Self {
        Self { along: Some(Arc::new(item)), ..self.clone() }
    }

    /// Whether the table answers. Opens the connection, too.
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

    pub(crate) async fn get<T: DeserializeOwned>(&self, key: Key) -> Result<Option<T>, Error> {
        self.item(key).await?.map(from_item).transpose()
    }

    pub(crate) async fn item(&self, key: Key) -> Result<Option<Item>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_read(answer.consumed_capacity.as_ref());
        Ok(answer.item)
    }

    /// Sends an update with a condition. The update says what it puts and which item it is; this asks for the
    /// item as it is afterwards or, where the condition did not hold, as it is now.
    pub(crate) async fn update_if(
        &self,
        key: Key,
        update: UpdateItemFluentBuilder,
    ) -> Result<Updated, Error> {
        self.updated(self.asking(key, update).send().await)
    }

    /// A mark for one write.
    pub(crate) fn mark(&self) -> Result<Uuid, Error> {
        Ok(Uuid::from_bytes(self.random.bytes()?))
    }

    /// As [`Self::update_if`], for an update that puts the value `:mark` into `attribute`: our own write, whose answer was
    /// lost, counts as done.
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

    /// As [`Self::update_if`], in one attempt, for what is taken back: an attempt that failed may have been done all the
    /// same, and what others wrote since may hide that it was.
    pub(crate) async fn take_back(
        &self,
        key: Key,
        update: UpdateItemFluentBuilder,
    ) -> Result<(), Error> {
        let once = aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled());
        self.updated(self.asking(key, update).customize().config_override(once).send().await)
            .map(drop)
    }

    pub(crate) fn asking(
        &self,
        key: Key,
        update: UpdateItemFluentBuilder,
    ) -> UpdateItemFluentBuilder {
        update
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
    }

    pub(crate) fn updated(
        &self,
        result: Result<UpdateItemOutput, SdkError<UpdateItemError>>,
    ) -> Result<Updated, Error> {
        match result {
            Ok(answer) => {
                self.count_write(answer.consumed_capacity.as_ref());
                Ok(Updated::Done(answer.attributes.unwrap_or_default()))
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
        let answer = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_write(answer.consumed_capacity.as_ref());
        Ok(())
    }

    pub(crate) async fn put(&self, item: Item) -> Result<(), Error> {
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_write(answer.consumed_capacity.as_ref());
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

/// Tries until a change is written: an attempt of which nothing comes (`None`) is made again over what another one left.
/// A macro, since axum's handlers cannot hold a closure that is asynchronous and generic.
macro_rules! until_written {
    ($what:expr, $attempt:block) => {{
        for _ in 0..$crate::table::CHANGE_TRIES {
            let attempt: Result<Option<_>, $crate::base::Error> = async { $attempt }.await;
            if let Some(done) = attempt? {
                return Ok(done);
            }
        }
        Err($crate::base::Error::Unavailable(format!("{} changed too often at once", $what)))
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
        .map_err(|error| Error::Internal(format!("an item cannot be read: {error}")))
}

/// A number of an item; zero where there is none.
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
