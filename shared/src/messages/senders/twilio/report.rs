//! Twilio's status callbacks.
//! <https://www.twilio.com/docs/messaging/guides/track-outbound-message-status>

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use data_encoding::BASE64;

use super::super::{
    credentials::TwilioAccount,
    report::{Delivery, ReceivedReport, Report},
};

/// The parameters of a form. A name may have several values.
type Parameters = BTreeMap<String, BTreeSet<String>>;

/// Reads a callback that was sent to `url`; `None` unless one of the account's auth tokens signed
/// it. A callback has no time, so it can be repeated: that changes nothing.
pub(in super::super) fn read(
    account: &TwilioAccount,
    url: &str,
    received: ReceivedReport<'_>,
) -> Option<Report> {
    let signature = BASE64.decode(received.header("x-twilio-signature").as_bytes()).ok()?;
    let mut parameters = Parameters::new();
    for (name, value) in form_urlencoded::parse(received.body) {
        parameters.entry(name.into_owned()).or_default().insert(value.into_owned());
    }

    let is_signed = |(token, url): (&str, String)| {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
        hmac::verify(&key, signed(url, &parameters).as_bytes(), &signature).is_ok()
    };
    let mut tried = account.auth_tokens().flat_map(|token| forms(url).map(|url| (token, url)));
    tried.any(is_signed).then(|| report(&parameters))
}

/// What Twilio signs: the URL, and each parameter in the order of their names.
/// <https://www.twilio.com/docs/usage/security#validating-requests>
fn signed(url: String, parameters: &Parameters) -> String {
    let pairs = parameters.iter().flat_map(|(name, all)| all.iter().map(move |it| (name, it)));
    pairs.fold(url, |signed, (name, value)| signed + name + value)
}

/// The URL as it is, and with the port that `https` implies: Twilio has signed both.
fn forms(url: &str) -> [String; 2] {
    let with_port = url.strip_prefix("https://").and_then(|rest| {
        let (host, path) = rest.split_once('/')?;
        (!host.contains(':')).then(|| format!("https://{host}:443/{path}"))
    });
    [url.to_owned(), with_port.unwrap_or_else(|| url.to_owned())]
}

fn report(parameters: &Parameters) -> Report {
    let field = |name: &str| parameters.get(name).and_then(BTreeSet::first);
    Report {
        delivery: field("MessageStatus").and_then(|status| delivery(status)),
        reason: field("ErrorCode").filter(|code| code.len() <= 10).cloned().unwrap_or_default(),
    }
}

/// <https://www.twilio.com/docs/messaging/api/message-resource#message-status-values>
fn delivery(status: &str) -> Option<Delivery> {
    match status {
        "accepted" | "queued" | "scheduled" | "sending" => Some(Delivery::Queued),
        "sent" => Some(Delivery::Sent),
        "failed" | "undelivered" | "canceled" => Some(Delivery::Failed),
        "delivered" | "read" => Some(Delivery::Delivered),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const BODY: &str = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309\
        &To=%2B18005551212&Caller=%2B14158675309";
    /// The signature in Twilio's documentation and in the tests of its libraries.
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    fn account(auth_token: &str) -> TwilioAccount {
        TwilioAccount {
            account_sid: "AC1".to_owned(),
            auth_token: auth_token.to_owned(),
            from: None,
            messaging_service_sid: None,
            verify_service_sid: None,
            voice_from: None,
            url: None,
        }
    }

    fn read_signed(auth_token: &str, url: &str, body: &str, signature: &str) -> Option<Report> {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-twilio-signature"),
            signature.parse().unwrap(),
        )]);
        let received = ReceivedReport { headers: &headers, body: body.as_bytes() };
        read(&account(auth_token), url, received)
    }

    #[test]
    fn a_callback_is_signed_as_twilio_documents() {
        for tokens in ["12345", "new 12345", "12345 old"] {
            assert!(read_signed(tokens, URL, BODY, SIGNATURE).is_some(), "{tokens}");
        }

        let more = format!("{BODY}&More=1");
        for (token, url, body, signature) in [
            ("1234", URL, BODY, SIGNATURE),
            ("12345", "https://mycompany.com/myapp.php?foo=1", BODY, SIGNATURE),
            ("12345", "http://mycompany.com/myapp.php?foo=1&bar=2", BODY, SIGNATURE),
            ("12345", URL, &more, SIGNATURE),
            ("12345", URL, "", SIGNATURE),
            ("12345", URL, BODY, "RSOYDt4T1cUTdK1PDd93/VVr8B9="),
            ("12345", URL, BODY, "RSOYDt4T1cUTdK1PDd93"),
            ("12345", URL, BODY, ""),
            ("", URL, BODY, SIGNATURE),
        ] {
            assert_eq!(read_signed(token, url, body, signature), None, "{token} {url} {signature}");
        }
    }

    /// The signatures are those that `twilio.request_validator` 9.13 computes.
    #[test]
    fn a_port_may_be_signed_and_a_value_that_comes_twice_counts_once() {
        let with_port = "j4B2/B1ZUMAQ/zq05y5aDvmejbY=";
        assert!(read_signed("12345", "https://id.example.com/v1/x", BODY, with_port).is_some());

        let several = "MessageStatus=sent&Extra=b&Extra=a&Extra=b&Empty=";
        let of_several = "Dk7uGI8arjWpTpBKVacSK3yPDAs=";
        assert!(read_signed("12345", URL, several, of_several).is_some());
    }

    #[test]
    fn each_status_of_twilio_is_a_step_of_a_delivery() {
        let of = |body: &str| {
            let pairs = form_urlencoded::parse(body.as_bytes());
            report(&pairs.map(|(name, value)| (name.into(), [value.into()].into())).collect())
        };
        let failed = Report { delivery: Some(Delivery::Failed), reason: "30003".to_owned() };
        assert_eq!(of("MessageStatus=undelivered&ErrorCode=30003"), failed);
        assert_eq!(of("MessageStatus=delivered").delivery, Some(Delivery::Delivered));
        assert_eq!(of("MessageStatus=sent").delivery, Some(Delivery::Sent));
        assert_eq!(of("MessageStatus=sending").delivery, Some(Delivery::Queued));
        for unknown in ["", "MessageStatus=", "MessageStatus=receiving"] {
            assert_eq!(of(unknown).delivery, None, "{unknown}");
        }
    }
}
