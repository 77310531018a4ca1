//! Meta's webhooks, which come to one address for all messages and are signed with the app secret.
//! <https://developers.facebook.com/docs/graph-api/webhooks/getting-started>

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::super::{
    credentials::WhatsappAccount,
    report::{Delivery, ReceivedReport, Report},
};

/// The most characters of a challenge that is returned.
const MAX_CHALLENGE: usize = 200;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    entry: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    #[serde(default)]
    value: Value,
}

#[derive(Default, Deserialize)]
struct Value {
    #[serde(default)]
    statuses: Vec<Status>,
}

/// The state of a message. Its `recipient_id` is not read.
#[derive(Deserialize)]
struct Status {
    status: String,
    /// The token that was sent along with the message.
    biz_opaque_callback_data: Option<String>,
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    code: i64,
}

/// Reads the reports of a body, each with the token of its message; `None` unless an app secret of
/// the account has signed it. Messages that were sent without a token are left out.
pub(in super::super) fn read(
    account: &WhatsappAccount,
    received: ReceivedReport<'_>,
) -> Option<Vec<(String, Report)>> {
    let signature = received.header("x-hub-signature-256").strip_prefix("sha256=")?;
    let signature = HEXLOWER_PERMISSIVE.decode(signature.as_bytes()).ok()?;
    let is_signed = |secret: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, received.body, &signature).is_ok()
    };
    if !account.app_secrets().any(is_signed) {
        return None;
    }

    let body: Body = serde_json::from_slice(received.body).ok()?;
    let changes = body.entry.into_iter().flat_map(|entry| entry.changes);
    let statuses = changes.flat_map(|change| change.value.statuses);
    let report = |status: Status| {
        let reason = status.errors.first().map(|problem| problem.code.to_string());
        let delivery = delivery(&status.status);
        let report = Report { delivery, reason: reason.unwrap_or_default() };
        Some((status.biz_opaque_callback_data?, report))
    };
    Some(statuses.filter_map(report).collect())
}

/// The challenge in the `query` by which Meta makes sure that the address is the app's; `None`
/// unless it has the account's token.
pub(in super::super) fn challenge(account: &WhatsappAccount, query: &str) -> Option<String> {
    let field = |asked: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find_map(|(name, value)| (name == asked).then(|| value.into_owned()))
    };
    let is_ours = field("hub.verify_token")?.as_bytes().ct_eq(account.verify_token.as_bytes());
    let is_plain = |challenge: &String| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        challenge.len() <= MAX_CHALLENGE && challenge.bytes().all(is_part)
    };
    let is_subscribing = field("hub.mode")? == "subscribe" && bool::from(is_ours);
    field("hub.challenge").filter(|challenge| is_subscribing && is_plain(challenge))
}

/// <https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status>
fn delivery(status: &str) -> Option<Delivery> {
    match status {
        "accepted" => Some(Delivery::Queued),
        "sent" => Some(Delivery::Sent),
        "failed" => Some(Delivery::Failed),
        "delivered" | "read" => Some(Delivery::Delivered),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName};

    use super::*;

    const BODY: &str = r#"{"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{"field": "messages", "value": {"messaging_product": "whatsapp", "statuses": [{"id": "wamid.1", "status": "failed", "recipient_id": "14155550123", "biz_opaque_callback_data": "one", "errors": [{"code": 131026, "title": "Message undeliverable"}]}, {"id": "wamid.2", "status": "read"}, {"id": "wamid.3", "status": "delivered", "biz_opaque_callback_data": "two"}]}}]}]}"#;
    /// The signature that `openssl dgst -sha256 -hmac an-app-secret` makes for [`BODY`].
    const SIGNATURE: &str = "a2a5fca4188e0ba284cf126d14c347863f7b076084fc38f859f5f36fa81bf36e";

    fn account(app_secret: &str) -> WhatsappAccount {
        WhatsappAccount {
            access_token: "t".to_owned(),
            phone_number_id: "1".to_owned(),
            template: "code".to_owned(),
            app_secret: app_secret.to_owned(),
            verify_token: "a-verify-token".to_owned(),
            languages: Vec::new(),
        }
    }

    fn read_signed(secret: &str, body: &str, signature: &str) -> Option<Vec<(String, Report)>> {
        let name = HeaderName::from_static("x-hub-signature-256");
        let headers = HeaderMap::from_iter([(name, signature.parse().unwrap())]);
        read(&account(secret), ReceivedReport { headers: &headers, body: body.as_bytes() })
    }

    #[test]
    fn a_body_that_the_app_secret_signed_has_the_reports_of_several_messages() {
        let signature = format!("sha256={SIGNATURE}");
        let failed = Report { delivery: Some(Delivery::Failed), reason: "131026".to_owned() };
        let delivered = Report { delivery: Some(Delivery::Delivered), reason: String::new() };
        let reports = vec![("one".to_owned(), failed), ("two".to_owned(), delivered)];
        for secret in ["an-app-secret", "a-new-one an-app-secret"] {
            assert_eq!(read_signed(secret, BODY, &signature).as_ref(), Some(&reports));
        }

        let changed = BODY.replace("failed", "sent");
        for (secret, body, signature) in [
            ("another", BODY, &*signature),
            ("", BODY, &*signature),
            ("an-app-secret", &*changed, &*signature),
            ("an-app-secret", BODY, SIGNATURE),
            ("an-app-secret", BODY, "sha256="),
            ("an-app-secret", BODY, ""),
        ] {
            assert_eq!(read_signed(secret, body, signature), None, "{secret} {signature}");
        }
    }

    #[test]
    fn a_challenge_is_returned_to_whoever_has_the_token() {
        let of = |mode: &str, token: &str, text: &str| {
            let query = format!("hub.mode={mode}&hub.verify_token={token}&hub.challenge={text}");
            challenge(&account("s"), &query)
        };
        assert_eq!(of("subscribe", "a-verify-token", "1158201444").as_deref(), Some("1158201444"));
        assert_eq!(of("subscribe", "a-verify", "1158201444"), None);
        assert_eq!(of("unsubscribe", "a-verify-token", "1158201444"), None);
        assert_eq!(of("subscribe", "a-verify-token", "%3Cscript%3E"), None);
        assert_eq!(challenge(&account("s"), ""), None);
    }
}
