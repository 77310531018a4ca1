//! Vonage's error codes: the end of the `type` of a problem.
//! <https://developer.vonage.com/en/api-errors/messages>, <https://developer.vonage.com/en/api-errors>

use super::Refusal;

/// The codes, and their meaning. A code that is not listed is a refusal for another reason.
const REFUSALS: [(&str, Refusal); 25] = [
    ("1000", Refusal::Limited),
    ("1022", Refusal::Origin),
    ("1050", Refusal::Number),
    ("1060", Refusal::Account),
    ("1070", Refusal::Account),
    ("1080", Refusal::Account),
    ("1120", Refusal::Origin),
    ("1140", Refusal::Country),
    ("1160", Refusal::Account),
    ("1170", Refusal::Number),
    ("1210", Refusal::Blocked),
    ("1240", Refusal::Number),
    ("1420", Refusal::Origin),
    ("1430", Refusal::Number),
    ("1460", Refusal::Limited),
    ("1470", Refusal::Blocked),
    ("account-suspended", Refusal::Account),
    ("forbidden", Refusal::Account),
    ("invalid-api-key", Refusal::Account),
    ("jwt-expired", Refusal::Account),
    ("jwt-revoked", Refusal::Account),
    ("low-balance", Refusal::Account),
    ("throttled", Refusal::Limited),
    ("unauthorized", Refusal::Account),
    ("unprovisioned", Refusal::Account),
];

/// The codes that do not prove that nothing was sent: an internal error, a failed connection to the
/// carrier, a message that was sent before, an unknown error.
const UNPROVEN: [&str; 4] = ["1030", "1100", "1320", "1330"];

/// The meaning of a code; `None` if it does not prove that nothing was sent.
pub(super) fn refusal(code: &str) -> Option<Refusal> {
    if UNPROVEN.contains(&code) {
        return None;
    }
    let known = REFUSALS.iter().find(|(known, _)| *known == code);
    Some(known.map_or(Refusal::Other, |(_, why)| *why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_listed_once_and_in_order() {
        assert!(REFUSALS.is_sorted_by(|(one, _), (next, _)| one < next));
        assert_eq!(refusal("1240"), Some(Refusal::Number));
        assert_eq!(refusal("9999"), Some(Refusal::Other));
        assert_eq!(refusal("1320"), None);
    }
}
