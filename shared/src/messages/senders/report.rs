//! Delivery reports: where a sender reports whether a text arrived, and what it reports.

use std::sync::Arc;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use uuid::Uuid;

use super::{Credentials, Text, twilio, vonage, webhook, whatsapp};
use crate::{
    apps::SenderName,
    base::Clock,
    crypto::{HashKeys, IdentifierHash, decode_tagged, encode_tagged},
};

const DAY_SECONDS: i64 = 24 * 3600;
/// How many days after its text a report is accepted. Carriers may take three.
const ACCEPTED_DAYS: i64 = 4;

/// In place of a token, for senders that report all texts to one address.
const ONE_ADDRESS: &str = "app";

/// The state of a text on its way. A later report changes it only to a greater value: reports come more than
/// once, and out of order. A text that failed may still arrive, by another part of its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivery {
    /// The sender has it.
    Queued = 1,
    /// A carrier has it.
    Sent,
    /// It will not arrive.
    Failed,
    /// It arrived.
    Delivered,
}

/// A report as it arrived.
#[derive(Clone, Copy)]
pub struct ReceivedReport<'a> {
    /// The headers, which have the signature.
    pub headers: &'a http::HeaderMap,
    /// The body, as it was signed.
    pub body: &'a [u8],
}

impl ReceivedReport<'_> {
    /// A header's text; empty if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A genuine report.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::messages) struct Report {
    /// The state that it reports; `None` if there is no such state here, so that nothing changes.
    pub delivery: Option<Delivery>,
    /// The sender's code for the reason of a failure, for the log.
    pub reason: String,
}

/// The text that a report is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::messages) struct ReportedText {
    /// The sender.
    pub sender: SenderName,
    /// The country of the phone.
    pub country: String,
    id: Uuid,
    /// The day of the text, in days since 1970 (UTC).
    day: u16,
}

impl ReportedText {
    /// The token of the text. It has no secret: its tag shows that the text was sent by `sender`.
    fn encode(&self, keys: &HashKeys) -> String {
        let bytes =
            [&self.day.to_be_bytes(), self.id.as_bytes().as_slice(), self.country.as_bytes()];
        encode_tagged(bytes.concat(), |bytes| keys.report_link_tag(self.sender.as_str(), bytes))
    }

    /// The text of a token; `None` if it was not made here for `sender`, or is too old at `now`.
    fn decode(sender: &str, token: &str, keys: &HashKeys, now: Timestamp) -> Option<Self> {
        let bytes = decode_tagged(token, |bytes, tag| keys.is_report_link_tag(sender, bytes, tag))?;
        let (day, bytes) = bytes.split_first_chunk()?;
        let (id, country) = bytes.split_first_chunk()?;
        let text = Self {
            sender: SenderName::parse(sender)?,
            country: String::from_utf8(country.to_vec()).ok()?,
            id: Uuid::from_bytes(*id),
            day: u16::from_be_bytes(*day),
        };
        (now.as_second() < text.ends_at()).then_some(text)
    }

    /// A text that was sent at this time; `None` for a time long ago or far ahead.
    pub(in crate::messages) fn new(
        sender: SenderName,
        country: String,
        id: Uuid,
        sent_at: Timestamp,
    ) -> Option<Self> {
        let day = u16::try_from(sent_at.as_second() / DAY_SECONDS).ok()?;
        Some(Self { sender, country, id, day })
    }

    /// The day of the text (UTC).
    pub(in crate::messages) fn date(&self) -> Date {
        let start = Timestamp::from_second(i64::from(self.day) * DAY_SECONDS).unwrap_or_default();
        start.to_zoned(TimeZone::UTC).date()
    }

    /// When reports are no longer accepted (epoch seconds).
    pub(in crate::messages) fn ends_at(&self) -> i64 {
        (i64::from(self.day) + ACCEPTED_DAYS + 1) * DAY_SECONDS
    }

    /// The hash under which the reports of the text are kept.
    pub(in crate::messages) fn hash(&self) -> IdentifierHash {
        IdentifierHash::of_random(self.sender.as_str(), &self.id.to_string())
    }
}

/// Where the reports of a text arrive.
pub(in crate::messages) struct ReportAddress {
    /// The whole address.
    pub url: String,
    /// The token in it, which stands for the text.
    pub token: String,
}

