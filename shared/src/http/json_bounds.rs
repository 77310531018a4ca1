//! How deep JSON may nest, how long its texts may be, and that no object has a member twice.

use std::{collections::BTreeSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::json::{field_error, without_position};
use crate::base::Error;

/// How deep objects and arrays may nest.
const MAX_DEPTH: u32 = 8;
/// Characters of one string.
pub(super) const MAX_STRING_CHARS: usize = 1_024;

/// Walks the whole document with [`Bounds`].
pub(super) fn check_bounds(body: &[u8], max_chars: usize) -> Result<(), Error> {
    let mut document = serde_json::Deserializer::from_slice(body);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut document, &mut track);

    let walked =
        Bounds { depth: MAX_DEPTH, max_chars }.deserialize(tracked).and_then(|()| document.end());
    walked.map_err(|error| match (error.is_data(), track.path().to_string()) {
        (false, _) => Error::InvalidJson,
        (true, path) => out_of_bounds(&path, without_position(&error.to_string())),
    })
}

/// The refusal of the field at `path`. A path of `.` is the body itself.
fn out_of_bounds(path: &str, message: &str) -> Error {
    if message.starts_with("duplicate field") {
        return Error::InvalidRequest(vec![field_error(path, message)]);
    }
    if path == "." {
        Error::field("", format!("the body {message}"))
    } else {
        Error::field(path, message)
    }
}

/// Walks a document and refuses it if it nests too deep, has a string that is too long, or has an object
/// with a member twice, before anything of it is used.
#[derive(Clone, Copy)]
struct Bounds {
    depth: u32,
    max_chars: usize,
}

impl Bounds {
    fn deeper<E: serde::de::Error>(&self) -> Result<u32, E> {
        self.depth
            .checked_sub(1)
            .ok_or_else(|| E::custom(format_args!("nests deeper than {MAX_DEPTH} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Bounds {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounds {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let max = self.max_chars;
        if text.chars().count() > max {
            return Err(E::custom(format_args!("is longer than {max} characters")));
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        while items.next_element_seed(Self { depth, ..self })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let depth = self.deeper()?;
        let mut names = BTreeSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if name.chars().count() > MAX_STRING_CHARS {
                return Err(A::Error::custom(format_args!(
                    "has a field whose name is longer than {MAX_STRING_CHARS} characters"
                )));
            }
            entries.next_value_seed(Self { depth, ..self })?;
            if let Some(twice) = names.replace(name) {
                return Err(A::Error::custom(format_args!("duplicate field `{twice}`")));
            }
        }
        Ok(())
    }
}
