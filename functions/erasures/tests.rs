use axum::http::Method;
use serde_json::json;

use super::erase_due;
use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, PASSWORD},
    invariants::assert_invariants,
    undoing::{change_email, link, open, undo},
};

const DAY: i64 = 24 * 3600;
const DELAY: (&str, &str) = ("ERASURE_DELAY_DAYS", "7");

/// A service with the delay, and somebody with a phone, an e-mail address and a password.
async fn with_somebody() -> (TestApp, SignedIn) {
    let app = TestApp::with_mail_and(&[DELAY]).await;
    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "ann"})).await;
    change_email(&app, &me, EMAIL).await;
    (app, me)
}

#[tokio::test]
async fn an_erasure_is_announced_and_complete_after_its_days() {
    let (app, me) = with_somebody().await;
    let asked = app.delete_me(&me.access).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    assert_eq!(asked.json, json!({"erase_at": "2027-01-22T08:00:00.000Z"}));
    for told in [PHONE, EMAIL] {
        let text = app.texts(told).pop().unwrap().body;
        assert!(text.contains("will be deleted on 2027-01-22"), "{text}");
    }
    app.get_as(&me.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&me.refresh).await.assert_problem(401, "token_invalid");
    assert_invariants(&app).await;

    app.advance(7 * DAY - 1);
    assert_eq!(erase_due(&app.latchkey).await, Ok(0));
    assert!(!app.items_of(me.id()).await.is_empty());

    app.advance(1);
    assert_eq!(erase_due(&app.latchkey).await, Ok(1));
    assert!(app.items_of(me.id()).await.is_empty());
    assert!(app.items_like("OWNER").await.is_empty());
    assert_eq!(erase_due(&app.latchkey).await, Ok(0));
    assert!(app.items().await.iter().all(|item| item["pk"].as_s().unwrap() != "ERASURES"));
    assert_ne!(app.sign_in(PHONE).await.id(), me.id());
    assert_invariants(&app).await;
}

#[tokio::test]
async fn a_sign_in_takes_the_erasure_back() {
    let (app, me) = with_somebody().await;
    app.delete_me(&me.access).await;
    app.login(json!({"phone": PHONE}), "not the password")
        .await
        .assert_problem(401, "invalid_credentials");
    app.advance(6 * DAY);
    let back = app.sign_in(PHONE).await;
    assert_eq!(back.id(), me.id());
    assert_eq!(back.json["user"].get("erase_at"), None);

    app.advance(2 * DAY);
    assert_eq!(erase_due(&app.latchkey).await, Ok(0));
    assert_eq!(app.me(&app.sign_in(PHONE).await.access).await["username"], "ann");
    assert!(app.items().await.iter().all(|item| item["pk"].as_s().unwrap() != "ERASURES"));
    assert_invariants(&app).await;
}

/// Somebody who has the password alone neither signs in nor keeps the account.
#[tokio::test]
async fn only_a_complete_sign_in_takes_the_erasure_back() {
    let app = TestApp::with(&[DELAY]).await;
    let (_, authenticator) = app.protected(PHONE).await;
    let me = app.sign_in_with_both(PHONE, &authenticator).await;
    assert_eq!(app.delete_me(&me.access).await.status, 202);
    app.advance(7 * DAY);
    app.first_factor(PHONE).await;
    assert_eq!(erase_due(&app.latchkey).await, Ok(1));

    let (_, authenticator) = app.protected(OTHER_PHONE).await;
    let me = app.sign_in_with_both(OTHER_PHONE, &authenticator).await;
    assert_eq!(app.delete_me(&me.access).await.status, 202);
    let back = app.sign_in_with_both(OTHER_PHONE, &authenticator).await;
    assert_eq!(back.id(), me.id());
    app.advance(8 * DAY);
    assert_eq!(erase_due(&app.latchkey).await, Ok(0));
}

/// A thief who erases an account destroys nothing that its owner cannot have back.
#[tokio::test]
async fn the_link_in_the_notice_takes_the_erasure_back_until_the_last_day() {
    let (app, me) = with_somebody().await;
    app.delete_me(&me.access).await;
    let path = link(&app, EMAIL).unwrap();
    app.advance(7 * DAY - 1);
    undo(&app, &path).await;
    app.advance(1);
    assert_eq!(erase_due(&app.latchkey).await, Ok(0));
    assert_eq!(app.sign_in(PHONE).await.id(), me.id());
    open(&app, Method::POST, &path).await.assert_problem(404, "not_found");
    assert_invariants(&app).await;
}

#[tokio::test]
async fn a_run_that_fails_or_runs_twice_is_made_up_for() {
    let (app, me) = with_somebody().await;
    app.delete_me(&me.access).await;
    app.advance(8 * DAY);
    assert!(erase_due(&app.cut_off("DYNAMODB").latchkey).await.is_err());

    let again = app.restarted(&[]);
    let (first, second) = tokio::join!(erase_due(&app.latchkey), erase_due(&again.latchkey));
    assert!(first.unwrap() + second.unwrap() >= 1);
    assert!(app.items_of(me.id()).await.is_empty());
    assert_invariants(&app).await;
}

#[tokio::test]
async fn the_last_administrator_cannot_leave_and_one_who_leaves_is_none() {
    let (app, admin) = TestApp::with_admin_and(&[DELAY]).await;
    app.delete_me(&admin.access).await.assert_problem(409, "conflict");
    app.get_as(&admin.access, "/v1/me").await.assert_ok();

    let other = app.sign_in(OTHER_PHONE).await;
    app.give(&admin, other.id(), &["Admin"]).await.assert_ok();
    assert_eq!(app.delete_me(&admin.access).await.status, 202);
    app.advance(60);
    let other = app.sign_in(OTHER_PHONE).await;
    app.delete_me(&other.access).await.assert_problem(409, "conflict");
    let seen = app.user(&other, admin.id()).await;
    assert!(seen.json["erase_at"].is_string(), "{}", seen.text);
    let path = format!("/v1/users/{}", admin.id());
    let kept = app.patch_as(&other, &path, json!({"status": "active"})).await;
    assert_eq!(kept.assert_ok().get("erase_at"), None);
    assert_invariants(&app).await;
}
