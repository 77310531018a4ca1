use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    pictures::{jpeg, key_of, picture},
};

#[tokio::test]
async fn a_removed_picture_is_gone() {
    let (app, admin) = TestApp::with_admin().await;
    let me = app.sign_in(PHONE).await;
    let other = app.sign_in(OTHER_PHONE).await;
    let others = app.put_avatar(&other.access, jpeg(&picture(60, 60))).await.avatar_key();
    app.put_avatar(&me.access, jpeg(&picture(60, 60))).await.assert_ok();
    assert_eq!(app.objects().len(), 4);

    app.delete_avatar(&me.access).await.assert_done();
    let shown = app.me(&me.access).await;
    assert_eq!(
        (&shown["avatar_url"], &shown["avatar_thumbnail_url"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(key_of(app.me(&other.access).await["avatar_url"].as_str().unwrap()), others);
    app.only_picture();

    // If there is no picture any more, there is nothing to do and nothing to record.
    app.delete_avatar(&me.access).await.assert_done();
    let trail = app.get_as(&admin.access, "/v1/audit").await;
    let removed = trail.assert_ok()["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|e| e["action"] == "avatar_remove");
    let removed: Vec<_> = removed.map(|event| &event["actor"]).collect();
    assert_eq!(removed, [&json!(me.id())]);
}

#[tokio::test]
async fn a_stranger_is_refused() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let key = app.put_avatar(&me.access, jpeg(&picture(60, 60))).await.avatar_key();
    let stranger =
        Request::builder().method(Method::DELETE).uri("/v1/me/avatar").body(Body::empty()).unwrap();
    app.send(stranger).await.assert_problem(401, "token_invalid");
    app.delete_avatar(&me.refresh).await.assert_problem(401, "token_invalid");
    assert_eq!(
        app.cut_off("DYNAMODB").delete_avatar(&me.access).await.assert_wait(503, "unavailable"),
        5
    );
    assert_eq!(key_of(app.me(&me.access).await["avatar_url"].as_str().unwrap()), key);
    app.only_picture();
}

#[tokio::test]
async fn deleting_the_account_deletes_the_picture() {
    let (app, admin) = TestApp::with_admin().await;
    for round in 0..3 {
        let me = app.sign_in(PHONE).await;
        app.put_avatar(&me.access, jpeg(&picture(60, 60))).await.assert_ok();
        app.only_picture();
        match round {
            0 => app.delete_me(&me.access).await.assert_done(),
            1 => app.delete_as(&admin, &format!("/v1/users/{}", me.id())).await.assert_done(),
            _ => app.delete_as(&admin, "/v1/users/by-phone/%2B14155550123").await.assert_done(),
        }
        assert!(app.objects().is_empty(), "{round}");
        app.advance(60);
    }
}

/// An account that stays keeps its picture.
#[tokio::test]
async fn the_last_administrator_keeps_their_picture() {
    let (app, admin) = TestApp::with_admin().await;
    let key = app.put_avatar(&admin.access, jpeg(&picture(60, 60))).await.avatar_key();
    app.delete_me(&admin.access).await.assert_problem(409, "conflict");
    let path = format!("/v1/users/{}", admin.id());
    app.delete_as(&admin, &path).await.assert_problem(409, "conflict");
    assert_eq!(key_of(app.me(&admin.access).await["avatar_url"].as_str().unwrap()), key);
    app.only_picture();

    // With a second administrator, the first one can leave, and their picture is deleted.
    let other = app.holder(&admin, PHONE, "Admin").await;
    app.put_avatar(&other.access, jpeg(&picture(60, 60))).await.assert_ok();

    let seen =
        Request::delete(&path).header("authorization", crate::testing::bearer(&other.access));
    let stale = app.send(seen.header("if-match", "\"stale\"").body(Body::empty()).unwrap()).await;
    stale.assert_problem(412, "precondition_failed");
    assert_eq!(app.objects().len(), 4);
    app.delete_me(&admin.access).await.assert_done();
    app.only_picture();
}
