//! Delivery reports: each counts once, only the sender of the text can make one, and nobody learns
//! why one is not accepted.

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};
use data_encoding::{BASE64, HEXLOWER};
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::{Deployment, QUEUED, Reply, TAKEN, TOO_MANY};
use crate::testing::{
    Answer, ISSUER, TestApp, accounts::Item, apps::ADMIN_PHONE, bodies::post_raw,
};

/// The secret of the webhook.
pub(super) const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NOW: i64 = 1_800_000_000;
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// The secret of the app with Meta, and the token that confirms the address of its reports.
pub(super) const APP_SECRET: &str = "an-app-secret";
pub(super) const VERIFY_TOKEN: &str = "a-verify-token";
/// The address of all reports by Meta.
const META: &str = "/v1/reports/whatsapp/app";

/// The signature secret of the account with Vonage.
pub(super) const VONAGE_SECRET: &str = "a-signature-secret-of-32-bytes-or-more";

async fn base() -> TestApp {
    let settings = [("ADMIN_PHONE", ADMIN_PHONE), ("OTP_SENDS_PER_IP_PER_HOUR", "1000")];
    TestApp::with(&settings).await
}

/// The address for reports that came with the last text to Twilio.
fn address_at_twilio(senders: &Deployment) -> String {
    let request = senders.twilio.requests().pop().unwrap();
    let form: Vec<(String, String)> =
        serde_urlencoded::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    form.into_iter().find(|(name, _)| name == "StatusCallback").unwrap().1
}

/// The id of the last text to the webhook, and the address for its reports.
fn address_at_webhook(senders: &Deployment) -> (String, String) {
    let request = senders.webhook.requests().pop().unwrap();
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let field = |name: &str| body["data"][name].as_str().unwrap().to_owned();
    (field("id"), field("report_url"))
}

fn path(url: &str) -> &str {
    url.strip_prefix(ISSUER).unwrap()
}

/// The signature of a form whose parameters are sorted.
pub(in crate::promises) fn signature_of_twilio(url: &str, form: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"a-secret");
    let signed = format!("{url}{}", form.replace(['=', '&'], ""));
    BASE64.encode(hmac::sign(&key, signed.as_bytes()).as_ref())
}

/// A callback of Twilio.
async fn call_back(app: &TestApp, url: &str, form: &str) -> Answer {
    let signature = signature_of_twilio(url, form);
    let headers = [FORM, ("x-twilio-signature", &*signature)];
    post_raw(app, None, path(url), &headers, form.to_owned()).await
}

/// A report of the webhook's service, sent `later` seconds after it was signed.
async fn report(app: &TestApp, url: &str, body: &Value, later: i64) -> Answer {
    let (body, signed_at) = (body.to_string(), NOW - later);
    let signer = Webhook::new(WEBHOOK_SECRET).unwrap();
    let signature = signer.sign("msg_1", signed_at, body.as_bytes()).unwrap();
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", "msg_1"),
        ("webhook-timestamp", &signed_at.to_string()),
        ("webhook-signature", &signature),
    ];
    post_raw(app, None, path(url), &headers, body).await
}

/// The counts of a sender: sent, delivered, failed.
async fn counts(app: &TestApp, sender: &str) -> Vec<[String; 3]> {
    let items = app.items_like(&format!("{sender}#")).await;
    let number = |item: &Item, name: &str| item[name].as_n().unwrap().to_owned();
    items.iter().map(|it| ["sent", "delivered", "failed"].map(|name| number(it, name))).collect()
}

#[tokio::test]
async fn ten_replays_of_a_report_count_once_in_whatever_order_they_come() {
    let app = base().await;
    let senders = Deployment::of(&app, "senders", QUEUED, TAKEN).await;
    let delivered = "MessageSid=SM1&MessageStatus=delivered";
    let sent = "MessageSid=SM1&MessageStatus=sent";
    let failed = "ErrorCode=30003&MessageSid=SM1&MessageStatus=undelivered";

    for (place, reports, counted) in [
        (1, vec![sent], ["1", "0", "0"]),
        (2, vec![delivered; 10], ["2", "1", "0"]),
        (3, vec![delivered, failed, sent, delivered], ["3", "2", "0"]),
        (4, vec![sent, failed, sent, failed], ["4", "2", "1"]),
        (5, vec![failed, delivered, failed], ["5", "3", "1"]),
        (6, vec!["MessageSid=SM1&MessageStatus=of_next_year"], ["5", "3", "1"]),
    ] {
        senders.app.challenge(&format!("+1415555010{place}")).await;
        let url = address_at_twilio(&senders);
        for form in &reports {
            let answer = call_back(&app_of(&senders), &url, form).await;
            assert_eq!((answer.status.as_u16(), &*answer.text), (204, ""), "{reports:?}");
        }
        assert_eq!(counts(&app, "twilio").await, [counted.map(str::to_owned)], "{reports:?}");
    }

    // The items name nobody, and disappear.
    for item in app.items_like("REPORT").await {
        assert!(
            item["pk"].as_s().unwrap().starts_with("REPORT#") && item.contains_key("expires_at")
        );
    }
}

