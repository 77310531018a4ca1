//! The roots that the hash keys are derived from, as their secret stores them, and how one root
//! replaces another.
//!
//! A root is replaced in three steps, since every instance remembers the roots that it has read.
//! First the next root is introduced: instances look things up under both, and still make
//! everything with the current one. When all of them know the next root, it becomes the current
//! one, and what the previous one made moves. At last the previous root goes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::ZeroizeOnDrop;

use super::hash_keys::KeptKeys;
use crate::base::{Error, Random};

/// How long an instance uses the roots that it has read, in seconds: then it reads them again.
pub const READ_AGAIN_SECONDS: i64 = 3600;
/// How long an instance uses the roots that it has read if it cannot read them again, in seconds.
pub const USED_SECONDS: i64 = KNOWN_AFTER_SECONDS - 300;
/// The time after which all instances know a step of a replacement, in seconds. It leaves some
/// minutes for requests that still run and for clocks that differ.
pub const KNOWN_AFTER_SECONDS: i64 = 2 * 3600;

/// The roots in use. The type has no `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ZeroizeOnDrop)]
pub struct Roots {
    root: String,
    /// The deployment makes the first root without a version.
    #[serde(default = "first_version")]
    #[zeroize(skip)]
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[zeroize(skip)]
    other: Option<Root>,
    /// Previous roots that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[zeroize(skip)]
    kept: Vec<Kept>,
    /// When the last step was done, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[zeroize(skip)]
    since: Option<i64>,
    /// Whether everything that can move has moved to the current root.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[zeroize(skip)]
    has_moved: bool,
    /// The id of the version of the secret that was read.
    #[serde(skip)]
    #[zeroize(skip)]
    read_from: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ZeroizeOnDrop)]
struct Root {
    #[zeroize(skip)]
    version: u32,
    root: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    version: u32,
    keys: KeptKeys,
}

/// The phase of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// There is one root.
    One,
    /// The next root is being made known.
    Introduced,
    /// The next root is the current one, and what the previous one made moves.
    Moving,
}

impl Roots {
    /// Parses a version of the secret; `None` if it holds no root.
    pub(super) fn parse(secret: &str, version_id: String) -> Option<Self> {
        let mut roots: Self = serde_json::from_str(secret).ok()?;
        roots.read_from = version_id;
        Some(roots)
    }

    /// The id of the version of the secret that these roots, or those that they were made of, were
    /// read from.
    pub(super) fn read_from(&self) -> &str {
        &self.read_from
    }

