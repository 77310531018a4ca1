mod budget;
mod fraud;
mod limits;
mod refusals;
mod test_phones;
mod texts;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{OTHER_PHONE, PHONE, TestApp, accounts::EMAIL, bodies, steps::step};

#[tokio::test]
async fn a_code_is_sent() {
    let app = TestApp::start().await;
    let sent = app.send_code(PHONE).await;
    assert_eq!(sent.status, 202);

    let id = sent.json["challenge_id"].as_str().unwrap();
    assert_eq!(id.parse::<Uuid>().unwrap().get_version_num(), 7);
    assert_eq!(
        sent.json,
        json!({
            "challenge_id": id,
            "channel": "sms",
            "to": "+1•••••••123",
            "code_length": 6,
            "expires_in": 300,
            "resend_in": 30,
            "attempts_left": 5,
        })
    );
    assert_eq!(app.texts(PHONE).len(), 1);
    app.verify(id, &app.code(PHONE)).await.assert_ok();
}

#[tokio::test]
async fn the_settings_set_the_length_the_lifetime_and_the_tries_of_a_code() {
    let settings = [
        ("OTP_LENGTH", "10"),
        ("OTP_TTL_SECONDS", "60"),
        ("OTP_MAX_ATTEMPTS", "2"),
        ("OTP_RESEND_COOLDOWN_SECONDS", "7"),
        ("APP_NAME", "Corner Shop"),
    ];
    let app = TestApp::with(&settings).await;
    let sent = app.send_code(PHONE).await.json;
    let told = ["code_length", "expires_in", "attempts_left", "resend_in"]
        .map(|name| sent[name].as_i64().unwrap());
    assert_eq!(told, [10, 60, 2, 7]);
    assert_eq!(app.code(PHONE).len(), 10);

    let text = app.texts(PHONE).pop().unwrap().body;
    assert!(text.contains("Corner Shop") && text.contains(" 1 min"), "{text}");
}

#[tokio::test]
async fn codes_differ_from_one_challenge_to_the_next() {
    let app = TestApp::with(&[("OTP_LENGTH", "10")]).await;
    app.challenge(PHONE).await;
    app.challenge(OTHER_PHONE).await;
    let first = app.code(PHONE);
    app.advance(30);
    app.challenge(PHONE).await;
    assert!(first != app.code(PHONE) && first != app.code(OTHER_PHONE));
}

#[tokio::test]
async fn the_answer_does_not_tell_whether_the_phone_has_an_account() {
    let app = TestApp::start().await;
    app.sign_in(PHONE).await;
    app.advance(24 * 3600);
    let (known, unknown) = (app.send_code(PHONE).await, app.send_code("+14155551123").await);
    let but_id = |answer: &crate::testing::Answer| {
        answer.text.replace(answer.json["challenge_id"].as_str().unwrap(), "id")
    };
    assert_eq!(but_id(&known), but_id(&unknown));
    assert_eq!(known.status, unknown.status);

    let names = |answer: &crate::testing::Answer| {
        answer.headers.keys().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&known), names(&unknown));

    let words =
        |phone: &str| app.texts(phone).pop().unwrap().body.replace(&app.code(phone), "code");
    assert_eq!(words(PHONE), words("+14155551123"));
}

#[tokio::test]
async fn three_challenges_are_open_at_once_and_proving_one_closes_all() {
    let app = TestApp::start().await;
    let first = app.challenge(PHONE).await;
    let first_code = app.code(PHONE);
    app.advance(30);
    let second = app.challenge(PHONE).await;
    app.advance(60);
    let third = app.challenge(PHONE).await;
    for id in [&first, &second, &third] {
        let status = app.get(&format!("/v1/otp/{id}")).await;
        assert_eq!(status.assert_ok()["status"], "pending");
    }
    app.verify(&first, &first_code).await.assert_ok();
    for id in [&second, &third] {
        app.verify(id, &app.code(PHONE)).await.assert_problem(410, "otp_expired");
    }
}

