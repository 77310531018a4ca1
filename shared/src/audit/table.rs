//! The audit trail in the table: events by time, spread over sixteen partitions, and the marks by
//! which they are found.

use futures_util::FutureExt;
use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use futures_util::future::{try_join, try_join_all};
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{
    ANYBODY, Changes, CodesTried, Event, EventFilter, Position,
    codes::{RightCodes, hour},
    query::before,
};
use crate::{
    aws::unavailable,
    base::Error,
    table::{
        Item, Key, NOT_WRITTEN, Store, Updated, WRITTEN_BY, amount, from_item, keys, number, text,
        to_item,
    },
};

/// How many partitions' worth of events a request reads at most for a page that few events pass.
const ROUNDS: usize = 10;
/// How many sign-ins a request follows at most.
const MAX_STEPS: usize = 200;

impl Store {
    /// Returns a copy that writes `event` to the audit trail in the same transaction as its next
    /// change. A change that is not a transaction does not write it.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        self.with_extra_items(|mut items| {
            items.extend(event_items(&event)?);
            Ok(items)
        })
    }

    /// Returns a copy that notes in the event that it is recording what the change changes.
    #[must_use]
    pub fn noting(&self, changes: &Changes) -> Self {
        if changes.is_empty() { self.clone() } else { self.with_detail("changes", changes) }
    }

    /// Returns a copy that notes in the event that it is recording, which is the end of an account,
    /// the last sign-ins of the user, so that their events can still be found.
    #[must_use]
    pub fn noting_sign_ins(&self, sign_ins: &[Uuid]) -> Self {
        if sign_ins.is_empty() { self.clone() } else { self.with_detail("previous", &sign_ins) }
    }

    fn with_detail(&self, name: &str, detail: &impl Serialize) -> Self {
        self.with_extra_items(|mut items| {
            let detail = serde_dynamo::to_attribute_value(detail)
                .map_err(|error| Error::Internal(error.to_string()))?;
            // The other extra items are marks, which have no action.
            if let Some(event) = items.iter_mut().find(|item| item.contains_key("action")) {
                event.insert(name.to_owned(), detail);
            }
            Ok(items)
        })
    }

    /// Writes an event of a failure. One of somebody who was not recognised is counted instead.
    pub async fn record_failure(&self, event: Event) -> Result<(), Error> {
        if event.is_anonymous() {
            let counted = event.counted()?;
            // A failure on an account is two writes side by side. This is, too, so that the time does
            // not tell who has an account.
            let mark = self.put(mark(ANYBODY, &counted));
            try_join(self.count_failure(counted.clone()), mark).await.map(drop)
        } else {
            self.record(&event).await
        }
    }

    /// Writes an event.
    pub async fn record(&self, event: &Event) -> Result<(), Error> {
        let puts = event_items(event)?.into_iter().map(|item| self.put(item));
        try_join_all(puts).await.map(drop)
    }

    /// Counts a failure in the item of its source and hour.
    async fn count_failure(&self, failure: Event) -> Result<(), Error> {
        let key = Key::event(keys::shard(failure.id), failure.id);
        let item: Item =
            serde_dynamo::to_item(&failure).map_err(|error| Error::Internal(error.to_string()))?;

        let (mut sets, mut names, mut values) =
            (vec!["written_by = :mark".to_owned()], HashMap::new(), HashMap::new());
        for (name, value) in item {
            sets.push(format!("#{name} = :{name}"));
            names.insert(format!("#{name}"), name.clone());
            values.insert(format!(":{name}"), value);
        }
        names.insert("#count".to_owned(), "count".to_owned());

        let update = self
            .client
            .update_item()
            .update_expression(format!("SET {} ADD #count :one", sets.join(", ")))
            .condition_expression(NOT_WRITTEN)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .expression_attribute_values(":one", number(1));
        self.update_once(key, update, (WRITTEN_BY, self.mark()?)).await.map(drop)
    }

    /// Counts a wrong code in a part of the count of this hour, together with the `right` ones that
    /// are not written yet. Returns what that part has now.
    pub async fn count_wrong_code(
        &self,
        shard: u8,
        right: &RightCodes,
        now: Timestamp,
    ) -> Result<CodesTried, Error> {
        let key = Key::codes_tried(shard, hour(now));
        let update = self
            .client
            .update_item()
            .update_expression(
                "SET written_by = :mark, expires_at = :expires_at ADD tried :tried, failed :one",
            )
            .condition_expression(NOT_WRITTEN)
            .expression_attribute_values(":expires_at", number((hour(now) + 2) * 3600))
            .expression_attribute_values(":tried", number(right.take(now).saturating_add(1)))
            .expression_attribute_values(":one", number(1));
        Ok(match self.update_once(key, update, (WRITTEN_BY, self.mark()?)).await? {
            Updated::Done(item) => {
                CodesTried { tried: amount(&item, "tried"), failed: amount(&item, "failed") }
            }
            Updated::Refused(_) => CodesTried { tried: 0, failed: 0 },
        })
    }

    /// A page of all events that pass the filter, in the order of time.
    pub async fn events(
        &self,
        filter: &EventFilter,
        from: Option<Position>,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<Event>, Option<Position>), Error> {
        let mut last = from.map_or(filter.last(), |from| before(from.before).min(filter.last()));
        let mut found = Vec::new();

        for _ in 0..ROUNDS {
            // Version 7 ids are ordered by time, so the newest events of all are among the newest
            // of each partition.
            let shards = (0..keys::SHARDS)
                .map(|shard| self.events_in(shard, (filter.first(), last), limit + 1));
            let mut events: Vec<Event> =
                try_join_all(shards).await?.into_iter().flatten().collect();
            events.sort_by_key(|event| std::cmp::Reverse(event.id));

            let read = events.len();
            for (index, event) in events.into_iter().take(limit).enumerate() {
                last = before(event.id);
                if is_kept(&event, now) && filter.matches(&event) {
                    let place = Position { before: event.id, sign_ins: None };
                    found.push(event);
                    if found.len() == limit {
                        return Ok((found, Some(place).filter(|_| index + 1 < read)));
                    }
                }
            }
            if read <= limit {
                return Ok((found, None));
            }
        }

        let before = Uuid::from_u128(last.as_u128().saturating_add(1));
        Ok((found, Some(Position { before, sign_ins: None })))
    }

    /// Up to `limit` events of a partition with ids in a range, the newest first. Some may have
    /// expired, since DynamoDB's TTL deletes up to days late.
    async fn events_in(
        &self,
        shard: u8,
        range: (Uuid, Uuid),
        limit: usize,
    ) -> Result<Vec<Event>, Error> {
        let items = self.newest(Key::event(shard, Uuid::nil()), range, limit).await?;
        items.into_iter().map(from_item).collect()
    }

    /// Up to `limit` items of the partition of a key with ids in a range, the newest first.
    async fn newest(
        &self,
        partition: Key,
        (first, last): (Uuid, Uuid),
        limit: usize,
    ) -> Result<Vec<Item>, Error> {
        if first > last || !partition.fits() {
            return Ok(Vec::new());
        }
        let output = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", partition.pk())
            .expression_attribute_values(":first", text(first))
            .expression_attribute_values(":last", text(last))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .boxed()
            .await
            .map_err(unavailable)?;
        self.count_read(output.consumed_capacity.as_ref());
        Ok(output.items.unwrap_or_default())
    }

    /// A page of the events of a subject that pass the filter: those with a mark, and the sign-ins
    /// of a user.
    pub async fn events_of(
        &self,
        subject: &str,
        filter: &EventFilter,
        from: Position,
        limit: usize,
        now: Timestamp,
    ) -> Result<(Vec<Event>, Option<Position>), Error> {
        let range = (filter.first(), before(from.before).min(filter.last()));
        let marked = self.marked(subject, range, limit + 1);
        let (marked, sign_ins, first) = match from.sign_ins {
            Some(first) => {
                let sign_ins = self.sign_ins(first.clone(), filter, range, limit + 1);
                let (marked, sign_ins) = try_join(marked, sign_ins).await?;
                (marked, sign_ins, Some(first))
            }
            // The user is gone. Their sign-ins are known from the event of the account's end.
            None => {
                let marked = marked.await?;
                let end = marked.events.values().find(|event| !event.previous.is_empty());
                let first = end.map(|event| event.previous.clone());
                let ids = first.clone().unwrap_or_default();
                (marked, self.sign_ins(ids, filter, range, limit + 1).await?, first)
            }
        };

        // Above this id, everything was read.
        let horizon = marked.read_to.max(sign_ins.read_to);
        let ReadEvents { events: own, chain, .. } = sign_ins;
        let mut events: BTreeMap<_, _> = marked.events.into_iter().chain(own).collect();
        if let Some(horizon) = horizon {
            events.retain(|id, _| *id >= horizon);
        }

        let is_full = events.len() > limit;
        let page: Vec<Event> = events.into_values().rev().take(limit).collect();
        let end = if is_full { page.last().map(|event| event.id) } else { horizon };
        let next = end.map(|end| Position { before: end, sign_ins: after(&chain, end).or(first) });
        let page = page.into_iter().filter(|event| is_kept(event, now) && filter.matches(event));
        Ok((page.collect(), next))
    }

    /// Up to `limit` events that have a mark of the subject.
    async fn marked(
        &self,
        subject: &str,
        range: (Uuid, Uuid),
        limit: usize,
    ) -> Result<ReadEvents, Error> {
        let marks = self.newest(Key::event_of(subject, Uuid::nil()), range, limit).await?;
        let id = |mark: &Item| {
            mark.get("sk").and_then(|id| id.as_s().ok()).and_then(|id| Uuid::try_parse(id).ok())
        };
        let ids: Vec<Uuid> = marks.iter().filter_map(id).collect();
        Ok(ReadEvents {
            read_to: ids.last().copied().filter(|_| marks.len() >= limit),
            events: self.events_with(&ids).await?,
            chain: Vec::new(),
        })
    }

    /// Up to `limit` sign-ins in a range, from the chain that begins with `next`.
    async fn sign_ins(
        &self,
        mut next: Vec<Uuid>,
        filter: &EventFilter,
        (first, last): (Uuid, Uuid),
        limit: usize,
    ) -> Result<ReadEvents, Error> {
        let mut read = ReadEvents::default();
        if filter.action.is_some_and(|action| action != super::Action::SignIn) {
            return Ok(read);
        }

        for _ in 0..MAX_STEPS {
            next.retain(|id| *id >= first);
            next.sort_unstable();
            next.dedup();
            // The two sign-ins are read together. If one was lost in an outage, the chain goes on
            // with the other.
            let step = self.events_with(&next).await?;
            let Some(oldest) = step.values().next() else { return Ok(read) };
            next.clone_from(&oldest.previous);
            for (id, event) in step.into_iter().rev() {
                read.chain.push((id, event.previous.clone()));
                if id <= last {
                    read.events.insert(id, event);
                }
            }
            if read.events.len() >= limit {
                break;
            }
        }
        read.read_to = read.chain.last().map(|(id, _)| *id);
        Ok(read)
    }

    /// The events with these ids that exist.
    async fn events_with(&self, ids: &[Uuid]) -> Result<BTreeMap<Uuid, Event>, Error> {
        // The most keys that DynamoDB reads in one request.
        const AT_ONCE: usize = 100;
        let mut events = BTreeMap::new();
        for ids in ids.chunks(AT_ONCE) {
            let keys = ids.iter().map(|id| Key::event(keys::shard(*id), *id).attributes());
            for item in self.get_all(keys.collect()).await? {
                let event: Event = from_item(item)?;
                events.insert(event.id, event);
            }
        }
        Ok(events)
    }
}

