//! The audit trail in the table: events by time, spread over sixteen partitions.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Event, Outcome};
use crate::{
    aws::unavailable,
    base::Error,
    table::{Item, Key, Listed, Store, from_item, keys, text, to_item},
};

impl Store {
    /// Returns a copy that writes `event` to the audit trail in the same transaction as its next
    /// change. A change that is not a transaction does not write it.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        self.with_item(event_item(&event))
    }

    /// Writes an event.
    pub async fn record(&self, event: &Event) -> Result<(), Error> {
        self.put(event_item(event)?).await
    }

    /// Up to `limit` events, newest first, those before the event `before`.
    pub async fn events(
        &self,
        before: Option<Uuid>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Listed<Event>, Error> {
        // Version 7 ids are ordered by time, so the newest events of all are among the newest of
        // each partition.
        let shards = (0..keys::SHARDS).map(|shard| self.events_of(shard, before, limit + 1, now));
        let mut events: Vec<Event> = try_join_all(shards).await?.into_iter().flatten().collect();
        events.sort_by_key(|event| std::cmp::Reverse(event.id));

        let more = events.len() > limit;
        events.truncate(limit);
        Ok(Listed {
            end: events.last().filter(|_| more).map(|event| event.id.to_string()),
            items: events,
        })
    }

    /// How many codes were wrong and how many were tried, among the last `limit` events of a shard
    /// since a time.
    pub async fn outcomes(
        &self,
        shard: u8,
        limit: usize,
        since: Timestamp,
    ) -> Result<(usize, usize), Error> {
        let events = self.events_of(shard % keys::SHARDS, None, limit, since).await?;
        let tries = events.iter().filter(|event| event.at >= since && event.by_code);
        let failed = tries.clone().filter(|event| event.result == Outcome::Failure).count();
        Ok((failed, tries.count()))
    }

    async fn events_of(
        &self,
        shard: u8,
        before: Option<Uuid>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression(if before.is_some() {
                "pk = :pk AND sk < :before"
            } else {
                "pk = :pk"
            })
            .expression_attribute_values(":pk", Key::event(shard, Uuid::nil()).pk())
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(before) = before {
            query = query.expression_attribute_values(":before", text(before));
        }

        let output = query.send().await.map_err(unavailable)?;
        self.count_read(output.consumed_capacity.as_ref());

        let events = output.items.unwrap_or_default().into_iter().map(from_item::<Event>);
        // DynamoDB's TTL deletes up to days late.
        events
            .filter(|event| event.as_ref().map_or(true, |event| event.expires_at > now.as_second()))
            .collect()
    }
}

/// An event as it is stored.
fn event_item(event: &Event) -> Result<Item, Error> {
    to_item(Key::event(keys::shard(event.id), event.id), event)
}
