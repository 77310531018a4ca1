//! Text messages through Amazon SNS.

use std::{collections::HashMap, sync::Arc};

use super::{Content, Language, SmsSettings};
use crate::{
    aws::{Aws, UnansweredClassifier, patient},
    base::{
        Error,
        metrics::{self, Metric},
    },
    crypto::IdentifierHash,
    identifiers::PhoneNumber,
    spending::{self, Reservation, Spending},
};
use aws_sdk_sns::{Client, error::SdkError, types::MessageAttributeValue};

/// Sends texts.
#[derive(Clone)]
pub struct Texts {
    client: Client,
    spending: Spending,
    attributes: Arc<HashMap<String, MessageAttributeValue>>,
}

/// A text whose price is put aside.
#[derive(Debug)]
pub struct PreparedText {
    phone: PhoneNumber,
    text: String,
    /// The price.
    pub reservation: Reservation,
}

impl Texts {
    /// A sender as the settings want it. No call is made.
    pub fn new(aws: &Aws, settings: &SmsSettings, spending: Spending) -> Result<Self, Error> {
        let config = aws_sdk_sns::config::Builder::from(&aws.config("SNS"))
            .retry_classifier(UnansweredClassifier)
            .timeout_config(patient());
        Ok(Self {
            client: Client::from_conf(config.build()),
            spending,
            attributes: Arc::new(attributes(settings)?),
        })
    }

    /// Opens the connection, by a call that names no phone, which SNS refuses.
    pub async fn connect(&self) {
        // Where it cannot be opened the first text tries again, and tells.
        let _ = self.client.publish().message("-").send().await;
    }

    /// Puts the price of a text to `phone` aside. The `prefix` stands for the numbers that begin as it does.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] where a budget is used up; [`Error::Unavailable`].
    pub async fn prepare(
        &self,
        phone: &PhoneNumber,
        prefix: Option<&IdentifierHash>,
        content: &Content<'_>,
        language: Language,
    ) -> Result<PreparedText, Error> {
        let text = content.text(language)?;
        let country = phone.country().unwrap_or_default();
        let (app, segments) = (content.sender.budget.as_ref(), spending::segments(&text));
        Ok(PreparedText {
            phone: phone.clone(),
            text,
            reservation: self.spending.reserve(&country, prefix, app, segments).await?,
        })
    }

    /// Gives the price of a text back that will not be sent.
    pub async fn cancel(&self, prepared: PreparedText) {
        self.spending.give_back(prepared.reservation).await;
    }

    /// Sends a text.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where SNS cannot be reached or refuses: then the price is given back.
    pub async fn send(&self, prepared: PreparedText) -> Result<(), Error> {
        let PreparedText { phone, text, reservation } = prepared;
        let sent = self
            .client
            .publish()
            .phone_number(phone.as_str())
            .message(text)
            .set_message_attributes(Some((*self.attributes).clone()))
            .send()
            .await;
        metrics::count(if sent.is_ok() { Metric::TextsSent } else { Metric::TextsRefused });
        match sent {
            Ok(_) => Ok(()),
            Err(error) => {
                // Whoever does not answer may have sent it.
                if error.as_service_error().is_some() || is_never_sent(&error) {
                    self.spending.give_back(reservation).await;
                }
                Err(super::not_sent(error))
            }
        }
    }
}

/// Whether a request certainly did not reach SNS.
fn is_never_sent<E>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => {
            failure.as_connector_error().is_some_and(|error| error.is_user() || error.is_io())
        }
        _ => false,
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
    let mut attributes =
        HashMap::from([("AWS.SNS.SMS.SMSType".to_owned(), attribute("String", "Transactional")?)]);
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
