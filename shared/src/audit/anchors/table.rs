//! The events in the table, as they are anchored and verified.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::{AnchoredEvent, Digest, hash};
use crate::{
    audit::{ANYBODY, Event, Outcome},
    aws::unavailable,
    base::Error,
    table::{Item, Key, Store, amount, from_item, keys, text},
};

/// The attributes that a digest leaves out. The id and the partition of an event are in its anchor.
const KEYS: [&str; 3] = ["pk", "sk", "id"];

/// An event as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredEvent {
    /// Its sort key.
    pub(super) id: String,
    /// The id that it says it has.
    pub(super) own_id: String,
    pub(super) digest: Digest,
    /// Whether it counts failures, and so is not anchored.
    pub(super) is_counted: bool,
    pub(super) expires_at: i64,
}

impl Store {
    /// Up to `limit` events of a partition with ids greater than the first one, up to and including
    /// the second one, that are anchored; and the id up to which they are all such events.
    pub(super) async fn events_to_anchor(
        &self,
        shard: u8,
        (after, until): (&str, &str),
        limit: usize,
    ) -> Result<(Vec<AnchoredEvent>, String), Error> {
        let (events, to) = self.stored_events(shard, (after, until), limit).await?;
        let events = events.into_iter().filter(|event| !event.is_counted);
        let events = events.map(|StoredEvent { id, digest, expires_at, .. }| AnchoredEvent {
            id,
            digest,
            expires_at,
        });
        Ok((events.collect(), to.unwrap_or_else(|| until.to_owned())))
    }

    /// Up to `limit` events in a range of ids, as [`Self::events_to_anchor`], the oldest first; and
    /// the last one that was read if there may be more.
    pub(super) async fn stored_events(
        &self,
        shard: u8,
        (after, until): (&str, &str),
        limit: usize,
    ) -> Result<(Vec<StoredEvent>, Option<String>), Error> {
        if after >= until {
            return Ok((Vec::new(), None));
        }
        let output = self
            .client
            .query()
            .table_name(&self.table)
            // There is no condition for a range without its start.
            .key_condition_expression("pk = :pk AND sk BETWEEN :after AND :until")
            .expression_attribute_values(":pk", Key::event(shard, uuid::Uuid::nil()).pk())
            .expression_attribute_values(":after", text(after))
            .expression_attribute_values(":until", text(until))
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_read(output.consumed_capacity.as_ref());

        let next =
            output.last_evaluated_key.and_then(|key| Some(key.get("sk")?.as_s().ok()?.clone()));
        let items = output.items.unwrap_or_default();
        let mut events: Vec<_> = items.into_iter().map(stored).collect();
        events.retain(|event| event.id != after);
        Ok((events, next))
    }
}

fn stored(item: Item) -> StoredEvent {
    let name = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    StoredEvent {
        id: name("sk").unwrap_or_default(),
        own_id: name("id").unwrap_or_default(),
        digest: digest(&item),
        expires_at: amount(&item, keys::TTL),
        is_counted: is_counted(item),
    }
}

/// Whether an item counts failures of people who were not recognised. Nothing else may have a count.
fn is_counted(item: Item) -> bool {
    from_item::<Event>(item).is_ok_and(|event| {
        event.count.is_some()
            && event.actor.is_none()
            && event.target == ANYBODY
            && event.result == Outcome::Failure
    })
}

/// The hash of the attributes of an event, except its keys and its id.
fn digest(item: &Item) -> Digest {
    let attributes = item.iter().filter(|(name, _)| !KEYS.contains(&name.as_str()));
    let mut bytes = Vec::new();
    encode_map(attributes, &mut bytes);
    hash(&bytes)
}

/// Writes a value in the one way that there is to write it: its type, its length, and its content,
/// in the order of names.
fn encode(value: &AttributeValue, bytes: &mut Vec<u8>) {
    match value {
        AttributeValue::S(text) => encode_bytes(b'S', text.as_bytes(), bytes),
        AttributeValue::N(number) => encode_bytes(b'N', number.as_bytes(), bytes),
        AttributeValue::B(blob) => encode_bytes(b'B', blob.as_ref(), bytes),
        AttributeValue::Bool(is) => encode_bytes(b'?', &[u8::from(*is)], bytes),
        AttributeValue::Null(_) => encode_bytes(b'0', &[], bytes),
        AttributeValue::M(map) => encode_map(map.iter(), bytes),
        AttributeValue::L(list) => {
            encode_bytes(b'L', list.len().to_string().as_bytes(), bytes);
            list.iter().for_each(|value| encode(value, bytes));
        }
        // No event has one. One that somebody writes is a change.
        _ => encode_bytes(b'!', format!("{value:?}").as_bytes(), bytes),
    }
}

fn encode_map<'a>(
    map: impl Iterator<Item = (&'a String, &'a AttributeValue)>,
    bytes: &mut Vec<u8>,
) {
    let map: BTreeMap<_, _> = map.collect();
    encode_bytes(b'M', map.len().to_string().as_bytes(), bytes);
    for (name, value) in map {
        encode_bytes(b'S', name.as_bytes(), bytes);
        encode(value, bytes);
    }
}

fn encode_bytes(kind: u8, content: &[u8], bytes: &mut Vec<u8>) {
    bytes.push(kind);
    bytes.extend(content.len().to_string().as_bytes());
    bytes.push(b':');
    bytes.extend(content);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn item(attributes: &[(&str, AttributeValue)]) -> Item {
        attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn a_digest_is_of_everything_but_the_keys() {
        let (a, b) = (text("a"), text("b"));
        let before =
            item(&[("pk", a.clone()), ("sk", a.clone()), ("id", a.clone()), ("x", a.clone())]);
        let moved =
            item(&[("pk", b.clone()), ("sk", b.clone()), ("id", b.clone()), ("x", a.clone())]);
        assert_eq!(digest(&before), digest(&moved));

        for changed in [
            item(&[("x", b.clone())]),
            item(&[("y", a.clone())]),
            item(&[("x", AttributeValue::N("1".into()))]),
            item(&[("x", a.clone()), ("z", AttributeValue::Null(true))]),
            item(&[("x", AttributeValue::L(vec![a.clone()]))]),
        ] {
            assert_ne!(digest(&before), digest(&changed), "{changed:?}");
        }
    }

    proptest! {
        /// A value cannot be written so that it looks like two.
        #[test]
        fn two_attributes_are_not_one(a in ".{0,8}", b in ".{0,8}", c in ".{0,8}", d in ".{0,8}") {
            let one = item(&[("p", text(&a)), ("q", text(&b))]);
            let two = item(&[("p", text(&c)), ("q", text(&d))]);
            prop_assert_eq!((a, b) == (c, d), digest(&one) == digest(&two));
        }
    }
}
