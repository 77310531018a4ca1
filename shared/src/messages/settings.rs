//! The settings of messages.

use super::{senders::Plan, smtp::SmtpServer};
use crate::{
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
    pub plan: Plan,
    /// `SENDERS_SECRET_ARN`: the secret with the credentials of vendors.
    pub senders_secret: Option<String>,
    /// `TWILIO_URL`: the host of Twilio.
    pub twilio_url: Option<String>,
    /// `VONAGE_URL`: the host of Vonage.
    pub vonage_url: Option<String>,
    /// `KALEYRA_URL`: the host of Kaleyra.
    pub kaleyra_url: Option<String>,
    /// `EUM_ORIGINATION_IDENTITY`: the number, the sender or the pool from which AWS End User
    /// Messaging sends.
    pub eum_origin: Option<String>,
    /// How long a code is valid, in seconds: a later text is of no use.
    pub valid_seconds: i64,
    /// `EMAIL_FROM`: the sender of e-mails. Without it no e-mails are sent.
    pub email_from: Option<Email>,
    /// `EMAIL_SMTP_URL`: the server that sends e-mails instead of SES.
    pub smtp: Option<SmtpServer>,
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
        self.plan.has_vendors() || self.smtp.is_some()
    }

    /// Reads the section. `valid_seconds` is how long codes are valid.
    pub(crate) fn read(reader: &mut Reader<'_>, valid_seconds: i64) -> Self {
        let plan = reader.parsed("TEXT_SENDERS", "*=sns", Plan::FORM, Plan::parse);
        let secret = reader
            .optional("SENDERS_SECRET_ARN", "the ARN of a secret", |text| Some(text.to_owned()));
        if plan.has_vendors() && secret.is_none() {
            reader.problem(
                "SENDERS_SECRET_ARN is not set; it must be the ARN of the secret with the \
                 credentials of the senders in TEXT_SENDERS"
                    .to_owned(),
            );
        }

        let is_prod = reader.stage == Stage::Prod;
        Self {
            smtp: reader.optional("EMAIL_SMTP_URL", SmtpServer::FORM, |text| {
                SmtpServer::parse(text, is_prod)
            }),
            plan,
            senders_secret: secret,
            twilio_url: host(reader, "TWILIO_URL"),
            vonage_url: host(reader, "VONAGE_URL"),
            kaleyra_url: host(reader, "KALEYRA_URL"),
            eum_origin: reader.optional(
                "EUM_ORIGINATION_IDENTITY",
                "an id of up to 40 characters",
                identity,
            ),
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
        }
    }
}

fn identity(text: &str) -> Option<String> {
    (text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| text.to_owned())
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
