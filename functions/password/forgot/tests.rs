use std::net::IpAddr;

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, OTHER_EMAIL, PASSWORD, RESET_PAGE},
    at_once, bodies, json_request, wrong,
};

/// For both kinds of address: one with an account, as a text and as a body, and one without.
fn addresses() -> [(&'static str, Value, &'static str, Value); 2] {
    [
        (PHONE, json!({"phone": PHONE}), "+14155550183", json!({"phone": "+14155550183"})),
        (
            EMAIL,
            json!({"email": EMAIL}),
            "abe.lee@example.org",
            json!({"email": "abe.lee@example.org"}),
        ),
    ]
}

#[tokio::test]
async fn known_and_unknown_addresses_get_the_same_response_and_only_the_known_get_a_code() {
    for (known, who, unknown, nobody) in addresses() {
        let app = TestApp::with_mail().await;
        app.sign_up(who.clone()).await;
        let before = app.texts(known).len();
        app.advance(3600);
        let (real, decoy) = (app.forgot(who).await, app.forgot(nobody).await);
        assert_eq!(
            real.json,
            json!({
                "challenge_id": real.challenge_id(),
                "channel": if known == PHONE { "sms" } else { "email" },
                "to": if known == PHONE { "+1•••••••123" } else { "a•••@example.org" },
                "code_length": 6,
                "expires_in": 300,
                "resend_in": 30,
                "attempts_left": 5,
            })
        );
        assert_eq!(decoy.without_ids().replace("183", "123"), real.without_ids());
        assert_eq!((app.texts(known).len(), app.texts(unknown).len()), (before + 1, 0));
        for (id, code) in [
            (real.challenge_id(), wrong(&app.code(known))),
            (decoy.challenge_id(), "123456".to_owned()),
        ] {
            let status = app.get(&format!("/v1/otp/{id}")).await;
            assert_eq!(
                (&status.json["status"], &status.json["attempts_left"]),
                (&json!("pending"), &json!(5))
            );
            assert_eq!(app.resend(&id).await.assert_wait(429, "resend_too_soon"), 30);
            for left in (0..5).rev() {
                let answer = app.reset(&id, &code, NEW_PASSWORD).await;
                answer.assert_problem(400, "otp_incorrect");
                assert_eq!(answer.json["attempts_left"], left);
            }
            app.reset(&id, &code, NEW_PASSWORD).await.assert_problem(429, "otp_locked");
        }
    }
}

#[tokio::test]
async fn no_code_proves_a_decoy() {
    let app = TestApp::with_mail_and(&[("OTP_MAX_ATTEMPTS", "10")]).await;
    for (.., nobody) in addresses() {
        let id = app.forgot(nobody).await.challenge_id();
        for code in ["000000", "123456", "999999"] {
            app.reset(&id, code, NEW_PASSWORD).await.assert_problem(400, "otp_incorrect");
            app.verify(&id, code).await.assert_problem(410, "otp_expired");
        }
        app.reset(&id, "", NEW_PASSWORD).await.assert_field("code");
    }

    assert!(app.items_like("USER").await.is_empty());
}

#[tokio::test]
async fn an_e_mail_has_a_code_and_a_link_and_a_text_has_a_code() {
    let app = TestApp::with_mail().await;
    app.sign_up(json!({"email": EMAIL, "locale": "es"})).await;
    app.sign_up(json!({"phone": PHONE})).await;
    app.advance(60);
    app.forgot(json!({"email": EMAIL})).await.challenge_id();
    app.forgot(json!({"phone": PHONE})).await.challenge_id();
    let mail = app.texts(EMAIL).pop().unwrap();
    let token = app.link_token(EMAIL);

    assert_eq!(
        data_encoding::BASE64URL_NOPAD.decode(token.as_bytes()).unwrap().len(),
        48,
        "the user, a count, the end, and a tag of 128 bits"
    );

    let (html, subject) = (mail.html.unwrap(), mail.subject.unwrap());
    assert!(
        html.contains(&format!("href=\"{RESET_PAGE}#{token}\">")) && html.contains("lang=\"es\""),
        "{html}"
    );
    assert!(html.contains(&app.code(EMAIL)) && mail.body.contains(&app.code(EMAIL)));
    assert!(subject.contains("Latchkey") && !subject.contains(&app.code(EMAIL)), "{subject}");
    assert_eq!(mail.channel, "email");
    assert_eq!(mail.attributes, [("from".to_owned(), "latchkey@example.com".to_owned())]);

    let text = app.texts(PHONE).pop().unwrap();
    assert!(
        text.body.contains("code to set a new password") && !text.body.contains(RESET_PAGE),
        "{}",
        text.body
    );
}

