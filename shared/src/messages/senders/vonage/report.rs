//! Vonage's status webhooks, which carry a signed token with the hash of their body.
//! <https://developer.vonage.com/en/getting-started/concepts/webhooks#decoding-signed-webhooks>

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::super::{
    credentials::VonageAccount,
    report::{Delivery, ReceivedReport, Report},
};

/// How far the time of a report may be from ours, in seconds.
const TOLERANCE_SECONDS: i64 = 300;
/// The most characters of a reason that are logged.
const MAX_REASON: usize = 10;

/// The claims of the token that are checked.
#[derive(Deserialize)]
struct Claims {
    iat: i64,
    application_id: Option<String>,
    payload_hash: String,
}

#[derive(Deserialize)]
struct Body {
    status: String,
    client_ref: String,
    error: Option<Problem>,
}

/// Why a text did not arrive. Its `detail` is not read, since it may name the phone.
#[derive(Deserialize)]
struct Problem {
    title: Option<Value>,
}

/// Reads a report about the text `id`; `None` unless it is about this text, a signature secret of the
/// account has signed it for this body, and its time is now.
pub(in super::super) fn read(
    account: &VonageAccount,
    id: &Uuid,
    received: ReceivedReport<'_>,
    now: Timestamp,
) -> Option<Report> {
    let token = received.header("authorization").strip_prefix("Bearer ")?;
    let claims = account.signature_secrets().find_map(|secret| claims(token, secret))?;
    let age = now.as_second().checked_sub(claims.iat)?;
    let hash = HEXLOWER.encode(digest(&SHA256, received.body).as_ref());
    let is_genuine = (-TOLERANCE_SECONDS..=TOLERANCE_SECONDS).contains(&age)
        && claims.application_id.is_none_or(|named| named == account.application_id)
        && claims.payload_hash.eq_ignore_ascii_case(&hash);
    if !is_genuine {
        return None;
    }

    let Body { status, client_ref, error } = serde_json::from_slice(received.body).ok()?;
    // The signature does not cover the address, which is another text's if the ids differ.
    (client_ref == id.to_string()).then(|| Report {
        delivery: delivery(&status),
        reason: error.and_then(|it| reason(it.title?)).unwrap_or_default(),
    })
}

/// The claims of a token that `secret` has signed. Vonage's tokens need not expire: their time is
/// compared with ours.
fn claims(token: &str, secret: &str) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::decode(token, &key, &validation).ok().map(|token| token.claims)
}

/// The code of a problem. A title in words is not logged.
fn reason(title: Value) -> Option<String> {
    let code = match title {
        Value::String(code) => code,
        Value::Number(code) => code.to_string(),
        _ => return None,
    };
    let is_code = code.len() <= MAX_REASON && code.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then_some(code)
}

/// <https://developer.vonage.com/en/messages/concepts/message-status>
fn delivery(status: &str) -> Option<Delivery> {
    match status {
        "submitted" => Some(Delivery::Sent),
        "rejected" | "undeliverable" => Some(Delivery::Failed),
        "delivered" | "read" => Some(Delivery::Delivered),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const TEXT: Uuid = Uuid::from_u128(1);
    const NOW: i64 = 1_800_000_000;
    const BODY: &str = r#"{"message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab", "to": "14155550123", "from": "14155550100", "timestamp": "2027-01-15T08:00:00Z", "status": "undeliverable", "error": {"type": "https://developer.vonage.com/api-errors/messages#1260", "title": 1260, "detail": "Destination unreachable", "instance": "bf0ca0bf927b3b52e3cb03217e1a1ddf"}, "client_ref": "00000000-0000-0000-0000-000000000001", "channel": "sms"}"#;
    /// The token that `pyjwt` 2.15 makes for [`BODY`] with the secret of [`account`] at [`NOW`].
    const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE4MDAwMDAwMDAsImp0aSI6ImM1YmE4ZjI0LTFhMTQtNGMxMC1iZmRmLTNmYmU4Y2U1MTFiNSIsImlzcyI6IlZvbmFnZSIsInBheWxvYWRfaGFzaCI6IjkzMjZlNjQzYWJlNTE4NzIyMTVhOTliYzQ3MzgzMTY5YTBiMGIzMTFjZmIzMmExYjRlOWNlNGMyN2E1ZmE0ODEiLCJhcGlfa2V5IjoiYTFiMmMzZCIsImFwcGxpY2F0aW9uX2lkIjoiNzhkMzM1ZmEtMzIzZC0wMTE0LTljM2QtZDZmMGQ0ODk2OGNmIn0.F4oNQl8QecC-v3Caicl69jA5lmvB-m6cpEZqfJADLtU";

    fn account(signature_secret: &str) -> VonageAccount {
        VonageAccount {
            application_id: "78d335fa-323d-0114-9c3d-d6f0d48968cf".to_owned(),
            private_key: String::new(),
            signature_secret: signature_secret.to_owned(),
            from: "Shop".to_owned(),
            url: None,
        }
    }

    fn read_at(secret: &str, text: Uuid, token: &str, body: &str, later: i64) -> Option<Report> {
        let headers = HeaderMap::from_iter([(
            http::header::AUTHORIZATION,
            format!("Bearer {token}").parse().unwrap(),
        )]);
        let received = ReceivedReport { headers: &headers, body: body.as_bytes() };
        read(&account(secret), &text, received, Timestamp::from_second(NOW + later).unwrap())
    }

    #[test]
    fn a_report_counts_if_its_body_is_signed_now_and_about_this_text() {
        let secret = "a-signature-secret-of-32-bytes-or-more";
        let failed = Report { delivery: Some(Delivery::Failed), reason: "1260".to_owned() };
        for later in [0, 300, -300] {
            assert_eq!(read_at(secret, TEXT, TOKEN, BODY, later).as_ref(), Some(&failed));
        }
        let both = format!("another-secret {secret}");
        assert_eq!(read_at(&both, TEXT, TOKEN, BODY, 0), Some(failed));

        let delivered = BODY.replace("undeliverable", "delivered");
        let unsigned = TOKEN.rsplit_once('.').unwrap().0;
        for (secret, text, token, body, later) in [
            (secret, TEXT, TOKEN, BODY, 301),
            (secret, TEXT, TOKEN, BODY, -301),
            (secret, Uuid::from_u128(2), TOKEN, BODY, 0),
            ("another-secret", TEXT, TOKEN, BODY, 0),
            ("", TEXT, TOKEN, BODY, 0),
            (secret, TEXT, TOKEN, &delivered, 0),
            (secret, TEXT, unsigned, BODY, 0),
            (secret, TEXT, "", BODY, 0),
        ] {
            assert_eq!(read_at(secret, text, token, body, later), None, "{text} {token} {later}");
        }
    }

    #[test]
    fn each_status_of_vonage_is_a_step_of_a_delivery() {
        assert_eq!(delivery("submitted"), Some(Delivery::Sent));
        assert_eq!(delivery("delivered"), Some(Delivery::Delivered));
        assert_eq!(delivery("rejected"), Some(Delivery::Failed));
        assert_eq!(delivery("of_next_year"), None);
        assert_eq!(reason("1260".into()).as_deref(), Some("1260"));
        assert_eq!(reason("The phone 14155550123 is off".into()), None);
    }
}
