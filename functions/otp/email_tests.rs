//! One-time codes by e-mail: send, resend, status and verify.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::json;

use crate::testing::{
    PHONE, TestApp,
    accounts::{EMAIL, OTHER_EMAIL, PASSWORD},
    claims, wrong,
};

#[tokio::test]
async fn a_code_by_e_mail_signs_up_and_signs_in() {
    let app = TestApp::with_mail().await;
    let sent = app.post("/v1/otp/send", json!({"email": "Ann.Lee@Example.org"})).await;
    assert_eq!(
        sent.json,
        json!({
            "challenge_id": sent.challenge_id(),
            "channel": "email",
            "to": "a•••@example.org",
            "code_length": 6,
            "expires_in": 300,
            "resend_in": 30,
            "attempts_left": 5,
        })
    );

    let status = app.get(&format!("/v1/otp/{}", sent.challenge_id())).await;
    assert_eq!(
        (&status.json["status"], &status.json["channel"]),
        (&json!("pending"), &json!("email"))
    );

    let me = app.verify(&sent.challenge_id(), &app.code(EMAIL)).await.signed_in();
    let user = &me.json["user"];
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(EMAIL), &json!(true)));
    assert_eq!((&user["phone"], &user["phone_verified"]), (&json!(null), &json!(false)));
    assert_eq!(
        (&me.json["is_new_user"], &claims(&me.access)["amr"]),
        (&json!(true), &json!(["email"]))
    );
    assert!(!claims(&me.access).to_string().contains("example.org"));

    app.advance(60);
    let id = app.mail_challenge(EMAIL).await;
    let again = app.verify(&id, &app.code(EMAIL)).await.signed_in();
    assert_eq!((&again.json["is_new_user"], again.id()), (&json!(false), me.id()));
}

#[tokio::test]
async fn known_and_unknown_addresses_get_the_same_response_and_mail() {
    let app = TestApp::with_mail().await;
    app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    // After a day, so that the mail has no stop link.
    app.advance(24 * 3600);
    let known = app.post("/v1/otp/send", json!({"email": EMAIL})).await;
    let unknown = app.post("/v1/otp/send", json!({"email": "abe.lee@example.org"})).await;
    assert_eq!(known.without_ids(), unknown.without_ids());

    let written =
        [EMAIL, "abe.lee@example.org"].map(|to| app.texts(to).pop().unwrap().body.split_off(6));
    assert_eq!(written[0], written[1]);
}

#[tokio::test]
async fn the_e_mail_says_the_same_in_text_and_html_in_the_language_that_was_asked_for() {
    let app = TestApp::with_mail_and(&[("APP_NAME", "Bed & Board")]).await;
    for (locale, tag, direction) in
        [("en", "en", "ltr"), ("es-MX", "es", "ltr"), ("ar", "ar", "rtl"), ("fr", "en", "ltr")]
    {
        app.post("/v1/otp/send", json!({"email": EMAIL, "locale": locale})).await.challenge_id();
        let mail = app.texts(EMAIL).pop().unwrap();
        let (subject, html) = (mail.subject.unwrap(), mail.html.unwrap());
        let code = app.code(EMAIL);
        assert_eq!(mail.channel, "email");
        assert_eq!(mail.attributes, [("from".to_owned(), "latchkey@example.com".to_owned())]);
        assert!(subject.contains("Bed & Board") && !subject.contains(&code), "{subject}");
        assert!(mail.body.contains("Bed & Board") && !mail.body.contains("http"), "{}", mail.body);
        assert!(html.contains(&format!("<html lang=\"{tag}\" dir=\"{direction}\">")), "{html}");
        assert!(html.contains("Bed &#38; Board") && !html.contains("Bed & Board"), "{html}");
        assert!(html.contains(&format!(">{code}</strong>")), "{html}");
        app.advance(24 * 3600);
    }
}

