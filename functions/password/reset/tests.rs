use serde_json::json;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, OTHER_EMAIL, PASSWORD},
    bodies, wrong,
};

const PATH: &str = "/v1/password/reset";

/// The service with a user who has an e-mail address and a password, and the token of a link that
/// they were sent.
async fn app_with_link() -> (TestApp, String) {
    let app = TestApp::with_mail().await;
    app.sign_up(json!({"email": EMAIL, "password": PASSWORD, "name": "Barbara Lee"})).await;
    app.advance(60);
    app.forgot(json!({"email": EMAIL})).await.challenge_id();
    let token = app.link_token(EMAIL);
    (app, token)
}

#[tokio::test]
async fn a_code_sets_a_password_ends_all_sessions_and_signs_nobody_in() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    app.advance(60);
    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    app.get_as(&me.access, "/v1/me").await.assert_ok();

    let code = app.code(PHONE);
    app.reset(&id, &code, NEW_PASSWORD).await.assert_done();
    app.get_as(&me.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&me.refresh).await.assert_problem(401, "token_invalid");
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_problem(401, "invalid_credentials");

    let again = app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.signed_in();
    assert_eq!(again.id(), me.id());
    app.reset(&id, &code, PASSWORD).await.assert_problem(410, "otp_expired");
    app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn resets_do_not_lift_the_ceiling_on_texts_to_a_phone() {
    let app = TestApp::with_mail_and(&[
        ("OTP_RESEND_COOLDOWN_SECONDS", "1"),
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000"),
        ("OTP_SENDS_PER_PREFIX_PER_HOUR", "1000"),
    ])
    .await;
    let me = app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    let id = app.post_as(&me.access, "/v1/me/phone", json!({"phone": PHONE})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(PHONE)).await.assert_ok();

    let before = app.texts(PHONE).len();
    for _ in 0..8 {
        for _ in 0..6 {
            app.send_code(PHONE).await;
            app.advance(20);
        }
        app.forgot(json!({"email": EMAIL})).await.challenge_id();
        app.reset_by_link(&app.link_token(EMAIL), NEW_PASSWORD).await.assert_done();
    }
    app.send_code(PHONE).await.assert_problem(429, "sms_limit_reached");
    // Five times the limit of an hour, one of them to confirm the phone. Notices go by e-mail.
    assert_eq!(app.texts(PHONE).len() - before, 24);
}

#[tokio::test]
async fn a_link_sets_a_password_once_ends_all_sessions_and_signs_nobody_in() {
    let (app, token) = app_with_link().await;
    let me = app.login(json!({"email": EMAIL}), PASSWORD).await.signed_in();

    // Opening a link, as scanners of e-mails do, does not use it up.
    app.get(PATH).await.assert_problem(405, "method_not_allowed");
    app.get(&format!("{PATH}?token={token}")).await.assert_problem(405, "method_not_allowed");
    app.reset_by_link(&token, NEW_PASSWORD).await.assert_done();
    app.get_as(&me.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&me.refresh).await.assert_problem(401, "token_invalid");
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_problem(401, "invalid_credentials");
    app.login(json!({"email": EMAIL}), NEW_PASSWORD).await.assert_ok();
    app.reset_by_link(&token, PASSWORD).await.assert_problem(401, "token_invalid");
    app.login(json!({"email": EMAIL}), NEW_PASSWORD).await.assert_ok();
    assert!(app.items_like("RESET").await.is_empty());
}

