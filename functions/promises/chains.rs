//! How many calls to AWS wait for one another: on Lambda, that is the time a person waits.

use std::time::Duration;

use axum::http::Method;
use embedded_aws::faults::Fault;
use serde_json::json;

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, OTHER_EMAIL},
    apps::ADMIN_PHONE,
    faults::Trial,
    hosted::{Browser, hosted_app},
    passkeys::PASSKEYS,
    steps::step,
};

/// How long each call takes, so that those made together overlap.
const DISTANCE: Duration = Duration::from_millis(100);
const PASSWORD: &str = "correct horse battery staple";

/// The answer to a request, and its longest chain.
async fn chain(trial: &Trial, work: impl Future<Output = Answer>) -> (Answer, usize) {
    trial.faults.take_longest_chain();
    let answer = work.await;
    assert!(answer.status.is_success() || answer.status.is_redirection(), "{}", answer.text);
    (answer, trial.faults.take_longest_chain())
}

/// The service, with AWS at a distance, and a process that has read its keys and its roles.
async fn distant() -> Trial {
    distant_with(&[]).await
}

/// As [`distant`], with more settings.
async fn distant_with(settings: &[(&str, &str)]) -> Trial {
    let settings = [&[("ADMIN_PHONE", ADMIN_PHONE)], settings].concat();
    let app = TestApp::with_mail_and(&settings).await;
    app.sign_in(PHONE).await;
    let trial = Trial::of(app).await;
    trial.faults.inject(|_| true, (0, usize::MAX), Fault::Delay(DISTANCE));
    trial.app.advance(2 * 3600);
    let other = trial.faulty.sign_in(OTHER_PHONE).await;
    trial.faulty.get_as(&other.access, "/v1/me").await;
    trial
}

#[tokio::test]
async fn a_sign_in_by_text_waits_for_few_calls() {
    let trial = distant().await;
    let app = &trial.faulty;
    let (sent, send) = chain(&trial, app.send_code(PHONE)).await;
    let id = sent.challenge_id();
    app.advance(60);
    let (_, resend) = chain(&trial, app.resend(&id)).await;
    let (answer, verify) = chain(&trial, app.verify(&id, &app.code(PHONE))).await;
    let SignedIn { access, refresh, .. } = answer.signed_in();
    let (_, me) = chain(&trial, app.get_as(&access, "/v1/me")).await;
    let (_, refreshed) = chain(&trial, app.refresh(&refresh)).await;

    let device = answer.json["device_token"].as_str().unwrap();
    let again = json!({"phone": PHONE, "device_token": device});
    let (_, known) = chain(&trial, app.post("/v1/otp/send", again)).await;
    assert_eq!(
        [send, resend, verify, me, refreshed, known],
        [4, 4, 3, 1, 1, 4],
        "send, resend, verify, me, refresh, send from a known device"
    );
    let steps = ["otp-send", "otp-verify", "me-get", "auth-refresh"];
    assert_eq!([send, verify, me, refreshed], steps.map(|lambda| step(lambda).chain));
}

#[tokio::test]
async fn a_mail_in_the_words_of_its_app_waits_for_no_more_calls() {
    let trial = distant().await;
    let app = &trial.faulty;
    let (_, built_in) = chain(&trial, app.post("/v1/otp/send", json!({"email": EMAIL}))).await;

    let admin = app.sign_in(ADMIN_PHONE).await;
    let path = "/v1/apps/default/messages/sign_in/en";
    app.json_as(&admin, Method::PUT, path, json!({"text": "Ours: {code}"})).await.assert_ok();
    let (_, own) = chain(&trial, app.post("/v1/otp/send", json!({"email": OTHER_EMAIL}))).await;
    assert!(app.texts(OTHER_EMAIL).pop().unwrap().body.starts_with("Ours: "));
    assert_eq!([built_in, own], [5, 5]);
}

#[tokio::test]
async fn a_sign_in_with_a_password_waits_for_few_calls() {
    let trial = distant().await;
    let app = &trial.faulty;
    let me = app.sign_in(PHONE).await;
    let set = json!({"new_password": PASSWORD});
    app.post_as(&me.access, "/v1/password/change", set).await;
    let (_, login) = chain(&trial, app.login(json!({"phone": PHONE}), PASSWORD)).await;
    assert_eq!(login, 3);
}

#[tokio::test]
async fn a_sign_in_with_a_passkey_waits_for_few_calls() {
    let trial = distant_with(&[PASSKEYS]).await;
    let app = &trial.faulty;
    let me = app.sign_in(PHONE).await;
    let (keeper, _) = app.passkey(&me).await;
    let path = "/v1/auth/passkey/options";
    let (options, asked) = chain(&trial, app.post(path, json!({}))).await;
    let credential = keeper.get(&options.json);
    let (_, signed_in) = chain(&trial, app.use_passkey(credential)).await;
    assert_eq!([asked, signed_in], [0, 3]);
}

#[tokio::test]
async fn another_app_on_the_hosted_page_waits_for_few_calls() {
    let trial = distant().await;
    let app = &trial.faulty;
    let client = hosted_app(&trial.app).await;
    let mut browser = Browser::new(app);
    browser.sign_in(&client.url(&[]), PHONE).await;
    let url = client.url(&[("prompt", "none")]);
    let (answer, authorize) = chain(&trial, browser.get(&url)).await;
    let code = answer.authorization_code(&client);
    let (_, exchange) = chain(&trial, client.exchange(app, &code)).await;
    assert_eq!([authorize, exchange], [2, 2]);
}
