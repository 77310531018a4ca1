//! The credentials of vendors: JSON, an object for each sender in use.

use std::collections::BTreeMap;

use serde::Deserialize;
use zeroize::ZeroizeOnDrop;

use crate::{
    apps::SenderName,
    base::{Error, origin},
};

/// The content of the secret that `SENDERS_SECRET_ARN` names. It may have more than is read here, so
/// that a secret can be written before the version of Latchkey that reads it.
#[derive(Default, Deserialize)]
pub struct Credentials {
    pub(super) end_user_messaging: Option<NotifyTemplates>,
    pub(super) twilio: Option<TwilioAccount>,
    pub(super) vonage: Option<VonageAccount>,
    pub(super) kaleyra: Option<KaleyraAccount>,
    pub(super) whatsapp: Option<WhatsappAccount>,
    pub(super) whatsapp_aws: Option<WhatsappAwsAccount>,
    pub(super) webhook: Option<WebhookAccount>,
    pub(in crate::messages) smtp: Option<SmtpAccount>,
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

impl NotifyTemplates {
    fn check(&self) -> Result<(), Error> {
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
            return Err(invalid(
                "has a template for end_user_messaging that is no id, or is not for a language \
                 like es or es-MX",
            ));
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

    fn check(&self) -> Result<(), Error> {
        if self.signature_secrets().next().is_none() {
            return Err(invalid("has an empty signature_secret for vonage"));
        }
        check_host("vonage", self.url.as_deref())
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

    fn check(&self) -> Result<(), Error> {
        if self.app_secrets().next().is_none() || self.verify_token.is_empty() {
            return Err(invalid("has an empty app_secret or verify_token for whatsapp"));
        }
        let is_id = self.phone_number_id.bytes().all(|byte| byte.is_ascii_digit());
        if !is_id || self.phone_number_id.is_empty() {
            return Err(invalid("has a phone_number_id for whatsapp that is no number"));
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

impl WhatsappAwsAccount {
    fn check(&self) -> Result<(), Error> {
        let id = self.phone_number_id.strip_prefix("phone-number-id-").unwrap_or_default();
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(invalid(
                "has a phone_number_id for whatsapp_aws that is not \
                 phone-number-id-…, as AWS names it",
            ));
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

impl Credentials {
    /// Parses the secret.
    ///
    /// # Errors
    /// [`Error::Internal`], which does not repeat the secret.
    pub fn parse(secret: &str) -> Result<Self, Error> {
        let credentials: Self = serde_json::from_str(secret).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::Internal(format!(
                "the secret of the senders cannot be read at line {line}, column {column}; \
                 docs/senders.md has its form"
            ))
        })?;

        if let Some(templates) = &credentials.end_user_messaging {
            templates.check()?;
        }
        if let Some(account) = &credentials.twilio {
            account.check()?;
        }
        if let Some(account) = &credentials.vonage {
            account.check()?;
        }
        if let Some(account) = &credentials.whatsapp {
            account.check()?;
        }
        if let Some(account) = &credentials.whatsapp_aws {
            account.check()?;
        }
        if let Some(account) = &credentials.kaleyra {
            check_host("kaleyra", account.url.as_deref())?;
        }
        Ok(credentials)
    }
}

impl TwilioAccount {
    /// The auth tokens, the one for sending first.
    pub(super) fn auth_tokens(&self) -> impl Iterator<Item = &str> {
        self.auth_token.split_whitespace()
    }

    /// Whether it has an origin for plain texts, beside those of Twilio Verify.
    pub(super) fn carries_notices(&self) -> bool {
        self.from.is_some() || self.messaging_service_sid.is_some()
    }

    fn check(&self) -> Result<(), Error> {
        let has_both = self.from.is_some() && self.messaging_service_sid.is_some();
        if has_both || !self.carries_notices() && self.verify_service_sid.is_none() {
            return Err(invalid("needs either from or messaging_service_sid for twilio"));
        }
        if self.auth_tokens().next().is_none() {
            return Err(invalid("has an empty auth_token for twilio"));
        }
        check_host("twilio", self.url.as_deref())
    }
}

/// The error if the settings name a sender whose credentials are missing.
pub(super) fn missing(name: SenderName) -> Error {
    let name = name.as_str();
    Error::Internal(format!(
        "TEXT_SENDERS or VOICE_SENDERS names {name}, and SENDERS_SECRET_ARN lacks it"
    ))
}

/// The error of a secret that is wrong. It does not repeat the secret.
fn invalid(what: &str) -> Error {
    Error::Internal(format!("the secret of the senders {what}"))
}

/// Checks the host of a vendor, which gets the credentials.
fn check_host(vendor: &str, url: Option<&str>) -> Result<(), Error> {
    if url.is_some_and(|url| origin(url).is_none()) {
        return Err(invalid(&format!("has a url of {vendor} that is no https origin")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_of_the_secret_does_not_repeat_it() {
        for wrong in [
            r#"{"twilio": {"account_sid": "AC1", "auth_token": 4711}}"#,
            r#"{"twilio": {"account_sid": "AC1", "auth_token": "4711"}}"#,
            r#"{"twilio": {"account_sid": "AC1", "auth_token": "4711", "from": "+1",
                "url": "http://api.example.com"}}"#,
            r#"{"vonage": {"application_id": "1", "private_key": "4711", "from": "Shop",
                "signature_secret": " "}}"#,
            r#"{"kaleyra": {"sid": "HX1", "api_key": "4711", "from": "SHOPIN",
                "url": "http://api.example.com"}}"#,
            r#"{"whatsapp": {"access_token": "4711", "phone_number_id": "1/2", "template": "code",
                "app_secret": "s", "verify_token": "v"}}"#,
            r#"{"end_user_messaging": {"notify_templates": {"english": "4711"}}}"#,
            r#"{"end_user_messaging": {"notify_call_templates": {"es-MX": "47 11"}}}"#,
            r#"{"whatsapp_aws": {"phone_number_id": "4711", "template": "code"}}"#,
            "4711",
        ] {
            let error = Credentials::parse(wrong).err().unwrap().to_string();
            assert!(error.contains("the secret of the senders") && !error.contains("4711"));
        }

        let account = json!({"account_sid": "AC1", "auth_token": "t", "from": "+1"});
        let secret = json!({"twilio": account, "of_a_later_version": {}}).to_string();
        assert!(Credentials::parse(&secret).unwrap().twilio.is_some());
    }
}
