use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
    pictures::{jpeg, picture},
};

async fn remove(app: &TestApp, who: &SignedIn, user_id: &str) -> Answer {
    app.call_as(&who.access, Method::DELETE, &format!("/v1/users/{user_id}/avatar")).await
}

#[tokio::test]
async fn an_administrator_removes_a_picture_and_nothing_else() {
    let (app, admin) = TestApp::with_admin().await;
    let me = app.sign_in(PHONE).await;
    app.put_avatar(&me.access, jpeg(&picture(60, 60))).await.assert_ok();
    remove(&app, &admin, me.id()).await.assert_done();
    remove(&app, &admin, me.id()).await.assert_done();

    let shown = app.me(&me.access).await;
    assert_eq!((&shown["avatar_url"], &shown["phone"]), (&Value::Null, &json!(PHONE)));
    assert!(app.objects().is_empty());

    let trail = app.get_as(&admin.access, "/v1/audit").await;
    let events = trail.assert_ok()["items"].as_array().unwrap().clone();
    let removed: Vec<_> =
        events.iter().filter(|event| event["action"] == "user_avatar_remove").collect();
    assert_eq!(removed.len(), 1);
    assert_eq!(
        (&removed[0]["actor"], &removed[0]["target"]),
        (&json!(admin.id()), &json!(format!("user:{}", me.id())))
    );
}

#[tokio::test]
async fn only_administrators_remove_the_picture_of_an_administrator() {
    let (app, admin) = TestApp::with_staff().await;
    let helper = app.staff(&admin, PHONE, "Helper", &["users:write"]).await;
    let other = app.person(OTHER_PHONE).await;

    for who in [&admin, &other] {
        app.put_avatar(&who.access, jpeg(&picture(60, 60))).await.assert_ok();
    }

    remove(&app, &other, other.id()).await.assert_problem(403, "forbidden");
    remove(&app, &helper, admin.id()).await.assert_problem(403, "forbidden");
    assert_eq!(app.objects().len(), 4);
    remove(&app, &helper, other.id()).await.assert_done();
    remove(&app, &admin, admin.id()).await.assert_done();
    assert!(app.objects().is_empty());
}

#[tokio::test]
async fn the_picture_stays_without_s3_and_an_unknown_user_is_not_found() {
    let (app, admin) = TestApp::with_admin().await;
    let me = app.sign_in(PHONE).await;
    app.put_avatar(&me.access, jpeg(&picture(60, 60))).await.assert_ok();
    remove(&app.cut_off("S3"), &admin, me.id()).await.assert_wait(503, "unavailable");
    assert!(app.me(&me.access).await["avatar_url"].is_string());

    app.only_picture();
    remove(&app, &admin, "01890000-0000-7000-8000-000000000000")
        .await
        .assert_problem(404, "not_found");
    remove(&app, &admin, "ann").await.assert_problem(400, "invalid_request");
}