/// Another instance, as that of another Lambda.
fn app_of(senders: &Deployment) -> TestApp {
    senders.app.restarted(&[])
}

#[tokio::test]
async fn a_report_that_is_not_of_the_sender_of_its_text_is_not_found() {
    let app = base().await;
    let senders = Deployment::of(&app, "senders", QUEUED, TAKEN).await;
    senders.app.challenge("+14155550101").await;
    let url = address_at_twilio(&senders);
    senders.app.challenge("+14155550102").await;
    let other = address_at_twilio(&senders);
    let form = "MessageStatus=delivered";
    let (signature, long) = (signature_of_twilio(&url, form), "x".repeat(16 * 1024));
    let signed = ("x-twilio-signature", &*signature);
    let of_webhook = url.replace("/twilio/", "/webhook/");
    let of_sns = url.replace("/twilio/", "/sns/");
    let of_nobody = url.replace("/twilio/", "/nobody/");
    let with_query = format!("{url}?x=1");
    let forged = format!("{}{}", &url[..url.len() - 1], if url.ends_with('A') { 'B' } else { 'A' });

    let mut refusals = Vec::new();
    for (url, headers, form) in [
        (&url, vec![FORM], form.to_owned()),
        (&url, vec![FORM, ("x-twilio-signature", "no Base64")], form.to_owned()),
        (&url, vec![FORM, signed], "MessageStatus=failed".to_owned()),
        (&url, vec![FORM, signed], format!("{form}&x={long}")),
        (&url, vec![("content-type", "application/json"), signed], "{}".to_owned()),
        (&url, vec![FORM, ("webhook-signature", "v1,AAAA")], form.to_owned()),
        (&other, vec![FORM, signed], form.to_owned()),
        (&forged, vec![FORM, signed], form.to_owned()),
        (&of_webhook, vec![FORM, signed], form.to_owned()),
        (&of_sns, vec![FORM, signed], form.to_owned()),
        (&of_nobody, vec![FORM, signed], form.to_owned()),
        (&with_query, vec![FORM, signed], form.to_owned()),
    ] {
        refusals.push(post_raw(&app_of(&senders), None, path(url), &headers, form).await);
    }
    for url in [&forged, &of_webhook, &of_sns, &of_nobody] {
        refusals.push(call_back(&app_of(&senders), url, form).await);
    }
    let too_long = format!("MessageStatus=delivered&x={long}");
    refusals.push(call_back(&app_of(&senders), &url, &too_long).await);
    // A deployment that no longer has the vendor.
    refusals.push(call_back(&app, &url, form).await);
    app.advance(5 * 24 * 3600);
    refusals.push(call_back(&app_of(&senders), &url, form).await);

    for mut refusal in refusals {
        refusal.assert_problem(404, "not_found");
        refusal.json["request_id"].take();
        let first = json!({
            "type": "https://id.example.com/docs#not_found", "title": "Not found", "status": 404,
            "detail": refusal.json["detail"], "code": "not_found", "request_id": null,
        });
        assert_eq!(refusal.json, first);
    }
    assert!(counts(&app, "twilio").await.is_empty() && app.items_like("REPORT").await.is_empty());
}

