use serde_json::json;

use crate::testing::{PHONE, TestApp};

#[tokio::test]
async fn a_text_is_in_the_requested_language_or_that_of_the_phone() {
    let app = TestApp::start().await;
    let (english, spanish) = ("is your Latchkey code", "es tu clave de Latchkey");
    let (arabic, hindi) = ("هو رمز Latchkey", "आपका Latchkey कोड");

    for (phone, locale, words) in [
        (PHONE, None, english),
        ("+34612345678", None, spanish),
        ("+525512345678", None, spanish),
        ("+966512345678", None, arabic),
        ("+919876543210", None, hindi),
        ("+33612345678", None, english),
        ("+14155550124", Some("es-MX"), spanish),
        ("+14155550125", Some("ar"), arabic),
        ("+14155550126", Some("hi-IN"), hindi),
        ("+34612345679", Some("en"), english),
        ("+34612345670", Some("fr"), english),
    ] {
        let mut body = json!({"phone": phone});
        if let Some(locale) = locale {
            body["locale"] = locale.into();
        }
        assert_eq!(app.post("/v1/otp/send", body).await.status, 202, "{phone}");
        let text = app.texts(phone).pop().unwrap().body;
        assert!(
            text.contains(words) && text.contains(&app.code(phone)),
            "{phone} {locale:?}: {text}"
        );
    }
}

#[tokio::test]
async fn a_text_ends_with_the_line_that_binds_its_code_to_a_host() {
    let app = TestApp::with(&[("WEB_OTP_ORIGIN", "https://app.example.com")]).await;
    app.challenge(PHONE).await;
    let text = app.texts(PHONE).pop().unwrap().body;
    assert_eq!(text.lines().last().unwrap(), format!("@app.example.com #{}", app.code(PHONE)));

    let app = TestApp::start().await;
    app.challenge(PHONE).await;
    assert!(!app.texts(PHONE).pop().unwrap().body.contains('@'), "no origin, no line");
}

#[tokio::test]
async fn a_text_has_the_attributes_that_carriers_require() {
    let attributes = async |settings: &[(&str, &str)]| {
        let app = TestApp::with(settings).await;
        app.challenge(PHONE).await;
        let mut attributes = app.texts(PHONE).pop().unwrap().attributes;
        attributes.sort();
        attributes
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(attributes(&[]).await, [pair("AWS.SNS.SMS.SMSType", "Transactional")]);

    let all = [
        ("SMS_SENDER_ID", "Latchkey"),
        ("SMS_ENTITY_ID", "1101234567890123456"),
        ("SMS_TEMPLATE_ID", "1107654321098765432"),
        ("SMS_MAX_PRICE_USD", "0.50"),
    ];
    assert_eq!(
        attributes(&all).await,
        [
            pair("AWS.MM.SMS.EntityId", "1101234567890123456"),
            pair("AWS.MM.SMS.TemplateId", "1107654321098765432"),
            pair("AWS.SNS.SMS.MaxPrice", "0.50"),
            pair("AWS.SNS.SMS.SMSType", "Transactional"),
            pair("AWS.SNS.SMS.SenderID", "Latchkey"),
        ]
    );
}