    /// The text to store in the secret.
    pub(super) fn to_secret(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::Internal(error.to_string()))
    }

    /// The version and the secret of the root that everything new is made with.
    pub(super) fn current(&self) -> (u32, &[u8]) {
        (self.version, self.root.as_bytes())
    }

    /// The version and the secret of the next or the previous root.
    pub(super) fn other(&self) -> Option<(u32, &[u8])> {
        self.other.as_ref().map(|other| (other.version, other.root.as_bytes()))
    }

    /// The keys that are kept of roots that are gone.
    pub(super) fn kept(&self) -> impl Iterator<Item = (u32, &KeptKeys)> {
        self.kept.iter().map(|kept| (kept.version, &kept.keys))
    }

    pub(super) fn is_moving(&self) -> bool {
        self.phase() == Phase::Moving
    }

    /// The phase of the replacement.
    pub fn phase(&self) -> Phase {
        match &self.other {
            None => Phase::One,
            Some(other) if other.version > self.version => Phase::Introduced,
            Some(_) => Phase::Moving,
        }
    }

    /// The version of the root that everything new is made with.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The version of the next or the previous root.
    pub fn other_version(&self) -> Option<u32> {
        self.other.as_ref().map(|other| other.version)
    }

    /// When the last step was done; `None` before the first.
    pub fn since(&self) -> Option<Timestamp> {
        self.since.and_then(|since| Timestamp::from_second(since).ok())
    }

    /// Whether everything that can move has moved to the current root.
    pub fn has_moved(&self) -> bool {
        self.has_moved
    }

    /// When all instances know the last step, at the latest.
    pub fn known_at(&self) -> Timestamp {
        let since = self.since.unwrap_or_default();
        Timestamp::from_second(since + KNOWN_AFTER_SECONDS).unwrap_or(Timestamp::MAX)
    }

    /// Whether there is one root, and there was another before it.
    pub fn has_forgotten(&self) -> bool {
        self.phase() == Phase::One && !self.kept.is_empty()
    }

    /// Introduces a next root.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the root is being replaced already.
    pub fn introduce(&self, now: Timestamp, random: &Random) -> Result<Self, Error> {
        self.expect(Phase::One, "is being replaced already")?;
        let root = data_encoding::HEXLOWER.encode(&random.bytes::<32>()?);
        let mut introduced = self.clone();
        introduced.other = Some(Root { version: self.version + 1, root });
        introduced.since = Some(now.as_second());
        Ok(introduced)
    }

    /// Makes the next root the current one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if no next root was introduced, or some instances may not know it yet.
    pub fn switch(&self, now: Timestamp) -> Result<Self, Error> {
        self.expect(
            Phase::Introduced,
            "was replaced already; the next steps are `move` and `forget`",
        )?;
        self.expect_known(now)?;
        let Some(next) = self.other.clone() else { return Ok(self.clone()) };
        Ok(Self {
            root: next.root.clone(),
            version: next.version,
            other: Some(Root { version: self.version, root: self.root.clone() }),
            since: Some(now.as_second()),
            has_moved: false,
            kept: self.kept.clone(),
            read_from: self.read_from.clone(),
        })
    }

    /// Notes that everything that can move has moved. The last pass over the users must have begun
    /// at `began`.
    ///
    /// # Errors
    /// [`Error::Conflict`] if some instances may have used the previous root since then.
    pub fn moved(&self, began: Timestamp) -> Result<Self, Error> {
        self.expect(Phase::Moving, "is not being replaced, or has no previous one yet")?;
        self.expect_known(began)?;
        let mut moved = self.clone();
        moved.has_moved = true;
        Ok(moved)
    }

    /// Forgets the previous root, except for what passwords and recovery codes need of it.
    ///
    /// # Errors
    /// [`Error::Conflict`] if not everything has moved.
    pub fn forget(&self, now: Timestamp) -> Result<Self, Error> {
        self.expect(Phase::Moving, "has no previous one")?;
        if !self.has_moved {
            return Err(Error::conflict(
                "root",
                "has a previous one, from which not everybody has moved; do `move` first",
            ));
        }

        let mut forgotten = self.clone();
        if let Some(previous) = forgotten.other.take() {
            let keys = KeptKeys::derive(previous.root.as_bytes())?;
            forgotten.kept.push(Kept { version: previous.version, keys });
        }
        forgotten.since = Some(now.as_second());
        forgotten.has_moved = false;
        Ok(forgotten)
    }

    fn expect(&self, phase: Phase, otherwise: &'static str) -> Result<(), Error> {
        if self.phase() == phase { Ok(()) } else { Err(Error::conflict("root", otherwise)) }
    }

    fn expect_known(&self, now: Timestamp) -> Result<(), Error> {
        if now >= self.known_at() {
            Ok(())
        } else {
            let known_at = self.known_at();
            Err(Error::conflict("root", format!("is not known to all instances before {known_at}")))
        }
    }
}

fn first_version() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(secret: &str) -> Roots {
        Roots::parse(secret, "1".to_owned()).unwrap()
    }

    fn first() -> Roots {
        parse(&format!(r#"{{"root":"{}"}}"#, "a".repeat(64)))
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    #[test]
    fn a_root_is_replaced_only_step_by_step() {
        let (first, random) = (first(), Random::system());
        assert!(first.switch(at(9)).is_err() && first.moved(at(9)).is_err());
        assert!(first.forget(at(9)).is_err());

        let introduced = first.introduce(at(0), &random).unwrap();
        assert_eq!((introduced.version(), introduced.other_version()), (1, Some(2)));
        assert!(introduced.introduce(at(9), &random).is_err());
        assert!(introduced.switch(at(1)).is_err(), "some instances do not know it yet");

        let switched = introduced.switch(at(2)).unwrap();
        assert_eq!((switched.version(), switched.other_version()), (2, Some(1)));
        assert_eq!(switched.other().unwrap().1, first.current().1);
        assert!(switched.moved(at(3)).is_err(), "some instances still write under the old one");
        assert!(switched.forget(at(9)).is_err(), "nothing has moved");

        let forgotten = switched.moved(at(4)).unwrap().forget(at(5)).unwrap();
        assert_eq!((forgotten.version(), forgotten.other_version()), (2, None));
        assert!(!forgotten.to_secret().unwrap().contains(&"a".repeat(64)));
        let read = parse(&forgotten.to_secret().unwrap());
        assert!(read == forgotten);
        assert!(read.introduce(at(5), &random).is_ok(), "it can be replaced again");
    }
}
