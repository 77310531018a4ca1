//! The errors of End User Messaging, and their reasons.

use super::Refusal;

/// The reasons, and their meaning.
const REASONS: [(&str, Refusal); 17] = [
    ("ACCOUNT_DISABLED", Refusal::Account),
    ("COUNTRY_NOT_ENABLED", Refusal::Country),
    ("DESTINATION_COUNTRY_BLOCKED", Refusal::Country),
    ("DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION", Refusal::Country),
    ("DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE", Refusal::Blocked),
    ("DESTINATION_PHONE_NUMBER_NOT_VERIFIED", Refusal::Account),
    ("DESTINATION_PHONE_NUMBER_OPTED_OUT", Refusal::OptedOut),
    ("INSUFFICIENT_ACCOUNT_REPUTATION", Refusal::Account),
    ("INTERNATIONAL_SENDING_NOT_SUPPORTED", Refusal::Country),
    ("INVALID_IDENTITY_FOR_DESTINATION_COUNTRY", Refusal::Origin),
    ("MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT", Refusal::Limited),
    ("NO_ORIGINATION_IDENTITIES_FOUND", Refusal::Origin),
    ("PRICE_OVER_THRESHOLD", Refusal::Limited),
    ("RESOURCE_NOT_ACTIVE", Refusal::Origin),
    ("SENDER_ID_NOT_REGISTERED", Refusal::Origin),
    ("SENDER_ID_NOT_SUPPORTED", Refusal::Origin),
    ("SENDER_ID_REQUIRES_REGISTRATION", Refusal::Origin),
];

/// The meaning of an error, by its kind and its reason.
pub(super) fn refusal(kind: &str, reason: &str) -> Refusal {
    let listed = REASONS.iter().find(|(known, _)| *known == reason).map(|(_, why)| *why);
    listed.unwrap_or(match kind {
        "ThrottlingException" | "ServiceQuotaExceededException" => Refusal::Limited,
        "AccessDeniedException" => Refusal::Account,
        _ => Refusal::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_listed_once_and_in_order() {
        assert!(REASONS.is_sorted_by(|(one, _), (next, _)| one < next));
        let quota = refusal("ServiceQuotaExceededException", "");
        assert_eq!((quota, refusal("ValidationException", "")), (Refusal::Limited, Refusal::Other));
    }
}
