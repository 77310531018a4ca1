//! WhatsApp, by AWS End User Messaging Social. It hands Meta the same message as
//! [`whatsapp`](super::whatsapp), from a phone number that is linked to the AWS account.
//! <https://docs.aws.amazon.com/social-messaging/latest/APIReference/API_SendWhatsAppMessage.html>

use aws_sdk_socialmessaging::{
    Client, operation::send_whats_app_message::SendWhatsAppMessageOutput,
};
use aws_smithy_types::{Blob, retry::RetryConfig};
use futures_util::FutureExt as _;

use super::{
    Outcome, Refusal, Text,
    client::sdk_outcome,
    credentials::WhatsappAwsAccount,
    whatsapp::{VERSION, template::Template},
};
use crate::aws::{Aws, patient};

/// A phone number of a business, linked to the AWS account.
pub(super) struct WhatsappAws {
    client: Client,
    account: WhatsappAwsAccount,
}

impl WhatsappAws {
    /// The service in the region of the deployment. No call is made.
    pub(super) fn new(aws: &Aws, account: WhatsappAwsAccount) -> Self {
        // AWS does not document that a second call sends nothing.
        let config = aws_sdk_socialmessaging::config::Builder::from(&aws.config("SOCIALMESSAGING"))
            .retry_config(RetryConfig::disabled())
            .timeout_config(patient());
        Self { client: Client::from_conf(config.build()), account }
    }

    /// Sends the code of a text.
    pub(super) async fn send(&self, text: &Text) -> Outcome {
        let account = &self.account;
        let template = Template { name: &account.template, languages: &account.languages };
        let message = match template.message(text, None) {
            Ok(message) => message,
            Err(refused) => return refused,
        };

        let sent = self
            .client
            .send_whats_app_message()
            .origination_phone_number_id(&account.phone_number_id)
            .meta_api_version(VERSION)
            .message(Blob::new(message))
            .send()
            .boxed()
            .await;
        sent.map_or_else(|error| sdk_outcome(&error, refusal), |answer| taken(&answer))
    }
}

/// The outcome of a message that was not refused.
fn taken(answer: &SendWhatsAppMessageOutput) -> Outcome {
    match answer.message_id() {
        Some(_) => Outcome::Accepted,
        None => Outcome::Unknown("an answer without a message".to_owned()),
    }
}

/// The meaning of an error. Its message may name the phone, and is not read.
fn refusal(code: &str, _: &str) -> Refusal {
    match code {
        "ThrottledRequestException" | "ThrottlingException" => Refusal::Limited,
        "AccessDeniedException" => Refusal::Account,
        "ResourceNotFoundException" => Refusal::Origin,
        _ => Refusal::Other,
    }
}
