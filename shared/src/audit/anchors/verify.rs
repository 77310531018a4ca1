//! Verifying: the anchors among each other, and the events in the table against the anchors.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use futures_util::future::try_join_all;
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Anchor, AnchoredEvent, Anchors, Digest, Segment, head, objects::Versions, table::StoredEvent,
    time_of,
};
use crate::{
    audit::query::{before, first_at},
    base::Error,
    table::keys,
};

/// How many anchors are verified at a time. It bounds the memory that verifying takes.
const AT_ONCE: usize = 100;
/// The most events that are read in one request.
const PAGE: usize = 1000;
/// Anchors are written every hour. After these seconds, one is missing.
const OVERDUE_SECONDS: i64 = 3 * 3600;

/// The result of verifying the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verification {
    /// How many anchors there are.
    pub anchors: usize,
    /// How many events are as they were anchored.
    pub intact: usize,
    /// How many events have expired and are deleted.
    pub expired: usize,
    /// Since when events are anchored; `None` for all events that there were at the first anchor.
    pub since: Option<Timestamp>,
    /// Until when events are anchored. Later ones cannot be verified yet.
    pub until: Option<Timestamp>,
    /// Everything that is wrong, in the order of time. Empty if the trail is intact.
    pub findings: Vec<Finding>,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The id of an event, or the number of an anchor.
    pub id: String,
    /// The kind of tampering.
    pub kind: Kind,
}

/// A kind of tampering with an event or an anchor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// There are no anchors.
    NoAnchors,
    /// The last anchor is from long ago.
    Overdue(Timestamp),
    /// An anchor is missing, or no longer what it was.
    AnchorChanged,
    /// Somebody has written another version of an anchor, or a marker that hides it. The first version
    /// is still there, and was used.
    AnchorTouched,
    /// An event was changed.
    Changed,
    /// An event was removed before it expired.
    Removed,
    /// An event was added after its time was anchored.
    Inserted,
    /// An event is at the place of another one, or at another place, by id.
    Reordered(String),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = &self.id;
        let event = match time_of(id) {
            Some(at) => format!("event {id} of {at}"),
            None => format!("event {id}"),
        };
        match &self.kind {
            Kind::NoAnchors => write!(f, "there are no anchors"),
            Kind::Overdue(until) => write!(f, "events since {until} are not anchored: overdue"),
            Kind::AnchorChanged => write!(f, "anchor {id} is missing or was changed"),
            Kind::AnchorTouched => write!(f, "somebody has tried to replace or hide anchor {id}"),
            Kind::Changed => write!(f, "{event} was changed"),
            Kind::Removed => write!(f, "{event} was removed"),
            Kind::Inserted => write!(f, "{event} was inserted"),
            Kind::Reordered(place) => write!(f, "{event} was moved to {place}"),
        }
    }
}

impl Anchors {
    /// Compares the events from one time on and before another with the anchors, and the anchors with
    /// each other. `None` is no bound.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn verify(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Verification, Error> {
        let versions = self.objects.versions().await?;
        let end = |time: Option<Timestamp>, none: Uuid| {
            time.map_or(none, |time| before(first_at(time))).to_string()
        };
        let window = (end(from, Uuid::nil()), end(to, Uuid::max()));

        let mut chain = Chain::default();
        let mut found = Verification { anchors: versions.len(), ..Verification::default() };
        let all: Vec<_> = versions.iter().collect();
        for some in all.chunks(AT_ONCE) {
            let anchors = self.read(some, &mut chain, &mut found).await?;
            let shards = (0..keys::SHARDS).map(|shard| self.both(shard, &anchors, &window));
            let (mut listed, mut stored) = (BTreeMap::new(), Vec::new());
            for (of_anchors, of_table) in try_join_all(shards).await? {
                listed.extend(of_anchors);
                stored.extend(of_table);
            }
            found.compare(&listed, &stored, self.clock.now());
        }

