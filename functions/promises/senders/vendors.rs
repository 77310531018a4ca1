//! The same promises for the other vendors, each as the first and as the second sender.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};

use super::{Deployment, End, PRICE, Reply, TAKEN, TOO_MANY, base, spent};
use crate::testing::{PHONE, TestApp};

/// The replies that any vendor may give, each with the end that its text must have.
const ANY_VENDOR: [(Reply, End); 10] = [
    (Reply::Absent, End::PassedOn),
    (Reply::NoTls, End::PassedOn),
    (TOO_MANY, End::PassedOn),
    (Reply::Answer(400, "<html>"), End::Sent),
    (Reply::Answer(401, ""), End::Sent),
    (Reply::Answer(200, "<html>"), End::Sent),
    (Reply::Answer(500, ""), End::Sent),
    (Reply::Answer(503, ""), End::Sent),
    (Reply::Cut, End::Sent),
    (Reply::Silence, End::Sent),
];

/// The replies of Vonage alone.
const VONAGE: [(Reply, End); 6] = [
    (Reply::Answer(202, r#"{"message_uuid": "aaaaaaaa-bbbb"}"#), End::Sent),
    (Reply::Answer(422, r#"{"type": "https://x.example/errors#1240"}"#), End::Undeliverable),
    (Reply::Answer(422, r#"{"type": "https://x.example/errors#1120"}"#), End::PassedOn),
    (Reply::Answer(402, r#"{"type": "https://x.example/errors#low-balance"}"#), End::PassedOn),
    (Reply::Answer(422, r#"{"type": "https://x.example/errors#1320"}"#), End::Sent),
    (Reply::Answer(500, r#"{"type": "https://x.example/errors#1240"}"#), End::Sent),
];

/// The replies of Kaleyra alone.
const KALEYRA: [(Reply, End); 7] = [
    (Reply::Answer(200, r#"{"id": "1", "error": {}}"#), End::Sent),
    (Reply::Answer(400, r#"{"error": "INVALID-SUB"}"#), End::Undeliverable),
    (Reply::Answer(400, r#"{"error": "OPT-OUT"}"#), End::Undeliverable),
    (Reply::Answer(400, r#"{"error": "TEMPLATE-NOT-FOUND"}"#), End::PassedOn),
    (Reply::Answer(401, r#"{"error": "unauthorized"}"#), End::PassedOn),
    (Reply::Answer(200, r#"{"error": "OPT-OUT"}"#), End::Sent),
    (Reply::Answer(500, r#"{"error": "OPT-OUT"}"#), End::Sent),
];

/// The replies of Meta alone.
const WHATSAPP: [(Reply, End); 7] = [
    (Reply::Answer(200, r#"{"messages": [{"id": "wamid.1"}]}"#), End::Sent),
    (Reply::Answer(400, r#"{"error": {"code": 131026}}"#), End::PassedOn),
    (Reply::Answer(404, r#"{"error": {"code": 132001}}"#), End::PassedOn),
    (Reply::Answer(401, r#"{"error": {"code": 190}}"#), End::PassedOn),
    (Reply::Answer(400, r#"{"error": {"code": 131000}}"#), End::Sent),
    (Reply::Answer(200, r#"{"error": {"code": 131026}}"#), End::Sent),
    (Reply::Answer(500, r#"{"error": {"code": 131026}}"#), End::Sent),
];

/// The replies of AWS End User Messaging Social alone.
const WHATSAPP_AWS: [(Reply, End); 9] = [
    (Reply::Answer(200, r#"{"messageId": "1"}"#), End::Sent),
    (Reply::Answer(400, r#"{"__type": "ValidationException"}"#), End::PassedOn),
    (Reply::Answer(400, r#"{"__type": "InvalidParametersException"}"#), End::PassedOn),
    (Reply::Answer(403, r#"{"__type": "AccessDeniedException"}"#), End::PassedOn),
    (Reply::Answer(404, r#"{"__type": "ResourceNotFoundException"}"#), End::PassedOn),
    (Reply::Answer(429, r#"{"__type": "ThrottledRequestException"}"#), End::PassedOn),
    (Reply::Answer(200, r#"{"__type": "ValidationException"}"#), End::Sent),
    (Reply::Answer(500, r#"{"__type": "InternalServiceException"}"#), End::Sent),
    (Reply::Answer(502, r#"{"__type": "DependencyException"}"#), End::Sent),
];

/// A text to `phone` by a vendor that replies like this, before or after the webhook.
async fn text(app: &TestApp, (sender, phone): (&str, &str), is_first: bool, reply: (Reply, End)) {
    let (reply, end) = reply;
    let (plan, webhook) = match is_first {
        true => (format!("*={sender},webhook"), TAKEN),
        false => (format!("*=webhook,{sender}"), TOO_MANY),
    };
    let senders = Deployment::planned(app, (phone, &plan), reply, webhook).await;
    let before = spent(app).await;
    let sent = senders.app.send_code(phone).await;
    let paid = spent(app).await - before;

    let case = format!("{plan} {reply:?}: {}", sent.text);
    let passed_on = end == End::PassedOn;
    let handed = (usize::from(reply.is_reached()), usize::from(!is_first || passed_on));
    assert_eq!(senders.handed(), handed, "{case}");
    if end == End::Undeliverable {
        sent.assert_problem(400, "undeliverable");
        assert_eq!(paid, 0, "{case}");
    } else if passed_on && !is_first {
        assert!([400, 503].contains(&sent.status.as_u16()), "{case}");
        assert_eq!(paid, 0, "{case}");
    } else {
        assert_eq!((sent.status.as_u16(), paid), (202, PRICE), "{case}");
        senders.app.verify(&sent.challenge_id(), &senders.code()).await.assert_ok();
    }
}

/// Each cell of the matrix of a vendor. `block` makes its phones differ from those of other tests.
async fn matrix(sender: &str, block: u8, words: &[(Reply, End)]) {
    let app = base().await;
    for is_first in [true, false] {
        for (place, reply) in ANY_VENDOR.iter().chain(words).enumerate() {
            let phone = format!("+1415555{block}{}{place:02}", u8::from(is_first));
            text(&app, (sender, &phone), is_first, *reply).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_vonage_answers_there_is_at_most_one_text() {
    matrix("vonage", 2, &VONAGE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_kaleyra_answers_there_is_at_most_one_text() {
    matrix("kaleyra", 3, &KALEYRA).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_meta_answers_there_is_at_most_one_message() {
    matrix("whatsapp", 4, &WHATSAPP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_aws_answers_for_whatsapp_there_is_at_most_one_message() {
    matrix("whatsapp_aws", 5, &WHATSAPP_AWS).await;
}

/// SNS is not in the matrix: it is tried again after some refusals.
#[tokio::test]
async fn an_answer_of_sns_that_cannot_be_read_is_no_refusal() {
    let app = base().await;
    for (place, status) in [200, 400].into_iter().enumerate() {
        let phone = format!("+141555560{place:02}");
        let plan = (&*phone, "*=sns,webhook");
        let by = Deployment::planned(&app, plan, Reply::Answer(status, "<html>"), TAKEN).await;
        let endpoint = ("AWS_ENDPOINT_URL_SNS", by.twilio.url.as_str());
        let sent = by.app.restarted(&[endpoint]).send_code(&phone).await;
        assert_eq!(sent.status, 202, "{status}: {}", sent.text);
        assert_eq!(by.webhook.requests().len(), 0, "{status}: the text may have been sent");
    }
}

#[tokio::test]
async fn aws_gets_the_same_message_for_whatsapp_as_meta() {
    let app = base().await;
    let plan = ("senders", "*=whatsapp_aws,webhook");
    let by = Deployment::planned(&app, plan, WHATSAPP_AWS[0].0, TAKEN).await;
    let sent = by.app.send_code(PHONE).await;
    assert_eq!(sent.json["channel"], "whatsapp", "{}", sent.text);
    let (head, body) = last_request(&by);
    assert!(head.starts_with("POST /v1/whatsapp/send HTTP/1.1"), "{head}");
    assert!(head.contains("/social-messaging/aws4_request"), "{head}");
    assert_eq!(body["metaApiVersion"], "v23.0");
    let number = "phone-number-id-0123456789abcdef0123456789abcdef";
    assert_eq!(body["originationPhoneNumberId"], number);

    let message = BASE64.decode(body["message"].as_str().unwrap().as_bytes()).unwrap();
    let of_aws: Value = serde_json::from_slice(&message).unwrap();
    app.advance(3600);
    let plan = ("again", "*=whatsapp,webhook");
    let by = Deployment::planned(&app, plan, WHATSAPP[0].0, TAKEN).await;
    by.app.challenge(PHONE).await;
    let (_, mut of_meta) = last_request(&by);
    of_meta.as_object_mut().unwrap().remove("biz_opaque_callback_data");
    of_meta["template"]["components"] = of_aws["template"]["components"].clone();
    assert_eq!(of_aws, of_meta);
}

#[tokio::test]
async fn meta_gets_the_code_for_an_approved_template() {
    let app = base().await;
    let plan = ("senders", "*=whatsapp,webhook");
    let by = Deployment::planned(&app, plan, WHATSAPP[0].0, TAKEN).await;
    let sent = by.app.send_code(PHONE).await;
    assert_eq!(sent.json["channel"], "whatsapp", "{}", sent.text);
    let (head, body) = last_request(&by);
    assert!(head.starts_with("POST /v23.0/106540352242922/messages HTTP/1.1"), "{head}");
    assert!(head.contains("authorization: Bearer a-token\r\n"), "{head}");

    let code = json!([{"type": "text", "text": by.code()}]);
    assert_eq!((&body["to"], &body["type"]), (&json!(PHONE), &json!("template")));
    assert_eq!(body["messaging_product"], "whatsapp");
    let template = &body["template"];
    assert_eq!(template["name"], "sign_in_code");
    assert_eq!(template["language"], json!({"policy": "deterministic", "code": "en_US"}));
    assert_eq!(template["components"][0], json!({"type": "body", "parameters": code}));
    let button = json!({"type": "button", "sub_type": "url", "index": "0", "parameters": code});
    assert_eq!(template["components"][1], button);
    assert!(body["biz_opaque_callback_data"].as_str().unwrap().len() > 30, "{body}");
}

#[tokio::test]
async fn kaleyra_gets_a_text_with_the_registered_template() {
    let app = base().await;
    let by = Deployment::planned(&app, ("senders", "*=kaleyra"), KALEYRA[0].0, TAKEN).await;
    by.app.challenge(PHONE).await;
    let request = by.twilio.requests().pop().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /v1/HX1/messages HTTP/1.1"), "{head}");
    assert!(head.contains("api-key: a-secret"), "{head}");
    assert!(body.starts_with("to=%2B14155550123&sender=SHOPIN&type=OTP&body="), "{body}");
    assert!(!body.contains("template_id") && !body.contains("callback"), "{body}");

    by.app.restarted(&[("SMS_TEMPLATE_ID", "1107")]).challenge("+919876543210").await;
    let request = by.twilio.requests().pop().unwrap();
    assert!(request.ends_with("&template_id=1107"), "{request}");
}

/// The body of the last request to the vendor, and its headers.
fn last_request(senders: &Deployment) -> (String, Value) {
    let request = senders.twilio.requests().pop().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[tokio::test]
async fn vonage_gets_a_text_with_a_token_of_the_application() {
    let app = base().await;
    let india = [("SMS_ENTITY_ID", "1101"), ("SMS_TEMPLATE_ID", "1107")];
    let by = Deployment::planned(&app, ("senders", "*=vonage"), VONAGE[0].0, TAKEN).await;
    by.app.challenge(PHONE).await;
    let (head, body) = last_request(&by);
    assert!(head.starts_with("POST /v1/messages HTTP/1.1"), "{head}");

    let token = head.lines().find_map(|line| line.strip_prefix("authorization: Bearer ")).unwrap();
    let part = |place: usize| -> Value {
        let part = BASE64URL_NOPAD.decode(token.split('.').nth(place).unwrap().as_bytes());
        serde_json::from_slice(&part.unwrap()).unwrap()
    };
    assert_eq!(part(0)["alg"], "RS256");
    let claims = part(1);
    assert_eq!(claims["application_id"], "78d335fa-323d-0114-9c3d-d6f0d48968cf");
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(1_800_000_000), &json!(1_800_000_300)));
    assert_eq!(claims["jti"], body["client_ref"]);

    assert_eq!((&body["to"], &body["from"]), (&json!("14155550123"), &json!("14155550100")));
    assert_eq!((&body["channel"], &body["ttl"]), (&json!("sms"), &json!(300)));
    assert!(body["webhook_url"].as_str().unwrap().contains("/v1/reports/vonage/"), "{body}");
    assert!(body["sms"].is_null(), "{body}");

    let there = by.app.restarted(&india);
    there.challenge("+919876543210").await;
    let (_, body) = last_request(&by);
    assert_eq!(body["sms"], json!({"entity_id": "1101", "content_id": "1107"}));
}

#[tokio::test]
async fn aws_notify_words_each_code_in_the_language_of_its_person() {
    let app = base().await;
    let texts = json!({"en": "text-en-1", "es-MX": "text-es-1"});
    let templates = json!({"notify_templates": texts, "notify_call_templates": {"es": "call-es"}});
    let secret = json!({"end_user_messaging": templates});
    app.aws.secrets.create("templates", secret.to_string());
    let by = app.restarted(&[
        ("TEXT_SENDERS", "*=end_user_messaging,sns"),
        ("VOICE_SENDERS", "*=end_user_messaging"),
        ("EUM_NOTIFY_CONFIGURATION", "nc-0123"),
        ("SENDERS_SECRET_ARN", "templates"),
    ]);

    for (locale, channel, expected) in [
        ("en", "sms", Some("\"text-en-1\"")),
        ("es", "sms", Some("\"text-es-1\"")),
        ("ar", "sms", None),
        ("es", "voice", Some("\"call-es\"")),
        ("en", "voice", None),
    ] {
        let asked = json!({"phone": PHONE, "locale": locale, "channel": channel});
        assert_eq!(by.post("/v1/otp/send", asked).await.status, 202, "{locale}");
        let fields = app.texts(PHONE).pop().unwrap().attributes;
        let template = fields.iter().find(|(name, _)| name == "TemplateId");
        assert_eq!(template.map(|(_, id)| id.as_str()), expected, "{locale} by {channel}");
        app.advance(3600);
    }
}