#[tokio::test]
async fn the_same_code_is_sent_again_after_a_cooldown_that_grows() {
    let app = TestApp::with_mail().await;
    let id = app.mail_challenge(EMAIL).await;
    let code = app.code(EMAIL);
    assert_eq!(app.resend(&id).await.assert_wait(429, "resend_too_soon"), 30);

    app.advance(30);
    let again = app.resend(&id).await;
    assert_eq!((again.challenge_id(), &again.json["resend_in"]), (id.clone(), &json!(60)));
    assert_eq!((&again.json["channel"], &again.json["expires_in"]), (&json!("email"), &json!(270)));
    assert_eq!((app.texts(EMAIL).len(), app.code(EMAIL)), (2, code.clone()));
    app.verify(&id, &wrong(&code)).await.assert_problem(400, "otp_incorrect");
    app.verify(&id, &code).await.assert_ok();
    app.resend(&id).await.assert_problem(410, "otp_expired");
}

#[tokio::test]
async fn an_address_has_the_limits_of_a_phone() {
    let app = TestApp::with_mail_and(&[
        ("OTP_SENDS_PER_PHONE_PER_HOUR", "2"),
        ("OTP_SENDS_PER_IP_PER_HOUR", "4"),
    ])
    .await;
    app.mail_challenge(EMAIL).await;
    app.advance(30);
    app.mail_challenge("ANN.LEE@example.org").await;
    app.advance(60);
    let capped = app.post("/v1/otp/send", json!({"email": EMAIL})).await;
    assert_eq!(capped.assert_wait(429, "sms_limit_reached"), 3600 - 90);

    app.mail_challenge(OTHER_EMAIL).await;
    app.challenge(PHONE).await;
    let source = app.post("/v1/otp/send", json!({"email": "carol@example.com"})).await;
    assert_eq!(source.assert_wait(429, "sms_limit_reached"), 3600 - 90);
}

#[tokio::test]
async fn the_holder_of_a_mailbox_stops_e_mails_for_a_day() {
    let app = TestApp::with_mail().await;
    app.mail_challenge(EMAIL).await;
    app.advance(30);
    app.mail_challenge(EMAIL).await;
    let mail = app.texts(EMAIL).pop().unwrap();
    let (_, path) = mail.body.split_once("Not you? Stop these e-mails: ").unwrap();
    let path = path.split_at(path.find("/stop/").unwrap()).1;
    let html = mail.html.unwrap();
    assert!(html.contains(&format!("{path}\">")), "{html}");

    let stop = Request::builder().method(Method::POST).uri(path).body(Body::empty()).unwrap();
    assert_eq!(app.send(stop).await.status, 200);
    app.advance(3600);
    let stopped = app.post("/v1/otp/send", json!({"email": EMAIL})).await;
    assert_eq!(stopped.assert_wait(429, "sms_limit_reached"), 23 * 3600);
    app.mail_challenge(OTHER_EMAIL).await;
}

#[tokio::test]
async fn mails_to_one_domain_and_mails_of_a_day_are_capped() {
    let app = TestApp::with_mail_and(&[
        ("EMAIL_SENDS_PER_DOMAIN_PER_HOUR", "2"),
        ("EMAILS_PER_DAY", "4"),
    ])
    .await;
    let send = |email: &'static str| app.post("/v1/otp/send", json!({"email": email}));
    send("a@example.org").await.challenge_id();
    send("b@example.org").await.challenge_id();
    assert_eq!(send("c@example.org").await.assert_wait(429, "sms_limit_reached"), 3600);

    // A refused request takes nothing of the cap of the day.
    send("a@example.net").await.challenge_id();
    let last = send("b@example.net").await.challenge_id();
    let wait = send("a@example.com").await.assert_wait(429, "sms_limit_reached");
    assert!(wait > 3600, "until the end of the day: {wait}");
    app.challenge(PHONE).await;

    // A person who was here before still gets a code, and a used code gives its mail back.
    let signed_in = app.verify(&last, &app.code("b@example.net")).await;
    let device = signed_in.assert_ok()["device_token"].clone();
    let again = json!({"email": "b@example.net", "device_token": device});
    app.post("/v1/otp/send", again).await.challenge_id();
    send("a@example.com").await.challenge_id();
}

