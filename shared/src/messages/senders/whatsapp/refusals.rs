//! Meta's error codes.
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>

use super::super::Refusal;

/// The codes, and their meaning. A code that is not listed is a refusal for another reason.
const REFUSALS: [(i64, Refusal); 24] = [
    (3, Refusal::Account),
    (4, Refusal::Limited),
    (10, Refusal::Account),
    (33, Refusal::Account),
    (190, Refusal::Account),
    (368, Refusal::Account),
    (80_007, Refusal::Limited),
    (130_429, Refusal::Limited),
    (130_497, Refusal::Country),
    (131_005, Refusal::Account),
    (131_021, Refusal::Channel),
    (131_026, Refusal::Channel),
    (131_030, Refusal::Account),
    (131_031, Refusal::Account),
    (131_042, Refusal::Account),
    (131_045, Refusal::Account),
    (131_048, Refusal::Limited),
    (131_056, Refusal::Limited),
    (132_000, Refusal::Origin),
    (132_001, Refusal::Origin),
    (132_007, Refusal::Origin),
    (132_012, Refusal::Origin),
    (132_015, Refusal::Origin),
    (132_016, Refusal::Origin),
];
/// The codes that do not prove that nothing was sent: the service is down, or does not know.
const UNKNOWN: [i64; 5] = [1, 2, 131_000, 131_016, 133_004];

/// The meaning of a code; `None` if the message may have been sent.
pub(super) fn refusal(code: i64) -> Option<Refusal> {
    let listed = REFUSALS.iter().find(|(known, _)| *known == code).map(|(_, why)| *why);
    (!UNKNOWN.contains(&code)).then(|| match code {
        200..=299 => Refusal::Account,
        _ => listed.unwrap_or(Refusal::Other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_listed_once_and_in_order() {
        assert!(REFUSALS.is_sorted_by(|(one, _), (next, _)| one < next));
        assert!(UNKNOWN.iter().all(|code| refusal(*code).is_none()));
        assert_eq!(
            (refusal(200), refusal(131_008)),
            (Some(Refusal::Account), Some(Refusal::Other))
        );
    }
}