        found.until = chain.until;
        let now = self.clock.now();
        let overdue =
            found.until.filter(|until| now.as_second() - until.as_second() > OVERDUE_SECONDS);
        match found.until {
            None => found.findings.push(Finding { id: String::new(), kind: Kind::NoAnchors }),
            Some(_) => found.findings.extend(
                overdue.map(|until| Finding { id: "~".to_owned(), kind: Kind::Overdue(until) }),
            ),
        }
        found.findings.sort();
        Ok(found)
    }

    /// Reads anchors, and checks that each continues the chain.
    async fn read(
        &self,
        versions: &[(&u64, &Versions)],
        chain: &mut Chain,
        found: &mut Verification,
    ) -> Result<Vec<Anchor>, Error> {
        let mut anchors = Vec::new();
        for (number, versions) in versions {
            let note = |id: u64, kind| Finding { id: id.to_string(), kind };
            if versions.is_touched() {
                found.findings.push(note(**number, Kind::AnchorTouched));
            }
            if let Some(missing) = chain.missing(**number) {
                found.findings.push(note(missing, Kind::AnchorChanged));
            }

            let first = self.objects.first(versions).await?;
            match first.filter(|(anchor, _)| anchor.is_whole(**number)) {
                Some((anchor, digest)) => {
                    if chain.is_empty() && anchor.number > 1 {
                        found.since = anchor.segments.first().and_then(|it| time_of(&it.from));
                    }
                    if !chain.goes_on(&anchor, digest) {
                        found.findings.push(note(**number, Kind::AnchorChanged));
                    }
                    anchors.push(anchor);
                }
                None => {
                    chain.breaks(**number);
                    found.findings.push(note(**number, Kind::AnchorChanged));
                }
            }
        }
        Ok(anchors)
    }

    /// The events of a partition as they were anchored and as they are, as far as the segments in
    /// `anchors` are in the window of ids.
    async fn both<'a>(
        &self,
        shard: u8,
        anchors: &'a [Anchor],
        (after, until): &(String, String),
    ) -> Result<(Vec<(Place<'a>, &'a AnchoredEvent)>, Vec<(u8, StoredEvent)>), Error> {
        let segments: Vec<&Segment> = anchors
            .iter()
            .filter_map(|anchor| anchor.segments.get(usize::from(shard)))
            .filter(|it| it.to > *after && it.from < *until)
            .collect();

        let mut stored = Vec::new();
        // Segments that follow each other are read together.
        for together in segments.chunk_by(|one, next| one.to == next.from) {
            if let (Some(first), Some(last)) = (together.first(), together.last()) {
                let (start, end) = ((&first.from).max(after), (&last.to).min(until));
                stored.extend(self.stored(shard, (start, end)).await?);
            }
        }

        let listed = segments.iter().flat_map(|segment| &segment.events);
        let listed = listed.filter(|event| event.id > *after && event.id <= *until);
        Ok((
            listed.map(|event| ((shard, event.id.as_str()), event)).collect(),
            stored.into_iter().map(|event| (shard, event)).collect(),
        ))
    }

    /// All events of a partition in a range of ids.
    async fn stored(&self, shard: u8, (from, to): (&str, &str)) -> Result<Vec<StoredEvent>, Error> {
        let (mut from, mut events) = (from.to_owned(), Vec::new());
        loop {
            let (page, next) = self.store.stored_events(shard, (&from, to), PAGE).await?;
            events.extend(page);
            match next {
                Some(next) => from = next,
                None => return Ok(events),
            }
        }
    }
}

impl Anchor {
    /// Whether it has this number, and all segments with the events that their heads tell.
    fn is_whole(&self, number: u64) -> bool {
        self.number == number
            && self.segments.len() == usize::from(keys::SHARDS)
            && self.segments.iter().all(|it| it.head == head(&it.previous, &it.events))
    }
}

/// The end of the anchors that were read.
#[derive(Default)]
struct Chain {
    /// The number of the last one.
    number: Option<u64>,
    /// Its hash, if it was whole.
    digest: Option<Digest>,
    /// The id up to which each partition is anchored, and the head of its chain, if it was whole.
    ends: Vec<(String, Digest)>,
    until: Option<Timestamp>,
}

impl Chain {
    fn is_empty(&self) -> bool {
        self.number.is_none()
    }

    /// The first missing number before an anchor. The oldest anchors may have expired.
    fn missing(&self, number: u64) -> Option<u64> {
        self.number.map(|last| last + 1).filter(|next| *next != number)
    }

    /// Adds an anchor. Returns whether it follows the last one, if that is known.
    fn goes_on(&mut self, anchor: &Anchor, digest: Digest) -> bool {
        let is_next = self.missing(anchor.number).is_none();
        let follows = self.digest.as_ref().is_none_or(|last| *last == anchor.previous);
        let begins = anchor.segments.iter().map(|it| (it.from.clone(), it.previous.clone()));
        let continues = self.ends.is_empty() || begins.eq(self.ends.iter().cloned());

        let ends = anchor.segments.iter().map(|it| (it.to.clone(), it.head.clone()));
        self.until = anchor.segments.iter().map(|it| &it.to).min().and_then(|to| time_of(to));
        (self.number, self.digest, self.ends) = (Some(anchor.number), Some(digest), ends.collect());
        !is_next || follows && continues
    }

    /// Adds an anchor that is no longer what it was.
    fn breaks(&mut self, number: u64) {
        (self.number, self.digest, self.ends) = (Some(number), None, Vec::new());
    }
}

/// The place of an event: its partition and its id.
type Place<'a> = (u8, &'a str);

impl Verification {
    /// Compares events as they were anchored with those in the table.
    fn compare(
        &mut self,
        listed: &BTreeMap<Place<'_>, &AnchoredEvent>,
        stored: &[(u8, StoredEvent)],
        now: Timestamp,
    ) {
        let by_digest: BTreeMap<&str, Place<'_>> =
            listed.iter().map(|(place, event)| (event.digest.as_str(), *place)).collect();

        let (mut places, mut moved) = (BTreeSet::new(), BTreeSet::new());
        for (shard, event) in stored {
            let place = (*shard, event.id.as_str());
            let anchored = listed.get(&place);
            places.insert(place);
            if anchored.is_some_and(|it| it.digest == event.digest && event.own_id == event.id) {
                self.intact += 1;
                continue;
            }

            match by_digest.get(event.digest.as_str()).filter(|genuine| **genuine != place) {
                Some(genuine) => {
                    moved.insert(*genuine);
                    self.note(genuine.1, Kind::Reordered(event.id.clone()));
                }
                None if anchored.is_some() => self.note(&event.id, Kind::Changed),
                None if event.is_counted => {}
                None => self.note(&event.id, Kind::Inserted),
            }
        }

        for (place, event) in listed.iter().filter(|(place, _)| !places.contains(*place)) {
            if moved.contains(place) {
                continue;
            }
            if event.expires_at <= now.as_second() {
                self.expired += 1;
            } else {
                self.note(&event.id, Kind::Removed);
            }
        }
    }

    fn note(&mut self, id: &str, kind: Kind) {
        self.findings.push(Finding { id: id.to_owned(), kind });
    }
}
