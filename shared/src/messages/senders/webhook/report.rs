//! The reports of the operator's service, which are signed like the requests to it.

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{
    super::{
        credentials::WebhookAccount,
        report::{Delivery, ReceivedReport, Report},
    },
    keys,
};

/// How far the time of a report may be from ours, in seconds.
const TOLERANCE_SECONDS: i64 = 300;
/// The most characters of a reason that are logged.
const MAX_REASON: usize = 40;

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    id: String,
    reason: Option<String>,
}

/// Reads a report about the text `id`; `None` unless it is about this text, a key of the account has
/// signed it, and its time is now.
pub(in super::super) fn read(
    account: &WebhookAccount,
    id: &Uuid,
    received: ReceivedReport<'_>,
    now: Timestamp,
) -> Option<Report> {
    let timestamp = received.header("webhook-timestamp");
    let age = now.as_second().checked_sub(timestamp.parse().ok()?)?;
    let is_signed = (-TOLERANCE_SECONDS..=TOLERANCE_SECONDS).contains(&age)
        && has_signature(&keys(account).ok()?, timestamp, received);
    if !is_signed {
        return None;
    }

    let Body { kind, data } = serde_json::from_slice(received.body).ok()?;
    // The signature does not cover the address, which is another text's if the ids differ.
    (data.id == id.to_string()).then(|| Report {
        delivery: delivery(&kind),
        reason: data.reason.unwrap_or_default().chars().take(MAX_REASON).collect(),
    })
}

/// Whether one of the signatures is by one of the keys.
fn has_signature(keys: &[hmac::Key], timestamp: &str, received: ReceivedReport<'_>) -> bool {
    let id = received.header("webhook-id");
    let signed = [format!("{id}.{timestamp}.").as_bytes(), received.body].concat();
    let signatures = received.header("webhook-signature").split(' ');
    let mut signatures = signatures
        .filter_map(|signature| BASE64.decode(signature.strip_prefix("v1,")?.as_bytes()).ok());
    signatures
        .any(|signature| keys.iter().any(|key| hmac::verify(key, &signed, &signature).is_ok()))
}

fn delivery(kind: &str) -> Option<Delivery> {
    match kind {
        "text.sent" => Some(Delivery::Sent),
        "text.failed" => Some(Delivery::Failed),
        "text.delivered" => Some(Delivery::Delivered),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER_SECRET: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    const TEXT: Uuid = Uuid::from_u128(1);
    const NOW: i64 = 1_614_265_330;
    /// What `standardwebhooks` 1.1 signs for the id `msg_p5jXN8AQM9LWM0D4loKWxJek` at [`NOW`].
    const BODY: &str = r#"{"type": "text.failed", "timestamp": "2021-02-25T15:02:10Z", "data": {"id": "00000000-0000-0000-0000-000000000001", "reason": "unreachable"}}"#;
    const SIGNATURE: &str = "v1,bJDgJ5vqRGtkMARi+x1vvUZTw5fgWZAWIvGgh+zPJls=";

    fn headers(timestamp: &str, signature: &str) -> HeaderMap {
        let pairs = [
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signature),
        ];
        pairs
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .into_iter()
            .collect()
    }

    fn read_at(secret: &str, text: Uuid, headers: &HeaderMap, later: i64) -> Option<Report> {
        let account = WebhookAccount { url: String::new(), secret: secret.to_owned() };
        let received = ReceivedReport { headers, body: BODY.as_bytes() };
        read(&account, &text, received, Timestamp::from_second(NOW + later).unwrap())
    }

    #[test]
    fn the_example_of_the_specification_is_accepted() {
        let headers = headers("1614265330", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let account = WebhookAccount { url: String::new(), secret: SECRET.to_owned() };
        let body = br#"{"test": 2432232314}"#;
        let received = ReceivedReport { headers: &headers, body };
        assert!(has_signature(&keys(&account).unwrap(), "1614265330", received));
    }

    #[test]
    fn a_report_counts_if_it_is_signed_now_and_about_this_text() {
        let signed = headers("1614265330", SIGNATURE);
        let failed = Report { delivery: Some(Delivery::Failed), reason: "unreachable".to_owned() };
        for later in [0, 300, -300] {
            assert_eq!(read_at(SECRET, TEXT, &signed, later).as_ref(), Some(&failed), "{later}");
        }
        for later in [301, -301] {
            assert_eq!(read_at(SECRET, TEXT, &signed, later), None, "{later}");
        }
        assert_eq!(read_at(SECRET, Uuid::from_u128(2), &signed, 0), None);
        assert_eq!(read_at(OTHER_SECRET, TEXT, &signed, 0), None);

        // While a secret is replaced there are two, and a report may have two signatures.
        let both = format!("{OTHER_SECRET} {SECRET}");
        assert_eq!(read_at(&both, TEXT, &signed, 0).as_ref(), Some(&failed));
        let two = headers("1614265330", &format!("v1,AAAA {SIGNATURE}"));
        assert_eq!(read_at(SECRET, TEXT, &two, 0), Some(failed));

        for signature in ["", "v1,", &SIGNATURE[3..], &SIGNATURE.replace("v1,", "v2,")] {
            let headers = headers("1614265330", signature);
            assert_eq!(read_at(SECRET, TEXT, &headers, 0), None, "{signature}");
        }
        let other_time = headers("1614265331", SIGNATURE);
        assert_eq!(read_at(SECRET, TEXT, &other_time, 0), None);
    }
}
