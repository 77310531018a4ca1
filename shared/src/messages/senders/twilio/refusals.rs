//! Twilio's error codes. <https://www.twilio.com/docs/api/errors>

use super::Refusal;

/// The codes, and their meaning. A code that is not listed is a refusal for another reason.
const REFUSALS: [(u32, Refusal); 30] = [
    (14107, Refusal::Limited),
    (20003, Refusal::Account),
    (20404, Refusal::Account),
    (20429, Refusal::Limited),
    (21211, Refusal::Number),
    (21264, Refusal::Origin),
    (21265, Refusal::Number),
    (21266, Refusal::Origin),
    (21267, Refusal::Origin),
    (21408, Refusal::Country),
    (21606, Refusal::Origin),
    (21607, Refusal::Origin),
    (21610, Refusal::OptedOut),
    (21614, Refusal::Number),
    (21635, Refusal::Number),
    (21659, Refusal::Origin),
    (21660, Refusal::Origin),
    (21661, Refusal::Origin),
    (21910, Refusal::Origin),
    (30002, Refusal::Account),
    (30022, Refusal::Limited),
    (51002, Refusal::Limited),
    (60203, Refusal::Limited),
    (60205, Refusal::Number),
    (60207, Refusal::Limited),
    (60212, Refusal::Limited),
    (60223, Refusal::Origin),
    (60238, Refusal::Blocked),
    (60410, Refusal::Blocked),
    (60605, Refusal::Country),
];

pub(super) fn refusal(code: u32) -> Refusal {
    REFUSALS.iter().find(|(known, _)| *known == code).map_or(Refusal::Other, |(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_listed_once_and_in_order() {
        assert!(REFUSALS.is_sorted_by(|(one, _), (next, _)| one < next));
        assert_eq!((refusal(21610), refusal(1)), (Refusal::OptedOut, Refusal::Other));
    }
}
