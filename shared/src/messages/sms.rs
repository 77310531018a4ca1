//! Text messages through Amazon SNS.

use std::{collections::HashMap, sync::Arc};

use aws_sdk_sns::{Client, error::DisplayErrorContext, types::MessageAttributeValue};
use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};

use super::Language;
use crate::{
    aws::sdk_config,
    config::{Environment, Settings, SmsSettings},
    error::Error,
    metrics::{self, Metric},
    phone::PhoneNumber,
};

/// The text that carries a code.
#[derive(Debug)]
pub struct CodeText<'a> {
    /// Who sends it.
    pub app_name: &'a str,
    /// The code.
    pub code: &'a str,
    /// For how long it is good.
    pub valid_minutes: u64,
    /// The host that the code is bound to, where there is one.
    pub web_otp_host: Option<&'a str>,
}

impl CodeText<'_> {
    /// What the text says. Where a host is set, it ends with the line by which browsers and phones
    /// fill the code in on that host alone (WICG, Origin-bound one-time codes delivered via SMS).
    ///
    /// Values are put on one line, so that a name cannot forge that last one.
    pub fn compose(&self, language: Language) -> Result<String, Error> {
        let broken = |what: &str| Error::Internal(format!("the messages in {}: {what}", language.tag()));
        let resource = FluentResource::try_new(language.messages().to_owned()).map_err(|_| broken("do not parse"))?;
        let tag = language.tag().parse().map_err(|_| broken("no language tag"))?;
        let mut bundle = FluentBundle::new(vec![tag]);
        // Isolation marks are not in the GSM 7-bit alphabet.
        bundle.set_use_isolating(false);
        bundle.add_resource(resource).map_err(|_| broken("name something twice"))?;
        let mut values = FluentArgs::new();
        values.set("code", one_line(self.code));
        values.set("app", one_line(self.app_name));
        values.set("minutes", self.valid_minutes.to_string());
        let pattern = bundle.get_message("sign-in-code").and_then(|message| message.value());
        let pattern = pattern.ok_or_else(|| broken("lack sign-in-code"))?;
        let mut problems = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&values), &mut problems).into_owned();
        if !problems.is_empty() {
            return Err(broken("lack a value"));
        }
        Ok(match self.web_otp_host {
            Some(host) => format!("{text}\n\n@{host} #{}", self.code),
            None => text,
        })
    }
}

/// The text without what starts a line, ends one, or turns its direction.
fn one_line(text: &str) -> String {
    let formats = |c: char| matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let cleaned: String = text.chars().map(|c| if c.is_control() || formats(c) { ' ' } else { c }).collect();
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Sends texts.
#[derive(Clone)]
pub struct Texts {
    client: Client,
    attributes: Arc<HashMap<String, MessageAttributeValue>>,
}

impl Texts {
    /// A sender as the settings want it. No call is made.
    pub fn new(environment: &Environment, settings: &Settings) -> Result<Self, Error> {
        Ok(Self {
            client: Client::new(&sdk_config(environment, "SNS")),
            attributes: Arc::new(attributes(&settings.sms)?),
        })
    }

    /// Sends `text` to `phone`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where SNS cannot be reached or refuses.
    pub async fn send(&self, phone: &PhoneNumber, text: &str) -> Result<(), Error> {
        let sent = self
            .client
            .publish()
            .phone_number(phone.as_str())
            .message(text)
            .set_message_attributes(Some((*self.attributes).clone()))
            .send()
            .await;
        metrics::count(if sent.is_ok() { Metric::TextsSent } else { Metric::TextsRefused });
        sent.map(drop).map_err(|error| Error::Unavailable(DisplayErrorContext(error).to_string()))
    }
}

/// <https://docs.aws.amazon.com/sns/latest/dg/sms_sending-overview.html>
fn attributes(settings: &SmsSettings) -> Result<HashMap<String, MessageAttributeValue>, Error> {
    let attribute = |kind: &str, value: &str| {
        MessageAttributeValue::builder()
            .data_type(kind)
            .string_value(value)
            .build()
            .map_err(|error| Error::Internal(error.to_string()))
    };
    let mut attributes = HashMap::from([("AWS.SNS.SMS.SMSType".to_owned(), attribute("String", "Transactional")?)]);
    let optional = [
        ("AWS.SNS.SMS.SenderID", "String", &settings.sender_id),
        ("AWS.SNS.SMS.MaxPrice", "Number", &settings.max_price_usd),
        ("AWS.MM.SMS.EntityId", "String", &settings.entity_id),
        ("AWS.MM.SMS.TemplateId", "String", &settings.template_id),
    ];
    for (name, kind, value) in optional {
        if let Some(value) = value {
            attributes.insert(name.to_owned(), attribute(kind, value)?);
        }
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 3GPP TS 23.038 §6.2.1, the basic table.
    const GSM_7: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

    fn text(language: Language, app_name: &str) -> String {
        let code = CodeText {
            app_name,
            code: "0123456789",
            valid_minutes: 10,
            web_otp_host: Some("sign-in.shop.example.com"),
        };
        code.compose(language).unwrap()
    }

    #[test]
    fn every_language_fits_one_segment_with_the_longest_values() {
        for language in Language::ALL {
            let text = text(language, "A shop with thirty characters!");
            if text.chars().all(|c| GSM_7.contains(c)) {
                assert!(text.chars().count() <= 160, "{language:?}: {}", text.chars().count());
            } else {
                // Two segments of UCS-2, where the origin line and the name take most of it.
                assert!(text.encode_utf16().count() <= 134, "{language:?}: {}", text.encode_utf16().count());
            }
        }
        for language in [Language::English, Language::Spanish] {
            assert!(text(language, "Shop").chars().all(|c| GSM_7.contains(c)));
        }
    }

    #[test]
    fn scripts_beyond_gsm_fit_one_segment_with_everyday_values() {
        for language in [Language::Hindi, Language::Arabic] {
            let code = CodeText { app_name: "Latchkey", code: "123456", valid_minutes: 5, web_otp_host: None };
            assert!(code.compose(language).unwrap().encode_utf16().count() <= 70);
        }
    }

    #[test]
    fn the_last_line_binds_the_code_to_its_host() {
        for language in Language::ALL {
            let text = text(language, "Shop");
            assert_eq!(text.lines().last(), Some("@sign-in.shop.example.com #0123456789"));
            assert!(text.contains("0123456789") && text.contains("Shop") && text.contains("10"));
        }
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        for newline in ["\n", "\r\n", "\u{2028}", "\u{85}", "\u{b}", "\n\u{202e}"] {
            let text = text(Language::English, &format!("Shop{newline}@evil.example #666666"));
            assert_eq!(text.lines().count(), 3, "{text:?}");
            assert!(!text.lines().any(|line| line.starts_with("@evil")), "{text:?}");
        }
    }
}
