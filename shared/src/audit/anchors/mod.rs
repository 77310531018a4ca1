//! Anchors: what makes a change of the audit trail evident.
//!
//! Every hour, `audit-anchor` reads the events since the last anchor and writes one object into a
//! bucket whose objects are locked. For each of the sixteen partitions, the object has the id and
//! the digest of every event, and the head of a chain of hashes over all events so far. It also has
//! the hash of the object before it. So nobody who changes the table can change what was anchored,
//! and no anchor can be left out or replaced.
//!
//! Requests do nothing for this: a chain that they wrote would make all writers wait for each other.
//!
//! - The last [`HORIZON_SECONDS`] are left for the next anchor, so that no event is late: the id of
//!   an event has the time of its request, and a request takes 8 s at most.
//! - An anchor is written only if none has its number (`If-None-Match`), so two runs at the same
//!   time, or a run that was repeated, cannot fork the chain.
//! - There is no other state. A run that was killed left an anchor, or none.
//! - Anchors have no personal data: ids, digests and times. A digest does not tell the event, since
//!   an event has random ids that are nowhere else once it is deleted.
//! - Not anchored are failures that are counted together, since their items change, and the marks
//!   by which events are found.

mod objects;
mod table;
mod verify;

pub use self::verify::{Finding, Kind, Verification};

use aws_types::SdkConfig;
use data_encoding::HEXLOWER;
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::objects::Objects;
use super::query::{before, first_at};
use crate::{
    aws::{endpoint, sdk_config},
    base::{Clock, Environment, Error, Random, seconds},
    crypto::sha256,
    table::{Store, keys},
};

/// The variables that are read here. Only `audit-anchor` has them.
pub const VARIABLES: [&str; 1] = [AUDIT_BUCKET];
/// The variable with the name of the bucket.
const AUDIT_BUCKET: &str = "AUDIT_BUCKET";

/// The events of the last quarter of an hour are not anchored yet. That is far more than the 8 s of a
/// request, the retries of its writes, and the difference between the clocks of two instances.
pub const HORIZON_SECONDS: i64 = 15 * 60;
/// The most events of one partition in an anchor. It bounds the size of an object to some 1.2 MB.
const MAX_EVENTS: usize = 500;
/// The most anchors that one run writes. If there are more events, the next run goes on.
const MAX_ANCHORS: usize = 200;
/// The head of an empty chain.
const NO_HEAD: &str = "";

/// A SHA-256 hash in hexadecimal digits.
pub(crate) type Digest = String;

/// An object in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Anchor {
    /// The anchors are numbered, beginning with 1.
    number: u64,
    /// The hash of the object with the number before; empty in the first one.
    previous: Digest,
    /// A segment of each partition, in their order.
    segments: Vec<Segment>,
}

/// The events of a partition with ids greater than `from`, up to and including `to`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    from: String,
    to: String,
    count: usize,
    /// The head of the chain before this segment.
    previous: Digest,
    /// The head of the chain after it.
    head: Digest,
    events: Vec<AnchoredEvent>,
}

/// An event in a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnchoredEvent {
    /// Its sort key.
    id: String,
    /// The hash of its attributes, without its keys and its id.
    digest: Digest,
    /// When it may be deleted (epoch seconds).
    expires_at: i64,
}

impl Anchor {
    /// Whether it has all events up to an id.
    fn reaches(&self, id: &str) -> bool {
        self.segments.iter().all(|segment| segment.to.as_str() >= id)
    }

    fn count(&self) -> usize {
        self.segments.iter().map(|segment| segment.count).sum()
    }
}

impl Segment {
    /// The segment that follows `previous`, which ended at the id and with the head.
    fn after((from, previous): (&str, &str), to: String, events: Vec<AnchoredEvent>) -> Self {
        Self {
            from: from.to_owned(),
            to,
            count: events.len(),
            previous: previous.to_owned(),
            head: head(previous, &events),
            events,
        }
    }
}

/// The head of a chain that goes on with these events: each link is the hash of the link before it
/// and of an event.
fn head(previous: &str, events: &[AnchoredEvent]) -> Digest {
    events.iter().fold(previous.to_owned(), |head, event| {
        hash(format!("{head}|{}|{}|{}", event.id, event.digest, event.expires_at).as_bytes())
    })
}

fn hash(bytes: &[u8]) -> Digest {
    HEXLOWER.encode(&sha256(bytes))
}

/// The anchors of the audit trail.
#[derive(Clone)]
pub struct Anchors {
    store: Store,
    objects: Objects,
    clock: Clock,
}

impl Anchors {
    /// The anchors in the bucket that the environment names. No call is made.
    ///
    /// # Errors
    /// [`Error::Internal`] if it names none.
    pub fn new(store: Store, environment: &Environment, clock: Clock) -> Result<Self, Error> {
        let bucket = environment
            .get(AUDIT_BUCKET)
            .ok_or_else(|| Error::Internal(format!("{AUDIT_BUCKET} is not set")))?;
        let is_emulated = endpoint(environment, "S3").is_some();
        let objects = Objects::new(&sdk_config(environment, "S3"), is_emulated, bucket);
        Ok(Self { store, objects, clock })
    }

    /// The anchors of `table` in `bucket`, with an operator's access to AWS. No call is made.
    pub fn of_operator(
        config: &SdkConfig,
        (table, bucket): (&str, &str),
        clock: Clock,
        random: Random,
    ) -> Self {
        Self {
            store: Store::of_config(config, table, random),
            objects: Objects::new(config, config.endpoint_url().is_some(), bucket),
            clock,
        }
    }

    /// Anchors the events since the last anchor. Returns how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] if the last object is no anchor. The next run goes
    /// on from there.
    pub async fn anchor(&self) -> Result<usize, Error> {
        let horizon = self.clock.now() - seconds(HORIZON_SECONDS);
        let until = before(first_at(horizon)).to_string();
        let (mut latest, mut anchored) = (self.objects.latest().await?, 0);

        for _ in 0..MAX_ANCHORS {
            if latest.as_ref().is_some_and(|(anchor, _)| anchor.reaches(&until)) {
                break;
            }

            let next = self.next(latest.as_ref(), &until).await?;
            latest = match self.objects.add(&next).await? {
                Some(digest) => {
                    anchored += next.count();
                    Some((next, digest))
                }
                // Another run has written this number. This one goes on from there.
                None => self.objects.latest().await?,
            };
        }
        Ok(anchored)
    }

    /// The anchor after `latest`.
    async fn next(&self, latest: Option<&(Anchor, Digest)>, until: &str) -> Result<Anchor, Error> {
        let start = Uuid::nil().to_string();
        let segments = (0..keys::SHARDS).map(async |shard| {
            let segment = latest.and_then(|(anchor, _)| anchor.segments.get(usize::from(shard)));
            let end = segment.map_or((start.as_str(), NO_HEAD), |it| (&it.to, &it.head));
            let (events, to) =
                self.store.events_to_anchor(shard, (end.0, until), MAX_EVENTS).await?;
            Ok::<_, Error>(Segment::after(end, to, events))
        });
        Ok(Anchor {
            number: latest.map_or(1, |(anchor, _)| anchor.number + 1),
            previous: latest.map_or_else(String::new, |(_, digest)| digest.clone()),
            segments: try_join_all(segments).await?,
        })
    }
}

/// The time of an id of an event.
fn time_of(id: &str) -> Option<Timestamp> {
    let millis = Uuid::try_parse(id).ok()?.as_u128() >> 80;
    Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
}
