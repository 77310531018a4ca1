//! Lists that administrators page through. They come from the index, never from a scan.

use std::time::Duration;

use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use serde::de::DeserializeOwned;

use super::{Item, LIST_KEY, LISTS_INDEX, Store, from_item, text};
use crate::{aws::unavailable, base::Error};

/// A page of a list.
#[derive(Debug)]
pub struct Listed<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// The place of the last item, if more follow.
    pub end: Option<String>,
}

/// How often a batch is tried, if DynamoDB does not process all of its keys.
const BATCH_TRIES: usize = 5;

impl Store {
    /// Up to `limit` items of a list, after the place `after`. The index may be a moment behind,
    /// but the items themselves are read consistently, and deleted ones are left out.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        list: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<T>, Error> {
        let condition =
            if after.is_some() { "#list = :list AND #place > :after" } else { "#list = :list" };

        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(LISTS_INDEX)
            .key_condition_expression(condition)
            .expression_attribute_names("#list", super::LIST)
            .expression_attribute_values(":list", text(list))
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(after) = after {
            query = query
                .expression_attribute_names("#place", LIST_KEY)
                .expression_attribute_values(":after", text(after));
        }
        let output = query.send().await.map_err(unavailable)?;
        self.count_read(output.consumed_capacity.as_ref());

        let mut found = output.items.unwrap_or_default();
        let more = found.len() > limit;
        found.truncate(limit);
        let place = |item: &Item| item.get(LIST_KEY).and_then(|place| place.as_s().ok()).cloned();
        let end = found.last().filter(|_| more).and_then(place);

        let keys: Vec<Item> = found.into_iter().map(primary_key).collect();
        Ok(Listed {
            items: self
                .get_all(keys)
                .await?
                .into_iter()
                .map(from_item)
                .collect::<Result<_, _>>()?,
            end,
        })
    }

    /// The items with these keys, in this order, without deleted ones.
    pub(crate) async fn get_all(&self, keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        let mut missing = keys.clone();
        let mut read = Vec::new();
        for attempt in 0..BATCH_TRIES {
            if missing.is_empty() {
                break;
            }
            if attempt > 0 {
                // DynamoDB leaves keys out when it throttles: it needs time, not more requests.
                let [jitter] = self.random.bytes::<1>()?;
                tokio::time::sleep(Duration::from_millis(u64::from(jitter) << attempt >> 3)).await;
            }

            let wanted =
                KeysAndAttributes::builder().set_keys(Some(missing)).consistent_read(true).build();
            let output = self
                .client
                .batch_get_item()
                .request_items(
                    &self.table,
                    wanted.map_err(|error| Error::Internal(error.to_string()))?,
                )
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(unavailable)?;
            self.count_read(output.consumed_capacity.as_ref().and_then(|all| all.first()));

            read.extend(
                output.responses.unwrap_or_default().remove(&self.table).unwrap_or_default(),
            );
            missing = output
                .unprocessed_keys
                .unwrap_or_default()
                .remove(&self.table)
                .map(|left| left.keys)
                .unwrap_or_default();
        }
        if !missing.is_empty() {
            return Err(Error::Unavailable("DynamoDB throttled a batch of reads".into()));
        }

        let position = |item: &Item| {
            keys.iter()
                .position(|key| key.iter().all(|(name, value)| item.get(name) == Some(value)))
        };
        read.sort_by_key(position);
        Ok(read)
    }

    /// The item with the attributes that put it on a list, at this place.
    pub(crate) fn on_list(mut item: Item, list: &str, place: &str) -> Item {
        item.insert(super::LIST.to_owned(), text(list));
        item.insert(LIST_KEY.to_owned(), text(place));
        item
    }
}

fn primary_key(mut item: Item) -> Item {
    item.retain(|name, _| matches!(name.as_str(), "pk" | "sk"));
    item
}
