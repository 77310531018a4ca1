use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, NEW_PASSWORD, PASSWORD},
    invariants::assert_invariants,
    undoing::{change_email, link, open, undo},
};

/// Changes the phone of a signed-in user to one that whoever has the token can read.
async fn change_phone(app: &TestApp, who: &SignedIn, phone: &str) -> Value {
    let id = app.post_as(&who.access, "/v1/me/phone", json!({"phone": phone})).await;
    let code = app.code(phone);
    app.verify_as(&who.access, &id.challenge_id(), &code).await.assert_ok().clone()
}

/// A thief has the owner's number moved to another SIM card, so that the texts arrive there.
/// The events of somebody's account, as they see them.
async fn activity(app: &TestApp, who: &SignedIn) -> Vec<Value> {
    let answer = app.get_as(&who.access, "/v1/me/activity").await;
    answer.assert_ok()["items"].as_array().unwrap().clone()
}

/// Asserts that the last undoing consisted of these parts.
async fn assert_parts(app: &TestApp, who: &SignedIn, parts: &[&str]) {
    let events = activity(app, who).await;
    let undone = events.iter().find(|event| event["action"] == "changes_undo").unwrap();
    let others = events.iter().filter(|it| it["at"] == undone["at"] && it["by"] == "me");
    let others = others.filter(|it| it["action"] != "sign_in" && it["id"] != undone["id"]);
    let found: BTreeSet<_> = others.map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(found, parts.iter().copied().collect());
}

#[tokio::test]
async fn the_owner_of_an_account_gets_it_back_after_a_sim_swap() {
    let app = TestApp::with_mail().await;
    let owner = app.sign_up(json!({"phone": PHONE})).await;
    change_email(&app, &owner, EMAIL).await;
    app.advance(30 * 24 * 3600);

    // The thief signs in with a text, puts another phone and a password in, and waits.
    let thief = app.sign_in(PHONE).await;
    assert_eq!(thief.id(), owner.id());
    let loot = "+14155550190";
    change_phone(&app, &thief, loot).await;
    let first = link(&app, EMAIL).unwrap();
    assert!(link(&app, PHONE).is_some(), "the old phone is told, too");
    assert_eq!(link(&app, loot), None, "the new one is not");
    app.post_as(&thief.access, "/v1/password/change", json!({"new_password": NEW_PASSWORD}))
        .await
        .assert_done();
    let second = link(&app, EMAIL).unwrap();
    assert_ne!(first, second);
    let by_password = app.login(json!({"phone": loot}), NEW_PASSWORD).await.signed_in();

    // Two days later the owner reads the e-mails and undoes the last change.
    app.advance(48 * 3600);
    undo(&app, &second).await;

    for token in [&thief.access, &by_password.access] {
        assert_eq!(app.get_as(token, "/v1/me").await.status, 401);
    }
    for token in [&thief.refresh, &by_password.refresh] {
        app.refresh(token).await.assert_problem(401, "token_invalid");
    }
    for phone in [loot, PHONE] {
        app.login(json!({"phone": phone}), NEW_PASSWORD)
            .await
            .assert_problem(401, "invalid_credentials");
    }
    for path in [&first, &second] {
        open(&app, Method::GET, path).await.assert_problem(404, "not_found");
        open(&app, Method::POST, path).await.assert_problem(404, "not_found");
    }
    let stranger = app.sign_in(loot).await;
    assert_ne!(stranger.id(), owner.id(), "the thief's phone opens a new account");

    let id = app.mail_challenge(EMAIL).await;
    let back = app.verify(&id, &app.code(EMAIL)).await.signed_in();
    assert_eq!(back.id(), owner.id());
    let me = app.me(&back.access).await;
    assert_eq!((&me["phone"], &me["has_password"]), (&json!(PHONE), &json!(false)));
    assert_parts(&app, &back, &["address_restore", "password_remove"]).await;
}

#[tokio::test]
async fn a_restored_phone_is_taken_from_a_new_account_which_cannot_take_it_back() {
    let app = TestApp::with_mail().await;
    let owner = app.sign_up(json!({"phone": PHONE})).await;
    change_email(&app, &owner, EMAIL).await;
    app.advance(30 * 24 * 3600);
    let thief = app.sign_in(PHONE).await;
    change_phone(&app, &thief, OTHER_PHONE).await;

    app.advance(60);
    let squatter = app.sign_in(PHONE).await;
    assert_ne!(squatter.id(), owner.id());
    change_email(&app, &squatter, "bob@example.net").await;
    let squatters = link(&app, PHONE).unwrap();

    undo(&app, &link(&app, EMAIL).unwrap()).await;
    open(&app, Method::POST, &squatters).await.assert_problem(404, "not_found");
    assert_eq!(app.get_as(&squatter.access, "/v1/me").await.status, 401);
    app.advance(60);
    assert_eq!(app.sign_in(PHONE).await.id(), owner.id());
    let id = app.mail_challenge("bob@example.net").await;
    let left = app.verify(&id, &app.code("bob@example.net")).await.signed_in();
    assert_eq!((left.id(), &left.json["user"]["phone"]), (squatter.id(), &Value::Null));
    let events = activity(&app, &left).await;
    let taken = events.iter().find(|event| event["action"] == "address_take").unwrap();
    assert_eq!((&taken["by"], &taken["address"]), (&json!("unknown"), &Value::Null));
    assert_invariants(&app).await;
}

