//! The audit trail: events by day, spread over sixteen partitions.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures_util::future::try_join_all;
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use uuid::Uuid;

use super::{
    Item, Listed, Store, from_item,
    keys::{self, Key},
    text, to_item, unavailable,
};
use crate::{audit::Event, error::Error};

/// The most days that one request looks back over; a page that ends there says where to go on.
const DAYS_AT_ONCE: usize = 31;

impl Store {
    /// Keeps an event.
    pub async fn record(&self, event: &Event) -> Result<(), Error> {
        self.put(event_item(event)?).await
    }

    /// Up to `limit` events, newest first, before the place `before`, and not older than `oldest`.
    pub async fn events(
        &self,
        before: Option<Uuid>,
        limit: usize,
        (now, oldest): (Timestamp, Timestamp),
    ) -> Result<Listed<Event>, Error> {
        let mut day = match before.and_then(time_of) {
            Some(at) => day_of(at),
            None => day_of(now),
        };
        let mut events: Vec<Event> = Vec::new();
        for _ in 0..DAYS_AT_ONCE {
            if day < day_of(oldest) {
                return Ok(Listed { items: events, end: None });
            }
            let wanted = limit + 1 - events.len();
            let shards = (0..keys::SHARDS).map(|shard| self.events_of((day, shard), before, wanted, now));
            let mut of_day: Vec<Event> = try_join_all(shards).await?.into_iter().flatten().collect();
            of_day.sort_by_key(|event| std::cmp::Reverse(event.id));
            events.extend(of_day);
            if events.len() > limit {
                events.truncate(limit);
                return Ok(Listed { end: events.last().map(|event| event.id.to_string()), items: events });
            }
            let Ok(yesterday) = day.yesterday() else { break };
            day = yesterday;
        }
        // Everything of the days after `day` was seen: go on before the first moment of the last of them.
        let end = day.tomorrow().ok().and_then(first_id);
        Ok(Listed { items: events, end: end.map(|id| id.to_string()) })
    }

    async fn events_of(
        &self,
        (day, shard): (Date, u8),
        before: Option<Uuid>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression(if before.is_some() { "pk = :pk AND sk < :before" } else { "pk = :pk" })
            .expression_attribute_values(":pk", Key::event(day, shard, Uuid::nil()).pk())
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        if let Some(before) = before {
            query = query.expression_attribute_values(":before", text(before));
        }
        let answer = query.send().await.map_err(unavailable)?;
        self.count_read(answer.consumed_capacity.as_ref());
        let events = answer.items.unwrap_or_default().into_iter().map(from_item::<Event>);
        // Time to live deletes days late.
        events.filter(|event| event.as_ref().map_or(true, |event| event.expires_at > now.as_second())).collect()
    }
}

/// An event as it is stored.
pub(super) fn event_item(event: &Event) -> Result<Item, Error> {
    to_item(Key::event(day_of(event.at), keys::shard(event.id), event.id), event)
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// When a version 7 UUID was made.
fn time_of(id: Uuid) -> Option<Timestamp> {
    let (seconds, _) = id.get_timestamp()?.to_unix();
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok()
}

/// The smallest version 7 UUID of a day.
fn first_id(day: Date) -> Option<Uuid> {
    let start = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let millis = u64::try_from(start.as_millisecond()).ok()?;
    Some(uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid())
}
