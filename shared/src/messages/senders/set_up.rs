//! The senders that a plan names, made of the settings and the credentials.

use super::{
    Credentials, Outcome, ReportAddress, Text, client::Vendors,
    end_user_messaging::EndUserMessaging, kaleyra::Kaleyra, sns::Sns, twilio::Twilio,
    vonage::Vonage, webhook::Webhook, whatsapp::Whatsapp, whatsapp_aws::WhatsappAws,
};
use crate::{
    apps::SenderName,
    aws::Aws,
    base::{Clock, Environment, Error},
    identifiers::Channel,
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
    EndUserMessaging(Box<EndUserMessaging>),
    Twilio(Box<Twilio>),
    Vonage(Box<Vonage>),
    Kaleyra(Kaleyra),
    Whatsapp(Whatsapp),
    WhatsappAws(Box<WhatsappAws>),
    Webhook(Webhook),
}

impl Sender {
    /// The sender of a name; `None` if the credentials lack it. No call is made.
    ///
    /// # Errors
    /// [`Error::Internal`] if its credentials are wrong. The error does not repeat them.
    pub(super) fn set_up(name: SenderName, means: &Means<'_>) -> Result<Option<Self>, Error> {
        let (settings, accounts) = (means.settings, means.credentials);
        let (client, clock) = (means.client.clone(), means.clock.clone());
        Ok(match name {
            SenderName::Sns => Some(Self::Sns(Sns::new(means.aws, &settings.sms)?)),
            SenderName::EndUserMessaging => {
                let templates = accounts.end_user_messaging.clone().unwrap_or_default();
                let (environment, settings) = (means.environment, (settings, templates));
                let service = EndUserMessaging::new(client, environment, settings, clock);
                Some(Self::EndUserMessaging(service.into()))
            }
            SenderName::Twilio => {
                let account = accounts.twilio.clone();
                account.map(|it| Self::Twilio(Twilio::new(client, it, settings).into()))
            }
            SenderName::Vonage => {
                let account = accounts.vonage.clone();
                let vonage = account.map(|it| Vonage::new(client, it, settings, clock));
                vonage.transpose()?.map(|vonage| Self::Vonage(vonage.into()))
            }
            SenderName::Kaleyra => {
                let account = accounts.kaleyra.clone();
                account.map(|it| Self::Kaleyra(Kaleyra::new(client, it, settings)))
            }
            SenderName::Whatsapp => accounts.whatsapp.clone().map(|account| {
                Self::Whatsapp(Whatsapp::new(client, account, settings.whatsapp_url.as_deref()))
            }),
            SenderName::WhatsappAws => accounts
                .whatsapp_aws
                .clone()
                .map(|account| Self::WhatsappAws(WhatsappAws::new(means.aws, account).into())),
            SenderName::Webhook => {
                let webhook = accounts.webhook.clone().map(|it| Webhook::new(client, it, clock));
                webhook.transpose()?.map(Self::Webhook)
            }
        })
    }

    /// Hands it a text for this channel, in one try.
    pub(super) async fn send(
        &self,
        channel: Channel,
        text: &Text,
        report: Option<&ReportAddress>,
    ) -> Outcome {
        let is_call = channel == Channel::Voice;
        match self {
            Self::EndUserMessaging(service) if is_call => service.call(text).await,
            Self::Twilio(twilio) if is_call => twilio.call(text).await,
            Self::Sns(sns) => sns.send(text).await,
            Self::EndUserMessaging(service) => service.send(text).await,
            Self::Twilio(twilio) => twilio.send(text, report).await,
            Self::Vonage(vonage) => vonage.send(text, report).await,
            Self::Kaleyra(kaleyra) => kaleyra.send(text).await,
            Self::Whatsapp(whatsapp) => whatsapp.send(text, report).await,
            Self::WhatsappAws(whatsapp) => whatsapp.send(text).await,
            Self::Webhook(webhook) => webhook.send(text, report).await,
        }
    }
}
