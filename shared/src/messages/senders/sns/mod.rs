//! Amazon SNS: the sender that needs nothing but the account. It tells nothing of what became of a
//! text.

use futures_util::FutureExt;
use std::collections::HashMap;

use aws_sdk_sns::{Client, types::MessageAttributeValue};
use aws_smithy_runtime_api::client::{
    interceptors::context::InterceptorContext,
    orchestrator::HttpResponse,
    retries::classifiers::{ClassifyRetry, RetryAction},
};

use super::{Outcome, Refusal, Text, client::sdk_outcome};
use crate::{
    aws::{Aws, patient},
    base::Error,
    messages::SmsSettings,
};

/// SNS, with the attributes of every text.
pub(super) struct Sns {
    client: Client,
    attributes: HashMap<String, MessageAttributeValue>,
}

impl Sns {
    /// A client. It makes no call.
    ///
    /// # Errors
    /// [`Error::Internal`] if an attribute cannot be built.
    pub(super) fn new(aws: &Aws, settings: &SmsSettings) -> Result<Self, Error> {
        let config = aws_sdk_sns::config::Builder::from(&aws.config("SNS"))
            .retry_classifier(OnlyRefused)
            .timeout_config(patient());
        Ok(Self { client: Client::from_conf(config.build()), attributes: attributes(settings)? })
    }

    /// Opens the connection ahead of the first text. It makes a call without a phone, which SNS
    /// refuses.
    pub(super) async fn connect(&self) {
        // If this fails, the first text tries again and reports the error.
        let _ = self.client.publish().message("-").send().boxed().await;
    }

    /// Sends a text.
    pub(super) async fn send(&self, text: &Text) -> Outcome {
        let sent = self
            .client
            .publish()
            .phone_number(text.to.as_str())
            .message(&text.body)
            .set_message_attributes(Some(self.attributes.clone()))
            .send()
            .boxed()
            .await;
        sent.map_or_else(|error| sdk_outcome(&error, refusal), |_| Outcome::Accepted)
    }
}

/// The meaning of an error. SNS names a bad number only in its message.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
fn refusal(code: &str, message: &str) -> Refusal {
    match code {
        "InvalidParameter" if message.contains("PhoneNumber") => Refusal::Number,
        "OptedOut" => Refusal::OptedOut,
        "Throttled" | "Throttling" | "ThrottlingException" => Refusal::Limited,
        "AuthorizationError" | "AccessDenied" | "AccessDeniedException" => Refusal::Account,
        _ => Refusal::Other,
    }
}

/// Forbids a retry unless SNS refused the call. SNS is not idempotent: a call without an answer, or
/// one that failed inside SNS, may have sent the text.
#[derive(Debug)]
struct OnlyRefused;

impl ClassifyRetry for OnlyRefused {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let is_refused = |response: &HttpResponse| response.status().as_u16() < 500;
        if context.response().is_some_and(is_refused) {
            RetryAction::NoActionIndicated
        } else {
            RetryAction::RetryForbidden
        }
    }

    fn name(&self) -> &'static str {
        "only refused"
    }
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
