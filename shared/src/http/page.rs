//! Pages of a list, and the cursors between them.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    base::Error,
    crypto::{HashKeys, TAG_BYTES},
};

/// How many items a page has if the client does not say.
const DEFAULT_LIMIT: usize = 50;
/// The most items that a page can have.
const MAX_LIMIT: usize = 100;

/// The query of every list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The most items of the page; 50 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

impl PageQuery {
    /// The paging part of another query.
    pub fn new(limit: Option<usize>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    /// How many items to return at most.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if the limit is not from 1 to 100.
    pub fn limit(&self) -> Result<usize, Error> {
        match self.limit {
            None => Ok(DEFAULT_LIMIT),
            Some(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(limit),
            Some(_) => Err(Error::field("limit", format!("must be from 1 to {MAX_LIMIT}"))),
        }
    }

    /// The key after which the page begins, from a cursor of the same `list`; `None` for the first
    /// page.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a cursor that this service did not make, or made for another
    /// list.
    pub fn after(&self, list: &str, keys: &HashKeys) -> Result<Option<String>, Error> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let read = || {
            let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok()?;
            let (tag, end) = bytes.split_first_chunk::<TAG_BYTES>()?;
            keys.is_cursor_tag(list, end, tag).then(|| String::from_utf8(end.to_vec()).ok())?
        };
        read().map(Some).ok_or_else(|| {
            Error::field("cursor", "must be the next_cursor of the previous page of this list")
        })
    }
}

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Send it as `cursor` to get the next page; `null` on the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of `list`. `end` is the key of its last item if more follow.
    pub fn new(items: Vec<T>, list: &str, end: Option<&str>, keys: &HashKeys) -> Self {
        let next_cursor = end.map(|end| {
            BASE64URL_NOPAD.encode(
                &[keys.cursor_tag(list, end.as_bytes()).as_slice(), end.as_bytes()].concat(),
            )
        });
        Self { items, next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_works_only_for_its_list() {
        let keys = HashKeys::derive(&[1; 32]).unwrap();
        let page = Page::new(vec![1], "sessions/1", Some("key"), &keys);
        let query = |cursor: String| PageQuery { limit: None, cursor: Some(cursor) };
        let cursor = page.next_cursor.unwrap();
        assert_eq!(query(cursor.clone()).after("sessions/1", &keys), Ok(Some("key".into())));
        assert!(query(cursor.clone()).after("sessions/2", &keys).is_err());
        for position in 0..cursor.len() {
            let mut bytes = cursor.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            assert!(query(String::from_utf8(bytes).unwrap()).after("sessions/1", &keys).is_err());
        }
    }
}