#[tokio::test]
async fn an_e_mail_has_only_a_code_if_there_is_no_page_for_links() {
    let app = TestApp::with(&[("EMAIL_FROM", "latchkey@example.com")]).await;
    app.sign_up(json!({"email": EMAIL})).await;
    app.advance(60);
    let id = app.forgot(json!({"email": EMAIL})).await.challenge_id();
    assert!(!app.texts(EMAIL).pop().unwrap().body.contains(RESET_PAGE));
    assert!(app.items_like("RESET").await.is_empty());
    app.reset(&id, &app.code(EMAIL), NEW_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn during_the_cooldown_the_response_is_the_same_and_nothing_is_sent() {
    for (known, who, _, nobody) in addresses() {
        let app = TestApp::with_mail().await;
        app.sign_up(who.clone()).await;
        let signed_up = app.texts(known).len();
        let first = app.forgot(who.clone()).await;
        let second = app.forgot(who.clone()).await;
        let (unknown, unknown_again) = (app.forgot(nobody.clone()).await, app.forgot(nobody).await);
        assert_eq!(app.texts(known).len(), signed_up + 1);
        let same = unknown.without_ids().replace("183", "123");
        assert_eq!([first.without_ids(), second.without_ids()], [same.clone(), same]);
        assert_eq!(unknown.without_ids(), unknown_again.without_ids());

        // Nobody is told the id of a challenge that somebody else asked for. One for which nothing
        // was sent belongs to no challenge.
        assert_ne!(first.challenge_id(), second.challenge_id());
        app.reset(&second.challenge_id(), "123456", NEW_PASSWORD)
            .await
            .assert_problem(410, "otp_expired");
        app.reset(&first.challenge_id(), &app.code(known), NEW_PASSWORD).await.assert_done();
    }
}

#[tokio::test]
async fn a_disabled_user_gets_the_same_response_and_no_message() {
    for (known, who, _, nobody) in addresses() {
        let app = TestApp::with_mail().await;
        let user = app.sign_up(who.clone()).await;
        app.disable(user.id()).await;
        app.advance(3600);
        let sent = app.texts(known).len();
        let (disabled, unknown) = (app.forgot(who).await, app.forgot(nobody).await);
        assert_eq!(disabled.without_ids(), unknown.without_ids().replace("183", "123"));
        assert_eq!(app.texts(known).len(), sent);
    }
}

#[tokio::test]
async fn an_account_without_a_password_can_set_its_first() {
    let app = TestApp::start().await;
    app.sign_in(PHONE).await;
    app.advance(60);
    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    app.reset(&id, &app.code(PHONE), NEW_PASSWORD).await.assert_done();
    app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn a_challenge_works_only_for_its_purpose_and_trying_does_not_use_it_up() {
    let app = TestApp::start().await;
    app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    app.advance(60);
    let reset = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    let reset_code = app.code(PHONE);

    for _ in 0..10 {
        app.verify(&reset, &reset_code).await.assert_problem(410, "otp_expired");
    }

    app.advance(60);
    let sign_in = app.challenge(PHONE).await;
    let sign_in_code = app.code(PHONE);

    for _ in 0..10 {
        app.reset(&sign_in, &sign_in_code, NEW_PASSWORD).await.assert_problem(410, "otp_expired");
    }

    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
    app.verify(&sign_in, &sign_in_code).await.assert_ok();
    app.reset(&reset, &reset_code, NEW_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_resend_responds_to_all_the_same_and_sends_only_to_the_known() {
    for (known, who, unknown, nobody) in addresses() {
        let app = TestApp::with_mail().await;
        app.sign_up(who.clone()).await;
        app.advance(3600);
        let (real, decoy) =
            (app.forgot(who).await.challenge_id(), app.forgot(nobody).await.challenge_id());
        let sent = app.texts(known);
        app.advance(30);
        let start = tokio::time::Instant::now();
        let (real, decoy) = (app.resend(&real).await, app.resend(&decoy).await);
        assert!(start.elapsed().as_millis() >= 2 * 250, "both take the minimum time");
        assert_eq!(decoy.without_ids().replace("183", "123"), real.without_ids());
        let again = app.texts(known);
        assert_eq!(again.len(), sent.len() + 1);
        let first = sent.last().unwrap().body.replace("5 min", "4 min");
        assert_eq!(again.last().unwrap().body, first);
        assert!(app.texts(unknown).is_empty());
    }
}

#[tokio::test]
async fn password_resets_count_for_the_hourly_limit_of_their_source() {
    let app = TestApp::with_mail_and(&[("OTP_SENDS_PER_IP_PER_HOUR", "3")]).await;
    for who in [json!({"phone": PHONE}), json!({"email": EMAIL}), json!({"email": "c@example.net"})]
    {
        app.forgot(who).await.challenge_id();
    }

    app.advance(1200);
    let body = json!({"email": OTHER_EMAIL});
    assert_eq!(app.forgot(body.clone()).await.assert_wait(429, "sms_limit_reached"), 2400);

    let elsewhere: IpAddr = "203.0.113.9".parse().unwrap();
    app.send_from(elsewhere, json_request(Method::POST, "/v1/password/forgot", None, &body))
        .await
        .challenge_id();
}

#[tokio::test]
async fn a_message_that_cannot_be_sent_does_not_reveal_who_has_an_account() {
    for (known, who, _, nobody) in addresses() {
        let app = TestApp::with_mail().await;
        app.sign_up(who.clone()).await;
        app.advance(3600);
        app.aws.inbox.refuse(true);
        let (real, decoy) = (app.forgot(who.clone()).await, app.forgot(nobody).await);
        assert_eq!(decoy.without_ids().replace("183", "123"), real.without_ids());
        app.advance(30);
        let again =
            [app.resend(&real.challenge_id()).await, app.resend(&decoy.challenge_id()).await];
        assert_eq!(again[1].without_ids().replace("183", "123"), again[0].without_ids());
        app.aws.inbox.refuse(false);
        app.advance(60);
        app.resend(&real.challenge_id()).await.challenge_id();
        app.reset(&real.challenge_id(), &app.code(known), NEW_PASSWORD).await.assert_done();
    }
}

#[tokio::test]
async fn only_its_own_fields_in_json_are_read() {
    let app = TestApp::with_mail_and(&[("ALLOWED_COUNTRIES", "US")]).await;
    bodies::assert_strict(&app, None, "/v1/password/forgot", &json!({"phone": PHONE})).await;
    bodies::assert_strict(&app, None, "/v1/password/forgot", &json!({"email": EMAIL})).await;
    app.forgot(json!({})).await.assert_field("phone");
    app.forgot(json!({"phone": PHONE, "email": EMAIL})).await.assert_field("email");
    app.forgot(json!({"username": "ann"})).await.assert_field("username");
    app.forgot(json!({"phone": "123"})).await.assert_problem(400, "invalid_phone");
    app.forgot(json!({"phone": OTHER_PHONE})).await.assert_problem(400, "country_not_allowed");
    app.forgot(json!({"email": "ann"})).await.assert_problem(400, "invalid_email");
    assert_eq!(
        app.cut_off("DYNAMODB")
            .forgot(json!({"phone": PHONE}))
            .await
            .assert_wait(503, "unavailable"),
        5
    );
    TestApp::start().await.forgot(json!({"email": EMAIL})).await.assert_field("email");
}

#[tokio::test]
async fn requests_at_the_same_time_get_the_same_answer() {
    let app = TestApp::with_mail().await;
    app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    app.advance(3600);
    let before = app.texts(PHONE).len();
    let ask = |index: usize| {
        let app = app.clone();
        async move {
            let body = json!({"phone": PHONE});
            let request = json_request(Method::POST, "/v1/password/forgot", None, &body);
            let source: IpAddr = format!("198.51.100.{}", index / 2).parse().unwrap();
            app.send_from(source, request).await
        }
    };
    for answer in at_once(12, ask).await {
        assert_eq!((answer.status.as_u16(), &answer.json["to"]), (202, &json!("+1•••••••123")));
    }
    assert!((1..=5).contains(&(app.texts(PHONE).len() - before)));
}

#[tokio::test]
async fn a_message_that_was_not_sent_is_not_counted_for_its_block_or_domain() {
    for (known, who, ..) in addresses() {
        let app = TestApp::with_mail_and(&[
            ("OTP_SENDS_PER_PREFIX_PER_HOUR", "10"),
            ("EMAIL_SENDS_PER_DOMAIN_PER_HOUR", "1"),
            ("OTP_SENDS_PER_IP_PER_HOUR", "100"),
        ])
        .await;
        app.sign_up(who.clone()).await;
        app.advance(2 * 3600);
        let before = app.texts(known).len();
        app.aws.inbox.refuse(true);
        for _ in 0..5 {
            app.forgot(who.clone()).await.challenge_id();
            app.advance(301);
        }
        let counted = app.items_like("SENDS").await;
        let sends = counted.iter().map(|item| item["sends"].as_n().unwrap().as_str());
        let (of_source, others): (Vec<_>, Vec<_>) =
            sends.filter(|sends| *sends != "0").partition(|sends| *sends == "5");
        assert_eq!(of_source.len(), 1, "{known}");
        assert!(others.iter().all(|sends| *sends == "1"), "{known}: the sign-up: {others:?}");

        app.aws.inbox.refuse(false);
        app.advance(3600);
        app.forgot(who).await.challenge_id();
        assert_eq!(app.texts(known).len(), before + 1);
    }
}