/// Events that were read for a page.
#[derive(Default)]
struct ReadEvents {
    events: BTreeMap<Uuid, Event>,
    /// The oldest event that was read, if there may be more.
    read_to: Option<Uuid>,
    /// The sign-ins that were read, newest first, each with those before it.
    chain: Vec<(Uuid, Vec<Uuid>)>,
}

/// The sign-ins before the oldest of `chain` that is not older than the event `end`.
fn after(chain: &[(Uuid, Vec<Uuid>)], end: Uuid) -> Option<Vec<Uuid>> {
    chain.iter().take_while(|(id, _)| *id >= end).last().map(|(_, previous)| previous.clone())
}

fn is_kept(event: &Event, now: Timestamp) -> bool {
    event.expires_at > now.as_second()
}

/// An event as it is stored, and its marks.
fn event_items(event: &Event) -> Result<Vec<Item>, Error> {
    let mut items = vec![to_item(Key::event(keys::shard(event.id), event.id), event)?];
    for subject in event.subjects() {
        if Key::event_of(&subject, event.id).fits() {
            items.push(mark(&subject, event));
        }
    }
    Ok(items)
}

/// The item by which an event is found for a subject.
fn mark(subject: &str, event: &Event) -> Item {
    let mut mark = Key::event_of(subject, event.id).attributes();
    mark.insert(keys::TTL.to_owned(), number(event.expires_at));
    mark
}
