//! A service of the operator, by Standard Webhooks: it may pass the texts on to anybody.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

pub(super) mod report;

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;

use super::{
    Outcome, Refusal, ReportAddress, Text,
    client::{Answer, Vendors},
    credentials::WebhookAccount,
};
use crate::base::{Clock, Error};

/// The beginning of a secret.
const SECRET_PREFIX: &str = "whsec_";

/// The webhook.
pub(super) struct Webhook {
    client: Vendors,
    url: String,
    keys: Vec<hmac::Key>,
    clock: Clock,
}

/// An answer of the service. An empty body means that it took the text.
#[derive(Deserialize)]
struct Reply {
    outcome: String,
    reason: Option<String>,
}

impl Webhook {
    /// The webhook at its URL. Its requests are signed with each of its secrets.
    ///
    /// # Errors
    /// [`Error::Internal`] if a secret is not of the form `whsec_…`, or the URL is neither `https`
    /// nor of this machine.
    pub(super) fn new(
        client: Vendors,
        account: WebhookAccount,
        clock: Clock,
    ) -> Result<Self, Error> {
        let keys = keys(&account).map_err(Error::Internal)?;
        let not_https =
            || Error::Internal("the webhook for texts has a url that is not https".into());
        let url = crate::base::page_url(&account.url).ok_or_else(not_https)?;
        Ok(Self { client, url, keys, clock })
    }

    /// Sends a text.
    pub(super) async fn send(&self, text: &Text, report: Option<&ReportAddress>) -> Outcome {
        let (id, now) = (text.id.to_string(), self.clock.now());
        let body = json!({
            "type": "text.send",
            "timestamp": now.to_string(),
            "data": {
                "id": id,
                "to": text.to.as_str(),
                "body": text.body,
                "code": text.code,
                "language": text.language,
                "country": text.country,
                "app": text.app,
                "report_url": report.map(|report| &report.url),
            },
        })
        .to_string();

        let timestamp = now.as_second().to_string();
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("webhook-signature", self.signatures(&id, &timestamp, &body)),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp),
        ];
        self.client.post(&self.url, &headers, body, outcome).await
    }

    /// A signature with each key, separated by spaces.
    fn signatures(&self, id: &str, timestamp: &str, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        let signature =
            |key| format!("v1,{}", BASE64.encode(hmac::sign(key, signed.as_bytes()).as_ref()));
        self.keys.iter().map(signature).collect::<Vec<_>>().join(" ")
    }
}

/// The keys of a webhook, by which its requests and its reports are signed.
///
/// # Errors
/// Their fault. It does not repeat them.
pub(super) fn keys(account: &WebhookAccount) -> Result<Vec<hmac::Key>, String> {
    let key = |secret: &str| {
        let bytes = BASE64.decode(secret.strip_prefix(SECRET_PREFIX)?.as_bytes()).ok()?;
        (bytes.len() >= 24).then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    };
    let keys = account.secret.split_whitespace().map(key).collect::<Option<Vec<_>>>();
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| "has a secret that is not whsec_ and 24 or more bytes in Base64".to_owned())
}

/// The outcome that an answer proves.
fn outcome(answer: &Answer) -> Outcome {
    let reply = serde_json::from_str::<Reply>(&answer.body).ok();
    let refused = |reason: Option<String>| {
        let reason = reason.unwrap_or_default();
        Outcome::Refused(refusal(&reason), reason.chars().take(40).collect())
    };
    match (answer.status, reply) {
        (200..=499, Some(Reply { outcome, reason })) if outcome == "refused" => refused(reason),
        (200..=299, _) => Outcome::Accepted,
        _ => answer
            .by_status()
            .unwrap_or_else(|| Outcome::Unknown(format!("status {}", answer.status))),
    }
}

/// The reasons that a service may give.
fn refusal(reason: &str) -> Refusal {
    match reason {
        "number" => Refusal::Number,
        "opted_out" => Refusal::OptedOut,
        "blocked" => Refusal::Blocked,
        "country" => Refusal::Country,
        "origin" => Refusal::Origin,
        "limited" => Refusal::Limited,
        "account" => Refusal::Account,
        _ => Refusal::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Environment;

    /// The example of the specification.
    #[test]
    fn a_request_is_signed_as_the_specification_shows() {
        let account = WebhookAccount {
            url: "https://texts.example.com/send".to_owned(),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        };
        let client = Vendors::new(&Environment::default());
        let webhook = Webhook::new(client, account, Clock::system()).unwrap();
        let signed = webhook.signatures(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_webhook_needs_https_and_a_long_secret() {
        let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        for (url, secret) in [
            ("http://texts.example.com", good),
            ("https://texts.example.com", "whsec_c2hvcnQ="),
            ("https://texts.example.com", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            ("https://texts.example.com", ""),
        ] {
            let account = WebhookAccount { url: url.to_owned(), secret: secret.to_owned() };
            let client = Vendors::new(&Environment::default());
            assert!(Webhook::new(client, account, Clock::system()).is_err(), "{url} {secret}");
        }
    }

    #[test]
    fn only_a_refusal_in_words_is_a_refusal() {
        let of = |status, body: &str| {
            outcome(&Answer { status, error_type: None, body: body.to_owned() })
        };
        let refused = |reason: &str| format!(r#"{{"outcome": "refused", "reason": "{reason}"}}"#);
        for body in ["", "ok", r#"{"outcome": "accepted", "id": "1"}"#] {
            assert_eq!(of(200, body), Outcome::Accepted, "{body}");
        }
        for status in [200, 422] {
            let number = Outcome::Refused(Refusal::Number, "number".to_owned());
            assert_eq!(of(status, &refused("number")), number);
        }
        assert_eq!(of(429, ""), Outcome::Refused(Refusal::Limited, "429".to_owned()));
        for (status, body) in [(404, ""), (500, ""), (503, &*refused("number"))] {
            assert!(matches!(of(status, body), Outcome::Unknown(_)), "{status}");
        }
    }
}