#[tokio::test]
async fn a_webhook_s_service_reports_on_its_texts_alone() {
    let app = base().await;
    let senders = Deployment::of(&app, "senders", TOO_MANY, TAKEN).await;
    senders.app.challenge("+14155550101").await;
    let (_, other) = address_at_webhook(&senders);
    senders.app.challenge("+447400123456").await;
    let (id, url) = address_at_webhook(&senders);
    let app = app_of(&senders);

    let body = |kind: &str| json!({"type": kind, "timestamp": "2027-01-15T08:00:05Z", "data": {"id": id, "reason": "off"}});
    for (url, body, later) in [
        (&other, body("text.delivered"), 0),
        (&url, body("text.delivered"), 301),
        (&url, body("text.delivered"), -301),
        (&url, json!({"type": "text.delivered", "data": {}}), 0),
        (&url, json!([]), 0),
    ] {
        report(&app, url, &body, later).await.assert_problem(404, "not_found");
    }
    assert!(counts(&app, "webhook").await.is_empty());

    for kind in ["text.sent", "text.failed", "text.sent", "text.opened"] {
        assert_eq!(report(&app, &url, &body(kind), 300).await.status, 204, "{kind}");
    }
    assert_eq!(counts(&app, "webhook").await, [["1", "0", "1"].map(str::to_owned)]);
    assert_eq!(app.items_like("webhook#").await[0]["sk"].as_s().unwrap(), "webhook#GB");
}

/// A status webhook of Vonage, sent `later` seconds after it was signed.
async fn report_of_vonage(app: &TestApp, url: &str, body: &Value, later: i64) -> Answer {
    let body = body.to_string();
    let hash = HEXLOWER.encode(digest(&SHA256, body.as_bytes()).as_ref());
    let claims = json!({"iat": NOW - later, "iss": "Vonage", "payload_hash": hash});
    let key = EncodingKey::from_secret(VONAGE_SECRET.as_bytes());
    let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
    let authorization = format!("Bearer {token}");
    let headers = [("content-type", "application/json"), ("authorization", &*authorization)];
    post_raw(app, None, path(url), &headers, body).await
}

#[tokio::test]
async fn vonage_reports_on_its_texts_alone() {
    let app = base().await;
    let taken = Reply::Answer(202, r#"{"message_uuid": "aaaaaaaa-bbbb"}"#);
    let senders = Deployment::planned(&app, ("senders", "*=vonage"), taken, TAKEN).await;
    senders.app.challenge("+14155550101").await;
    let text = || -> Value {
        let request = senders.twilio.requests().pop().unwrap();
        serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let other = text();
    senders.app.challenge("+14155550102").await;
    let text = text();
    let (app, url) = (app_of(&senders), text["webhook_url"].as_str().unwrap());
    let other_url = other["webhook_url"].as_str().unwrap();

    let body = |status: &str| json!({"status": status, "client_ref": text["client_ref"]});
    for (url, body, later) in [
        (other_url, body("delivered"), 0),
        (url, body("delivered"), 301),
        (url, json!({"status": "delivered"}), 0),
        (url, json!([]), 0),
    ] {
        report_of_vonage(&app, url, &body, later).await.assert_problem(404, "not_found");
    }
    for status in ["submitted", "undeliverable", "delivered", "delivered", "of_next_year"] {
        assert_eq!(report_of_vonage(&app, url, &body(status), 0).await.status, 204, "{status}");
    }
    assert_eq!(counts(&app, "vonage").await, [["1", "1", "0"].map(str::to_owned)]);
}

#[tokio::test]
async fn a_report_costs_two_writes_and_a_replay_one() {
    let app = base().await;
    let senders = Deployment::of(&app, "senders", QUEUED, TAKEN).await;
    senders.app.challenge("+14155550101").await;
    let (url, app) = (address_at_twilio(&senders), app_of(&senders));
    let form = "MessageStatus=delivered";
    let (_, new) = app.units(call_back(&app, &url, form)).await;
    let (_, replayed) = app.units(call_back(&app, &url, form)).await;
    assert_eq!((new, replayed.0), ((0.0, 2.0), 0.0));
}

#[tokio::test]
async fn an_administrator_sees_how_many_texts_were_delivered() {
    let app = base().await;
    let senders = Deployment::of(&app, "senders", QUEUED, TAKEN).await;
    senders.app.challenge("+14155550101").await;
    call_back(&app_of(&senders), &address_at_twilio(&senders), "MessageStatus=sent").await;
    app.advance(24 * 3600);
    senders.app.challenge("+447400123456").await;
    call_back(&app_of(&senders), &address_at_twilio(&senders), "MessageStatus=delivered").await;

    let admin = app.sign_in(ADMIN_PHONE).await;
    let list = async |days: &str| app.get_as(&admin.access, &format!("/v1/reports{days}")).await;
    let today = json!({
        "day": "2027-01-16", "sender": "twilio", "country": "GB", "sent": 1, "delivered": 1, "failed": 0,
    });
    let yesterday = json!({
        "day": "2027-01-15", "sender": "twilio", "country": "US", "sent": 1, "delivered": 0, "failed": 0,
    });
    assert_eq!(list("").await.assert_ok()["items"], json!([today, yesterday]));
    assert_eq!(list("?days=1").await.assert_ok()["items"], json!([today]));
    for wrong in ["?days=0", "?days=32", "?days=x"] {
        list(wrong).await.assert_field("days");
    }
}

/// A webhook of Meta about the messages of these tokens.
async fn webhook_of_meta(app: &TestApp, secret: &str, statuses: &[(&str, &str)]) -> Answer {
    let statuses: Vec<_> = statuses
        .iter()
        .map(|(token, status)| {
            json!({
                "id": "wamid.1", "status": status, "recipient_id": "14155550101",
                "biz_opaque_callback_data": token, "timestamp": "1800000000",
            })
        })
        .collect();
    let value = json!({"messaging_product": "whatsapp", "statuses": statuses});
    let changes = json!([{"field": "messages", "value": value}]);
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": changes}],
    })
    .to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = HEXLOWER.encode(hmac::sign(&key, body.as_bytes()).as_ref());
    let headers = [
        ("content-type", "application/json"),
        ("x-hub-signature-256", &*format!("sha256={signature}")),
    ];
    post_raw(app, None, META, &headers, body).await
}

