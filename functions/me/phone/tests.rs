use std::net::IpAddr;

use axum::http::Method;
use serde_json::json;
use shared::limits::ProofChallenge;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
    bodies, json_request, undoing, wrong,
};

const PATH: &str = "/v1/me/phone";
const NEW_PHONE: &str = "+14155550177";

#[tokio::test]
async fn the_phone_that_i_prove_is_mine_and_the_old_one_is_free() {
    let app = TestApp::start().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "ann"})).await;
    app.advance(60);

    let sent = app.post_as(&me.access, PATH, json!({"phone": NEW_PHONE})).await;
    assert_eq!(
        sent.json,
        json!({
            "challenge_id": sent.challenge_id(),
            "channel": "sms",
            "to": "+1•••••••177",
            "code_length": 6,
            "expires_in": 300,
            "resend_in": 30,
            "attempts_left": 5,
        })
    );

    assert!(app.texts(NEW_PHONE)[0].body.contains("code to confirm this address"));
    assert_eq!(
        app.me(&me.access).await["phone"],
        PHONE,
        "nothing changes before the code is verified"
    );

    let changed = app.verify_as(&me.access, &sent.challenge_id(), &app.code(NEW_PHONE)).await;
    let mut profile = me.json["user"].clone();
    profile["phone"] = json!(NEW_PHONE);
    profile["updated_at"] = json!("2027-01-15T08:01:00.000Z");
    assert_eq!(*changed.assert_ok(), json!({"status": "address_changed", "user": profile}));
    assert_eq!(app.me(&me.access).await, profile);

    // The link is random, and may contain anything.
    let link = undoing::link(&app, PHONE).unwrap();
    let told = app.texts(PHONE).pop().unwrap().body.replace(&link, "");
    assert!(
        told.contains("phone or e-mail address was changed") && !told.contains("177"),
        "{told}"
    );

    // Sessions and the password stay. Only the new phone signs this user in.
    app.refresh(&me.refresh).await.assert_ok();
    app.login(json!({"phone": NEW_PHONE}), PASSWORD).await.assert_ok();
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_problem(401, "invalid_credentials");
    app.advance(60);
    assert_eq!(app.sign_in(NEW_PHONE).await.id(), me.id());

    let heir = app.sign_in(PHONE).await;
    assert_eq!(heir.json["is_new_user"], true);
    assert_ne!(heir.id(), me.id());
    assert_eq!(app.items_like("OWNER").await.len(), 3, "two phones and a username");
}

#[tokio::test]
async fn only_the_user_who_asked_can_verify_it_and_others_use_nothing_up() {
    let app = TestApp::start().await;
    let (me, other) = (app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await);
    let id = app.post_as(&me.access, PATH, json!({"phone": NEW_PHONE})).await.challenge_id();
    let code = app.code(NEW_PHONE);
    for code in [code.clone(), wrong(&code)] {
        for _ in 0..4 {
            app.verify(&id, &code).await.assert_problem(401, "token_invalid");
            app.verify_as(&other.access, &id, &code).await.assert_problem(410, "otp_expired");
            app.verify_as(&me.refresh, &id, &code).await.assert_problem(401, "token_invalid");
            app.reset(&id, &code, NEW_PASSWORD).await.assert_problem(401, "token_invalid");
        }
    }

    assert_eq!(app.get(&format!("/v1/otp/{id}")).await.json["attempts_left"], 5);
    app.verify_as(&me.access, &id, &code).await.assert_ok();
    app.verify_as(&me.access, &id, &code).await.assert_problem(410, "otp_expired");
    assert_eq!(app.me(&other.access).await["phone"], OTHER_PHONE);
}

#[tokio::test]
async fn a_taken_phone_is_revealed_only_after_the_proof() {
    let app = TestApp::start().await;
    let other = app.sign_in(OTHER_PHONE).await;
    app.advance(3600);

    let me = app.sign_in(PHONE).await;
    let free = app.post_as(&me.access, PATH, json!({"phone": "+447400123457"})).await;
    let taken = app.post_as(&me.access, PATH, json!({"phone": OTHER_PHONE})).await;
    assert_eq!(free.without_ids().replace("457", "456"), taken.without_ids());

    let wrong_code = wrong(&app.code(OTHER_PHONE));
    app.verify_as(&me.access, &taken.challenge_id(), &wrong_code)
        .await
        .assert_problem(400, "otp_incorrect");

    let code = app.code(OTHER_PHONE);
    app.verify_as(&me.access, &taken.challenge_id(), &code).await.assert_taken("phone");
    assert_eq!(app.me(&me.access).await["phone"], PHONE);
    app.advance(60);
    assert_eq!(app.sign_in(OTHER_PHONE).await.id(), other.id(), "the other user keeps it");
}

