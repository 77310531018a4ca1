use crate::testing::{OTHER_PHONE, PHONE, SignedIn, TestApp, claims};

fn path(person: &SignedIn) -> String {
    let session = claims(&person.access)["sid"].as_str().unwrap().to_owned();
    format!("/v1/users/{}/sessions/{session}", person.id())
}

#[tokio::test]
async fn an_administrator_ends_one_session_and_no_other() {
    let (app, admin) = TestApp::with_staff().await;
    let first = app.sign_in(PHONE).await;
    app.advance(60);
    let second = app.sign_in(PHONE).await;
    app.delete_as(&admin, &path(&first)).await.assert_done();

    app.get_as(&first.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&first.refresh).await.assert_problem(401, "token_invalid");
    app.get_as(&second.access, "/v1/me").await.assert_ok();

    let events = app.all(&admin, "/v1/audit?action=user_session_end", 10).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["target"], format!("user:{}", first.id()));
    app.delete_as(&admin, &path(&first)).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_session_belongs_to_the_user_in_the_path() {
    let (app, admin) = TestApp::with_staff().await;
    let (person, other) = (app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await);
    let mixed = path(&person).replace(person.id(), other.id());
    app.delete_as(&admin, &mixed).await.assert_problem(404, "not_found");
    app.delete_as(&other, &path(&person)).await.assert_problem(403, "forbidden");
    app.get_as(&person.access, "/v1/me").await.assert_ok();
    app.delete_as(&admin, &format!("/v1/users/{}/sessions/x", person.id()))
        .await
        .assert_field("session_id");
}

#[tokio::test]
async fn only_an_administrator_ends_a_session_of_an_administrator() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Clerk", &["users:write"]).await;
    let clerk = app.holder(&admin, PHONE, "Clerk").await;
    app.delete_as(&clerk, &path(&admin)).await.assert_problem(403, "forbidden");
    app.get_as(&admin.access, "/v1/me").await.assert_ok();
}