#[tokio::test]
async fn the_code_in_an_e_mail_works_as_well_and_ends_its_link() {
    let (app, _) = app_with_link().await;
    app.advance(60);
    let id = app.forgot(json!({"email": EMAIL})).await.challenge_id();
    let (code, token) = (app.code(EMAIL), app.link_token(EMAIL));
    app.reset(&id, &code, NEW_PASSWORD).await.assert_done();
    app.reset_by_link(&token, PASSWORD).await.assert_problem(401, "token_invalid");
    app.login(json!({"email": EMAIL}), NEW_PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn a_link_works_for_half_an_hour() {
    let (app, token) = app_with_link().await;
    app.advance(30 * 60);
    app.reset_by_link(&token, NEW_PASSWORD).await.assert_problem(401, "token_invalid");
    let (app, token) = app_with_link().await;
    app.advance(30 * 60 - 1);
    app.reset_by_link(&token, NEW_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn any_other_change_of_the_password_ends_a_link() {
    let (app, token) = app_with_link().await;
    let me = app.login(json!({"email": EMAIL}), PASSWORD).await.signed_in();
    let body = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post_as(&me.access, "/v1/password/change", body).await.assert_done();
    app.reset_by_link(&token, "another password").await.assert_problem(401, "token_invalid");
    app.login(json!({"email": EMAIL}), NEW_PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn any_other_change_of_the_password_ends_a_code() {
    let (app, token) = app_with_link().await;
    app.advance(60);
    let id = app.forgot(json!({"email": EMAIL})).await.challenge_id();
    let code = app.code(EMAIL);
    app.reset_by_link(&token, NEW_PASSWORD).await.assert_done();
    app.reset(&id, &code, PASSWORD).await.assert_problem(410, "otp_expired");
    app.login(json!({"email": EMAIL}), NEW_PASSWORD).await.assert_ok();

    // Nor does it reset the password of the next user with this address.
    app.advance(2 * 3600);
    let id = app.forgot(json!({"email": EMAIL})).await.challenge_id();
    let code = app.code(EMAIL);
    let me = app.login(json!({"email": EMAIL}), NEW_PASSWORD).await.signed_in();
    app.delete_me(&me.access).await.assert_done();

    app.advance(120);
    app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    app.reset(&id, &code, NEW_PASSWORD).await.assert_problem(410, "otp_expired");
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn a_link_no_longer_works_after_its_address_has_changed() {
    let (app, token) = app_with_link().await;
    let me = app.login(json!({"email": EMAIL}), PASSWORD).await.signed_in();
    let id =
        app.post_as(&me.access, "/v1/me/email", json!({"email": OTHER_EMAIL})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(OTHER_EMAIL)).await.assert_ok();
    app.reset_by_link(&token, NEW_PASSWORD).await.assert_problem(401, "token_invalid");
    app.login(json!({"email": OTHER_EMAIL}), PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn a_link_and_a_code_end_with_the_account() {
    let app = TestApp::with_mail().await;
    let me = app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    app.advance(60);
    let id = app.forgot(json!({"email": EMAIL})).await.challenge_id();
    let (code, token) = (app.code(EMAIL), app.link_token(EMAIL));
    app.delete_me(&me.access).await.assert_done();
    app.reset_by_link(&token, NEW_PASSWORD).await.assert_problem(401, "token_invalid");
    app.reset(&id, &code, NEW_PASSWORD).await.assert_problem(410, "otp_expired");
    assert!(app.items_like("USER").await.is_empty());
}

#[tokio::test]
async fn a_user_who_was_disabled_in_the_meantime_cannot_set_a_password() {
    let (app, token) = app_with_link().await;
    let me = app.login(json!({"email": EMAIL}), PASSWORD).await.signed_in();
    app.advance(60);
    let id = app.forgot(json!({"email": EMAIL})).await.challenge_id();
    let code = app.code(EMAIL);
    app.disable(me.id()).await;
    app.reset_by_link(&token, NEW_PASSWORD).await.assert_problem(401, "token_invalid");
    app.reset(&id, &code, NEW_PASSWORD).await.assert_problem(410, "otp_expired");
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_problem(403, "user_disabled");
}

#[tokio::test]
async fn the_user_is_notified_by_the_other_channel() {
    let app = TestApp::with_mail().await;
    let told = "password was changed";
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let id = app.post_as(&me.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(EMAIL)).await.assert_ok();

    app.advance(60);
    for (who, used, other) in
        [(json!({"phone": PHONE}), PHONE, EMAIL), (json!({"email": EMAIL}), EMAIL, PHONE)]
    {
        let id = app.forgot(who).await.challenge_id();
        app.reset(&id, &app.code(used), NEW_PASSWORD).await.assert_done();
        assert!(app.texts(other).pop().unwrap().body.contains(told), "{other}");
        assert!(!app.texts(used).pop().unwrap().body.contains(told), "{used}");
        app.advance(3600);
    }
}

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused_before_the_code_is_used_up() {
    let (app, token) = app_with_link().await;
    app.advance(60);
    let id = app.forgot(json!({"email": EMAIL})).await.challenge_id();
    let code = app.code(EMAIL);
    let own = "your name, username, phone or e-mail address";

    for (new, reason) in
        [("short", "at least 8"), ("password123", "most common"), ("my latchkey", own)]
    {
        app.reset(&id, &code, new).await.assert_weak("new_password", reason);
        app.reset(&id, &wrong(&code), new).await.assert_weak("new_password", reason);
        app.reset_by_link(&token, new).await.assert_weak("new_password", reason);
    }

    assert_eq!(app.get(&format!("/v1/otp/{id}")).await.json["attempts_left"], 5);
    for new in ["barbara 1970", "ann.lee 1970"] {
        app.reset_by_link(&token, new).await.assert_weak("new_password", own);
    }

    app.reset(&id, &code, "barbara 1970").await.assert_weak("new_password", own);
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_ok();

    // The personal words are known only after the proof, so the code was refunded.
    app.reset(&id, &code, NEW_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_reset_needs_one_complete_proof() {
    let (app, token) = app_with_link().await;
    app.advance(60);
    let id = app.forgot(json!({"email": EMAIL})).await.challenge_id();
    let code = app.code(EMAIL);
    let by_code = json!({"challenge_id": id, "code": code, "new_password": NEW_PASSWORD});
    bodies::assert_strict(&app, None, PATH, &by_code).await;
    bodies::assert_strict(&app, None, PATH, &json!({"token": token, "new_password": NEW_PASSWORD}))
        .await;

    for (body, field) in [
        (json!({"new_password": NEW_PASSWORD}), "challenge_id"),
        (json!({"challenge_id": id, "new_password": NEW_PASSWORD}), "challenge_id"),
        (json!({"code": code, "new_password": NEW_PASSWORD}), "challenge_id"),
        (
            json!({"challenge_id": id, "code": code, "token": token, "new_password": NEW_PASSWORD}),
            "challenge_id",
        ),
        (json!({"challenge_id": id, "code": "12345", "new_password": NEW_PASSWORD}), "code"),
        (json!({"challenge_id": id, "code": code}), "new_password"),
        (
            json!({"challenge_id": id, "code": code, "new_password": "x".repeat(257)}),
            "new_password",
        ),
    ] {
        app.post(PATH, body).await.assert_field(field);
    }

    for token in ["", "x", &token[1..], &format!("{token}A"), &token.to_lowercase()] {
        app.reset_by_link(token, NEW_PASSWORD).await.assert_problem(401, "token_invalid");
    }

    let unknown = "01890000-0000-7000-8000-000000000000";
    app.reset(unknown, &code, NEW_PASSWORD).await.assert_problem(410, "otp_expired");

    let answer = app.cut_off("DYNAMODB").reset(&id, &code, NEW_PASSWORD).await;
    assert_eq!(answer.assert_wait(503, "unavailable"), 5);
    app.reset(&id, &code, NEW_PASSWORD).await.assert_done();
}

#[tokio::test]
async fn a_code_has_five_tries_and_works_for_five_minutes() {
    let app = TestApp::start().await;
    for phone in [PHONE, OTHER_PHONE] {
        app.sign_up(json!({"phone": phone, "password": PASSWORD})).await;
    }

    app.advance(60);
    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    let code = app.code(PHONE);

    for _ in 0..5 {
        app.reset(&id, &wrong(&code), NEW_PASSWORD).await.assert_problem(400, "otp_incorrect");
    }

    app.reset(&id, &code, NEW_PASSWORD).await.assert_problem(429, "otp_locked");
    let id = app.forgot(json!({"phone": OTHER_PHONE})).await.challenge_id();
    app.advance(300);
    app.reset(&id, &app.code(OTHER_PHONE), NEW_PASSWORD).await.assert_problem(410, "otp_expired");
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
}
