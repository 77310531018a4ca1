use std::net::IpAddr;

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
    bodies, json_request,
};

const PATH: &str = "/v1/password/change";

#[tokio::test]
async fn the_new_password_replaces_the_old_one() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    app.advance(800);
    let body = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post_as(&me.access, PATH, body).await.assert_done();
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_problem(401, "invalid_credentials");
    app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.assert_ok();

    let profile = app.me(&me.access).await;
    assert_eq!(
        (&profile["has_password"], &profile["updated_at"]),
        (&json!(true), &json!("2027-01-15T08:13:20.000Z"))
    );
}

#[tokio::test]
async fn the_old_password_may_be_one_whose_hash_another_service_made() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    // bcrypt of `correct horse`, by Django.
    let hash = "bcrypt$$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
    app.keep_foreign(me.id(), hash).await;

    let body = |old: &str| json!({"old_password": old, "new_password": NEW_PASSWORD});
    app.post_as(&me.access, PATH, body(PASSWORD)).await.assert_problem(403, "invalid_credentials");
    app.post_as(&me.access, PATH, body("correct horse")).await.assert_done();
    assert!(!app.stored_user(me.id()).await.password.unwrap().is_foreign());
    app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn the_other_sessions_end_and_this_one_stays() {
    let app = TestApp::start().await;
    let other = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let mine = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    let third = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    let body = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post_as(&mine.access, PATH, body).await.assert_done();

    for ended in [other, third] {
        app.get_as(&ended.access, "/v1/me").await.assert_problem(401, "token_invalid");
        app.refresh(&ended.refresh).await.assert_problem(401, "token_invalid");
    }

    app.get_as(&mine.access, "/v1/me").await.assert_ok();
    app.refresh(&mine.refresh).await.assert_ok();

    let sessions = app.get_as(&mine.access, "/v1/me/sessions").await.assert_ok()["items"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn repeated_changes_send_at_most_three_notices_a_day() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let before = app.texts(PHONE).len();
    let mut passwords = [PASSWORD, NEW_PASSWORD];

    for _ in 0..8 {
        let [old, new] = passwords;
        app.post_as(&me.access, PATH, json!({"old_password": old, "new_password": new}))
            .await
            .assert_done();
        passwords = [new, old];
    }

    assert_eq!(app.texts(PHONE).len() - before, 3, "texts cost money");
}

#[tokio::test]
async fn no_counter_that_others_fill_keeps_the_owner_from_being_told() {
    let limits = [("OTP_SENDS_PER_IP_PER_HOUR", "3"), ("OTP_SENDS_PER_PREFIX_PER_HOUR", "10")];
    let app = TestApp::with_mail_and(&limits).await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let before = app.texts(PHONE).len();

    // The source of the change is full, and so is the block of numbers.
    let send = |source: String, body: Value| {
        let request = json_request(Method::POST, "/v1/otp/send", None, &body);
        let (app, source) = (app.clone(), source.parse::<IpAddr>().unwrap());
        async move { app.send_from(source, request).await }
    };
    for number in 0..10 {
        let phone = format!("+1415555{:04}", 200 + number * 37);
        send(format!("198.51.100.{number}"), json!({"phone": phone})).await;
    }
    let full = send("198.51.100.99".to_owned(), json!({"phone": "+14155550999"})).await;
    full.assert_problem(429, "sms_limit_reached");
    for name in ["a", "b"] {
        app.mail_challenge(&format!("{name}@example.net")).await;
    }
    app.send_code("+34612345678").await.assert_problem(429, "sms_limit_reached");

    let body = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post_as(&me.access, PATH, body).await.assert_done();
    assert_eq!(app.texts(PHONE).len(), before + 1);
}

#[tokio::test]
async fn a_notice_that_was_not_sent_leaves_room_for_the_next() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let before = app.texts(PHONE).len();
    let mut passwords = [PASSWORD, NEW_PASSWORD];
    for turn in 0..8 {
        app.aws.inbox.refuse(turn < 4);
        let [old, new] = passwords;
        app.post_as(&me.access, PATH, json!({"old_password": old, "new_password": new}))
            .await
            .assert_done();
        passwords = [new, old];
    }
    assert_eq!(app.texts(PHONE).len() - before, 3);
}

#[tokio::test]
async fn a_wrong_old_password_changes_nothing_and_signs_nobody_out() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let messages = app.texts(PHONE).len();
    let body = json!({"old_password": "wrong", "new_password": NEW_PASSWORD});
    app.post_as(&me.access, PATH, body).await.assert_problem(403, "invalid_credentials");
    app.post_as(&me.access, PATH, json!({"new_password": NEW_PASSWORD}))
        .await
        .assert_field("old_password");
    app.get_as(&me.access, "/v1/me").await.assert_ok();
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
    assert_eq!(app.texts(PHONE).len(), messages, "no notice was sent");
}

#[tokio::test]
async fn wrong_old_passwords_make_the_next_wait_and_delay_no_sign_in() {
    let app = TestApp::with(&[("LOGIN_MAX_FAILURES", "3")]).await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let change = |old: &str| json!({"old_password": old, "new_password": NEW_PASSWORD});
    for _ in 0..3 {
        app.post_as(&me.access, PATH, change("wrong"))
            .await
            .assert_problem(403, "invalid_credentials");
    }

    let refused = app.post_as(&me.access, PATH, change(PASSWORD)).await;
    assert_eq!(refused.assert_wait(429, "too_many_attempts"), 15 * 60);
    let again = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    app.advance(15 * 60);
    let again = app.refresh(&again.refresh).await;
    let access = again.assert_ok()["access_token"].as_str().unwrap().to_owned();
    app.post_as(&access, PATH, change(PASSWORD)).await.assert_done();
}

