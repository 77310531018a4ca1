//! `TEXT_SENDERS`: which senders carry the texts to a country.

use std::collections::BTreeMap;

use super::SenderName;
use crate::{base::list, identifiers::phone};

/// The most senders of a country. Two that are slow still end before the request does.
const MOST: usize = 2;
/// Stands for all countries that the plan does not name.
const ELSEWHERE: &str = "*";

/// The senders by country, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan(BTreeMap<String, Vec<SenderName>>);

impl Plan {
    /// The accepted form of a plan, for the error of the setting.
    pub(crate) const FORM: &'static str = "countries and one or two senders of sns, end_user_messaging, twilio, vonage, kaleyra and \
         webhook, with * for all other countries, like US,CA=twilio,sns;*=sns";

    /// Parses a plan: `US,CA=twilio,sns;*=sns`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut plan = BTreeMap::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (countries, senders) = part.split_once('=')?;
            let senders = list(senders).map(SenderName::parse).collect::<Option<Vec<_>>>()?;
            let is_twice = senders.first() == senders.get(1);
            if senders.is_empty() || senders.len() > MOST || is_twice {
                return None;
            }
            for country in list(countries) {
                let is_known = country == ELSEWHERE || phone::country(country).is_some();
                if !is_known || plan.insert(country.to_owned(), senders.clone()).is_some() {
                    return None;
                }
            }
        }
        plan.contains_key(ELSEWHERE).then_some(Self(plan))
    }

    /// The senders of a country.
    pub fn senders(&self, country: &str) -> &[SenderName] {
        self.0.get(country).or_else(|| self.0.get(ELSEWHERE)).map_or(&[], Vec::as_slice)
    }

    /// Whether the plan names a sender for any country.
    pub fn names(&self, sender: SenderName) -> bool {
        self.0.values().flatten().any(|named| *named == sender)
    }

    /// Whether any text goes by way of the internet.
    pub fn has_vendors(&self) -> bool {
        self.0.values().flatten().any(|sender| sender.is_vendor())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_up_to_two_senders_of_each_country() {
        let plan = Plan::parse("IN=webhook; US, CA = end_user_messaging, twilio;*=sns").unwrap();
        assert_eq!(plan.senders("IN"), [SenderName::Webhook]);
        assert_eq!(plan.senders("CA"), [SenderName::EndUserMessaging, SenderName::Twilio]);
        assert_eq!(plan.senders("DE"), [SenderName::Sns]);
        assert!(plan.names(SenderName::Twilio) && plan.has_vendors());

        for wrong in [
            "",
            "sns",
            "US=twilio",
            "*=",
            "*=fax",
            "*=sns,sns",
            "*=sns,twilio,webhook",
            "*=sns;*=twilio",
            "USA=sns;*=sns",
            "US=twilio;US=sns;*=sns",
        ] {
            assert_eq!(Plan::parse(wrong), None, "{wrong}");
        }
    }
}
