//! Ids as 22 characters in a user's item, since each of its writes costs more the larger it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use uuid::Uuid;

/// A UUID in base64url (RFC 4648 §5): 22 characters instead of 36.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShortId(pub Uuid);

impl ShortId {
    /// The id in its 22 characters; `None` if they are not of one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        Uuid::from_slice(&bytes).ok().map(Self)
    }
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(self.0.as_bytes()))
    }
}

impl Serialize for ShortId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ShortId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom("not an id of 22 characters"))
    }
}

/// `#[serde(with = "short_id")]`: an id as a [`ShortId`].
#[expect(missing_docs, reason = "serde's names")]
pub mod short_id {
    use super::{Deserialize, Deserializer, Serialize, Serializer, ShortId, Uuid};

    pub fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        ShortId(*id).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        ShortId::deserialize(deserializer).map(|id| id.0)
    }
}

/// The same, for an id that may be missing.
#[expect(missing_docs, reason = "serde's names")]
pub mod short_id_option {
    use super::{Deserialize, Deserializer, Serialize, Serializer, ShortId, Uuid};

    pub fn serialize<S: Serializer>(id: &Option<Uuid>, serializer: S) -> Result<S::Ok, S::Error> {
        id.map(ShortId).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Uuid>, D::Error> {
        Ok(Option::<ShortId>::deserialize(deserializer)?.map(|id| id.0))
    }
}

/// The same, for the keys of a map.
#[expect(missing_docs, reason = "serde's names")]
pub mod short_id_keys {
    use super::{BTreeMap, Deserialize, Deserializer, Serialize, Serializer, ShortId, Uuid};

    pub fn serialize<T: Serialize, S: Serializer>(
        map: &BTreeMap<Uuid, T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(map.iter().map(|(id, value)| (ShortId(*id), value)))
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Uuid, T>, D::Error> {
        let map = BTreeMap::<ShortId, T>::deserialize(deserializer)?;
        Ok(map.into_iter().map(|(id, value)| (id.0, value)).collect())
    }
}

/// The same, for a set of ids.
#[expect(missing_docs, reason = "serde's names")]
pub mod short_id_set {
    use super::{BTreeSet, Deserialize, Deserializer, Serializer, ShortId, Uuid};

    pub fn serialize<S: Serializer>(
        ids: &BTreeSet<Uuid>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(ids.iter().map(|id| ShortId(*id)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeSet<Uuid>, D::Error> {
        let ids = BTreeSet::<ShortId>::deserialize(deserializer)?;
        Ok(ids.into_iter().map(|id| id.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_22_characters_and_comes_back() {
        for id in [Uuid::nil(), Uuid::max(), Uuid::from_u128(0x0123_4567_89ab_cdef)] {
            let short = ShortId(id).to_string();
            assert_eq!((short.len(), ShortId::parse(&short)), (22, Some(ShortId(id))));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "A", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB", &Uuid::nil().to_string()]
        {
            assert_eq!(ShortId::parse(text), None, "{text}");
        }
    }
}
