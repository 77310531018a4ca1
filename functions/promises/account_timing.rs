//! The time that a response takes does not reveal whether somebody has an account.
//!
//! These tests measure. Samples of known and unknown people alternate, and their medians are
//! compared. A machine that is busy with something else gets another attempt.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::testing::{Answer, PHONE, TestApp, accounts::PASSWORD};
use shared::apps::{AppChange, DEFAULT_CLIENT_ID, SignUp};

/// How many people have an account. As many have none.
const PEOPLE: usize = 50;
/// Samples of each person: 300 in all for known people, and 300 for unknown ones. So few failures
/// lock nobody out.
const TURNS: usize = 6;
/// How far apart the medians may be, in percent.
const TOLERANCE: f64 = 10.0;
const ATTEMPTS: usize = 6;

/// The identifier of person number `index`, in JSON. The flag says whether they have an account.
type Who = fn(usize, bool) -> Value;

fn phone(index: usize, is_known: bool) -> Value {
    json!({"phone": format!("+1415555{:04}", if is_known { 2000 } else { 4000 } + index)})
}

fn email(index: usize, is_known: bool) -> Value {
    json!({"email": format!("{}{index}@example.org", if is_known { "ann" } else { "abe" })})
}

async fn app_with_people(who: Who, password: bool) -> TestApp {
    let app = TestApp::with_mail_and(&[
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
        ("PASSWORD_FAILURES_PER_IP_PER_HOUR", "1000000"),
        ("OTP_SENDS_PER_PHONE_PER_HOUR", "100"),
        ("OTP_SENDS_PER_PHONE_PER_DAY", "100"),
        ("OTP_RESEND_COOLDOWN_SECONDS", "1"),
    ])
    .await;

    for index in 0..PEOPLE {
        let mut body = who(index, true);
        if password {
            body["password"] = json!(PASSWORD);
        }
        app.sign_up(body).await;
    }

    // The cooldown between two messages to an address depends on the last hour, not on an account.
    app.advance(3601);
    app
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}

async fn timed(request: impl Future<Output = Answer>) -> (Duration, Answer) {
    let start = Instant::now();
    let answer = request.await;
    (start.elapsed(), answer)
}

/// The median times, in seconds, of known and unknown people. Asserts that their responses are the
/// same. `at_once` requests run in parallel; the two kinds alternate.
async fn measure<F: Future<Output = Answer> + Send + 'static>(
    app: &TestApp,
    who: Who,
    at_once: usize,
    ask: impl Fn(TestApp, Value) -> F,
) -> (f64, f64) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        app.advance(20);

        // The order changes each turn, so that background work favours neither kind.
        let order = if turn % 2 == 0 { [true, false] } else { [false, true] };
        let people: Vec<_> =
            (0..PEOPLE).flat_map(|index| order.map(|is_known| (index, is_known))).collect();
        let mut texts = Vec::new();

        for some in people.chunks(at_once) {
            let asked: Vec<_> = some
                .iter()
                .map(|(index, is_known)| {
                    tokio::spawn(timed(ask(app.clone(), who(*index, *is_known))))
                })
                .collect();
            for ((_, is_known), answer) in some.iter().zip(asked) {
                let (time, answer) = answer.await.unwrap();
                if *is_known {
                    known.push(time)
                } else {
                    unknown.push(time)
                }
                texts.push(answer.without_ids());
            }
        }

        for pair in texts.chunks(2) {
            assert_eq!(pair[0], pair[1], "the response reveals who has an account");
        }
    }

    assert!(known.len() >= 300 && unknown.len() == known.len());
    (median(known), median(unknown))
}

/// Asserts that the two medians of `measure` are equal within [`TOLERANCE`], in one of
/// [`ATTEMPTS`]. Returns the smaller one, in seconds.
async fn assert_even(measure: impl AsyncFn() -> (f64, f64)) -> f64 {
    let mut medians = Vec::new();
    for _ in 0..ATTEMPTS {
        let (known, unknown) = measure().await;
        medians.push(format!("known {:.2} ms, unknown {:.2} ms", known * 1e3, unknown * 1e3));
        if 100.0 * (known - unknown).abs() / known.min(unknown) <= TOLERANCE {
            return known.min(unknown);
        }
    }

    panic!("the time reveals who has an account: {medians:?}");
}

#[tokio::test]
async fn a_wrong_password_takes_equally_long_for_known_and_unknown_people() {
    assert_even(async || {
        let app = app_with_people(phone, true).await;
        measure(&app, phone, 1, |app, who| async move {
            let answer = app.login(who, "wrong").await;
            answer.assert_problem(401, "invalid_credentials");
            answer
        })
        .await
    })
    .await;
}

#[tokio::test]
async fn a_sign_up_takes_equally_long_for_known_and_unknown_people() {
    assert_even(async || {
        let app = app_with_people(phone, false).await;
        measure(&app, phone, 1, |app, who| async move {
            let answer = app.register(who).await;
            answer.challenge_id();
            answer
        })
        .await
    })
    .await;
}

#[tokio::test]
async fn a_forgotten_password_takes_equally_long_for_known_and_unknown_people() {
    // Half of them by phone, half by e-mail. This is where sending a message differs most from
    // sending none.
    let who: Who = |index, is_known| {
        if index % 2 == 0 { phone(index, is_known) } else { email(index, is_known) }
    };

    let time = assert_even(async || {
        let app = app_with_people(who, false).await;
        measure(&app, who, 6, |app, who| async move {
            let answer = app.forgot(who).await;
            answer.challenge_id();
            answer
        })
        .await
    })
    .await;

    // No message leaves the machine in this test. Sending one would take longer, which this floor
    // hides.
    assert!(time >= 0.25, "{time} s");
}

#[tokio::test]
async fn a_code_takes_equally_long_for_known_and_unknown_people_when_sign_up_is_closed() {
    let time = assert_even(async || {
        let app = app_with_people(phone, false).await;
        let closed = AppChange { sign_up: Some(SignUp::Closed), ..AppChange::default() };
        app.latchkey.apps().change(DEFAULT_CLIENT_ID, &closed).await.unwrap();

        measure(&app, phone, 6, |app, who| async move {
            let answer = app.post("/v1/otp/send", who).await;
            answer.challenge_id();
            answer
        })
        .await
    })
    .await;
    // As above: sending a text would take longer, which this floor hides.
    assert!(time >= 0.25, "{time} s");
}

#[tokio::test]
async fn an_e_mail_change_takes_equally_long_for_known_and_unknown_people() {
    assert_even(async || {
        let app = app_with_people(email, false).await;
        let me = app.sign_in(PHONE).await.access;
        measure(&app, email, 1, |app, who| {
            let me = me.clone();
            async move {
                let answer = app.post_as(&me, "/v1/me/email", who).await;
                answer.challenge_id();
                answer
            }
        })
        .await
    })
    .await;
}
