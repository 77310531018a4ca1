//! The credentials of vendors: JSON, an object for each sender in use.

use std::collections::BTreeMap;

use serde::{Deserialize, de::DeserializeOwned};
use zeroize::ZeroizeOnDrop;

use super::{vonage, webhook};
use crate::base::{origin, page_url};

/// The content of the secret that `SENDERS_SECRET_ARN` names.
#[derive(Default)]
pub struct Credentials {
    pub(super) end_user_messaging: Option<NotifyTemplates>,
    pub(super) twilio: Option<TwilioAccount>,
    pub(super) vonage: Option<VonageAccount>,
    pub(super) kaleyra: Option<KaleyraAccount>,
    pub(super) whatsapp: Option<WhatsappAccount>,
    pub(super) whatsapp_aws: Option<WhatsappAwsAccount>,
    pub(super) webhook: Option<WebhookAccount>,
    pub(in crate::messages) smtp: Option<SmtpAccount>,
    /// The faults of the secret.
    pub(super) problems: Vec<String>,
}

/// An entry of the secret.
pub(super) trait Account: DeserializeOwned {
    /// Checks what its type does not say.
    ///
    /// # Errors
    /// The fault, to be read after its name. It does not repeat the entry.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// An account with the server that `EMAIL_SMTP_URL` names.
#[derive(Clone, Deserialize, ZeroizeOnDrop)]
pub(in crate::messages) struct SmtpAccount {
    /// The user.
    pub username: String,
    /// The password.
    pub password: String,
}

/// The templates of AWS Notify, by language (`es` or `es-MX`). A language without one gets the default
/// template of the configuration. They are no secret, but the variables of a function have no room.
#[derive(Clone, Default, Deserialize)]
pub(super) struct NotifyTemplates {
    /// Those of texts.
    #[serde(default)]
    pub notify_templates: BTreeMap<String, String>,
    /// Those of calls.
    #[serde(default)]
    pub notify_call_templates: BTreeMap<String, String>,
}

impl Account for NotifyTemplates {
    fn check(&self) -> Result<(), String> {
        // As AWS limits both.
        let is_language = |text: &str| {
            let (main, region) = text.split_once('-').unwrap_or((text, "US"));
            let is = |part: &str, is_letter: fn(&u8) -> bool| {
                part.len() == 2 && part.bytes().all(|byte| is_letter(&byte))
            };
            is(main, u8::is_ascii_lowercase) && is(region, u8::is_ascii_uppercase)
        };
        let is_id = |text: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            (1..=256).contains(&text.len()) && text.bytes().all(is_part)
        };
        let all = self.notify_templates.iter().chain(&self.notify_call_templates);
        if all.into_iter().any(|(language, id)| !is_language(language) || !is_id(id)) {
            return Err(
                "has a template that is no id, or is not for a language like es or es-MX".into()
            );
        }
        Ok(())
    }
}

/// An account with Twilio.
#[derive(Clone, Deserialize, ZeroizeOnDrop)]
pub(super) struct TwilioAccount {
    /// `AC…`.
    pub account_sid: String,
    /// The auth token; two, separated by a space, while one is replaced. Texts are sent with the
    /// first, and reports may be signed with either.
    pub auth_token: String,
    /// The number or the alphanumeric sender of the texts.
    pub from: Option<String>,
    /// `MG…`: a messaging service, which chooses the sender.
    pub messaging_service_sid: Option<String>,
    /// `VA…`: a service of Twilio Verify, which then sends and speaks the codes.
    pub verify_service_sid: Option<String>,
    /// The number of the calls, if `from` is none that can call.
    pub voice_from: Option<String>,
    /// The host of another region, like `https://api.dublin.ie1.twilio.com`.
    pub url: Option<String>,
}

/// An application in an account with Vonage.
#[derive(Clone, Deserialize, ZeroizeOnDrop)]
pub(super) struct VonageAccount {
    /// The id of the application.
    pub application_id: String,
    /// The private key of the application, which signs requests: PEM.
    pub private_key: String,
    /// The signature secret of the account, which signs reports; two, separated by a space, while
    /// one is replaced.
    pub signature_secret: String,
    /// The number or the alphanumeric sender of the texts.
    pub from: String,
    /// The host of another region, like `https://api-eu.vonage.com`.
    pub url: Option<String>,
}

impl VonageAccount {
    /// The secrets that may sign reports.
    pub(super) fn signature_secrets(&self) -> impl Iterator<Item = &str> {
        self.signature_secret.split_whitespace()
    }
}