#[tokio::test]
async fn wrong_codes_lock_the_challenge_and_then_make_codes_longer() {
    let app = TestApp::with_mail().await;
    for round in 0..2 {
        let id = app.mail_challenge(EMAIL).await;
        let code = app.code(EMAIL);
        for left in (0..5).rev() {
            let answer = app.verify(&id, &wrong(&code)).await;
            answer.assert_problem(400, "otp_incorrect");
            assert_eq!(answer.json["attempts_left"], left);
        }
        let locked = app.verify(&id, &code).await;
        locked.assert_problem(429, "otp_locked");
        assert!(locked.json.get("retry_after").is_none(), "round {round}: {}", locked.text);
        app.advance(60);
    }

    let longer = app.post("/v1/otp/send", json!({"email": EMAIL})).await;
    assert_eq!((longer.status.as_u16(), longer.json["code_length"].as_i64()), (202, Some(8)));
    let other = app.post("/v1/otp/send", json!({"email": OTHER_EMAIL})).await;
    assert_eq!(other.json["code_length"], 6);
}

#[tokio::test]
async fn a_code_is_tied_to_its_address() {
    let app = TestApp::with_mail_and(&[("OTP_LENGTH", "10")]).await;
    let (mine, theirs) = (app.mail_challenge(EMAIL).await, app.mail_challenge(OTHER_EMAIL).await);
    app.verify(&theirs, &app.code(EMAIL)).await.assert_problem(400, "otp_incorrect");
    app.advance(30);
    let newer = app.mail_challenge(EMAIL).await;
    app.verify(&mine, &app.code(EMAIL)).await.assert_problem(400, "otp_incorrect");
    app.verify(&newer, &app.code(EMAIL)).await.assert_ok();
}

#[tokio::test]
async fn a_mail_that_ses_refuses_is_refunded_and_the_next_try_works() {
    let app = TestApp::with_mail().await;
    app.aws.inbox.refuse(true);
    for _ in 0..3 {
        let refused = app.post("/v1/otp/send", json!({"email": EMAIL})).await;
        assert_eq!(refused.assert_wait(503, "unavailable"), 5);
    }

    assert!(app.challenges().await.is_empty());
    assert_eq!(
        app.cut_off("SESV2")
            .post("/v1/otp/send", json!({"email": EMAIL}))
            .await
            .assert_wait(503, "unavailable"),
        5
    );

    app.aws.inbox.refuse(false);
    let sent = app.post("/v1/otp/send", json!({"email": EMAIL})).await;
    assert_eq!((sent.challenge_id(), &sent.json["resend_in"]), (sent.challenge_id(), &json!(30)));

    let code = app.code(EMAIL);
    app.advance(30);
    app.aws.inbox.refuse(true);
    assert_eq!(app.resend(&sent.challenge_id()).await.assert_wait(503, "unavailable"), 5);

    app.aws.inbox.refuse(false);
    assert_eq!(app.resend(&sent.challenge_id()).await.json["resend_in"], 60);
    app.verify(&sent.challenge_id(), &code).await.assert_ok();
}

#[tokio::test]
async fn an_invalid_or_unsupported_address_is_refused() {
    let app = TestApp::with_mail().await;
    for bad in [
        "",
        "ann",
        "ann@localhost",
        "ann@[192.0.2.1]",
        "\"ann\"@example.org",
        "änn@example.org",
        "ann @example.org",
    ] {
        app.post("/v1/otp/send", json!({"email": bad})).await.assert_problem(400, "invalid_email");
    }

    app.post("/v1/otp/send", json!({"email": EMAIL, "phone": PHONE})).await.assert_field("email");
    app.post("/v1/otp/send", json!({"email": 7})).await.assert_field("email");

    let without_mail = TestApp::start().await;
    without_mail.post("/v1/otp/send", json!({"email": EMAIL})).await.assert_field("email");
    without_mail.challenge(PHONE).await;
}

#[tokio::test]
async fn a_disabled_user_is_not_signed_in() {
    let app = TestApp::with_mail().await;
    let me = app.sign_up(json!({"email": EMAIL})).await;
    app.disable(me.id()).await;
    app.advance(60);
    let id = app.mail_challenge(EMAIL).await;
    app.verify(&id, &app.code(EMAIL)).await.assert_problem(403, "user_disabled");
}
