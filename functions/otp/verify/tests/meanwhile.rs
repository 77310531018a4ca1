//! Sign-ins of people whose account changes while their code is checked. The session and its event
//! are written together then, as the account was a moment ago.

use std::sync::Arc;

use embedded_aws::faults::{Call, Fault};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::testing::{Answer, PHONE, SignedIn, TestApp, accounts::PASSWORD, faults::Trial, wrong};

/// Signs in, and does something `meanwhile`: after the user was read, before their try is counted.
async fn sign_in_meanwhile<T>(trial: &Trial, meanwhile: impl Future<Output = T>) -> (Answer, T) {
    let id = trial.app.challenge(PHONE).await;
    let (slow, code) = (trial.faulty.clone(), trial.app.code(PHONE));
    let held = Arc::new(Barrier::new(2));
    let is_try = |call: &Call| call.is("DYNAMODB", "PutItem");
    let is_read = |call: &Call| call.is("DYNAMODB", "GetItem") && call.mentions("USER#");
    trial.faults.inject(is_try, (0, 1), Fault::Gather(held.clone()));

    let verified = tokio::spawn(async move { slow.verify(&id, &code).await });
    loop {
        let calls = trial.faults.calls();
        if calls.iter().any(is_try) && calls.iter().any(is_read) {
            break;
        }
        tokio::task::yield_now().await;
    }
    let done = meanwhile.await;
    held.wait().await;
    (verified.await.unwrap(), done)
}

/// The sign-ins of a person in the audit trail, newest first.
async fn sign_ins(app: &TestApp, admin: &SignedIn, person: &SignedIn) -> Vec<Value> {
    let path = format!("/v1/audit?target=user:{}&action=sign_in", person.id());
    app.all(admin, &path, 100).await
}

async fn prepared() -> (Trial, SignedIn, SignedIn) {
    let (app, admin) = TestApp::with_admin().await;
    let person = app.sign_in(PHONE).await;
    app.advance(60);
    (Trial::of(app).await, admin, person)
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_disabled_does_not_sign_in_and_the_trail_says_so() {
    let (trial, admin, person) = prepared().await;
    let disable = async {
        let path = format!("/v1/users/{}", person.id());
        trial.app.patch_as(&admin, &path, json!({"status": "disabled"})).await.assert_ok().clone()
    };
    let (answer, _) = sign_in_meanwhile(&trial, disable).await;
    answer.assert_problem(403, "user_disabled");

    let events = sign_ins(&trial.app, &admin, &person).await;
    let results: Vec<_> = events.iter().map(|event| &event["result"]).collect();
    assert_eq!(results, ["failure", "success"], "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_sign_ins_at_the_same_time_are_both_found() {
    let (trial, admin, person) = prepared().await;
    let set = json!({"new_password": PASSWORD});
    trial.app.post_as(&person.access, "/v1/password/change", set).await;
    let by_password = trial.app.login(json!({"phone": PHONE}), PASSWORD);
    let (answer, other) = sign_in_meanwhile(&trial, by_password).await;
    answer.assert_ok();
    other.assert_ok();

    // The person's item names three sign-ins. Those before are found by the events of later ones.
    for _ in 0..3 {
        trial.app.advance(60);
        trial.app.sign_in(PHONE).await;
    }
    assert_eq!(sign_ins(&trial.app, &admin, &person).await.len(), 6);
}

#[tokio::test]
async fn a_code_that_is_not_tried_reads_no_more_if_it_is_right() {
    let app = TestApp::start().await;
    app.sign_in(PHONE).await;
    app.advance(2 * 3600);
    let (id, right) = (app.challenge(PHONE).await, app.code(PHONE));
    let wrong = wrong(&right);

    let mut units = Vec::new();
    for code in [&right, &wrong] {
        let (answer, at_reset) = app.units(app.reset(&id, code, PASSWORD)).await;
        answer.assert_problem(410, "otp_expired");
        units.push(at_reset);
    }
    assert_eq!(units[0], units[1], "the code of a sign-in where passwords are reset");

    for _ in 0..5 {
        app.verify(&id, &wrong).await;
    }
    let mut units = Vec::new();
    for code in [&right, &wrong] {
        let (answer, locked) = app.units(app.verify(&id, code)).await;
        answer.assert_problem(429, "otp_locked");
        units.push(locked);
    }
    assert_eq!(units[0], units[1], "a challenge without tries");
}
