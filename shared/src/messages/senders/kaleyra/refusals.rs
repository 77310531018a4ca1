//! Kaleyra's words for refusals, which are also those of its traces.

use super::super::Refusal;

/// The words, and their meaning.
const REFUSALS: [(&str, Refusal); 5] = [
    ("BLOCKED-COUNTRY", Refusal::Country),
    ("INVALID-SUB", Refusal::Number),
    ("NO-CREDITS", Refusal::Account),
    ("OPT-OUT", Refusal::OptedOut),
    ("TEMPLATE-NOT-FOUND", Refusal::Origin),
];

/// The meaning of a refusal. If its word is not listed, only its status says more.
pub(super) fn refusal(status: u16, word: &str) -> Refusal {
    let by_status = match status {
        401..=403 => Refusal::Account,
        429 => Refusal::Limited,
        _ => Refusal::Other,
    };
    REFUSALS.iter().find(|(known, _)| *known == word).map_or(by_status, |(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_listed_once_and_in_order() {
        assert!(REFUSALS.is_sorted_by(|(one, _), (next, _)| one < next));
        assert_eq!(refusal(400, "OPT-OUT"), Refusal::OptedOut);
        assert_eq!(refusal(401, "-"), Refusal::Account);
        assert_eq!(refusal(429, "-"), Refusal::Limited);
        assert_eq!(refusal(400, "-"), Refusal::Other);
    }
}
