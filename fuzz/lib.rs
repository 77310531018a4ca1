//! The code that the targets share.

pub mod aws;

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use jiff::Timestamp;

/// The issuer of the targets.
pub const ISSUER: &str = "https://id.example.com";
/// The time in the targets, in seconds since 1970. It is fixed, so that findings can be reproduced.
pub const NOW: i64 = 1_800_000_000;

/// [`NOW`] as a timestamp.
pub fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("a time")
}

/// The outcome of a future that never waits.
pub fn at_once<T>(work: impl Future<Output = T>) -> T {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("the future waits"),
    }
}

/// `text` with `cut` characters at `position` replaced by `insert`. `position` wraps around.
pub fn spliced(text: &str, position: u16, cut: u8, insert: &str) -> String {
    let position = usize::from(position) % (text.chars().count() + 1);
    let (before, rest) = (text.chars().take(position), text.chars().skip(position));
    before.chain(insert.chars()).chain(rest.skip(usize::from(cut))).collect()
}
