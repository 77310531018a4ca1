//! Text messages through Amazon SNS.

use std::{collections::HashMap, sync::Arc};

use super::{Content, Language};
use crate::{
    aws::sdk_config,
    config::{Environment, Settings, SmsSettings},
    error::Error,
    metrics::{self, Metric},
    phone::PhoneNumber,
};
use aws_sdk_sns::{Client, error::DisplayErrorContext, types::MessageAttributeValue};

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

    /// Sends a text to `phone`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where SNS cannot be reached or refuses.
    pub async fn send(&self, phone: &PhoneNumber, content: &Content<'_>, language: Language) -> Result<(), Error> {
        let text = content.text(language)?;
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