impl ReportAddress {
    /// The address for vendors that call public addresses only.
    pub(super) fn public_url(&self) -> Option<&str> {
        self.url.starts_with("https://").then_some(self.url.as_str())
    }
}

/// Makes and reads the addresses that senders report to.
#[derive(Clone)]
pub struct ReportLinks {
    issuer: String,
    keys: Arc<HashKeys>,
    clock: Clock,
}

impl ReportLinks {
    /// Addresses below the URL of the service.
    pub fn new(issuer: String, keys: Arc<HashKeys>, clock: Clock) -> Self {
        Self { issuer, keys, clock }
    }

    /// Where the reports of a text by `sender` arrive, if it reports to an address.
    pub(in crate::messages) fn address_of(
        &self,
        sender: SenderName,
        text: &Text,
    ) -> Option<ReportAddress> {
        let now = self.clock.now();
        let text = ReportedText::new(sender, text.country.clone(), text.id, now)?;
        sender.is_reporting().then(|| {
            let token = text.encode(&self.keys);
            ReportAddress { url: self.address(sender.as_str(), &token), token }
        })
    }

    fn address(&self, sender: &str, token: &str) -> String {
        format!("{}/v1/reports/{sender}/{token}", self.issuer)
    }

    /// The challenge by which Meta makes sure of the address for WhatsApp; `None` unless the query has
    /// the account's token.
    pub(in crate::messages) fn challenge(
        (sender, token): (&str, &str),
        query: &str,
        credentials: &Credentials,
    ) -> Option<String> {
        let account = credentials.whatsapp.as_ref()?;
        let is_ours = (SenderName::parse(sender)?, token) == (SenderName::Whatsapp, ONE_ADDRESS);
        is_ours.then(|| whatsapp::report::challenge(account, query)).flatten()
    }

    /// The texts and the contents of the reports that arrived together at the address of `sender` and
    /// `token`; `None` unless the sender has signed them. Reports about texts whose token was not made
    /// here are left out.
    pub(in crate::messages) fn read(
        &self,
        (sender, token): (&str, &str),
        received: ReceivedReport<'_>,
        credentials: &Credentials,
    ) -> Option<Vec<(ReportedText, Report)>> {
        let now = self.clock.now();
        if (SenderName::parse(sender)?, token) == (SenderName::Whatsapp, ONE_ADDRESS) {
            let all = whatsapp::report::read(credentials.whatsapp.as_ref()?, received)?.into_iter();
            let text = |token: &str| ReportedText::decode(sender, token, &self.keys, now);
            return Some(all.filter_map(|(token, report)| Some((text(&token)?, report))).collect());
        }

        let text = ReportedText::decode(sender, token, &self.keys, now)?;
        let report = match text.sender {
            SenderName::Twilio => {
                let url = self.address(sender, token);
                twilio::report::read(credentials.twilio.as_ref()?, &url, received)?
            }
            SenderName::Vonage => {
                vonage::report::read(credentials.vonage.as_ref()?, &text.id, received, now)?
            }
            SenderName::Webhook => {
                webhook::report::read(credentials.webhook.as_ref()?, &text.id, received, now)?
            }
            SenderName::Sns
            | SenderName::EndUserMessaging
            | SenderName::Kaleyra
            | SenderName::Whatsapp
            | SenderName::WhatsappAws => return None,
        };
        Some(vec![(text, report)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_sender_and_four_days() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let text = ReportedText {
            sender: SenderName::Twilio,
            country: "US".to_owned(),
            id: Uuid::from_u128(1),
            day: 20_833,
        };
        assert_eq!(text.date().to_string(), "2027-01-15");

        let token = text.encode(&keys);
        let read = |sender, token: &str, days: i64| {
            let later = now + jiff::SignedDuration::from_hours(24 * days);
            ReportedText::decode(sender, token, &keys, later)
        };
        assert_eq!(read("twilio", &token, 0), Some(text.clone()));
        assert_eq!(read("twilio", &token, 4), Some(text));
        assert_eq!(read("twilio", &token, 5), None);
        assert_eq!(read("webhook", &token, 0), None);

        for position in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(read("twilio", &changed, 0), None, "{position}");
        }
        for other in ["", "A", &token[..20], &format!("{token}AA")] {
            assert_eq!(read("twilio", other, 0), None, "{other}");
        }
    }
}
