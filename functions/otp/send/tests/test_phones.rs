use serde_json::json;

use crate::testing::{PHONE, TestApp, accounts::PASSWORD, wrong};

const TEST_PHONE: &str = "+15005550006";

async fn app() -> TestApp {
    let settings = [
        ("TEST_PHONE_NUMBERS", "+15005550006=123456,+999000000=00000001"),
        ("TEST_PHONES_UNTIL", "2027-02-01"),
        ("ALLOWED_COUNTRIES", "ES"),
        ("OTP_SENDS_PER_IP_PER_HOUR", "1"),
    ];
    TestApp::with(&settings).await
}

#[tokio::test]
async fn a_test_phone_is_sent_nothing_and_has_a_fixed_code() {
    let app = app().await;
    for (phone, code, length) in [(TEST_PHONE, "123456", 6), ("+999000000", "00000001", 8)] {
        let sent = app.send_code(phone).await;
        assert_eq!((sent.status.as_u16(), &sent.json["code_length"]), (202, &length.into()));
        assert_eq!(sent.json["resend_in"], 0);
        let id = sent.json["challenge_id"].as_str().unwrap();
        assert_eq!(app.resend(id).await.status, 202);
        app.verify(id, &wrong(code)).await.assert_problem(400, "otp_incorrect");
        assert_eq!(app.verify(id, code).await.assert_ok()["user"]["phone"], phone);
        app.verify(id, code).await.assert_problem(410, "otp_expired");
    }

    assert!(app.aws.inbox.messages(None).is_empty());
}

#[tokio::test]
async fn a_test_phone_is_not_notified_of_changes() {
    let app = app().await;
    let me = app.verify(&app.challenge(TEST_PHONE).await, "123456").await.signed_in();
    let body = json!({"new_password": PASSWORD});
    app.post_as(&me.access, "/v1/password/change", body).await.assert_done();
    assert!(app.aws.inbox.messages(None).is_empty());
}

#[tokio::test]
async fn limits_do_not_apply_to_a_test_phone() {
    let app = app().await;
    for _ in 0..6 {
        let id = app.challenge(TEST_PHONE).await;
        for _ in 0..5 {
            app.verify(&id, "654321").await.assert_problem(400, "otp_incorrect");
        }
        app.verify(&id, "123456").await.assert_problem(429, "otp_locked");
    }

    let id = app.challenge(TEST_PHONE).await;
    app.verify(&id, "123456").await.assert_ok();
    assert_eq!(
        app.send_code("+34612345678").await.status,
        202,
        "nothing was counted for the source"
    );
}

#[tokio::test]
async fn proving_a_challenge_of_a_test_phone_closes_the_others() {
    let app = app().await;
    let (first, second) = (app.challenge(TEST_PHONE).await, app.challenge(TEST_PHONE).await);
    app.verify(&first, "123456").await.assert_ok();
    app.verify(&second, "123456").await.assert_problem(410, "otp_expired");
}

#[tokio::test]
async fn a_test_phone_is_an_ordinary_phone_after_its_period() {
    let app = app().await;
    let id = app.challenge(TEST_PHONE).await;
    app.verify(&id, "123456").await.assert_ok();
    app.advance(18 * 24 * 3600);
    // It is a personal number, which gets no texts.
    app.send_code(TEST_PHONE).await.assert_problem(400, "invalid_phone");
    app.send_code("+999000000").await.assert_problem(400, "invalid_phone");
}

#[tokio::test]
async fn other_phones_do_not_accept_the_fixed_code() {
    let app = TestApp::with(&[
        ("TEST_PHONE_NUMBERS", "+15005550006=123456"),
        ("TEST_PHONES_UNTIL", "2027-02-01"),
        ("OTP_LENGTH", "10"),
    ]);
    let app = app.await;
    let id = app.challenge(PHONE).await;
    app.verify(&id, "123456").await.assert_problem(400, "otp_incorrect");
    assert_eq!(app.texts(PHONE).len(), 1);
}