#[tokio::test]
async fn only_its_own_fields_in_json_are_read() {
    let app = TestApp::start().await;
    let body = json!({
        "phone": PHONE, "email": "a@example.com", "client_id": "default", "locale": "en-US"
    });
    bodies::assert_strict(&app, None, "/v1/otp/send", &body).await;
    assert!(app.aws.inbox.messages(None).is_empty());
}

#[tokio::test]
async fn a_request_may_name_the_default_app_and_a_locale() {
    let app = TestApp::start().await;
    let body = json!({"phone": PHONE, "client_id": "default", "locale": "pt-br"});
    let id = app.post("/v1/otp/send", body).await.json["challenge_id"].as_str().unwrap().to_owned();
    let user: Value = app.verify(&id, &app.code(PHONE)).await.assert_ok()["user"].clone();
    assert_eq!(user["locale"], "pt-BR");
}

#[tokio::test]
async fn a_national_number_counts_as_the_same_phone() {
    let app = TestApp::with(&[("DEFAULT_REGION", "US")]).await;
    app.challenge("4155550123").await;
    assert_eq!(app.texts(PHONE).len(), 1);
    app.send_code(PHONE).await.assert_problem(429, "resend_too_soon");
}

#[tokio::test]
async fn a_send_takes_four_writes_and_two_and_a_half_reads() {
    let app = TestApp::start().await;
    app.sign_in(PHONE).await;
    app.advance(2 * 3600);
    let (answer, units) = app.units(app.send_code(PHONE)).await;
    assert_eq!(answer.status, 202);
    // The four writes are the source, the prefix, the budget, and the phone with its challenge. The
    // reads are the app, the phone, and for half the price how much room its source has.
    assert_eq!(units, step("otp-send").units(), "reads, writes");
}

#[tokio::test]
async fn a_sign_in_on_a_known_device_takes_five_writes() {
    let app = TestApp::start().await;
    let device = app.sign_in(PHONE).await.json["device_token"].clone();
    app.advance(2 * 3600);

    // Roles are read once in five minutes, for all users.
    app.sign_in(OTHER_PHONE).await;
    let ask = json!({"phone": PHONE, "device_token": device});
    let (sent, send) = app.units(app.post("/v1/otp/send", ask)).await;
    let (id, code) = (sent.challenge_id(), app.code(PHONE));
    let (answer, verify) = app.units(app.verify(&id, &code)).await;
    answer.assert_ok();
    // Neither the source nor the prefix is counted. The third read is the user whose device it is.
    assert_eq!([send, verify], [(3.0, 2.0), step("otp-verify").units()], "reads, writes");
}

#[tokio::test]
async fn a_channel_may_be_named_that_the_address_has() {
    let app = TestApp::with_mail().await;
    for (address, channel, other) in
        [(json!({"phone": PHONE}), "sms", "email"), (json!({"email": EMAIL}), "email", "sms")]
    {
        let asking = |channel: &str| {
            let mut body = address.clone();
            body["channel"] = json!(channel);
            body
        };
        for unknown in [other, "voice", "whatsapp"] {
            let refused = app.post("/v1/otp/send", asking(unknown)).await;
            refused.assert_field("channel");
        }
        let sent = app.post("/v1/otp/send", asking(channel)).await;
        assert_eq!((sent.status.as_u16(), &sent.json["channel"]), (202, &json!(channel)));

        let id = sent.challenge_id();
        app.advance(61);
        let again = |channel: &str| json!({"challenge_id": id, "channel": channel});
        app.post("/v1/otp/resend", again(other)).await.assert_field("channel");
        app.post("/v1/otp/resend", again("voice")).await.assert_field("channel");
        let resent = app.post("/v1/otp/resend", again(channel)).await;
        assert_eq!((resent.status.as_u16(), &resent.json["channel"]), (202, &json!(channel)));
    }
}
