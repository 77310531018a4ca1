use embedded_aws::faults::{Call, Fault, Refusal};
use serde_json::json;

use crate::testing::{
    PHONE, TestApp,
    accounts::EMAIL,
    faults::{EVERY, Trial},
    wrong,
};

/// Opens a challenge and uses some of its tries. Returns its id and code.
async fn use_up(app: &TestApp, tries: usize) -> (String, String) {
    let id = app.challenge(PHONE).await;
    let code = app.code(PHONE);
    for _ in 0..tries {
        app.verify(&id, &wrong(&code)).await.assert_problem(400, "otp_incorrect");
    }
    (id, code)
}

/// An app in which no limit on texts makes a phone wait.
async fn app() -> TestApp {
    TestApp::with(&[
        ("OTP_RESEND_COOLDOWN_SECONDS", "1"),
        ("OTP_SENDS_PER_PHONE_PER_HOUR", "100"),
        ("OTP_SENDS_PER_PHONE_PER_DAY", "100"),
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000"),
    ])
    .await
}

#[tokio::test]
async fn five_wrong_codes_use_up_a_challenge() {
    let app = TestApp::start().await;
    let id = app.challenge(PHONE).await;
    let code = app.code(PHONE);

    for left in [4, 3, 2, 1, 0] {
        let answer = app.verify(&id, &wrong(&code)).await;
        answer.assert_problem(400, "otp_incorrect");
        assert_eq!(answer.json["attempts_left"], left);
    }

    for code in [&wrong(&code), &code] {
        let locked = app.verify(&id, code).await;
        locked.assert_problem(429, "otp_locked");
        assert!(
            locked.json.get("retry_after").is_none(),
            "the phone is not locked: {}",
            locked.text
        );
    }

    app.advance(30);
    app.sign_in(PHONE).await;
}

#[tokio::test]
async fn an_old_challenge_is_expired_rather_than_locked() {
    let app = TestApp::start().await;
    let (id, code) = use_up(&app, 5).await;
    app.advance(300);
    app.verify(&id, &code).await.assert_problem(410, "otp_expired");
}

#[tokio::test]
async fn a_sign_in_ends_the_row_of_failures() {
    let app = app().await;
    for _ in 0..4 {
        let (id, code) = use_up(&app, 4).await;
        app.verify(&id, &code).await.assert_ok();
        app.advance(10);
    }
}

/// Asks for a code. Returns the length that it has.
async fn length(app: &TestApp) -> i64 {
    let sent = app.send_code(PHONE).await;
    assert_eq!(sent.status, 202, "{}", sent.text);
    sent.json["code_length"].as_i64().unwrap()
}

#[tokio::test]
async fn wrong_codes_make_the_next_codes_longer_and_then_stop_them_for_a_day() {
    let app = app().await;
    let me = app.sign_in(PHONE).await;
    let mut lengths = Vec::new();
    for _ in 0..20 {
        app.advance(20);
        let sent = app.send_code(PHONE).await;
        lengths.push(sent.json["code_length"].as_i64().unwrap());
        let (id, code) = (sent.challenge_id(), app.code(PHONE));
        for _ in 0..5 {
            app.verify(&id, &wrong(&code)).await.assert_problem(400, "otp_incorrect");
        }
    }
    assert_eq!(lengths, [vec![6; 2], vec![8; 4], vec![10; 14]].concat());
    app.advance(20);
    let wait = app.send_code(PHONE).await.assert_wait(429, "otp_locked");
    assert_eq!(wait, 24 * 3600 - 20);

    // A known device signs in, and lets strangers have codes again.
    let body = json!({"phone": PHONE, "device_token": me.json["device_token"]});
    let known = app.post("/v1/otp/send", body).await;
    assert_eq!(known.json["code_length"], 6);
    app.verify(&known.challenge_id(), &app.code(PHONE)).await.assert_ok();
    assert_eq!(length(&app).await, 10, "the count of strangers goes on");
}

#[tokio::test]
async fn strangers_get_codes_again_after_a_day() {
    let app = app().await;
    for _ in 0..20 {
        use_up(&app, 5).await;
        app.advance(20);
    }
    app.advance(24 * 3600 - 21);
    assert_eq!(app.send_code(PHONE).await.assert_wait(429, "otp_locked"), 1);
    app.advance(1);
    assert_eq!(length(&app).await, 10);
    app.advance(20);
    app.sign_in(PHONE).await;
}

#[tokio::test]
async fn codes_stay_long_for_a_day_after_a_sign_in_on_a_new_device() {
    let app = app().await;
    for _ in 0..2 {
        use_up(&app, 5).await;
        app.advance(20);
    }
    app.sign_in(PHONE).await;
    assert_eq!(length(&app).await, 8);
    app.advance(24 * 3600);
    assert_eq!(length(&app).await, 6);
}

/// How often the SDK tries a call.
const SDK_TRIES: usize = 3;

#[tokio::test]
async fn a_code_whose_owner_cannot_be_read_works_again() {
    let app = TestApp::with_mail().await;
    let mail = "ann.lee+shop@example.org";
    let id = app.mail_challenge(mail).await;
    let code = app.code(mail);
    let trial = Trial::of(app).await;
    let reads = |call: &Call| call.is("DYNAMODB", "GetItem") || call.is("DYNAMODB", "Query");
    let refusal = Fault::Refuse(Refusal::ProvisionedThroughputExceeded);
    let mut failed = 0;
    loop {
        trial.faults.heal();
        trial.faults.inject(reads, (failed, SDK_TRIES), refusal.clone());
        let answer = trial.faulty.verify(&id, &code).await;
        if answer.status == 200 {
            break;
        }
        answer.assert_problem(503, "unavailable");
        failed += 1;
    }
    assert!(failed > 1, "only {failed} reads");
}

/// The owner gets the note before the code counts that shuts strangers out, so that any other way to
/// sign in lets strangers get codes again.
#[tokio::test]
async fn another_sign_in_ends_the_stop_of_codes_also_if_the_last_wrong_one_failed() {
    let app = TestApp::with_mail_and(&[
        ("OTP_MAX_ATTEMPTS", "10"),
        ("OTP_RESEND_COOLDOWN_SECONDS", "1"),
        ("OTP_SENDS_PER_PHONE_PER_HOUR", "100"),
        ("OTP_SENDS_PER_PHONE_PER_DAY", "100"),
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000"),
        ("OTP_MAX_FAILED_PERCENT", "100"),
    ])
    .await;
    let me = app.sign_in(PHONE).await;
    let id = app.post_as(&me.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(EMAIL)).await.assert_ok();
    app.advance(3600);
    for _ in 0..9 {
        use_up(&app, 10).await;
        app.advance(20);
    }
    let (id, code) = use_up(&app, 9).await;

    let trial = Trial::of(app).await;
    let notes = |call: &Call| call.is("DYNAMODB", "UpdateItem") && call.mentions("locked_out");
    let refusal = Fault::Refuse(Refusal::ProvisionedThroughputExceeded);
    trial.faults.inject(notes, EVERY, refusal);
    trial.faulty.verify(&id, &wrong(&code)).await.assert_problem(503, "unavailable");

    let app = trial.app;
    app.verify(&id, &wrong(&code)).await.assert_problem(400, "otp_incorrect");
    app.send_code(PHONE).await.assert_problem(429, "otp_locked");
    let id = app.mail_challenge(EMAIL).await;
    app.verify(&id, &app.code(EMAIL)).await.assert_ok();
    app.advance(600);
    assert_eq!(app.send_code(PHONE).await.status, 202);
}
