//! Vonage, by its Messages API. <https://developer.vonage.com/en/api/messages>

mod refusals;
pub(super) mod report;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use self::refusals::refusal;
use super::{
    Outcome, Refusal, ReportAddress, Text,
    client::{Answer, Vendors},
    credentials::VonageAccount,
};
use crate::{
    base::{Clock, Error},
    messages::{MessageSettings, SmsSettings},
};

/// The host of accounts that name no other.
const HOST: &str = "https://api.nexmo.com";
/// How long Vonage may keep a text, in seconds.
const TTL_SECONDS: std::ops::RangeInclusive<i64> = 20..=604_800;
/// How long the token of a request is valid, in seconds.
const TOKEN_SECONDS: i64 = 300;
/// The country whose texts name the registered sender and template.
const INDIA: &str = "IN";

/// An application in an account with Vonage.
pub(super) struct Vonage {
    client: Vendors,
    account: VonageAccount,
    key: EncodingKey,
    url: String,
    ttl: i64,
    sms: SmsSettings,
    clock: Clock,
}

/// A text as Vonage takes it.
#[derive(Serialize)]
struct Message<'a> {
    channel: &'static str,
    message_type: &'static str,
    to: &'a str,
    from: &'a str,
    text: &'a str,
    /// A code that comes too late is of no use.
    ttl: i64,
    client_ref: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_version: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<Registered<'a>>,
}

/// The registered sender and template of texts to India.
#[derive(Serialize)]
struct Registered<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<&'a str>,
}

/// A message that Vonage took, or a problem (RFC 9457), whose `type` ends with a code.
#[derive(Deserialize)]
struct Reply {
    message_uuid: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Vonage {
    /// An application at the host of the settings, or else that of the account's region.
    ///
    /// # Errors
    /// [`Error::Internal`] if the private key is no RSA key in PEM. The error does not repeat it.
    pub(super) fn new(
        client: Vendors,
        account: VonageAccount,
        settings: &MessageSettings,
        clock: Clock,
    ) -> Result<Self, Error> {
        let key = key(&account).map_err(Error::Internal)?;
        let host = settings.vonage_url.as_deref().or(account.url.as_deref()).unwrap_or(HOST);
        Ok(Self {
            client,
            key,
            url: format!("{}/v1/messages", host.trim_end_matches('/')),
            ttl: settings.valid_seconds.clamp(*TTL_SECONDS.start(), *TTL_SECONDS.end()),
            sms: settings.sms.clone(),
            account,
            clock,
        })
    }

    /// Sends a text.
    pub(super) async fn send(&self, text: &Text, report: Option<&ReportAddress>) -> Outcome {
        let Ok(token) = self.token(text) else {
            return Outcome::Refused(Refusal::Account, "the request cannot be signed".to_owned());
        };
        let headers = [
            ("authorization", format!("Bearer {token}")),
            ("content-type", "application/json".to_owned()),
        ];
        let Ok(body) = serde_json::to_string(&self.message(text, report)) else {
            return Outcome::Refused(Refusal::Other, "the request cannot be made".to_owned());
        };
        self.client.post(&self.url, &headers, body, outcome).await
    }

    /// The token of the request. Its id is that of the text, which is handed over once.
    fn token(&self, text: &Text) -> Result<String, jsonwebtoken::errors::Error> {
        let now = self.clock.now().as_second();
        let claims = json!({
            "application_id": self.account.application_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": text.id,
        });
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &self.key)
    }

    fn message<'a>(&'a self, text: &'a Text, report: Option<&'a ReportAddress>) -> Message<'a> {
        let webhook_url = report.and_then(ReportAddress::public_url);
        let (entity_id, content_id) = (self.sms.entity_id.as_deref(), &self.sms.template_id);
        let registered = Registered { entity_id, content_id: content_id.as_deref() };
        Message {
            channel: "sms",
            message_type: "text",
            to: without_plus(text.to.as_str()),
            from: without_plus(&self.account.from),
            text: &text.body,
            ttl: self.ttl,
            client_ref: text.id,
            webhook_version: webhook_url.map(|_| "v1"),
            webhook_url,
            sms: Some(registered).filter(|_| text.country == INDIA),
        }
    }
}

/// The private key of an application.
///
/// # Errors
/// Its fault. It does not repeat the key.
pub(super) fn key(account: &VonageAccount) -> Result<EncodingKey, String> {
    EncodingKey::from_rsa_pem(account.private_key.as_bytes())
        .map_err(|_| "has a private_key that is no RSA key in PEM".to_owned())
}

/// Vonage wants numbers in E.164 without the plus.
fn without_plus(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

/// The outcome that an answer proves.
fn outcome(answer: &Answer) -> Outcome {
    let unread = || Outcome::Unknown(format!("status {}, an unknown body", answer.status));
    let reply = serde_json::from_str::<Reply>(&answer.body).ok();
    match (answer.status, reply) {
        (200..=299, Some(Reply { message_uuid: Some(_), .. })) => Outcome::Accepted,
        (400..=499, Some(Reply { kind: Some(kind), .. })) => {
            let code = kind.rsplit_once('#').map(|(_, code)| code);
            match code.and_then(|code| Some((code, refusal(code)?))) {
                Some((code, why)) => Outcome::Refused(why, code.chars().take(40).collect()),
                None => answer.by_status().unwrap_or_else(unread),
            }
        }
        _ => answer.by_status().unwrap_or_else(unread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_with_a_code_is_a_refusal() {
        let of = |status, body: &str| {
            outcome(&Answer { status, error_type: None, body: body.to_owned() })
        };
        let refused = |why, code: &str| Outcome::Refused(why, code.to_owned());
        let problem = |code: &str| {
            let kind = format!("https://developer.vonage.com/api-errors/messages#{code}");
            json!({"type": kind, "title": "-", "detail": "+14155550123", "instance": "1"})
                .to_string()
        };
        assert_eq!(of(202, r#"{"message_uuid": "aaaaaaaa-bbbb"}"#), Outcome::Accepted);
        assert_eq!(of(422, &problem("1240")), refused(Refusal::Number, "1240"));
        assert_eq!(of(429, &problem("1000")), refused(Refusal::Limited, "1000"));
        assert_eq!(of(402, &problem("low-balance")), refused(Refusal::Account, "low-balance"));
        assert_eq!(of(400, &problem("9999")), refused(Refusal::Other, "9999"));
        assert_eq!(of(429, ""), refused(Refusal::Limited, "429"));

        for (status, body) in [
            (401, "<html>"),
            (404, r#"{"type": "about:blank"}"#),
            (422, &*problem("1320")),
            (202, "{}"),
            (202, "<html>"),
            (500, &*problem("1240")),
            (503, ""),
        ] {
            assert!(matches!(of(status, body), Outcome::Unknown(_)), "{status} {body}");
        }
    }
}
