//! E-mails through Amazon SES.

use aws_sdk_sesv2::{
    Client,
    types::{Body, Content, Destination, EmailContent, Message},
};

use super::content::MailText;
use crate::{
    aws::{Aws, UnansweredClassifier, patient},
    base::{
        Error,
        metrics::{self, Metric},
    },
    identifiers::Email,
};

/// Sends e-mails.
#[derive(Clone)]
pub struct Mails {
    client: Client,
    from: Option<Email>,
}

impl Mails {
    /// A sender of e-mails from the address `from`. It makes no call.
    pub fn new(aws: &Aws, from: Option<Email>) -> Self {
        let config = aws_sdk_sesv2::config::Builder::from(&aws.config("SESV2"))
            .retry_classifier(UnansweredClassifier)
            .timeout_config(patient());
        Self { client: Client::from_conf(config.build()), from }
    }

    /// Sends an e-mail.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if SES cannot be reached or refuses, or if `EMAIL_FROM` is not set.
    pub async fn send(&self, to: &Email, mail: &MailText) -> Result<(), Error> {
        let from =
            self.from.as_ref().ok_or_else(|| Error::Unavailable("EMAIL_FROM is not set".into()))?;
        let part = |text: &str| {
            let content = Content::builder().data(text).charset("UTF-8").build();
            content.map_err(|error| Error::Internal(error.to_string()))
        };

        let message = Message::builder()
            .subject(part(&mail.subject)?)
            .body(Body::builder().text(part(&mail.text)?).html(part(&mail.html)?).build())
            .build();

        let sent = self
            .client
            .send_email()
            .from_email_address(from.as_str())
            .destination(Destination::builder().to_addresses(to.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .send()
            .await;
        metrics::count(if sent.is_ok() { Metric::MailsSent } else { Metric::MailsRefused });
        sent.map(drop).map_err(super::not_sent)
    }
}
