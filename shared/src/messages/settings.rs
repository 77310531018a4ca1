//! The settings of messages.

use crate::{base::Reader, identifiers::Email};

/// The settings of texts and e-mails.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageSettings {
    /// The settings of texts.
    pub sms: SmsSettings,
    /// `EMAIL_FROM`: the sender of e-mails. Without it no e-mails are sent.
    pub email_from: Option<Email>,
}

/// The settings of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsSettings {
    /// `SMS_SENDER_ID`: the sender that phones show, if the country allows one.
    pub sender_id: Option<String>,
    /// `SMS_ENTITY_ID`: the registered sender (India DLT).
    pub entity_id: Option<String>,
    /// `SMS_TEMPLATE_ID`: the registered template (India DLT).
    pub template_id: Option<String>,
    /// `SMS_MAX_PRICE_USD`: the maximum price of one text.
    pub max_price_usd: Option<String>,
}

impl MessageSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            sms: SmsSettings {
                sender_id: reader.optional(
                    "SMS_SENDER_ID",
                    "up to 11 letters and digits, at least one of them a letter",
                    sender_id,
                ),
                entity_id: reader.optional(
                    "SMS_ENTITY_ID",
                    "1 to 50 visible ASCII characters",
                    visible_ascii,
                ),
                template_id: reader.optional(
                    "SMS_TEMPLATE_ID",
                    "1 to 50 visible ASCII characters",
                    visible_ascii,
                ),
                max_price_usd: reader.optional(
                    "SMS_MAX_PRICE_USD",
                    "an amount in US dollars from 0.01 to 10, like 0.50",
                    max_price,
                ),
            },
            email_from: reader
                .optional("EMAIL_FROM", "an e-mail address", |text| Email::parse(text).ok()),
        }
    }
}

fn sender_id(text: &str) -> Option<String> {
    let fits = text.len() <= 11
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    fits.then(|| text.to_owned())
}

fn visible_ascii(text: &str) -> Option<String> {
    (text.len() <= 50 && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

fn max_price(text: &str) -> Option<String> {
    text.parse::<f64>().ok().filter(|price| (0.01..=10.0).contains(price)).map(|_| text.to_owned())
}