#[tokio::test]
async fn meta_reports_on_several_messages_at_one_address() {
    let app = base().await;
    let taken = Reply::Answer(200, r#"{"messages": [{"id": "wamid.1"}]}"#);
    let plan = ("senders", "*=whatsapp,webhook");
    let senders = Deployment::planned(&app, plan, taken, TAKEN).await;
    let mut tokens = Vec::new();
    for phone in ["+14155550101", "+14155550102"] {
        senders.app.challenge(phone).await;
        let request = senders.twilio.requests().pop().unwrap();
        let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        tokens.push(body["biz_opaque_callback_data"].as_str().unwrap().to_owned());
    }
    let (one, two) = (&*tokens[0], &*tokens[1]);

    let instance = app_of(&senders);
    for statuses in [vec![(one, "sent"), (two, "failed")], vec![(one, "delivered"); 10]] {
        let answer = webhook_of_meta(&instance, APP_SECRET, &statuses).await;
        assert_eq!((answer.status.as_u16(), &*answer.text), (200, ""), "{statuses:?}");
    }
    assert_eq!(counts(&app, "whatsapp").await, [["2", "1", "1"].map(str::to_owned)]);

    // Messages of others with the same account change nothing.
    let others = [("of-another-service", "failed")];
    assert_eq!(webhook_of_meta(&instance, APP_SECRET, &others).await.status, 200);
    assert_eq!(counts(&app, "whatsapp").await, [["2", "1", "1"].map(str::to_owned)]);
    let forged = webhook_of_meta(&instance, "another-secret", &[(one, "failed")]).await;
    forged.assert_problem(404, "not_found");
    let path = format!("/v1/reports/whatsapp/{one}");
    post_raw(&instance, None, &path, &[], String::new()).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn meta_confirms_the_address_with_the_token_of_the_account() {
    let app = base().await;
    let plan = ("senders", "*=whatsapp,webhook");
    let senders = Deployment::planned(&app, plan, QUEUED, TAKEN).await;
    let query = |mode: &str, token: &str| {
        format!("hub.mode={mode}&hub.challenge=1158201444&hub.verify_token={token}")
    };
    let answer = senders.app.get(&format!("{META}?{}", query("subscribe", VERIFY_TOKEN))).await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (200, "1158201444"));
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");

    for path in [
        META.to_owned(),
        format!("{META}?{}", query("subscribe", "another")),
        format!("{META}?{}", query("unsubscribe", VERIFY_TOKEN)),
        format!("/v1/reports/twilio/app?{}", query("subscribe", VERIFY_TOKEN)),
        format!("/v1/reports/whatsapp/other?{}", query("subscribe", VERIFY_TOKEN)),
    ] {
        senders.app.get(&path).await.assert_problem(404, "not_found");
    }
}
