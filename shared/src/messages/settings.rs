//! The settings of messages.

use super::smtp::SmtpServer;
use crate::{
    apps::{SenderName, TextPlan},
    base::{Reader, Stage, origin},
    identifiers::Email,
};

/// The variables that are read here, but not as settings.
pub const VARIABLES: [&str; 1] = [CA_BUNDLE];
/// The variable that names a file of more root certificates for senders of texts.
pub(super) const CA_BUNDLE: &str = "SENDERS_CA_BUNDLE";

/// The settings of texts and e-mails.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageSettings {
    /// The settings of texts.
    pub sms: SmsSettings,
    /// `TEXT_SENDERS`: which senders carry the texts to a country.
    pub plan: TextPlan,
    /// `VOICE_SENDERS`: which senders call the phones of a country.
    pub calls: TextPlan,
    /// `SENDERS_SECRET_ARN`: the secret with the credentials of vendors.
    pub senders_secret: Option<String>,
    /// `TWILIO_URL`: the host of Twilio.
    pub twilio_url: Option<String>,
    /// `TWILIO_VERIFY_URL`: the host of Twilio Verify.
    pub twilio_verify_url: Option<String>,
    /// `VONAGE_URL`: the host of Vonage.
    pub vonage_url: Option<String>,
    /// `KALEYRA_URL`: the host of Kaleyra.
    pub kaleyra_url: Option<String>,
    /// `WHATSAPP_URL`: the host of Meta's Cloud API.
    pub whatsapp_url: Option<String>,
    /// The settings of AWS End User Messaging.
    pub eum: EumSettings,
    /// How long a code is valid, in seconds: a later text is of no use.
    pub valid_seconds: i64,
    /// `EMAIL_FROM`: the sender of e-mails. Without it no e-mails are sent.
    pub email_from: Option<Email>,
    /// `EMAIL_SMTP_URL`: the server that sends e-mails instead of SES.
    pub smtp: Option<SmtpServer>,
}

/// The settings of AWS End User Messaging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EumSettings {
    /// `EUM_ORIGINATION_IDENTITY`: the number, the sender or the pool from which it sends.
    pub origin: Option<String>,
    /// `EUM_VOICE_ORIGINATION_IDENTITY`: the number or the pool from which it calls.
    pub voice_origin: Option<String>,
    /// `EUM_CONFIGURATION_SET`: the configuration set of its texts and calls.
    pub configuration_set: Option<String>,
    /// `EUM_NOTIFY_CONFIGURATION`: the configuration of AWS Notify, which then sends the codes.
    pub notify_configuration: Option<String>,
}

/// The settings of texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsSettings {
    /// `SMS_SENDER_ID`: the sender that phones show, if the country allows one.
    pub sender_id: Option<String>,
    /// `SMS_ENTITY_ID`: the registered sender (India DLT).
    pub entity_id: Option<String>,
    /// `SMS_TEMPLATE_ID`: the registered template (India DLT).
    pub template_id: Option<String>,
    /// `SMS_MAX_PRICE_USD`: the maximum price of one text.
    pub max_price_usd: Option<String>,
}

impl MessageSettings {
    /// Whether a sender may need the secret with the credentials.
    pub(crate) fn needs_credentials(&self) -> bool {
        self.senders_secret.is_some() || self.smtp.is_some()
    }

