//! The senders that a plan names, made of the settings and the credentials.

use super::{
    Credentials, Outcome, SenderName, Text, client::Vendors, end_user_messaging::EndUserMessaging,
    kaleyra::Kaleyra, sns::Sns, twilio::Twilio, vonage::Vonage, webhook::Webhook,
};
use crate::{
    aws::Aws,
    base::{Clock, Environment, Error},
    messages::MessageSettings,
};

/// The parts that senders are made of.
pub(super) struct Means<'a> {
    pub aws: &'a Aws,
    pub environment: &'a Environment,
    pub settings: &'a MessageSettings,
    pub credentials: &'a Credentials,
    pub clock: &'a Clock,
    /// The client of all vendors. It reads the system's roots when the first text needs it.
    pub client: Vendors,
}

/// A sender that is ready to get texts.
pub(super) enum Sender {
    Sns(Sns),
    EndUserMessaging(EndUserMessaging),
    Twilio(Twilio),
    Vonage(Box<Vonage>),
    Kaleyra(Kaleyra),
    Webhook(Webhook),
}

impl Sender {
    /// The sender of a name. No call is made.
    ///
    /// # Errors
    /// [`Error::Internal`] if its credentials are missing or wrong. The error does not repeat them.
    pub(super) fn set_up(name: SenderName, means: &Means<'_>) -> Result<Self, Error> {
        let (settings, accounts) = (means.settings, means.credentials);
        let (client, clock) = (means.client.clone(), means.clock.clone());
        Ok(match name {
            SenderName::Sns => Self::Sns(Sns::new(means.aws, &settings.sms)?),
            SenderName::EndUserMessaging => {
                Self::EndUserMessaging(EndUserMessaging::new(means.environment, settings, clock))
            }
            SenderName::Twilio => {
                let account = of(name, &accounts.twilio)?;
                let url = settings.twilio_url.as_deref();
                Self::Twilio(Twilio::new(client, account, url, settings.valid_seconds))
            }
            SenderName::Vonage => {
                let account = of(name, &accounts.vonage)?;
                Self::Vonage(Vonage::new(client, account, settings, clock)?.into())
            }
            SenderName::Kaleyra => {
                Self::Kaleyra(Kaleyra::new(client, of(name, &accounts.kaleyra)?, settings))
            }
            SenderName::Webhook => {
                Self::Webhook(Webhook::new(client, of(name, &accounts.webhook)?, clock)?)
            }
        })
    }

    /// Hands it a text, in one try.
    pub(super) async fn send(&self, text: &Text, report_url: Option<&str>) -> Outcome {
        match self {
            Self::Sns(sns) => sns.send(text).await,
            Self::EndUserMessaging(service) => service.send(text).await,
            Self::Twilio(twilio) => twilio.send(text, report_url).await,
            Self::Vonage(vonage) => vonage.send(text, report_url).await,
            Self::Kaleyra(kaleyra) => kaleyra.send(text).await,
            Self::Webhook(webhook) => webhook.send(text, report_url).await,
        }
    }
}

/// The account of a sender that the plan names.
fn of<Account: Clone>(name: SenderName, account: &Option<Account>) -> Result<Account, Error> {
    account.clone().ok_or_else(|| {
        let name = name.as_str();
        Error::Internal(format!("TEXT_SENDERS names {name}, and SENDERS_SECRET_ARN lacks it"))
    })
}
