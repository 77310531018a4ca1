use serde_json::json;

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::EMAIL,
    invariants::assert_invariants,
    undoing::{change_email, link, undo},
};
use axum::http::Method;

const NEW: &str = "+14155550199";

async fn move_to(app: &TestApp, who: &SignedIn, id: &str, phone: &str) -> Answer {
    let path = format!("/v1/users/{id}/phone");
    app.json_as(who, Method::PUT, &path, json!({"phone": phone})).await
}

/// An administrator, another one, and a user who has lost their phone.
async fn people() -> (TestApp, SignedIn, SignedIn, SignedIn) {
    let (app, admin) = TestApp::with_admin_and(&[("EMAIL_FROM", "latchkey@example.com")]).await;
    let other = app.sign_in(OTHER_PHONE).await;
    app.give(&admin, other.id(), &["Admin"]).await.assert_ok();
    let lost = app.sign_in(PHONE).await;
    change_email(&app, &lost, EMAIL).await;
    app.advance(60);
    let other = app.sign_in(OTHER_PHONE).await;
    (app, admin, other, lost)
}

#[tokio::test]
async fn two_administrators_move_a_user_to_a_new_phone_which_the_user_can_undo() {
    let (app, admin, other, lost) = people().await;
    let asked = move_to(&app, &admin, lost.id(), NEW).await;
    assert_eq!(asked.status, 202, "{}", asked.text);
    assert!(asked.json["expires_at"].is_string());
    let again = move_to(&app, &admin, lost.id(), NEW).await;
    assert_eq!(again.status, 202, "the same administrator does not count twice");
    assert_eq!(app.me(&lost.access).await["phone"], PHONE);
    let export = app.get_as(&lost.access, "/v1/me/export").await;
    let waiting = &export.assert_ok()["waiting_phone_move"];
    let expected = json!({"phone": "+1•••••••199", "expires_at": asked.json["expires_at"]});
    assert_eq!(waiting, &expected);

    let done = move_to(&app, &other, lost.id(), NEW).await;
    assert_eq!((done.status.as_u16(), &done.json["phone"]), (200, &json!(NEW)), "{}", done.text);
    let repeated = move_to(&app, &other, lost.id(), NEW).await;
    assert_eq!((repeated.status.as_u16(), &repeated.json), (200, &done.json));
    app.get_as(&lost.access, "/v1/me").await.assert_problem(401, "token_invalid");
    for told in [EMAIL, PHONE] {
        assert!(link(&app, told).is_some(), "{told}");
    }
    assert_eq!(link(&app, NEW), None);
    assert_eq!(app.sign_in(NEW).await.id(), lost.id());
    assert_invariants(&app).await;

    undo(&app, &link(&app, EMAIL).unwrap()).await;
    app.advance(60);
    assert_eq!(app.sign_in(PHONE).await.id(), lost.id());
    assert_ne!(app.sign_in(NEW).await.id(), lost.id());
    assert_invariants(&app).await;
}

#[tokio::test]
async fn one_administrator_or_two_who_disagree_move_nobody() {
    let (app, admin, other, lost) = people().await;
    assert_eq!(move_to(&app, &admin, lost.id(), NEW).await.status, 202);
    assert_eq!(move_to(&app, &other, lost.id(), "+14155550188").await.status, 202);
    assert_eq!(move_to(&app, &admin, lost.id(), NEW).await.status, 202, "another number");
    app.advance(24 * 3600);
    let other = app.sign_in(OTHER_PHONE).await;
    assert_eq!(move_to(&app, &other, lost.id(), NEW).await.status, 202, "a day later");

    move_to(&app, &other, other.id(), NEW).await.assert_problem(403, "forbidden");
    let absent = uuid::Uuid::nil().to_string();
    move_to(&app, &other, &absent, NEW).await.assert_problem(404, "not_found");
    assert_eq!(app.sign_in(PHONE).await.id(), lost.id());
}

#[tokio::test]
async fn a_phone_that_somebody_has_is_refused() {
    let (app, admin, other, lost) = people().await;
    assert_eq!(move_to(&app, &admin, lost.id(), OTHER_PHONE).await.status, 202);
    move_to(&app, &other, lost.id(), OTHER_PHONE).await.assert_problem(409, "conflict");
    assert_eq!(app.me(&lost.access).await["phone"], PHONE);
}