    /// Reads the section. `valid_seconds` is how long codes are valid.
    pub(crate) fn read(reader: &mut Reader<'_>, valid_seconds: i64) -> Self {
        let plan = reader.parsed("TEXT_SENDERS", "*=sns", TextPlan::FORM, |text| {
            TextPlan::parse(text).filter(TextPlan::is_whole)
        });
        let calls = reader.optional("VOICE_SENDERS", CALLS_FORM, calls).unwrap_or_default();
        let secret = reader
            .optional("SENDERS_SECRET_ARN", "the ARN of a secret", |text| Some(text.to_owned()));
        if (plan.has_vendors() || calls.has_vendors()) && secret.is_none() {
            reader.problem(
                "SENDERS_SECRET_ARN is not set; it must be the ARN of the secret with the \
                 credentials of the senders in TEXT_SENDERS and VOICE_SENDERS"
                    .to_owned(),
            );
        }

        let is_prod = reader.stage == Stage::Prod;
        let settings = Self {
            smtp: reader.optional("EMAIL_SMTP_URL", SmtpServer::FORM, |text| {
                SmtpServer::parse(text, is_prod)
            }),
            plan,
            senders_secret: secret,
            twilio_url: host(reader, "TWILIO_URL"),
            twilio_verify_url: host(reader, "TWILIO_VERIFY_URL"),
            vonage_url: host(reader, "VONAGE_URL"),
            kaleyra_url: host(reader, "KALEYRA_URL"),
            whatsapp_url: host(reader, "WHATSAPP_URL"),
            eum: EumSettings::read(reader),
            calls,
            valid_seconds,
            sms: SmsSettings {
                sender_id: reader.optional(
                    "SMS_SENDER_ID",
                    "up to 11 letters and digits, at least one of them a letter",
                    sender_id,
                ),
                entity_id: reader.optional(
                    "SMS_ENTITY_ID",
                    "1 to 50 visible ASCII characters",
                    visible_ascii,
                ),
                template_id: reader.optional(
                    "SMS_TEMPLATE_ID",
                    "1 to 50 visible ASCII characters",
                    visible_ascii,
                ),
                max_price_usd: reader.optional(
                    "SMS_MAX_PRICE_USD",
                    "an amount in US dollars from 0.01 to 10, like 0.50",
                    max_price,
                ),
            },
            email_from: reader
                .optional("EMAIL_FROM", "an e-mail address", |text| Email::parse(text).ok()),
        };
        settings.check(reader);
        settings
    }

    /// Notes what the settings lack for each other.
    fn check(&self, reader: &mut Reader<'_>) {
        let carries_none =
            |senders: &[SenderName]| !senders.iter().any(|name| self.carries_notices(*name));
        if let Some((country, _)) = self.plan.all().find(|(_, senders)| carries_none(senders)) {
            reader.problem(format!(
                "TEXT_SENDERS has only senders for {country} that carry codes alone; name a second \
                 one for notices, like *=whatsapp,sns, or set EUM_ORIGINATION_IDENTITY for \
                 end_user_messaging"
            ));
        }
        let can_call = self.eum.voice_origin.is_some() || self.eum.notify_configuration.is_some();
        if self.calls.names(SenderName::EndUserMessaging) && !can_call {
            reader.problem(
                "EUM_VOICE_ORIGINATION_IDENTITY is not set; VOICE_SENDERS names end_user_messaging, \
                 so it must be the id of a number or a pool that can call"
                    .to_owned(),
            );
        }
    }
}

impl EumSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        let mut id = |name| reader.optional(name, "an id or an ARN of up to 256 characters", id);
        Self {
            origin: id("EUM_ORIGINATION_IDENTITY"),
            voice_origin: id("EUM_VOICE_ORIGINATION_IDENTITY"),
            configuration_set: id("EUM_CONFIGURATION_SET"),
            notify_configuration: id("EUM_NOTIFY_CONFIGURATION"),
        }
    }
}

/// The accepted form of a plan for calls.
const CALLS_FORM: &str =
    "countries and end_user_messaging or twilio, like US=twilio;*=end_user_messaging";

/// A plan whose senders all can call.
fn calls(text: &str) -> Option<TextPlan> {
    let can_call = |plan: &TextPlan| plan.all().all(|(_, all)| all.iter().all(|it| it.can_call()));
    TextPlan::parse(text).filter(can_call)
}

/// An id as AWS End User Messaging takes it.
fn id(text: &str) -> Option<String> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_:/+-".contains(&byte);
    (text.len() <= 256 && text.bytes().all(is_part)).then(|| text.to_owned())
}

/// The host of a vendor, which may be this machine outside production.
fn host(reader: &mut Reader<'_>, name: &'static str) -> Option<String> {
    let is_prod = reader.stage == Stage::Prod;
    reader.optional(name, "an https origin, like https://api.example.com", |text| {
        origin(text).filter(|host| !is_prod || host.starts_with("https://"))
    })
}

fn sender_id(text: &str) -> Option<String> {
    let fits = text.len() <= 11
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    fits.then(|| text.to_owned())
}

fn visible_ascii(text: &str) -> Option<String> {
    (text.len() <= 50 && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
}

fn max_price(text: &str) -> Option<String> {
    text.parse::<f64>().ok().filter(|price| (0.01..=10.0).contains(price)).map(|_| text.to_owned())
}
