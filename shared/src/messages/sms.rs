//! Text messages through Amazon SNS.

use std::{collections::HashMap, error::Error as _, sync::Arc};

use super::{Content, Language, SmsSettings};
use crate::{
    aws::{Aws, UnansweredClassifier, patient},
    base::{
        Error, MicroUsd,
        metrics::{self, Metric},
    },
    crypto::IdentifierHash,
    identifiers::PhoneNumber,
    spending::{self, Fund, Reservation, Spending},
};
use aws_sdk_sns::{Client, error::SdkError, types::MessageAttributeValue};
use aws_smithy_runtime_api::client::result::ConnectorError;

/// Sends texts, and reserves their price before.
#[derive(Clone)]
pub struct Texts {
    client: Client,
    spending: Spending,
    attributes: Arc<HashMap<String, MessageAttributeValue>>,
}

/// A text whose price is reserved.
#[derive(Debug)]
pub struct PreparedText {
    phone: PhoneNumber,
    text: String,
    /// The reserved price.
    pub reservation: Reservation,
}

impl Texts {
    /// A sender of texts with these settings. It makes no call.
    ///
    /// # Errors
    /// [`Error::Internal`] if an attribute of SNS cannot be built.
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

    /// Opens the connection ahead of the first text. It makes a call without a phone, which SNS
    /// refuses.
    pub async fn connect(&self) {
        // If this fails, the first text tries again and reports the error.
        let _ = self.client.publish().message("-").send().await;
    }

    /// The price of a text of one segment.
    pub fn price(&self, phone: &PhoneNumber) -> MicroUsd {
        self.spending.price(&phone.country().unwrap_or_default())
    }

    /// Words a text to `phone`, and reserves its price in a fund. `prefix` is the hash of the
    /// phone's block of numbers.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if a budget is used up; [`Error::Unavailable`].
    pub async fn prepare(
        &self,
        phone: &PhoneNumber,
        (fund, prefix): (Fund, Option<&IdentifierHash>),
        content: &Content<'_>,
        language: Language,
    ) -> Result<PreparedText, Error> {
        let text = content.text(language)?;
        let country = phone.country().unwrap_or_default();
        let (app, segments) = (content.sender.budget.as_ref(), spending::segments(&text));

        Ok(PreparedText {
            phone: phone.clone(),
            text,
            reservation: self.spending.reserve((fund, prefix), &country, app, segments).await?,
        })
    }

    /// Refunds the price of a text that will not be sent.
    pub async fn cancel(&self, prepared: PreparedText) {
        self.spending.give_back(prepared.reservation).await;
    }

    /// Sends a text.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if SNS cannot be reached or refuses. The price is then refunded,
    /// unless SNS may have sent the text all the same.
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
                // Without a response, SNS may have sent the text.
                if error.as_service_error().is_some() || is_never_sent(&error) {
                    self.spending.give_back(reservation).await;
                }
                Err(super::not_sent(error))
            }
        }
    }
}

/// Whether a request certainly did not reach SNS: it could not be made, or there was no connection.
/// A connection that breaks later may have carried the request.
fn is_never_sent<E>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::DispatchFailure(failure) => failure
            .as_connector_error()
            .is_some_and(|error| error.is_user() || is_without_connection(error)),
        _ => false,
    }
}

fn is_without_connection(error: &ConnectorError) -> bool {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    causes
        .filter_map(|cause| cause.downcast_ref::<hyper_util::client::legacy::Error>())
        .any(hyper_util::client::legacy::Error::is_connect)
}

/// The attributes of every text, after
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
