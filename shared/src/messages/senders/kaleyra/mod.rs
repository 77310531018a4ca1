//! Kaleyra, by its SMS API. <https://developers.kaleyra.io/docs/sms-api>
//!
//! It does not sign delivery reports, so none are asked for.

mod refusals;

use serde::Deserialize;
use serde_json::Value;

use self::refusals::refusal;
use super::{
    Outcome, Text,
    client::{Answer, Vendors},
    credentials::KaleyraAccount,
};
use crate::messages::MessageSettings;

/// The host of accounts that name no other.
const HOST: &str = "https://api.kaleyra.io";
/// The country whose texts name the registered template.
const INDIA: &str = "IN";

/// An account with Kaleyra.
pub(super) struct Kaleyra {
    client: Vendors,
    account: KaleyraAccount,
    url: String,
    template_id: Option<String>,
}

/// A message that Kaleyra took, or an error.
#[derive(Deserialize)]
struct Reply {
    id: Option<String>,
    error: Option<Value>,
    code: Option<Value>,
}

impl Kaleyra {
    /// An account at the host of the settings, or else that of the account's region.
    pub(super) fn new(
        client: Vendors,
        account: KaleyraAccount,
        settings: &MessageSettings,
    ) -> Self {
        let host = settings.kaleyra_url.as_deref().or(account.url.as_deref()).unwrap_or(HOST);
        Self {
            client,
            url: format!("{}/v1/{}/messages", host.trim_end_matches('/'), account.sid),
            template_id: settings.sms.template_id.clone(),
            account,
        }
    }

    /// Sends a text.
    pub(super) async fn send(&self, text: &Text) -> Outcome {
        let headers = [
            ("api-key", self.account.api_key.clone()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        self.client.post(&self.url, &headers, self.form(text), outcome).await
    }

    fn form(&self, text: &Text) -> String {
        let kind = if text.code.is_empty() { "TXN" } else { "OTP" };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("to", text.to.as_str())
            .append_pair("sender", &self.account.from)
            .append_pair("type", kind)
            .append_pair("body", &text.body);
        if let Some(template) = self.template_id.as_ref().filter(|_| text.country == INDIA) {
            form.append_pair("template_id", template);
        }
        form.finish()
    }
}

/// The outcome that an answer proves.
fn outcome(answer: &Answer) -> Outcome {
    let unread = || Outcome::Unknown(format!("status {}, an unknown body", answer.status));
    let reply = serde_json::from_str::<Reply>(&answer.body).ok();
    match (answer.status, reply) {
        (200..=299, Some(Reply { id: Some(_), .. })) => Outcome::Accepted,
        (400..=499, Some(Reply { error, code, .. })) => match code.or(error) {
            Some(code) => {
                let word = word(&code);
                Outcome::Refused(refusal(answer.status, word), word.to_owned())
            }
            None => answer.by_status().unwrap_or_else(unread),
        },
        _ => answer.by_status().unwrap_or_else(unread),
    }
}

/// The code of an error, for the log. Anything longer than a code may name the phone.
fn word(code: &Value) -> &str {
    let is_code = |code: &&str| {
        let is_part = |byte: u8| byte.is_ascii_uppercase() || matches!(byte, b'-' | b'_');
        code.len() <= 40 && code.bytes().all(is_part)
    };
    code.as_str().filter(is_code).unwrap_or("an error without a code")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::senders::Refusal;

    #[test]
    fn only_an_error_that_can_be_read_is_a_refusal() {
        let of = |status, body: &str| {
            outcome(&Answer { status, error_type: None, body: body.to_owned() })
        };
        let refused = |why, code: &str| Outcome::Refused(why, code.to_owned());
        assert_eq!(of(200, r#"{"id": "1", "error": {}}"#), Outcome::Accepted);
        let invalid = r#"{"error": "INVALID-SUB", "message": "+14155550123"}"#;
        assert_eq!(of(400, invalid), refused(Refusal::Number, "INVALID-SUB"));
        let unnamed = "an error without a code";
        let named = r#"{"error": "14155550123 is not valid"}"#;
        assert_eq!(of(400, named), refused(Refusal::Other, unnamed));
        assert_eq!(of(401, r#"{"error": {"api-key": "-"}}"#), refused(Refusal::Account, unnamed));
        assert_eq!(of(429, ""), refused(Refusal::Limited, "429"));

        for (status, body) in
            [(400, "<html>"), (400, "{}"), (200, "{}"), (200, invalid), (500, invalid), (503, "")]
        {
            assert!(matches!(of(status, body), Outcome::Unknown(_)), "{status} {body}");
        }
    }
}
