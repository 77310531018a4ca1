//! A number that has a new owner.

use axum::http::Method;
use embedded_aws::faults::{Fault, Refusal};
use serde_json::json;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
    faults::Trial,
    invariants::assert_invariants,
    json_request,
    undoing::{change_email, link, undo},
};

const DAY: i64 = 24 * 3600;

#[tokio::test]
async fn the_new_owner_of_a_number_gets_a_new_account_and_the_former_one_is_told() {
    let app = TestApp::with_mail().await;
    let former =
        app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "ann"})).await;
    change_email(&app, &former, EMAIL).await;
    app.advance(365 * DAY);

    let newcomer = app.sign_in(PHONE).await;
    assert_ne!(newcomer.id(), former.id());
    assert_eq!(newcomer.json["is_new_user"], true);
    assert_eq!(newcomer.json["user"]["username"], json!(null));
    let told = app.texts(EMAIL).pop().unwrap().body;
    assert!(told.contains("now has your phone number"), "{told}");
    assert_invariants(&app).await;

    // The former one has everything but the number, and can have it back.
    let by_password = app.login(json!({"username": "ann"}), PASSWORD).await.signed_in();
    assert_eq!(by_password.id(), former.id());
    assert_eq!(app.me(&by_password.access).await["phone"], json!(null));
    app.advance(29 * DAY);
    undo(&app, &link(&app, EMAIL).unwrap()).await;
    app.advance(60);
    assert_eq!(app.sign_in(PHONE).await.id(), former.id());
    assert_eq!(app.get_as(&newcomer.access, "/v1/me").await.status, 401);
    assert_invariants(&app).await;
}

#[tokio::test]
async fn a_number_passes_on_with_the_new_account_or_not_at_all() {
    let app = TestApp::with_mail().await;
    let former = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    change_email(&app, &former, EMAIL).await;
    app.advance(365 * DAY);
    let id = app.challenge(PHONE).await;
    let body = json!({"challenge_id": id, "code": app.code(PHONE)});
    let request = || json_request(Method::POST, "/v1/otp/verify", None, &body);

    // All writes but the first fail, whichever they are.
    let trial = Trial::of(app.clone()).await;
    let refused = Fault::Refuse(Refusal::InternalServerError);
    trial.faults.inject(|call| call.is("DYNAMODB", "TransactWriteItems"), (1, usize::MAX), refused);
    let first = trial.send(request()).await;
    trial.faults.heal();
    let answer = if first.status == 200 { first } else { trial.send(request()).await };
    assert_ne!(answer.signed_in().id(), former.id());
    let told = app.texts(EMAIL).pop().unwrap().body;
    assert!(told.contains("now has your phone number"), "{told}");
    assert_invariants(&app).await;
}

#[tokio::test]
async fn an_owner_who_shows_more_than_a_text_keeps_the_account() {
    let app = TestApp::with_mail().await;
    let (protected, authenticator) = app.protected(OTHER_PHONE).await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    change_email(&app, &me, EMAIL).await;
    app.advance(366 * DAY);

    let both = app.sign_in_with_both(OTHER_PHONE, &authenticator).await;
    assert_eq!(both.id(), protected.id());
    let id = app.mail_challenge(EMAIL).await;
    assert_eq!(app.verify(&id, &app.code(EMAIL)).await.signed_in().id(), me.id());
    app.advance(60);
    assert_eq!(app.sign_in(PHONE).await.id(), me.id(), "it was used just now");
}

#[tokio::test]
async fn a_session_that_is_refreshed_keeps_an_account_from_being_idle() {
    let app = TestApp::with(&[("PHONE_IDLE_DAYS", "10")]).await;
    let mut me = app.sign_in(PHONE).await;
    for _ in 0..2 {
        app.advance(8 * DAY);
        me.refresh = app.refresh(&me.refresh).await.assert_ok()["refresh_token"]
            .as_str()
            .unwrap()
            .to_owned();
    }
    app.advance(DAY);
    assert_eq!(app.sign_in(PHONE).await.id(), me.id());

    app.advance(9 * DAY);
    assert_eq!(app.sign_in(PHONE).await.id(), me.id(), "one day less than ten");
    let off = app.restarted(&[("PHONE_IDLE_DAYS", "0")]);
    off.advance(1_000 * DAY);
    assert_eq!(off.sign_in(PHONE).await.id(), me.id());
}

#[tokio::test]
async fn a_text_resets_no_password_of_an_idle_account() {
    let app = TestApp::with_mail().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    change_email(&app, &me, EMAIL).await;
    app.advance(366 * DAY);
    let sent = app.texts(PHONE).len();
    let known = app.forgot(json!({"phone": PHONE})).await;
    let unknown = app.forgot(json!({"phone": "+14155559123"})).await;
    assert_eq!((known.status, known.without_ids()), (unknown.status, unknown.without_ids()));
    assert_eq!(app.texts(PHONE).len(), sent);

    app.forgot(json!({"email": EMAIL})).await;
    app.reset_by_link(&app.link_token(EMAIL), NEW_PASSWORD).await.assert_done();
    app.login(json!({"phone": PHONE}), NEW_PASSWORD).await.signed_in();
}

#[tokio::test]
async fn an_administrator_s_number_passes_to_nobody() {
    let (app, admin) = TestApp::with_admin().await;
    let phone = admin.json["user"]["phone"].as_str().unwrap().to_owned();
    app.advance(365 * DAY);
    let id = app.challenge(&phone).await;
    app.verify(&id, &app.code(&phone)).await.assert_problem(403, "phone_idle");
    assert_invariants(&app).await;
}
