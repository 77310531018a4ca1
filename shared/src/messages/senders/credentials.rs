//! The credentials of vendors: JSON, an object for each sender in use.

use serde::Deserialize;
use zeroize::ZeroizeOnDrop;

use crate::base::{Error, origin};

/// The content of the secret that `SENDERS_SECRET_ARN` names. It may have more than is read here, so
/// that a secret can be written before the version of Latchkey that reads it.
#[derive(Default, Deserialize)]
pub struct Credentials {
    pub(super) twilio: Option<TwilioAccount>,
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
    /// The host of another region, like `https://api.dublin.ie1.twilio.com`.
    pub url: Option<String>,
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

        if let Some(account) = &credentials.twilio {
            account.check()?;
        }
        Ok(credentials)
    }
}

impl TwilioAccount {
    /// The auth tokens, the one for sending first.
    pub(super) fn auth_tokens(&self) -> impl Iterator<Item = &str> {
        self.auth_token.split_whitespace()
    }

    fn check(&self) -> Result<(), Error> {
        let invalid =
            |what: &str| Err(Error::Internal(format!("the secret of the senders {what}")));
        if self.from.is_some() == self.messaging_service_sid.is_some() {
            return invalid("needs either from or messaging_service_sid for twilio");
        }
        if self.auth_tokens().next().is_none() {
            return invalid("has an empty auth_token for twilio");
        }
        // The auth token goes there.
        if self.url.as_ref().is_some_and(|url| origin(url).is_none()) {
            return invalid("has a url of twilio that is no https origin");
        }
        Ok(())
    }
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
