//! E-mails through Amazon SES, or through a server that speaks SMTP.

use aws_sdk_sesv2::{
    Client,
    types::{Body, Content, Destination, EmailContent, Message},
};
use futures_util::FutureExt;

use super::{MailText, MessageSettings, senders::Credentials, smtp::Smtp};
use crate::{
    aws::{Aws, UnansweredClassifier, patient},
    base::{
        Environment, Error,
        metrics::{self, Metric},
    },
    identifiers::Email,
};

/// Sends e-mails.
#[derive(Clone)]
pub struct Mails {
    carrier: Carrier,
    from: Option<Email>,
}

/// How e-mails are sent.
#[derive(Clone)]
enum Carrier {
    Ses(Client),
    Smtp(Smtp),
}

impl Mails {
    /// A sender of e-mails. It makes no call.
    pub fn new(
        (aws, environment): (&Aws, &Environment),
        settings: &MessageSettings,
        credentials: &Credentials,
    ) -> Self {
        let carrier = match &settings.smtp {
            Some(server) => {
                Carrier::Smtp(Smtp::new(server.clone(), credentials.smtp.clone(), environment))
            }
            None => {
                let config = aws_sdk_sesv2::config::Builder::from(&aws.config("SESV2"))
                    .retry_classifier(UnansweredClassifier)
                    .timeout_config(patient());
                Carrier::Ses(Client::from_conf(config.build()))
            }
        };
        Self { carrier, from: settings.email_from.clone() }
    }

    /// Whether e-mails go to a server that is not AWS's, and may be slow.
    pub(super) fn has_vendor(&self) -> bool {
        matches!(self.carrier, Carrier::Smtp(_))
    }

    /// Sends an e-mail.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the service cannot be reached or refuses, or if `EMAIL_FROM` is not
    /// set.
    pub async fn send(&self, to: &Email, mail: &MailText) -> Result<(), Error> {
        let from =
            self.from.as_ref().ok_or_else(|| Error::Unavailable("EMAIL_FROM is not set".into()))?;
        let sent = match &self.carrier {
            Carrier::Ses(client) => send_by_ses(client, from, to, mail).await,
            Carrier::Smtp(smtp) => smtp.send(from, to, mail).await,
        };
        metrics::count(if sent.is_ok() { Metric::MailsSent } else { Metric::MailsRefused });
        sent
    }
}

async fn send_by_ses(
    client: &Client,
    from: &Email,
    to: &Email,
    mail: &MailText,
) -> Result<(), Error> {
    let part = |text: &str| {
        let content = Content::builder().data(text).charset("UTF-8").build();
        content.map_err(|error| Error::Internal(error.to_string()))
    };
    let html = mail.html.as_deref().map(part).transpose()?;
    let message = Message::builder()
        .subject(part(&mail.subject)?)
        .body(Body::builder().text(part(&mail.text)?).set_html(html).build())
        .build();

    let sent = client
        .send_email()
        .from_email_address(from.as_str())
        .destination(Destination::builder().to_addresses(to.as_str()).build())
        .content(EmailContent::builder().simple(message).build())
        .send()
        .boxed()
        .await;
    sent.map(drop).map_err(super::not_sent)
}
