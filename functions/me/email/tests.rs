use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, OTHER_EMAIL, PASSWORD},
    bodies, undoing, wrong,
};

const PATH: &str = "/v1/me/email";

async fn prove(app: &TestApp, me: &SignedIn, email: &str) -> Value {
    let id = app.post_as(&me.access, PATH, json!({"email": email})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(email)).await.assert_ok()["user"].clone()
}

#[tokio::test]
async fn the_e_mail_address_that_i_prove_is_mine() {
    let app = TestApp::with_mail().await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    app.advance(60);

    let sent = app.post_as(&me.access, PATH, json!({"email": "Ann.Lee@EXAMPLE.org"})).await;
    assert_eq!(
        sent.json,
        json!({
            "challenge_id": sent.challenge_id(),
            "channel": "email",
            "to": "a•••@example.org",
            "code_length": 6,
            "expires_in": 300,
            "resend_in": 30,
            "attempts_left": 5,
        })
    );

    let mail = app.texts(EMAIL).pop().unwrap();
    assert!(mail.body.contains("code to confirm this address"), "{}", mail.body);
    assert_eq!(mail.subject.as_deref(), Some("Confirm your address for Latchkey"));
    assert_eq!(
        app.me(&me.access).await,
        me.json["user"],
        "nothing changes before the code is verified"
    );
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_problem(401, "invalid_credentials");

    let changed = app.verify_as(&me.access, &sent.challenge_id(), &app.code(EMAIL)).await;
    let mut profile = me.json["user"].clone();
    profile["email"] = json!(EMAIL);
    profile["email_verified"] = json!(true);
    profile["updated_at"] = json!("2027-01-15T08:01:00.000Z");
    assert_eq!(*changed.assert_ok(), json!({"status": "address_changed", "user": profile}));
    assert_eq!(app.me(&me.access).await, profile);
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_ok();
    app.refresh(&me.refresh).await.assert_ok();
    app.advance(60);

    let id = app.mail_challenge(EMAIL).await;
    assert_eq!(app.verify(&id, &app.code(EMAIL)).await.signed_in().id(), me.id());
    assert_eq!(app.texts(PHONE).len(), 2, "a code, and a notice of the new address");
}

#[tokio::test]
async fn the_old_address_is_notified_and_becomes_free() {
    let app = TestApp::with_mail().await;
    let me = app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    prove(&app, &me, OTHER_EMAIL).await;

    // The link is random, and may contain anything.
    let link = undoing::link(&app, EMAIL).unwrap();
    let told = app.texts(EMAIL).pop().unwrap().body.replace(&link, "");
    assert!(
        told.contains("phone or e-mail address was changed") && !told.contains("bob"),
        "{told}"
    );
    assert!(!app.texts(OTHER_EMAIL).pop().unwrap().body.contains("was changed"));
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_problem(401, "invalid_credentials");
    app.login(json!({"email": OTHER_EMAIL}), PASSWORD).await.assert_ok();
    app.advance(60);

    let heir = app.sign_up(json!({"email": EMAIL})).await;
    assert_eq!(heir.json["is_new_user"], true);
    assert_ne!(heir.id(), me.id());
}

#[tokio::test]
async fn an_address_given_at_sign_up_can_be_verified_later_without_a_notice() {
    let app = TestApp::with_mail().await;
    let me = app.sign_up(json!({"phone": PHONE, "email": EMAIL, "password": PASSWORD})).await;
    let user = prove(&app, &me, EMAIL).await;
    assert_eq!((&user["email"], &user["email_verified"]), (&json!(EMAIL), &json!(true)));
    assert_eq!(app.texts(EMAIL).len(), 1);
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_ok();

    // An address that was never verified gets no notice either: it may be anybody's.
    let other = app.sign_up(json!({"phone": OTHER_PHONE, "email": OTHER_EMAIL})).await;
    prove(&app, &other, "carol@example.com").await;
    assert!(app.texts(OTHER_EMAIL).is_empty());
}

#[tokio::test]
async fn an_address_that_somebody_else_only_claims_is_mine_by_proof() {
    let app = TestApp::with_mail().await;
    let squatter = app
        .sign_up(json!({"phone": OTHER_PHONE, "email": EMAIL, "password": "another password"}))
        .await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    prove(&app, &me, EMAIL).await;
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_ok();
    app.login(json!({"email": EMAIL}), "another password")
        .await
        .assert_problem(401, "invalid_credentials");

    // The other user's address stays unverified, and they cannot verify it any more.
    assert_eq!(app.me(&squatter.access).await["email_verified"], false);
    app.advance(60);

    let id = app.post_as(&squatter.access, PATH, json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&squatter.access, &id, &app.code(EMAIL)).await.assert_taken("email");
}

