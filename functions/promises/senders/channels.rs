//! Channels: a code goes by the one that its person has chosen, or else as the plan of the app or of the
//! deployment says, and the answer names the one that was used.

use axum::http::Method;
use serde_json::{Value, json};

use super::{Deployment, QUEUED, Reply, TAKEN, credentials, spent};
use crate::testing::{
    Answer, PHONE, TestApp,
    accounts::PASSWORD,
    apps::ADMIN_PHONE,
    hosted::{Browser, CALLBACK, hosted_app},
};

const PLAN: (&str, &str) = ("senders", "*=whatsapp,webhook");
const NOT_IN_WHATSAPP: Reply = Reply::Answer(400, r#"{"error": {"code": 131026}}"#);
const WITHOUT_TEMPLATE: Reply = Reply::Answer(404, r#"{"error": {"code": 132001}}"#);

async fn ask(app: &TestApp, channel: Option<&str>) -> Answer {
    let mut request = json!({"phone": PHONE});
    if let Some(channel) = channel {
        request["channel"] = json!(channel);
    }
    app.post("/v1/otp/send", request).await
}

/// A deployment with every channel, by the embedded senders.
async fn everything() -> TestApp {
    let app = TestApp::with(&[
        ("ADMIN_PHONE", ADMIN_PHONE),
        ("TEXT_SENDERS", "*=sns"),
        ("SMS_PRICES_USD", "US=0.01"),
        ("TEXT_PRICES_USD", "twilio_voice:US=0.02"),
        ("SMS_BUDGET_RESERVED_PERCENT", "0"),
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000"),
    ])
    .await;
    app.aws.secrets.create("senders", credentials("https://texts.example.com").to_string());
    app.restarted(&[
        ("TEXT_SENDERS", "*=whatsapp,end_user_messaging"),
        ("VOICE_SENDERS", "US=twilio;*=end_user_messaging"),
        ("EUM_VOICE_ORIGINATION_IDENTITY", "phone-0123456789"),
        ("SENDERS_SECRET_ARN", "senders"),
    ])
}

#[tokio::test]
async fn a_code_goes_by_the_channel_that_its_person_has_chosen() {
    let app = everything().await;
    let config = app.get("/v1/config").await;
    assert_eq!(config.json["channels"], json!(["sms", "whatsapp", "voice"]), "{}", config.text);

    for (asked, channel, sender) in [
        (None, "whatsapp", "whatsapp"),
        (Some("sms"), "sms", "end_user_messaging"),
        (Some("whatsapp"), "whatsapp", "whatsapp"),
        (Some("voice"), "voice", "twilio"),
    ] {
        let sent = ask(&app, asked).await;
        assert_eq!((sent.status.as_u16(), &sent.json["channel"]), (202, &json!(channel)));
        let message = app.texts(PHONE).pop().unwrap();
        assert_eq!((message.channel, message.sender), (channel, sender));

        let id = sent.challenge_id();
        let status = app.get(&format!("/v1/otp/{id}")).await;
        assert_eq!(status.json["channel"], channel, "{}", status.text);
        let code = message.body.replace(", ", "");
        let code = code.split(|c: char| !c.is_ascii_digit()).find(|it| it.len() == 6).unwrap();
        app.verify(&id, code).await.assert_ok();
        app.advance(3600);
    }
}

#[tokio::test]
async fn a_call_reads_the_code_in_the_language_of_its_person() {
    let app = everything().await;
    for (phone, locale, words, attribute) in [
        (PHONE, "es", "Tu clave de Latchkey es: ", "language=\"es-US\""),
        ("+34612345678", "es", "Tu clave de Latchkey es: ", "LUPE"),
        ("+34612345679", "hi", "Your Latchkey code is: ", "JOANNA"),
    ] {
        let request = json!({"phone": phone, "channel": "voice", "locale": locale});
        assert_eq!(app.post("/v1/otp/send", request).await.status, 202, "{phone}");
        let message = app.texts(phone).pop().unwrap();
        assert!(message.body.starts_with(words), "{}", message.body);
        let attributes: Vec<_> = message.attributes.iter().map(|(_, value)| &**value).collect();
        assert!(attributes.iter().any(|value| value.contains(attribute)), "{attributes:?}");
    }
}

#[tokio::test]
async fn a_person_asks_for_the_same_code_on_another_channel() {
    let app = everything().await;
    let sent = ask(&app, Some("sms")).await;
    let (id, code) = (sent.challenge_id(), app.code(PHONE));
    app.advance(30);
    let before = spent(&app).await;
    let request = json!({"challenge_id": id, "channel": "voice"});
    // A busy instance reserves more than one price.
    let called = app.restarted(&[]).post("/v1/otp/resend", request).await;
    assert_eq!((called.status.as_u16(), &called.json["channel"]), (202, &json!("voice")));
    assert_eq!(spent(&app).await - before, 20_000, "a call has its own price");
    let message = app.texts(PHONE).pop().unwrap();
    assert_eq!(message.body.replace(", ", "").matches(&*code).count(), 2, "{}", message.body);

    app.advance(60);
    let again = app.resend(&id).await;
    assert_eq!(again.json["channel"], "sms", "the channel of the first request: {}", again.text);
    app.verify(&id, &code).await.assert_ok();
}

#[tokio::test]
async fn a_channel_that_does_not_lead_to_the_address_is_refused_and_nothing_is_counted() {
    let app = TestApp::with_mail().await;
    for (request, accepted) in [
        (json!({"phone": PHONE, "channel": "voice"}), "must be sms for this phone number"),
        (json!({"phone": PHONE, "channel": "whatsapp"}), "must be sms for this phone number"),
        (json!({"phone": PHONE, "channel": "email"}), "must be sms for this phone number"),
        (json!({"email": "ann@example.com", "channel": "voice"}), "must be email"),
    ] {
        let refused = app.post("/v1/otp/send", request).await;
        refused.assert_field("channel");
        assert!(refused.text.contains(accepted), "{}", refused.text);
    }
    let id = app.challenge(PHONE).await;
    app.advance(30);
    let request = json!({"challenge_id": id, "channel": "voice"});
    app.post("/v1/otp/resend", request).await.assert_field("channel");
    assert_eq!(app.texts(PHONE).len(), 1);
    assert_eq!(app.resend(&id).await.status, 202);
}

/// A person who has chosen WhatsApp gets no text instead, and one who has not may.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_another_channel_than_the_chosen_one() {
    let app = super::base().await;
    for (name, reply, status, code) in [
        ("no-whatsapp", NOT_IN_WHATSAPP, 400, "undeliverable"),
        ("no-template", WITHOUT_TEMPLATE, 503, "unavailable"),
    ] {
        let senders = Deployment::planned(&app, (name, PLAN.1), reply, TAKEN).await;
        let before = spent(&app).await;
        ask(&senders.app, Some("whatsapp")).await.assert_problem(status, code);
        assert_eq!((senders.handed(), spent(&app).await), ((1, 0), before), "{name}");

        let other = ask(&senders.app, None).await;
        assert_eq!((other.status.as_u16(), &other.json["channel"]), (202, &json!("sms")));
        assert_eq!(senders.handed(), (2, 1), "{name}");
        app.advance(3600);
    }
}

/// A closed app sends codes only to people who have an account.
#[tokio::test(flavor = "multi_thread")]
async fn the_channel_of_an_answer_does_not_tell_who_has_an_account() {
    let app = TestApp::with_mail().await;
    app.sign_in(PHONE).await;
    app.advance(3600);
    let senders = Deployment::planned(&app, PLAN, NOT_IN_WHATSAPP, TAKEN).await;
    for phone in [PHONE, "+14155550177"] {
        let answer = senders.app.forgot(json!({"phone": phone})).await;
        let told = (answer.status.as_u16(), &answer.json["channel"]);
        assert_eq!(told, (202, &json!("whatsapp")), "{}", answer.text);
    }
    assert_eq!(senders.handed(), (1, 1), "only one of them has an account");
}

#[tokio::test]
async fn an_app_has_its_own_senders() {
    let app = everything().await;
    let admin = app.sign_in(ADMIN_PHONE).await;
    let new = json!({"client_id": "shop", "name": "Shop", "text_senders": "US=kaleyra"});
    let created = app.create_app(&admin, new).await;
    assert_eq!(created.json["text_senders"], "US=kaleyra", "{}", created.text);

    let by = async |phone: &str, plan: Value| {
        app.change_app(&admin, "shop", json!({"text_senders": plan})).await.assert_ok();
        app.advance(120);
        let request = json!({"phone": phone, "client_id": "shop"});
        assert_eq!(app.restarted(&[]).post("/v1/otp/send", request).await.status, 202);
        app.texts(phone).pop().unwrap().sender
    };
    assert_eq!(by(PHONE, json!("US=kaleyra")).await, "kaleyra");
    assert_eq!(by("+34612345678", json!("US=kaleyra")).await, "whatsapp", "the deployment's");
    assert_eq!(by(PHONE, json!("*=sns,kaleyra")).await, "sns");
    assert_eq!(by(PHONE, Value::Null).await, "whatsapp");

    for wrong in ["", "kaleyra", "US=fax", "US=sns,kaleyra,twilio", "USA=sns"] {
        let refused = app.change_app(&admin, "shop", json!({"text_senders": wrong})).await;
        refused.assert_field("text_senders");
    }
    app.change_app(&admin, "shop", json!({"text_senders": "*=sns".repeat(200)}))
        .await
        .assert_field("text_senders");
}

/// A sender that carries codes alone gets no notice.
#[tokio::test]
async fn a_notice_goes_by_a_sender_that_carries_it() {
    let app = everything().await;
    let person = app.sign_in(PHONE).await;
    assert_eq!(app.texts(PHONE).pop().unwrap().sender, "whatsapp");
    app.json_as(&person, Method::POST, "/v1/password/change", json!({"new_password": PASSWORD}))
        .await;
    let notice = app.texts(PHONE).pop().unwrap();
    assert_eq!((notice.sender, notice.channel), ("end_user_messaging", "sms"), "{}", notice.body);
}

#[tokio::test]
async fn aws_notify_sends_codes_and_plain_texts_carry_notices() {
    let app = everything().await;
    let by_notify = app.restarted(&[
        ("TEXT_SENDERS", "*=end_user_messaging"),
        ("EUM_NOTIFY_CONFIGURATION", "nc-0123"),
        ("EUM_ORIGINATION_IDENTITY", "pool-0123"),
        ("EUM_CONFIGURATION_SET", "codes"),
    ]);
    let person = by_notify.sign_in(PHONE).await;
    let fields = app.texts(PHONE).pop().unwrap().attributes;
    let field = |name: &str| fields.iter().find(|(it, _)| it == name).map(|(_, it)| it.clone());
    assert_eq!(field("NotifyConfigurationId").as_deref(), Some("\"nc-0123\""));
    assert_eq!(field("ConfigurationSetName").as_deref(), Some("\"codes\""));
    assert!(field("TemplateVariables").unwrap().contains("code") && field("MessageBody").is_none());

    by_notify
        .json_as(&person, Method::POST, "/v1/password/change", json!({"new_password": PASSWORD}))
        .await;
    let notice = app.texts(PHONE).pop().unwrap();
    assert!(notice.body.contains("password"), "{}", notice.body);
    assert!(notice.attributes.iter().any(|(name, _)| name == "OriginationIdentity"));
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_gets_a_call_with_the_words_in_it() {
    let app = super::base().await;
    let by = Deployment::planned(&app, ("senders", "*=twilio"), QUEUED, TAKEN).await;
    let by_calls = by.app.restarted(&[("VOICE_SENDERS", "*=twilio")]);
    let sent = ask(&by_calls, Some("voice")).await;
    assert_eq!(sent.json["channel"], "voice", "{}", sent.text);
    let request = by.twilio.requests().pop().unwrap();
    assert!(request.starts_with("POST /2010-04-01/Accounts/AC1/Calls.json HTTP/1.1"), "{request}");
    let form: Vec<(String, String)> =
        serde_urlencoded::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let field = |asked: &str| &form.iter().find(|(name, _)| name == asked).unwrap().1;
    assert_eq!((&**field("To"), &**field("From")), (PHONE, "+14155550100"));
    let words = field("Twiml");
    assert!(words.starts_with("<Response><Say language=\"en-US\">Your Latchkey code"), "{words}");
}

/// The credentials of a Twilio account with a service of Twilio Verify, and maybe with a number.
fn with_verify(has_number: bool) -> String {
    let mut all = credentials("https://texts.example.com");
    all["twilio"]["verify_service_sid"] = json!("VA0123456789abcdef0123456789abcdef");
    if !has_number {
        all["twilio"]["from"].take();
    }
    all.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_verify_sends_our_code_and_is_told_if_it_was_right() {
    let app = super::base().await;
    let pending = Reply::Answer(201, r#"{"sid": "VE1", "status": "pending"}"#);
    let by = Deployment::planned(&app, ("senders", "*=twilio"), pending, TAKEN).await;
    app.aws.secrets.create("verify", with_verify(true));
    let by_verify = by.app.restarted(&[("SENDERS_SECRET_ARN", "verify")]);
    let id = by_verify.challenge(PHONE).await;
    let requests = by.twilio.requests();
    let service = "POST /v2/Services/VA0123456789abcdef0123456789abcdef/Verifications";
    assert!(requests[0].starts_with(&format!("{service} HTTP/1.1")), "{requests:?}");
    let form: Vec<(String, String)> =
        serde_urlencoded::from_str(requests[0].split_once("\r\n\r\n").unwrap().1).unwrap();
    let field = |asked: &str| &*form.iter().find(|(name, _)| name == asked).unwrap().1;
    assert_eq!((field("To"), field("Channel"), field("Locale")), (PHONE, "sms", "en"));

    by_verify.verify(&id, "000000").await.assert_problem(400, "otp_incorrect");
    assert_eq!(by.twilio.requests().len(), 1, "a wrong code says nothing");
    by_verify.verify(&id, field("CustomCode")).await.assert_ok();
    let told = by.twilio.requests();
    assert!(told[1].starts_with(&format!("{service}/VE1 HTTP/1.1")), "{told:?}");
    assert!(told[1].ends_with("Status=approved") && told.len() == 2, "{told:?}");
}

/// The sign-in does not depend on it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_goes_on_if_twilio_verify_cannot_be_told() {
    let app = super::base().await;
    app.aws.secrets.create("verify", with_verify(true));
    let settings = [("TEXT_SENDERS", "*=twilio"), ("SENDERS_SECRET_ARN", "verify")];
    let id = app.restarted(&settings).challenge(PHONE).await;
    let code = app.code(PHONE);
    let absent = [settings[0], settings[1], ("TWILIO_VERIFY_URL", "http://127.0.0.1:9")];
    app.restarted(&absent).verify(&id, &code).await.assert_ok();
}

#[tokio::test]
async fn an_account_with_twilio_verify_alone_calls_and_carries_no_notices() {
    let app = super::base().await;
    app.aws.secrets.create("verify", with_verify(false));
    let settings = [
        ("TEXT_SENDERS", "*=twilio,sns"),
        ("VOICE_SENDERS", "*=twilio"),
        ("SENDERS_SECRET_ARN", "verify"),
    ];
    let by_verify = app.restarted(&settings);
    assert_eq!(ask(&by_verify, Some("voice")).await.json["channel"], "voice");
    assert_eq!(app.texts(PHONE).pop().unwrap().channel, "voice");
    app.advance(3600);

    let person = by_verify.sign_in(PHONE).await;
    assert_eq!(app.texts(PHONE).pop().unwrap().sender, "twilio");
    let body = json!({"new_password": PASSWORD});
    by_verify.json_as(&person, Method::POST, "/v1/password/change", body).await;
    assert_eq!(app.texts(PHONE).pop().unwrap().sender, "sns", "the notice");
}

#[tokio::test]
async fn the_hosted_page_offers_the_other_channels() {
    let app = everything().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let offered = |page: &Answer| {
        ["sms", "whatsapp", "voice"]
            .into_iter()
            .filter(|channel| page.text.contains(&format!("value=\"{channel}\"")))
            .collect::<Vec<_>>()
    };

    let page = browser.get(&client.url(&[])).await;
    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    assert_eq!(offered(&page), ["sms", "voice"], "{}", page.text);
    app.advance(30);
    let called = browser.submit(&page, &[("action", "voice")]).await;
    assert_eq!(offered(&called), ["sms", "whatsapp"], "{}", called.text);
    let words = app.texts(PHONE).pop().unwrap();
    assert_eq!(words.channel, "voice");
    let code = app.texts(PHONE)[0].body[..6].to_owned();
    assert!(words.body.replace(", ", "").contains(&code), "{}", words.body);

    // Too soon: the page stays where it is, and offers the same.
    let early = browser.submit(&called, &[("action", "sms")]).await;
    assert!(early.text.contains("role=\"alert\""), "{}", early.text);
    assert_eq!(offered(&early), ["sms", "whatsapp"]);
    let answer = browser.submit(&early, &[("code", &code)]).await;
    assert!(!answer.sent_to(CALLBACK)["code"].is_empty());
}

#[tokio::test]
async fn a_page_with_one_channel_offers_no_other() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.get(&client.url(&[])).await;
    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    app.advance(30);
    assert!(!page.text.contains("value=\"voice\"") && !page.text.contains("value=\"sms\""));
    let forged = browser.submit(&page, &[("action", "voice")]).await;
    assert!(forged.text.contains("role=\"alert\""), "{}", forged.text);
    assert_eq!(app.texts(PHONE).len(), 1);
}

/// A stranger who asks to be called must not use up what others need for their texts.
#[tokio::test]
async fn a_call_that_is_too_dear_leaves_the_texts_of_others_alone() {
    let app = everything().await;
    let poor = app.restarted(&[
        ("TEXT_SENDERS", "*=sns"),
        ("VOICE_SENDERS", "*=end_user_messaging"),
        ("EUM_VOICE_ORIGINATION_IDENTITY", "phone-0123456789"),
        ("SMS_DAILY_BUDGET_USD", "0.30"),
    ]);
    for phone in ["+14155550131", "+14155550132"] {
        let call = json!({"phone": phone, "channel": "voice"});
        poor.post("/v1/otp/send", call).await.assert_wait(429, "sms_limit_reached");
    }
    poor.sign_in(PHONE).await;
    assert_eq!(app.texts(PHONE).pop().unwrap().channel, "sms");
}
