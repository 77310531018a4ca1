//! The ways of a message to a phone: which senders may carry it, and on which channels.

use super::MessageSettings;
use crate::{
    apps::{SenderName, TextPlan},
    base::Error,
    identifiers::{Address, Channel},
};

/// A way of a message: a sender, and the channel that it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    pub sender: SenderName,
    pub channel: Channel,
}

impl Way {
    /// The way of a text by this sender.
    pub(super) fn text(sender: SenderName) -> Self {
        Self { sender, channel: sender.channel() }
    }

    fn call(sender: SenderName) -> Self {
        Self { sender, channel: Channel::Voice }
    }
}

impl MessageSettings {
    /// The ways of a code to a phone of this country, in the order in which they are tried. `app` is
    /// the plan of its app, which goes before that of the deployment. If the person has `chosen` a
    /// channel, there are no ways on another one.
    pub(super) fn ways(
        &self,
        country: &str,
        app: Option<&TextPlan>,
        chosen: Option<Channel>,
    ) -> Vec<Way> {
        if chosen == Some(Channel::Voice) {
            return self.calls.senders(country).iter().copied().map(Way::call).collect();
        }
        let of_app = app.map(|plan| plan.senders(country)).filter(|senders| !senders.is_empty());
        let senders = of_app.unwrap_or_else(|| self.plan.senders(country));
        let ways = senders.iter().copied().map(Way::text);
        ways.filter(|way| chosen.is_none_or(|chosen| way.channel == chosen)).collect()
    }

    /// The ways of a notice, which not every sender carries. Those of the deployment serve if an app
    /// has none.
    pub(super) fn ways_of_notice(&self, country: &str, app: Option<&TextPlan>) -> Vec<Way> {
        let plain = |app| {
            let ways = self.ways(country, app, None).into_iter();
            ways.filter(|way| self.carries_notices(way.sender)).collect::<Vec<_>>()
        };
        let of_app = plain(app);
        if of_app.is_empty() { plain(None) } else { of_app }
    }

    /// Whether a sender carries any text. Some have registered templates for codes alone.
    pub(super) fn carries_notices(&self, sender: SenderName) -> bool {
        match sender {
            SenderName::Whatsapp | SenderName::WhatsappAws => false,
            SenderName::EndUserMessaging => {
                self.eum.notify_configuration.is_none() || self.eum.origin.is_some()
            }
            _ => true,
        }
    }

    /// How codes can be sent in an app with this plan, if it has one.
    pub fn channels(&self, app: Option<&TextPlan>) -> Vec<Channel> {
        let plans = app.into_iter().chain([&self.plan]);
        let texts: Vec<_> = plans
            .flat_map(|plan| plan.all().flat_map(|(_, senders)| senders))
            .map(|sender| sender.channel())
            .collect();
        let has = |channel: &Channel| match channel {
            Channel::Sms | Channel::Whatsapp => texts.contains(channel),
            Channel::Voice => self.calls.all().next().is_some(),
            Channel::Email => self.email_from.is_some(),
        };
        [Channel::Sms, Channel::Whatsapp, Channel::Voice, Channel::Email]
            .into_iter()
            .filter(has)
            .collect()
    }

    /// The channel that a code is sent on first: the one that the person has `chosen`, or else that
    /// of the first sender after as many messages as were sent `before`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if the chosen channel does not lead to this address.
    pub fn channel(
        &self,
        address: &Address,
        app: Option<&TextPlan>,
        (chosen, before): (Option<Channel>, usize),
    ) -> Result<Channel, Error> {
        let Address::Sms(phone) = address else {
            return match chosen {
                None | Some(Channel::Email) => Ok(Channel::Email),
                Some(_) => Err(Error::field("channel", "must be email for an e-mail address")),
            };
        };
        let country = phone.country().unwrap_or_default();
        let ways = self.ways(&country, app, chosen);
        let turn = before.checked_rem(ways.len()).unwrap_or_default();
        match (ways.get(turn), chosen) {
            (Some(way), _) => Ok(way.channel),
            (None, None) => Ok(Channel::Sms),
            (None, Some(_)) => Err(self.other_channel(&country, app)),
        }
    }

    /// All channels that lead to an address, in an app with this plan, if it has one.
    pub fn channels_to(&self, address: &Address, app: Option<&TextPlan>) -> Vec<Channel> {
        match address {
            Address::Sms(phone) => self.channels_of(&phone.country().unwrap_or_default(), app),
            Address::Email(_) => vec![Channel::Email],
        }
    }

    fn channels_of(&self, country: &str, app: Option<&TextPlan>) -> Vec<Channel> {
        let leads = |channel: &Channel| !self.ways(country, app, Some(*channel)).is_empty();
        [Channel::Sms, Channel::Whatsapp, Channel::Voice].into_iter().filter(leads).collect()
    }

    fn other_channel(&self, country: &str, app: Option<&TextPlan>) -> Error {
        let channels = self.channels_of(country, app).into_iter();
        let names: Vec<_> = channels.map(Channel::name).collect();
        Error::field("channel", format!("must be {} for this phone number", names.join(" or ")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        identifiers::{AllowedCountries, PhoneNumber},
        settings::Settings,
    };

    fn settings(changes: &[(&str, &str)]) -> Arc<MessageSettings> {
        let needed = [("ISSUER", "https://id.example.com"), ("TABLE_NAME", "latchkey")];
        let environment = needed.into_iter().chain(changes.iter().copied()).collect();
        Settings::parse(&environment, "2026-11-21T00:00:00Z".parse().unwrap()).unwrap().messages
    }

    #[test]
    fn a_person_chooses_among_the_channels_that_lead_to_their_phone() {
        let settings = settings(&[
            ("TEXT_SENDERS", "US=whatsapp,end_user_messaging;*=sns"),
            ("VOICE_SENDERS", "US=end_user_messaging"),
            ("EUM_VOICE_ORIGINATION_IDENTITY", "phone-1"),
            ("SENDERS_SECRET_ARN", "senders"),
        ]);
        let of = |phone: &str, chosen, before| {
            let address =
                Address::Sms(PhoneNumber::parse(phone, None, &AllowedCountries::All).unwrap());
            settings.channel(&address, None, (chosen, before)).map_err(|error| error.to_string())
        };
        let here = "+14155550123";
        assert_eq!(of(here, None, 0), Ok(Channel::Whatsapp));
        assert_eq!(of(here, None, 1), Ok(Channel::Sms));
        for chosen in [Channel::Sms, Channel::Whatsapp, Channel::Voice] {
            assert_eq!(of(here, Some(chosen), 1), Ok(chosen));
        }
        assert!(of(here, Some(Channel::Email), 0).is_err());
        let there = "+919876543210";
        assert_eq!(of(there, Some(Channel::Sms), 0), Ok(Channel::Sms));
        assert!(of(there, Some(Channel::Voice), 0).is_err());
        assert_eq!(settings.channels(None), [Channel::Sms, Channel::Whatsapp, Channel::Voice]);
    }

    #[test]
    fn the_plan_of_an_app_goes_first_and_notices_find_a_sender_that_carries_them() {
        let settings = settings(&[]);
        let plan = TextPlan::parse("US=whatsapp").unwrap();
        let ways = |country| settings.ways(country, Some(&plan), None);
        assert_eq!(ways("US"), [Way::text(SenderName::Whatsapp)]);
        assert_eq!(ways("DE"), [Way::text(SenderName::Sns)]);
        let notice = settings.ways_of_notice("US", Some(&plan));
        assert_eq!(notice, [Way::text(SenderName::Sns)]);
    }
}