#[tokio::test]
async fn the_challenge_of_somebody_else_stays_mine_to_prove() {
    let app = TestApp::start().await;
    let (me, other) = (app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await);
    let first = app.post_as(&me.access, PATH, json!({"phone": NEW_PHONE})).await.challenge_id();
    let first_code = app.code(NEW_PHONE);
    let too_soon = app.post_as(&other.access, PATH, json!({"phone": NEW_PHONE})).await;
    assert_eq!(too_soon.assert_wait(429, "resend_too_soon"), 30, "from the same source");
    app.advance(30);

    let second = app.post_as(&other.access, PATH, json!({"phone": NEW_PHONE})).await.challenge_id();
    app.verify_as(&me.access, &first, &first_code).await.assert_ok();
    app.verify_as(&other.access, &second, &app.code(NEW_PHONE))
        .await
        .assert_problem(410, "otp_expired");
}

#[tokio::test]
async fn a_user_with_only_an_e_mail_address_can_add_a_phone() {
    let app = TestApp::with_mail().await;
    let me = app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    let id = app.post_as(&me.access, PATH, json!({"phone": PHONE})).await.challenge_id();
    let mails = app.texts(EMAIL).len();
    let user = app.verify_as(&me.access, &id, &app.code(PHONE)).await.assert_ok()["user"].clone();
    assert_eq!(
        (&user["phone"], &user["phone_verified"], &user["email"]),
        (&json!(PHONE), &json!(true), &json!(EMAIL))
    );
    assert_eq!(app.texts(EMAIL).len(), mails + 1, "the other address is told");
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn my_own_phone_again_changes_nothing() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.advance(60);

    let id = app.post_as(&me.access, PATH, json!({"phone": PHONE})).await.challenge_id();
    let texts = app.texts(PHONE).len();
    let user = app.verify_as(&me.access, &id, &app.code(PHONE)).await.assert_ok()["user"].clone();
    assert_eq!(user["phone"], PHONE);
    assert_eq!(app.texts(PHONE).len(), texts, "there is nothing to notify anybody of");
    assert_eq!(app.items_like("OWNER").await.len(), 1);
}

#[tokio::test]
async fn a_code_that_cannot_be_sent_does_not_count() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.aws.inbox.refuse(true);

    for _ in 0..3 {
        let refused = app.post_as(&me.access, PATH, json!({"phone": NEW_PHONE})).await;
        assert_eq!(refused.assert_wait(503, "unavailable"), 5);
    }

    app.aws.inbox.refuse(false);
    let sent = app.post_as(&me.access, PATH, json!({"phone": NEW_PHONE})).await;
    assert_eq!(sent.json["resend_in"], 30, "the messages that failed do not count");

    let code = app.code(NEW_PHONE);

    // If the old phone cannot be notified, the change stays.
    app.aws.inbox.refuse(true);
    app.verify_as(&me.access, &sent.challenge_id(), &code).await.assert_ok();
    assert_eq!(app.me(&me.access).await["phone"], NEW_PHONE);
}

#[tokio::test]
async fn a_stranger_is_refused_and_only_its_own_fields_in_json_are_read() {
    let app = TestApp::with(&[("ALLOWED_COUNTRIES", "US")]).await;
    let me = app.sign_in(PHONE).await;
    let body = json!({"phone": NEW_PHONE});
    app.post(PATH, body.clone()).await.assert_problem(401, "token_invalid");
    app.post_as(&me.refresh, PATH, body.clone()).await.assert_problem(401, "token_invalid");
    bodies::assert_strict(&app, Some(&me.access), PATH, &body).await;
    app.post_as(&me.access, PATH, json!({})).await.assert_field("phone");
    app.post_as(&me.access, PATH, json!({"phone": null})).await.assert_field("phone");
    app.post_as(&me.access, PATH, json!({"phone": "123"}))
        .await
        .assert_problem(400, "invalid_phone");
    app.post_as(&me.access, PATH, json!({"phone": OTHER_PHONE}))
        .await
        .assert_problem(400, "country_not_allowed");

    let answer = app.cut_off("DYNAMODB").post_as(&me.access, PATH, body).await;
    assert_eq!(answer.assert_wait(503, "unavailable"), 5);
    assert!(app.texts(NEW_PHONE).is_empty());
}

#[tokio::test]
async fn a_suspected_number_is_texted_after_a_proof_of_work() {
    let app = TestApp::with(&[("FRAUD_MODE", "challenge")]).await;
    let me = app.sign_in(PHONE).await;
    for (index, number) in ["0174", "0175", "0176", "0178", "0179"].into_iter().enumerate() {
        let body = json!({"phone": format!("+1415555{number}")});
        let request = json_request(Method::POST, "/v1/otp/send", None, &body);
        let source: IpAddr = format!("198.51.100.{index}").parse().unwrap();
        app.send_from(source, request).await;
    }

    let asked = app.post_as(&me.access, PATH, json!({"phone": NEW_PHONE})).await;
    asked.assert_problem(403, "proof_required");
    let proof: ProofChallenge = serde_json::from_value(asked.json["proof"].clone()).unwrap();
    let body = json!({"phone": NEW_PHONE, "proof": proof.solve().unwrap()});
    let id = app.post_as(&me.access, PATH, body).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(NEW_PHONE)).await.assert_ok();
}
