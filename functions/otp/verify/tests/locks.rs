use crate::testing::{Answer, OTHER_PHONE, PHONE, TestApp, wrong};

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
        ("OTP_FAILURES_PER_PHONE_PER_DAY", "100"),
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
async fn ten_failures_lock_a_phone_for_15_minutes() {
    let app = TestApp::start().await;
    use_up(&app, 5).await;
    app.advance(30);
    let (id, code) = use_up(&app, 5).await;

    let both = async |wait: i64| {
        assert_eq!(app.send_code(PHONE).await.assert_wait(429, "otp_locked"), wait);
        assert_eq!(app.verify(&id, &code).await.assert_wait(429, "otp_locked"), wait);
        assert_eq!(app.resend(&id).await.assert_wait(429, "otp_locked"), wait);
    };
    both(900).await;
    app.advance(100);
    both(800).await;
    app.sign_in(OTHER_PHONE).await;
    app.advance(800);
    app.sign_in(PHONE).await;
}

#[tokio::test]
async fn the_right_code_is_refused_while_its_phone_is_locked() {
    let app = TestApp::with(&[("OTP_FAILURES_PER_PHONE_PER_DAY", "3")]).await;
    let (id, code) = use_up(&app, 3).await;
    let wait = |answer: Answer| answer.assert_wait(429, "otp_locked");
    assert_eq!(wait(app.verify(&id, &code).await), 24 * 3600);
    assert_eq!(wait(app.send_code(PHONE).await), 24 * 3600);
    app.advance(24 * 3600);
    app.sign_in(PHONE).await;
}

#[tokio::test]
async fn failures_in_a_row_lengthen_the_lockout_across_challenges() {
    let app = app().await;
    let mut failures = 0;
    let mut waits = Vec::new();

    while failures < 100 {
        let id = app.challenge(PHONE).await;
        let code = app.code(PHONE);
        for _ in 0..5 {
            let answer = app.verify(&id, &wrong(&code)).await;
            if answer.status == 429 {
                break;
            }
            answer.assert_problem(400, "otp_incorrect");
            failures += 1;
        }
        app.advance(10);
        let next = app.send_code(PHONE).await;
        if next.status == 429 {
            let wait = next.json["retry_after"].as_i64();
            waits.push((failures, wait.map(|wait| wait + 10)));
            app.advance(wait.unwrap_or_default());
        }
        app.advance(10);
    }

    let first_of = |wait: Option<i64>| {
        waits.iter().find(|(_, waited)| *waited == wait).map(|(failures, _)| *failures)
    };
    let steps = [Some(900), Some(3600), Some(24 * 3600), None].map(first_of);
    assert_eq!(steps, [Some(10), Some(20), Some(50), Some(100)], "{waits:?}");

    app.advance(365 * 24 * 3600);
    let off = app.send_code(PHONE).await;
    off.assert_problem(429, "otp_locked");
    assert!(off.json.get("retry_after").is_none(), "{}", off.text);
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

#[tokio::test]
async fn failures_have_a_daily_limit_even_with_successes_between_them() {
    let app = TestApp::with(&[
        ("OTP_FAILURES_PER_PHONE_PER_DAY", "6"),
        ("OTP_RESEND_COOLDOWN_SECONDS", "1"),
    ])
    .await;
    for _ in 0..2 {
        let (id, code) = use_up(&app, 3).await;
        app.advance(10);
        if app.texts(PHONE).len() == 1 {
            app.verify(&id, &code).await.assert_ok();
        }
    }

    assert_eq!(app.send_code(PHONE).await.assert_wait(429, "otp_locked"), 24 * 3600 - 20);
    app.advance(24 * 3600 - 20);
    app.sign_in(PHONE).await;
}

#[tokio::test]
async fn a_new_challenge_does_not_reset_failures() {
    let app = app().await;
    for _ in 0..3 {
        use_up(&app, 3).await;
        app.advance(20);
    }
    let (id, code) = use_up(&app, 1).await;
    assert_eq!(app.verify(&id, &code).await.assert_wait(429, "otp_locked"), 900);
}
