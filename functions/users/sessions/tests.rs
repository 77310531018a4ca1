use serde_json::json;

use crate::testing::{OTHER_PHONE, PHONE, TestApp, claims};

#[tokio::test]
async fn an_administrator_sees_a_users_sessions_and_the_read_is_recorded() {
    let (app, admin) = TestApp::with_staff().await;
    let first = app.sign_in(PHONE).await;
    app.advance(60);
    let second = app.sign_in(PHONE).await;
    let path = format!("/v1/users/{}/sessions", first.id());
    app.advance_millis(5);

    let all = app.all(&admin, &path, 1).await;
    let ids: Vec<_> = all.iter().map(|session| session["id"].clone()).collect();
    assert_eq!(ids, [&second, &first].map(|person| claims(&person.access)["sid"].clone()));
    assert!(all.iter().all(|session| session["current"] == false), "{all:?}");

    let event = app.events(&admin).await[0].clone();
    assert_eq!(event["action"], "user_sessions_read");
    assert_eq!(event["target"], format!("user:{}", first.id()));
}

#[tokio::test]
async fn only_a_reader_of_users_sees_sessions_and_of_existing_users() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.sign_in(PHONE).await;
    let other = app.sign_in(OTHER_PHONE).await;
    let path = format!("/v1/users/{}/sessions", person.id());
    app.get_as(&other.access, &path).await.assert_problem(403, "forbidden");

    let nobody = "/v1/users/01890000-0000-7000-8000-000000000000/sessions";
    app.get_as(&admin.access, nobody).await.assert_problem(404, "not_found");
    let empty = app.create_user(&admin, json!({"phone": "+14155550188"})).await;
    let path = format!("/v1/users/{}/sessions", empty.assert_created()["id"].as_str().unwrap());
    assert_eq!(app.get_as(&admin.access, &path).await.assert_ok()["items"], json!([]));
}