impl Account for VonageAccount {
    fn check(&self) -> Result<(), String> {
        if self.signature_secrets().next().is_none() {
            return Err("has an empty signature_secret".into());
        }
        vonage::key(self)?;
        check_host(self.url.as_deref())
    }
}

/// An account with Kaleyra.
#[derive(Clone, Deserialize, ZeroizeOnDrop)]
pub(super) struct KaleyraAccount {
    /// `HX…`, the id of the account.
    pub sid: String,
    /// The API key.
    pub api_key: String,
    /// The sender id or the number of the texts.
    pub from: String,
    /// The host of another region, like `https://api.in.kaleyra.io`.
    pub url: Option<String>,
}

impl Account for KaleyraAccount {
    fn check(&self) -> Result<(), String> {
        check_host(self.url.as_deref())
    }
}

/// A phone number of a business in WhatsApp.
#[derive(Clone, Deserialize, ZeroizeOnDrop)]
pub(super) struct WhatsappAccount {
    /// The token of a system user.
    pub access_token: String,
    /// The id of the phone number.
    pub phone_number_id: String,
    /// The name of the approved template for authentication.
    pub template: String,
    /// The secret of the app, which signs reports; two, separated by a space, while one is replaced.
    pub app_secret: String,
    /// The token by which Meta shows that it asks for the address of reports.
    pub verify_token: String,
    /// The languages of the template, as Meta names them. Without any, the template must have the
    /// language of each text.
    #[serde(default)]
    pub languages: Vec<String>,
}

impl WhatsappAccount {
    /// The secrets that may sign reports.
    pub(super) fn app_secrets(&self) -> impl Iterator<Item = &str> {
        self.app_secret.split_whitespace()
    }
}

impl Account for WhatsappAccount {
    fn check(&self) -> Result<(), String> {
        if self.app_secrets().next().is_none() || self.verify_token.is_empty() {
            return Err("has an empty app_secret or verify_token".into());
        }
        let is_id = self.phone_number_id.bytes().all(|byte| byte.is_ascii_digit());
        if !is_id || self.phone_number_id.is_empty() {
            return Err("has a phone_number_id that is no number".into());
        }
        Ok(())
    }
}

/// A phone number of a business in WhatsApp that is linked to the AWS account. It has no secret.
#[derive(Clone, Deserialize)]
pub(super) struct WhatsappAwsAccount {
    /// `phone-number-id-…`: the id of the phone number with AWS.
    pub phone_number_id: String,
    /// The name of the approved template for authentication.
    pub template: String,
    /// As [`WhatsappAccount::languages`].
    #[serde(default)]
    pub languages: Vec<String>,
}

impl Account for WhatsappAwsAccount {
    fn check(&self) -> Result<(), String> {
        let id = self.phone_number_id.strip_prefix("phone-number-id-").unwrap_or_default();
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(
                "has a phone_number_id that is not phone-number-id-…, as AWS names it".into()
            );
        }
        Ok(())
    }
}

/// A webhook of the operator.
#[derive(Clone, Deserialize, ZeroizeOnDrop)]
pub(super) struct WebhookAccount {
    /// The URL that texts are posted to.
    pub url: String,
    /// `whsec_…`; two, separated by a space, while one is rotated.
    pub secret: String,
}

impl Account for WebhookAccount {
    fn check(&self) -> Result<(), String> {
        webhook::keys(self)?;
        match page_url(&self.url) {
            Some(_) => Ok(()),
            None => Err("has a url that is not https".into()),
        }
    }
}

impl Account for SmtpAccount {}

impl TwilioAccount {
    /// The auth tokens, the one for sending first.
    pub(super) fn auth_tokens(&self) -> impl Iterator<Item = &str> {
        self.auth_token.split_whitespace()
    }

    /// Whether it has an origin for plain texts, beside those of Twilio Verify.
    pub(super) fn carries_notices(&self) -> bool {
        self.from.is_some() || self.messaging_service_sid.is_some()
    }
}

impl Account for TwilioAccount {
    fn check(&self) -> Result<(), String> {
        let has_both = self.from.is_some() && self.messaging_service_sid.is_some();
        if has_both || !self.carries_notices() && self.verify_service_sid.is_none() {
            return Err("needs either from or messaging_service_sid".into());
        }
        if self.auth_tokens().next().is_none() {
            return Err("has an empty auth_token".into());
        }
        check_host(self.url.as_deref())
    }
}

/// Checks the host of a vendor, which gets the credentials.
fn check_host(url: Option<&str>) -> Result<(), String> {
    if url.is_some_and(|url| origin(url).is_none()) {
        return Err("has a url that is no https origin".into());
    }
    Ok(())
}
