//! Faults that [`crate::promises::faults`] does not try at every endpoint: those of counters, of
//! slow calls, and of requests that arrive together.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use embedded_aws::faults::{Call, Fault, Refusal};
use serde_json::json;
use tokio::sync::Barrier;

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, PASSWORD},
    at_once,
    faults::{EVERY, Trial, assert_unavailable},
    json_request, wrong,
};

/// Whether a call writes the throttle of an identifier.
fn writes_throttle(call: &Call) -> bool {
    call.writes() && call.mentions("THROTTLE")
}

async fn send_code(trial: &Trial) -> Answer {
    trial.send(json_request(Method::POST, "/v1/otp/send", None, &json!({"phone": PHONE}))).await
}

async fn verify(trial: &Trial, id: &str, code: &str) -> Answer {
    trial
        .send(json_request(
            Method::POST,
            "/v1/otp/verify",
            None,
            &json!({"challenge_id": id, "code": code}),
        ))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_compared_that_cannot_be_counted() {
    let app = TestApp::start().await;
    app.person(PHONE).await;

    let trial = Trial::of(app).await;
    for refusal in [Refusal::Throttling, Refusal::InternalServerError, Refusal::AccessDenied] {
        trial.faults.inject(writes_throttle, EVERY, Fault::Refuse(refusal));
        for password in [PASSWORD, "somebody else's guess"] {
            let body = json!({"phone": PHONE, "password": password});
            let answer =
                trial.send(json_request(Method::POST, "/v1/auth/login", None, &body)).await;
            assert_unavailable(password, &answer);
        }
        trial.faults.heal();
    }

    trial.faulty.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_second_factor_is_compared_that_cannot_be_counted() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let (token, code) = (app.first_factor(PHONE).await, authenticator.code(&app));
    let trial = Trial::of(app).await;

    let of_token = |call: &Call| call.is("DYNAMODB", "UpdateItem") && call.mentions("MFA#");
    for matches in [writes_throttle, of_token] {
        trial.faults.inject(matches, EVERY, Fault::Refuse(Refusal::Throttling));
        for code in [&code, &wrong(&code)] {
            assert_unavailable("mfa", &trial.faulty.totp(&token, code).await);
        }
        trial.faults.heal();
    }

    trial.faulty.totp(&token, &code).await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_code_is_compared_that_cannot_be_counted() {
    let app = TestApp::start().await;
    let (id, code) = (app.challenge(PHONE).await, app.code(PHONE));
    let trial = Trial::of(app).await;
    trial.faults.inject(writes_throttle, EVERY, Fault::Refuse(Refusal::Throttling));
    for guess in [&code, &wrong(&code)] {
        assert_unavailable("verify", &verify(&trial, &id, guess).await);
    }

    trial.faults.heal();
    verify(&trial, &id, &code).await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_sns_or_ses_does_not_accept_is_refunded() {
    let settings = [("OTP_SENDS_PER_IP_PER_HOUR", "2"), ("OTP_SENDS_PER_PHONE_PER_HOUR", "1")];
    let trial = Trial::of(TestApp::with_mail_and(&settings).await).await;
    let refusals = [Fault::Refuse(Refusal::Throttling), Fault::Refuse(Refusal::AccessDenied)];
    // An e-mail costs nothing, so one that may have been sent counts as not sent.
    let unknown = [Fault::Reset, Fault::HoldReply];

    for (service, body) in [("SNS", json!({"phone": PHONE})), ("SESV2", json!({"email": EMAIL}))] {
        let address = body["phone"].as_str().or(body["email"].as_str()).unwrap().to_owned();
        let unknown = unknown.iter().filter(|_| service == "SESV2");
        for fault in refusals.iter().chain(unknown).cloned() {
            trial.faults.inject(move |call| call.service == service, EVERY, fault);
            let answer = trial.send(json_request(Method::POST, "/v1/otp/send", None, &body)).await;
            assert_unavailable(service, &answer);
            trial.faults.heal();
        }

        // The cooldown, the address's hourly count and the source's hourly count were all refunded.
        let sent = trial.send(json_request(Method::POST, "/v1/otp/send", None, &body)).await;
        trial.app.verify(&sent.challenge_id(), &trial.app.code(&address)).await.assert_ok();
    }

    // Used codes gave back their messages, too: two more can be sent, and then no more.
    trial.app.challenge(OTHER_PHONE).await;
    trial.app.challenge(PHONE).await;
    let limited = trial.app.send_code("+14155550177").await;
    assert!(limited.assert_wait(429, "sms_limit_reached") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_may_have_been_sent_is_not_sent_again() {
    let trial = Trial::of(TestApp::with_mail().await).await;
    let bodies = [json!({"phone": PHONE}), json!({"email": EMAIL})];
    for (fault, body) in [Fault::LoseReply, Fault::HoldReply]
        .into_iter()
        .flat_map(|fault| bodies.iter().map(move |body| (fault.clone(), body)))
    {
        trial.faults.inject(|call| matches!(call.service, "SNS" | "SESV2"), EVERY, fault);
        let before = trial.app.aws.inbox.messages(None).len();
        let answer = trial.send(json_request(Method::POST, "/v1/otp/send", None, body)).await;
        assert_eq!(trial.app.aws.inbox.messages(None).len() - before, 1);
        trial.faults.heal();

        if let Some(phone) = body["phone"].as_str() {
            // A text that arrives all the same is of use.
            let code = trial.app.code(phone);
            trial.app.verify(&answer.challenge_id(), &code).await.assert_ok();
        } else {
            assert_unavailable("otp-send", &answer);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_counts_once() {
    // On a busy machine a call may be too slow for the SDK, which is another fault: try again.
    let mut is_answered = false;
    for _ in 0..3 {
        is_answered = is_answered || lose_replies().await;
    }
    assert!(is_answered, "unavailable three times");
}

/// Loses the first reply to the write of a message and of each of five wrong codes. Returns whether
/// all requests were answered.
async fn lose_replies() -> bool {
    let app = TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "1")]).await;
    let trial = Trial::of(app).await;
    let first_write =
        |call: &Call| call.writes() && (call.mentions("ADDRESS") || call.mentions("THROTTLE"));

    // The only message that the source may ask for.
    trial.faults.inject(first_write, (0, 1), Fault::LoseReply);
    let sent = send_code(&trial).await;
    if sent.status == 503 {
        return false;
    }

    let (id, code) = (sent.challenge_id(), trial.app.code(PHONE));
    trial.faults.heal();
    for left in (0..5).rev() {
        trial.faults.inject(first_write, (0, 1), Fault::LoseReply);
        let answer = verify(&trial, &id, &wrong(&code)).await;
        if answer.status == 503 {
            return false;
        }
        answer.assert_problem(400, "otp_incorrect");
        assert_eq!(answer.json["attempts_left"], left);
        trial.faults.heal();
    }

    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_refunds_once() {
    let trial = Trial::of(TestApp::with(&[("OTP_SENDS_PER_IP_PER_HOUR", "2")]).await).await;
    trial.app.challenge(OTHER_PHONE).await;
    trial.faults.inject(|call| call.service == "SNS", EVERY, Fault::Refuse(Refusal::AccessDenied));
    trial.faults.inject(|call| call.mentions("minus_one"), (0, 1), Fault::LoseReply);
    assert_unavailable("otp-send", &send_code(&trial).await);

    trial.faults.heal();
    let refunds = trial.faults.calls().iter().filter(|call| call.mentions("minus_one")).count();
    assert_eq!(
        refunds, 3,
        "to source, prefix and budget, in one attempt each: others may have written since"
    );

    send_code(&trial).await.challenge_id();
    assert!(trial.app.send_code("+14155550199").await.assert_wait(429, "sms_limit_reached") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_takes_one_try_of_a_second_factor() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let (token, code) = (app.first_factor(PHONE).await, authenticator.code(&app));
    let trial = Trial::of(app).await;

    for left in (0..5).rev() {
        trial.faults.inject(|call| call.mentions("MFA#"), (0, 1), Fault::LoseReply);
        trial.faulty.totp(&token, &wrong(&code)).await.assert_wrong(Some(left));
        trial.faults.heal();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_too_slow_is_unavailable_in_time() {
    let app = TestApp::start().await;
    let me = app.person(PHONE).await;
    let slow = Trial::of(app.clone()).await;
    slow.faults.inject(
        |call| call.service == "DYNAMODB",
        EVERY,
        Fault::Delay(Duration::from_millis(1_500)),
    );
    let login = json!({"phone": PHONE, "password": PASSWORD});
    let refresh_form = axum::http::Request::post("/oauth2/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("grant_type=refresh_token&refresh_token={}", me.refresh).into())
        .unwrap();
    let requests = [
        json_request(Method::POST, "/v1/otp/send", None, &json!({"phone": OTHER_PHONE})),
        json_request(Method::POST, "/v1/auth/login", None, &login),
        json_request(Method::DELETE, "/v1/me", Some(&me.access), &json!({})),
        refresh_form,
    ];

    let slow = Arc::new(slow);

    let answers: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let slow = slow.clone();
            tokio::spawn(async move { slow.send(request).await })
        })
        .collect();
    for answer in answers {
        assert_unavailable("slow", &answer.await.unwrap());
    }

    app.get_as(&me.access, "/v1/me").await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_of_many_slow_calls_ends_at_its_deadline() {
    let app = TestApp::start().await;
    let (_, authenticator) = app.protected(PHONE).await;
    let token = app.first_factor(PHONE).await;
    let code = authenticator.code(&app);

    let trial = Trial::of(app).await;

    // Each call succeeds at its third try or not at all. No single call uses up the deadline.
    trial.faults.inject(|_| true, EVERY, Fault::Delay(Duration::from_millis(900)));
    let both = json!({"mfa_token": token, "method": "totp", "code": code});
    let request = json_request(Method::POST, "/v1/auth/mfa", None, &both);
    assert_unavailable("auth-mfa", &trial.send(request).await);
    trial.faults.heal();
    trial.faulty.sign_in_with_both(PHONE, &authenticator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_starts_without_its_secrets_recovers_when_they_return() {
    let app = TestApp::start().await;
    let (id, code) = (app.challenge(PHONE).await, app.code(PHONE));
    let trial = Trial::of(app).await;

    for fault in [
        Fault::Refuse(Refusal::Throttling),
        Fault::Refuse(Refusal::AccessDenied),
        Fault::Reset,
        Fault::HoldReply,
    ] {
        trial.faults.inject(|call| call.service == "SECRETSMANAGER", EVERY, fault);
        assert_unavailable("otp-verify", &verify(&trial, &id, &code).await);
        trial.faults.heal();
    }

    verify(&trial, &id, &code).await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_conflict_is_retried() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let trial = Trial::of(app).await;
    let transacts = |call: &Call| call.operation == "TransactWriteItems";

    for reason in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        // More often than the SDK would retry.
        trial.faults.inject(transacts, (0, 5), Fault::Refuse(Refusal::TransactionCanceled(reason)));
        let name = json!({"name": reason});
        assert_eq!(trial.faulty.patch_me(&me.access, name).await.assert_ok()["name"], reason);
        trial.faults.heal();
    }

    trial.faults.inject(
        transacts,
        EVERY,
        Fault::Refuse(Refusal::TransactionCanceled("TransactionConflict")),
    );
    assert_unavailable(
        "me-update",
        &trial.faulty.patch_me(&me.access, json!({"name": "Ann"})).await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn right_codes_that_reach_the_table_together_sign_in_once() {
    let app = TestApp::start().await;
    let (id, code) = (app.challenge(PHONE).await, app.code(PHONE));
    let trial = Trial::of(app).await;
    let gather = Fault::Gather(Arc::new(Barrier::new(8)));
    trial.faults.inject(writes_throttle, (0, 8), gather);
    let answers = at_once(8, |_| {
        let (app, id, code) = (trial.faulty.clone(), id.clone(), code.clone());
        async move { app.verify(&id, &code).await }
    })
    .await;

    assert_eq!(trial.faults.struck(), 8);
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.json["code"] == "otp_expired").count(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_reserves_a_price_once_and_refunds_it_once() {
    // Room for two texts.
    let app = TestApp::with(&[
        ("SMS_MONTHLY_BUDGET_USD", "1"),
        ("SMS_BUDGET_RESERVED_PERCENT", "0"),
        ("SMS_PRICES_USD", "US=0.5,GB=0.5"),
    ])
    .await;
    let trial = Trial::of(app).await;
    let is_spending = |call: &Call| call.is("DYNAMODB", "UpdateItem") && call.mentions("SPENDING");

    trial.faults.inject(is_spending, (0, 1), Fault::LoseReply);
    send_code(&trial).await.challenge_id();
    trial.faults.heal();
    trial.faults.inject(|call| call.service == "SNS", EVERY, Fault::Refuse(Refusal::AccessDenied));
    trial.faults.inject(is_spending, (1, 1), Fault::LoseReply);
    assert_unavailable("otp-send", &trial.faulty.send_code(OTHER_PHONE).await);

    trial.faults.heal();
    trial.faulty.send_code(OTHER_PHONE).await.challenge_id();
    trial.faulty.send_code("+14155550199").await.assert_wait(429, "sms_limit_reached");
}