#[tokio::test]
async fn only_the_user_who_asked_can_verify_it_and_others_use_nothing_up() {
    let app = TestApp::with_mail().await;
    let (me, other) = (app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await);
    let id = app.post_as(&me.access, PATH, json!({"email": EMAIL})).await.challenge_id();
    let code = app.code(EMAIL);
    for code in [code.clone(), wrong(&code)] {
        for _ in 0..6 {
            app.verify(&id, &code).await.assert_problem(401, "token_invalid");
            app.verify_as(&other.access, &id, &code).await.assert_problem(410, "otp_expired");
        }
    }

    assert_eq!(app.get(&format!("/v1/otp/{id}")).await.json["attempts_left"], 5);
    app.verify_as(&me.access, &id, &wrong(&code)).await.assert_problem(400, "otp_incorrect");
    app.verify_as(&me.access, &id, &code).await.assert_ok();
    assert_eq!(app.me(&other.access).await["email"], json!(null));
}

#[tokio::test]
async fn a_taken_address_is_revealed_only_after_the_proof() {
    let app = TestApp::with_mail().await;
    let owner = app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    // After a day, so that the mail has no stop link.
    app.advance(24 * 3600);

    let me = app.sign_in(PHONE).await;
    let free = app.post_as(&me.access, PATH, json!({"email": "abe.lee@example.org"})).await;
    let taken = app.post_as(&me.access, PATH, json!({"email": EMAIL})).await;
    assert_eq!(free.without_ids(), taken.without_ids());

    let bodies =
        [EMAIL, "abe.lee@example.org"].map(|to| app.texts(to).pop().unwrap().body.split_off(6));
    assert_eq!(bodies[0], bodies[1]);

    let code = app.code(EMAIL);
    app.verify_as(&me.access, &taken.challenge_id(), &code).await.assert_taken("email");
    assert_eq!(app.me(&me.access).await, me.json["user"]);
    assert_eq!(app.login(json!({"email": EMAIL}), PASSWORD).await.signed_in().id(), owner.id());
}

#[tokio::test]
async fn a_code_that_cannot_be_sent_does_not_count() {
    let app = TestApp::with_mail().await;
    let me = app.sign_in(PHONE).await;
    app.aws.inbox.refuse(true);

    for _ in 0..3 {
        let refused = app.post_as(&me.access, PATH, json!({"email": EMAIL})).await;
        assert_eq!(refused.assert_wait(503, "unavailable"), 5);
    }

    app.aws.inbox.refuse(false);
    let sent = app.post_as(&me.access, PATH, json!({"email": EMAIL})).await;
    assert_eq!(sent.json["resend_in"], 30, "the messages that failed do not count");
}

#[tokio::test]
async fn a_stranger_is_refused_and_only_its_own_fields_in_json_are_read() {
    let app = TestApp::with_mail().await;
    let me = app.sign_in(PHONE).await;
    let body = json!({"email": EMAIL});
    app.post(PATH, body.clone()).await.assert_problem(401, "token_invalid");
    app.post_as(&me.refresh, PATH, body.clone()).await.assert_problem(401, "token_invalid");
    bodies::assert_strict(&app, Some(&me.access), PATH, &body).await;
    app.post_as(&me.access, PATH, json!({})).await.assert_field("email");
    app.post_as(&me.access, PATH, json!({"email": null})).await.assert_field("email");

    for bad in [
        "",
        "ann",
        "ann@localhost",
        "Ann <ann@example.org>",
        "ann@example.org\r\nBcc: bob@example.net",
    ] {
        app.post_as(&me.access, PATH, json!({"email": bad}))
            .await
            .assert_problem(400, "invalid_email");
    }

    let answer = app.cut_off("DYNAMODB").post_as(&me.access, PATH, body.clone()).await;
    assert_eq!(answer.assert_wait(503, "unavailable"), 5);
    assert!(app.texts(EMAIL).is_empty());

    let without_mail = app.restarted(&[("EMAIL_FROM", "")]);
    without_mail.post_as(&me.access, PATH, body).await.assert_field("email");
}
