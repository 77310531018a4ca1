//! The senders of texts, and the plan by which they carry the texts to each country.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    base::list,
    identifiers::{Channel, phone},
};

/// The most senders of a country. Two that are slow still end before the request does.
const MOST: usize = 2;
/// Stands for all countries that the plan does not name.
const ELSEWHERE: &str = "*";

/// A sender of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderName {
    /// Amazon SNS.
    Sns,
    /// AWS End User Messaging.
    EndUserMessaging,
    /// Twilio, by its Messages API.
    Twilio,
    /// Vonage, by its Messages API.
    Vonage,
    /// Kaleyra, by its SMS API.
    Kaleyra,
    /// WhatsApp, by Meta's Cloud API.
    Whatsapp,
    /// WhatsApp, by AWS End User Messaging Social.
    WhatsappAws,
    /// A service of the operator, by a webhook.
    Webhook,
}

impl SenderName {
    /// All senders.
    pub const ALL: [Self; 8] = [
        Self::Sns,
        Self::EndUserMessaging,
        Self::Twilio,
        Self::Vonage,
        Self::Kaleyra,
        Self::Whatsapp,
        Self::WhatsappAws,
        Self::Webhook,
    ];

    /// Its name in the settings, in the log and in the names of prices.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sns => "sns",
            Self::EndUserMessaging => "end_user_messaging",
            Self::Twilio => "twilio",
            Self::Vonage => "vonage",
            Self::Kaleyra => "kaleyra",
            Self::Whatsapp => "whatsapp",
            Self::WhatsappAws => "whatsapp_aws",
            Self::Webhook => "webhook",
        }
    }

    /// The sender of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sender| sender.as_str() == name)
    }

    /// Whether its account is in the secret of the senders. It may be slower than AWS alone.
    pub fn is_vendor(self) -> bool {
        !matches!(self, Self::Sns | Self::EndUserMessaging)
    }

    /// Whether an AWS SDK reaches it.
    pub(crate) fn has_sdk(self) -> bool {
        matches!(self, Self::Sns | Self::WhatsappAws)
    }

    /// The channel of the texts that it sends.
    pub fn channel(self) -> Channel {
        match self {
            Self::Whatsapp | Self::WhatsappAws => Channel::Whatsapp,
            _ => Channel::Sms,
        }
    }

    /// Whether it can call a phone and read a code aloud.
    pub fn can_call(self) -> bool {
        matches!(self, Self::EndUserMessaging | Self::Twilio)
    }

    /// Whether it reports to an address of ours, and signs its reports.
    pub(crate) fn is_reporting(self) -> bool {
        matches!(self, Self::Twilio | Self::Vonage | Self::Whatsapp | Self::Webhook)
    }
}

/// The senders by country, in the order in which they are tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextPlan(BTreeMap<String, Vec<SenderName>>);

impl TextPlan {
    /// The accepted form of a plan for all countries, for the error of the setting.
    pub(crate) const FORM: &'static str = "countries and one or two senders of sns, end_user_messaging, twilio, vonage, kaleyra, \
         whatsapp, whatsapp_aws and webhook, with * for all other countries, like US,CA=twilio,sns;*=sns";

    /// Parses a plan for some countries, or for all: `US,CA=twilio,sns;*=sns`.
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
        (!plan.is_empty()).then_some(Self(plan))
    }

    /// Whether the plan names senders for every country.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.contains_key(ELSEWHERE)
    }

    /// The same plan, for one country alone; `None` if it names no sender for it.
    #[must_use]
    pub fn for_country(&self, country: &str) -> Option<Self> {
        let senders = self.senders(country);
        let only = || Self([(ELSEWHERE.to_owned(), senders.to_vec())].into());
        (!senders.is_empty()).then(only)
    }

    /// The senders of a country; none if the plan does not name any for it.
    pub fn senders(&self, country: &str) -> &[SenderName] {
        self.0.get(country).or_else(|| self.0.get(ELSEWHERE)).map_or(&[], Vec::as_slice)
    }

    /// The senders, by country.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &[SenderName])> {
        self.0.iter().map(|(country, senders)| (country.as_str(), senders.as_slice()))
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
        let plan =
            TextPlan::parse("IN=webhook; US, CA = end_user_messaging, twilio;*=sns").unwrap();
        assert_eq!(plan.senders("IN"), [SenderName::Webhook]);
        assert_eq!(plan.senders("CA"), [SenderName::EndUserMessaging, SenderName::Twilio]);
        assert_eq!(plan.senders("DE"), [SenderName::Sns]);
        assert!(plan.names(SenderName::Twilio) && plan.has_vendors());

        for wrong in [
            "",
            "sns",
            ";",
            "*=",
            "*=fax",
            "*=sns,sns",
            "*=sns,twilio,webhook",
            "*=sns;*=twilio",
            "USA=sns;*=sns",
            "US=twilio;US=sns;*=sns",
        ] {
            assert_eq!(TextPlan::parse(wrong), None, "{wrong}");
        }

        let some = TextPlan::parse("US=twilio").unwrap();
        assert!(plan.is_whole() && !some.is_whole());
        assert_eq!((some.senders("DE"), some.for_country("DE")), (&[][..], None));
        assert_eq!(some.for_country("US"), TextPlan::parse("*=twilio"));
    }
}
