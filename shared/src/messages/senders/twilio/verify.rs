//! Twilio Verify, which sends and speaks our codes in its own words.
//! <https://www.twilio.com/docs/verify/api/verification>
//!
//! It must be told which codes were right. It routes texts by that, and suspects fraud otherwise.

use std::time::Duration;

use super::{
    super::{Outcome, Text, credentials::TwilioAccount},
    Reply, Twilio, refusal,
};
use crate::messages::senders::client::Answer;

/// The host of Twilio Verify.
const HOST: &str = "https://verify.twilio.com";
/// The time limit for telling that a code was right. Somebody waits for their sign-in meanwhile.
const TELL_TIMEOUT: Duration = Duration::from_secs(1);

/// The URL of the verifications of the account's service.
pub(super) fn url(host: Option<&str>, account: &TwilioAccount) -> String {
    let service = account.verify_service_sid.as_deref().unwrap_or_default();
    let host = host.unwrap_or(HOST).trim_end_matches('/');
    format!("{host}/v2/Services/{service}/Verifications")
}

impl Twilio {
    /// Sends the code of a text by a channel of Twilio Verify.
    pub(super) async fn verify(&self, text: &Text, channel: &str) -> Outcome {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", text.to.as_str())
            .append_pair("Channel", channel)
            .append_pair("CustomCode", &text.code)
            .append_pair("Locale", text.language)
            .finish();
        self.client.post(&self.verify_url, &self.headers(), form, outcome).await
    }

    /// Tells that the code of a verification was right. If that fails, it is only logged.
    pub(in super::super) async fn approve(&self, id: &str) {
        // It is part of a URL.
        if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return;
        }
        let url = format!("{}/{id}", self.verify_url);
        let headers = self.headers();
        let told = self.client.ask(&url, &headers, "Status=approved".to_owned());
        match tokio::time::timeout(TELL_TIMEOUT, told).await {
            Ok(Ok(Answer { status: 200..=299, .. })) => {}
            Ok(Ok(answer)) => {
                tracing::warn!(
                    status = answer.status,
                    "Twilio Verify was not told of a right code"
                );
            }
            Ok(Err(_)) | Err(_) => tracing::warn!("Twilio Verify was not told of a right code"),
        }
    }
}

/// The outcome that an answer proves.
fn outcome(answer: &Answer) -> Outcome {
    let reply = serde_json::from_str::<Reply>(&answer.body).ok();
    match (answer.status, reply) {
        (200..=299, Some(Reply { sid: Some(sid), .. })) => Outcome::AcceptedAs(sid),
        (400..=499, Some(Reply { code: Some(code), .. })) => {
            Outcome::Refused(refusal(code), code.to_string())
        }
        _ => answer
            .by_status()
            .unwrap_or_else(|| Outcome::Unknown(format!("status {}", answer.status))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::senders::Refusal;

    #[test]
    fn only_a_refusal_that_twilio_words_is_a_refusal() {
        let of = |status, body: &str| {
            outcome(&Answer { status, error_type: None, body: body.to_owned() })
        };
        let pending = r#"{"sid": "VE1", "status": "pending"}"#;
        assert_eq!(of(201, pending), Outcome::AcceptedAs("VE1".to_owned()));
        let fraud = r#"{"code": 60410, "message": "+1415 is blocked", "status": 403}"#;
        assert_eq!(of(403, fraud), Outcome::Refused(Refusal::Blocked, "60410".to_owned()));
        assert_eq!(of(429, ""), Outcome::Refused(Refusal::Limited, "429".to_owned()));
        for (status, body) in [(201, "{}"), (400, "<html>"), (500, fraud), (503, "")] {
            assert!(matches!(of(status, body), Outcome::Unknown(_)), "{status} {body}");
        }
    }
}
