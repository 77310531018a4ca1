use serde_json::json;

use crate::testing::{PHONE, TestApp, accounts::EMAIL, admin::NOBODY};

#[tokio::test]
async fn a_user_looks_the_same_as_in_their_own_profile() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.patch_me(&person.access, json!({"name": "Ann", "username": "ann", "locale": "es"}))
        .await
        .assert_ok();
    let read = app.user(&admin, person.id()).await;
    assert_eq!(read.assert_ok(), &app.me(&person.access).await);
}

#[tokio::test]
async fn the_tag_changes_with_the_user_and_not_with_a_sign_in() {
    let (app, admin) = TestApp::with_staff().await;
    app.public_app(&admin, "shop").await;
    let person = app.person(PHONE).await;
    let tag = async || app.user(&admin, person.id()).await.header("etag").to_owned();
    let mut tags = vec![tag().await];
    assert!(tags[0].starts_with('"') && tags[0].ends_with('"'), "{}", tags[0]);

    app.advance(60);
    app.login_to("default", PHONE).await;
    assert_eq!(tag().await, tags[0]);

    app.patch_me(&person.access, json!({"name": "Ann"})).await.assert_ok();
    tags.push(tag().await);
    app.patch_me(&person.access, json!({"name": "Eve"})).await.assert_ok();
    tags.push(tag().await);
    app.give(&admin, person.id(), &["Guest"]).await.assert_ok();
    tags.push(tag().await);

    for role in ["Guest", "Visitors"] {
        let given = app.give_in(&admin, "shop", person.id(), &[role]).await;
        given.assert_ok();
        tags.push(tag().await);
        assert_eq!(tags.last().unwrap(), given.header("etag"), "one tag for the roles in all apps");
    }

    let count = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), count);
}

#[tokio::test]
async fn an_unknown_user_is_not_found() {
    let (app, admin) = TestApp::with_staff().await;
    app.user(&admin, NOBODY).await.assert_problem(404, "not_found");
    for id in ["1", "me", "%2B14155550123", "00000000-0000-0000-0000-00000000000g"] {
        app.user(&admin, id).await.assert_field("user_id");
    }
}

#[tokio::test]
async fn each_read_of_a_user_is_recorded() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.sign_up(json!({"email": EMAIL})).await;
    app.advance(1);
    app.user(&admin, person.id()).await.assert_ok();
    app.user(&admin, NOBODY).await.assert_problem(404, "not_found");

    let events = app.events(&admin).await;
    let reads = events.iter().filter(|event| event["action"] == "user_read").count();
    assert_eq!(reads, 1, "an unknown user was not read");
    assert_eq!(events[0]["target"], format!("user:{}", person.id()));
}
