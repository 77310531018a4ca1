//! The cursor of a list's next page: valid unchanged, for the list that it was issued for, and
//! otherwise refused.
//!
//! The fuzzer sees the values that inputs are compared with, and so learns genuine cursors. The
//! target therefore does not assert that every input is refused, but that an accepted cursor is
//! exactly the one that the service issues for that end.

#![no_main]

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use fuzz::spliced;
use libfuzzer_sys::fuzz_target;
use shared::{
    base::Error,
    crypto::HashKeys,
    http::{Page, PageQuery},
};

static KEYS: LazyLock<HashKeys> = LazyLock::new(|| HashKeys::derive(&[7; 32]).expect("keys"));
static OTHER_KEYS: LazyLock<HashKeys> = LazyLock::new(|| HashKeys::derive(&[8; 32]).expect("keys"));

fuzz_target!(|input: (&str, &str, &str, &str, u16, u8, Option<u64>)| {
    let (list, other_list, end, text, position, cut, limit) = input;
    let query = |cursor: &str| PageQuery::new(None, Some(cursor.to_owned()));
    let after = |cursor: &str, list: &str| query(cursor).after(list, &KEYS);
    let refused = |outcome| matches!(outcome, Err(Error::InvalidRequest(_)));
    let given =
        |end: &str| Page::new(vec![()], list, Some(end), &KEYS).next_cursor.expect("a cursor");
    let refused_or_given = |cursor: &str| match after(cursor, list) {
        Ok(end) => end.is_some_and(|end| given(&end) == cursor),
        refusal => refused(refusal),
    };

    assert!(refused_or_given(text), "{text:?} of {list:?}");
    assert!(refused_or_given(&BASE64URL_NOPAD.encode(text.as_bytes())), "{text:?} of {list:?}");

    let cursor = given(end);
    assert_eq!(after(&cursor, list), Ok(Some(end.to_owned())));
    assert!(refused(query(&cursor).after(list, &OTHER_KEYS)));

    // NUL separates the name of a list from the end. The service's lists have none in their names.
    if other_list != list && !other_list.contains('\0') && !list.contains('\0') {
        assert!(refused(after(&cursor, other_list)), "{cursor} of {list:?} for {other_list:?}");
    }

    let changed = spliced(&cursor, position, cut, text);
    assert!(refused_or_given(&changed), "{cursor} as {changed}");

    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    match PageQuery::new(limit, None).limit() {
        Ok(items) => assert!((1..=100).contains(&items)),
        Err(error) => assert!(matches!(error, Error::InvalidRequest(_))),
    }
});
