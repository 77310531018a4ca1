//! How many calls wait for one another.

use std::time::Instant;

/// The length of the longest chain of calls, given when each began and ended, in which each call
/// began after the one before had ended.
pub fn longest_chain(calls: impl IntoIterator<Item = (Instant, Instant)>) -> usize {
    let mut calls: Vec<_> = calls.into_iter().collect();
    calls.sort_by_key(|(_, ended)| *ended);

    // The call that ends first is in one of the longest chains.
    let (mut length, mut last_ended) = (0, None);
    for (began, ended) in calls {
        if last_ended.is_none_or(|last| began >= last) {
            (length, last_ended) = (length + 1, Some(ended));
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do")]
    fn calls_made_together_are_one_link_of_the_chain() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let chain = |calls: &[(u64, u64)]| {
            longest_chain(calls.iter().map(|(began, ended)| (at(*began), at(*ended))))
        };
        assert_eq!(chain(&[]), 0);
        assert_eq!(chain(&[(0, 10), (10, 20), (20, 30)]), 3);
        assert_eq!(chain(&[(0, 10), (1, 11), (2, 9), (11, 20)]), 2);
        assert_eq!(chain(&[(0, 30), (0, 10), (10, 20), (20, 31)]), 3, "one waits for nobody");
    }
}
