use std::sync::Arc;

use axum::http::Method;
use embedded_aws::faults::{Call, Fault};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::testing::{Answer, OTHER_PHONE, PHONE, SignedIn, TestApp, bodies, faults::Trial};

const PATH: &str = "/v1/auth/logout";

async fn assert_signed_out(app: &TestApp, person: &SignedIn) {
    app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&person.refresh).await.assert_problem(401, "token_invalid");
}

/// Two sessions of one user, and one of another.
async fn three_sessions(app: &TestApp) -> [SignedIn; 3] {
    let phone = app.sign_in(PHONE).await;
    app.advance(60);
    [phone, app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await]
}

#[track_caller]
fn assert_empty(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
}

#[tokio::test]
async fn signing_out_ends_this_session_at_once() {
    for body in [None, Some(json!({})), Some(json!({"all": false}))] {
        let app = TestApp::start().await;
        let [phone, laptop, other] = three_sessions(&app).await;
        let answer = match body {
            None => app.call_as(&phone.access, Method::POST, PATH).await,
            Some(body) => app.post_as(&phone.access, PATH, body).await,
        };
        assert_empty(&answer);
        assert_signed_out(&app, &phone).await;
        app.post_as(&phone.access, PATH, json!({})).await.assert_problem(401, "token_invalid");
        for person in [laptop, other] {
            app.get_as(&person.access, "/v1/me").await.assert_ok();
            app.refresh(&person.refresh).await.assert_ok();
        }
    }
}

#[tokio::test]
async fn signing_out_everywhere_ends_all_sessions_of_the_user_at_once() {
    let app = TestApp::start().await;
    let [phone, laptop, other] = three_sessions(&app).await;
    assert_empty(&app.post_as(&laptop.access, PATH, json!({"all": true})).await);
    assert_signed_out(&app, &phone).await;
    assert_signed_out(&app, &laptop).await;
    app.get_as(&other.access, "/v1/me").await.assert_ok();

    app.advance(60);
    let again = app.sign_in(PHONE).await;
    assert_eq!(again.json["is_new_user"], false);
    let sessions = app.get_as(&again.access, "/v1/me/sessions").await;
    assert_eq!(sessions.assert_ok()["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_everywhere_ends_a_session_that_began_meanwhile() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.advance(60);
    let trial = Trial::of(app).await;

    // The write of the sign-out is held until the other session has begun.
    let held = Arc::new(Barrier::new(2));
    let is_held = |call: &Call| call.is("DYNAMODB", "UpdateItem") && call.mentions("USER#");
    trial.faults.inject(is_held, (0, 1), Fault::Gather(held.clone()));
    let (slow, access) = (trial.faulty.clone(), person.access.clone());
    let sign_out =
        tokio::spawn(async move { slow.post_as(&access, PATH, json!({"all": true})).await });
    while !trial.faults.calls().iter().any(is_held) {
        tokio::task::yield_now().await;
    }
    let meanwhile = trial.app.sign_in(PHONE).await;
    held.wait().await;

    assert_empty(&sign_out.await.unwrap());
    assert_signed_out(&trial.app, &person).await;
    assert_signed_out(&trial.app, &meanwhile).await;
}

#[tokio::test]
async fn a_stranger_signs_nobody_out() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.post(PATH, json!({"all": true})).await.assert_problem(401, "token_invalid");
    app.post_as(&person.refresh, PATH, json!({})).await.assert_problem(401, "token_invalid");
    app.get_as(&person.access, "/v1/me").await.assert_ok();
}

#[tokio::test]
async fn only_its_own_field_in_json_is_read() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    bodies::assert_strict(&app, Some(&person.access), PATH, &json!({"all": true})).await;
    for wrong in ["true".into(), 1.into(), Value::Null] {
        app.post_as(&person.access, PATH, json!({"all": wrong})).await.assert_field("all");
    }
    app.get_as(&person.access, "/v1/me").await.assert_ok();
}

#[tokio::test]
async fn without_the_table_signing_out_fails() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let answer = app.cut_off("DYNAMODB").post_as(&person.access, PATH, json!({})).await;
    assert_eq!(answer.assert_wait(503, "unavailable"), 5);
}