#[tokio::test]
async fn several_changes_are_undone_together_and_only_those_of_the_last_72_hours() {
    let app = TestApp::with_mail().await;
    let owner = app.sign_up(json!({"phone": PHONE})).await;
    change_email(&app, &owner, EMAIL).await;
    let early = link(&app, PHONE).unwrap();
    app.advance(72 * 3600 - 1);
    assert_eq!(open(&app, Method::GET, &early).await.status, 200);
    app.advance(1);
    open(&app, Method::GET, &early).await.assert_problem(404, "not_found");

    // Each new address is told of the next change, and the first one of all of them can go back.
    let phones = ["+14155550191", "+14155550192", "+14155550193"];
    let mut now = PHONE;
    for phone in phones {
        let session = app.sign_in(now).await;
        change_phone(&app, &session, phone).await;
        app.advance(12 * 3600);
        now = phone;
    }
    let last = link(&app, EMAIL).unwrap();
    undo(&app, &last).await;
    assert_eq!(app.sign_in(PHONE).await.id(), owner.id());
    for phone in phones {
        assert_ne!(app.sign_in(phone).await.id(), owner.id());
    }
}

#[tokio::test]
async fn a_thief_cannot_make_a_link_useless_by_further_changes() {
    let app = TestApp::with_mail().await;
    let owner = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    change_email(&app, &owner, EMAIL).await;
    app.advance(73 * 3600);
    let thief = app.sign_in(PHONE).await;
    let mut passwords = [PASSWORD, NEW_PASSWORD];
    let mut change_password = async |times: usize| {
        for _ in 0..times {
            let [old, new] = passwords;
            let body = json!({"old_password": old, "new_password": new});
            app.post_as(&thief.access, "/v1/password/change", body).await.assert_done();
            passwords = [new, old];
        }
    };
    change_password(1).await;
    change_phone(&app, &thief, "+14155550190").await;
    let told = link(&app, PHONE).unwrap();
    change_password(25).await;
    let last = link(&app, EMAIL).unwrap();
    for link in [&told, &last] {
        assert_eq!(open(&app, Method::GET, link).await.status, 200);
    }
    undo(&app, &told).await;
    assert_eq!(app.sign_in(PHONE).await.id(), owner.id());
    open(&app, Method::GET, &last).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_second_factor_that_was_added_goes_and_one_that_was_removed_comes_back() {
    let app = TestApp::with_mail().await;
    let owner = app.sign_up(json!({"email": EMAIL, "password": PASSWORD})).await;
    let _thiefs = app.authenticator(&owner).await;
    undo(&app, &link(&app, EMAIL).unwrap()).await;
    // The password is from before, so it stays.
    let owner = app.login(json!({"email": EMAIL}), PASSWORD).await.signed_in();
    assert_parts(&app, &owner, &["second_factor_remove"]).await;

    let owners = app.authenticator(&owner).await;
    app.advance(73 * 3600);
    let token = app.login(json!({"email": EMAIL}), PASSWORD).await.mfa_token();
    let thief = app.totp(&token, &owners.code(&app)).await.signed_in();
    app.advance(30);
    app.remove_totp(&thief, &owners.code(&app)).await.assert_done();
    let first = link(&app, EMAIL).unwrap();
    let thiefs = app.authenticator(&thief).await;
    app.advance(60);

    undo(&app, &first).await;
    let token = app.login(json!({"email": EMAIL}), PASSWORD).await.mfa_token();
    app.totp(&token, &thiefs.code(&app)).await.assert_wrong(Some(4));
    let owner = app.totp(&token, &owners.code(&app)).await.signed_in();
    assert_parts(&app, &owner, &["second_factor_restore"]).await;
    assert_invariants(&app).await;
}

#[tokio::test]
async fn a_new_factor_and_a_new_address_end_other_sessions_and_sign_ins_that_wait() {
    let app = TestApp::with_mail().await;
    let me = app.person(PHONE).await;
    let other = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    let factor = app.authenticator(&me).await;
    assert_eq!(app.get_as(&other.access, "/v1/me").await.status, 401);
    app.get_as(&me.access, "/v1/me").await.assert_ok();

    let wait = async || app.first_factor(PHONE).await;
    let refused = async |token: &str| {
        app.advance(30);
        app.totp(token, &factor.code(&app)).await.assert_problem(401, "token_invalid");
    };
    let here = app.totp(&wait().await, &factor.code(&app)).await.signed_in();
    let waiting = wait().await;
    change_email(&app, &here, EMAIL).await;
    assert_eq!(app.get_as(&me.access, "/v1/me").await.status, 401);
    refused(&waiting).await;

    let waiting = wait().await;
    app.post_as(&here.access, "/v1/auth/logout", json!({"all": true})).await.assert_done();
    refused(&waiting).await;
    app.totp(&wait().await, &factor.code(&app)).await.signed_in();
}

#[tokio::test]
async fn a_link_that_was_not_made_here_is_not_found() {
    let app = TestApp::start().await;
    for token in ["x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%00", "..%2f"] {
        for method in [Method::GET, Method::POST] {
            let answer = open(&app, method, &format!("/undo/{token}")).await;
            answer.assert_problem(404, "not_found");
        }
    }
}