#[tokio::test]
async fn a_user_without_a_password_needs_a_fresh_sign_in_to_set_one() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let body = json!({"new_password": NEW_PASSWORD});
    app.advance(600);
    let stale = app.post_as(&me.access, PATH, body.clone()).await;
    stale.assert_problem(401, "insufficient_user_authentication");

    let challenge = stale.header("www-authenticate");
    assert!(challenge.starts_with("Bearer "), "{challenge}");
    assert!(challenge.contains(r#"error="insufficient_user_authentication""#), "{challenge}");
    assert!(challenge.contains(r#"max_age="600""#), "{challenge}");

    // Refreshed tokens are new, but the sign-in is not.
    let refreshed = app.refresh(&me.refresh).await.assert_ok().clone();
    let token = |name: &str| refreshed[name].as_str().unwrap().to_owned();
    let still = app.post_as(&token("access_token"), PATH, body.clone()).await;
    still.assert_problem(401, "insufficient_user_authentication");
    assert_eq!(app.me(&token("access_token")).await["has_password"], false);

    let again = app.sign_in(PHONE).await;
    app.advance(599);
    let with_old = |old: &str| json!({"old_password": old, "new_password": NEW_PASSWORD});
    for none in ["there is none", " "] {
        app.post_as(&again.access, PATH, with_old(none))
            .await
            .assert_problem(403, "invalid_credentials");
    }
    app.post_as(&again.access, PATH, with_old("")).await.assert_field("old_password");
    app.post_as(&again.access, PATH, body).await.assert_done();
    app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.assert_ok();
    app.refresh(&token("refresh_token")).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn the_user_is_notified_by_text_or_else_by_e_mail() {
    let app = TestApp::with_mail().await;
    let change = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    let by_phone = app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "locale": "es"})).await;
    app.post_as(&by_phone.access, PATH, change.clone()).await.assert_done();

    let text = app.texts(PHONE).pop().unwrap().body;
    assert!(
        text.contains("Latchkey") && text.contains("contrase") && !text.contains(PASSWORD),
        "{text}"
    );

    let by_mail = app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    app.post_as(&by_mail.access, PATH, change.clone()).await.assert_done();
    let mail = app.texts(EMAIL).pop().unwrap().body;
    let start =
        "Your Latchkey password was changed. Not you? Undo it: https://id.example.com/undo/";
    assert!(mail.starts_with(start), "{mail}");

    let silent = app.sign_up(json!({"phone": OTHER_PHONE, "password": PASSWORD})).await;
    app.aws.inbox.refuse(true);
    app.post_as(&silent.access, PATH, change).await.assert_done();
    app.login(json!({"phone": OTHER_PHONE}), NEW_PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn a_new_password_that_is_easy_to_guess_is_refused_with_the_reason() {
    let app = TestApp::with_mail().await;
    let body = json!({
        "phone": PHONE, "password": PASSWORD, "username": "annemarie", "name": "Barbara Lee"
    });
    let me = app.sign_up(body).await;
    app.advance(30);
    let id = app.post_as(&me.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(EMAIL)).await.assert_ok();

    let own = "your name, username, phone or e-mail address";
    for (new, reason) in [
        ("short", "at least 8 characters"),
        ("password123", "most common"),
        ("x latchkey x", own),
        ("barbara 1970", own),
        ("ANNEMARIE!", own),
        ("+14155550123", own),
        ("4155550123x", own),
        ("ann.lee 1970", own),
    ] {
        let body = json!({"old_password": PASSWORD, "new_password": new});
        app.post_as(&me.access, PATH, body).await.assert_weak("new_password", reason);
    }

    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn passwords_are_normalized_before_they_are_compared() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": "cafe\u{301} au lait"})).await;
    let long = "é".repeat(256);
    let body =
        json!({"old_password": "caf\u{e9} au lait", "new_password": "e\u{301}".repeat(255) + "z"});
    app.post_as(&me.access, PATH, body).await.assert_done();

    let body = json!({"old_password": "é".repeat(255), "new_password": "xyz abc def"});
    app.post_as(&me.access, PATH, body).await.assert_problem(403, "invalid_credentials");

    let body = json!({"old_password": "é".repeat(255) + "z", "new_password": format!("{long}z")});
    app.post_as(&me.access, PATH, body).await.assert_field("new_password");

    let body = json!({"old_password": format!("{long}z"), "new_password": "xyz abc def"});
    app.post_as(&me.access, PATH, body).await.assert_field("old_password");
}

#[tokio::test]
async fn a_stranger_is_refused_and_only_its_own_fields_in_json_are_read() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let body = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post(PATH, body.clone()).await.assert_problem(401, "token_invalid");
    app.post_as(&me.refresh, PATH, body.clone()).await.assert_problem(401, "token_invalid");

    bodies::assert_strict(&app, Some(&me.access), PATH, &body).await;
    app.post_as(&me.access, PATH, json!({"old_password": PASSWORD}))
        .await
        .assert_field("new_password");

    let answer = app.cut_off("DYNAMODB").post_as(&me.access, PATH, body).await;
    assert_eq!(answer.assert_wait(503, "unavailable"), 5);
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
}
