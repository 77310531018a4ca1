use axum::http::Method;

use crate::testing::{Answer, OTHER_PHONE, PHONE, SignedIn, TestApp, claims};

async fn delete(app: &TestApp, by: &SignedIn, id: &str) -> Answer {
    app.call_as(&by.access, Method::DELETE, &format!("/v1/me/sessions/{id}")).await
}

fn session_of(person: &SignedIn) -> String {
    claims(&person.access)["sid"].as_str().unwrap().to_owned()
}

async fn assert_signed_out(app: &TestApp, person: &SignedIn) {
    app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&person.refresh).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn i_sign_another_device_out_at_once() {
    let app = TestApp::start().await;
    let lost = app.sign_in(PHONE).await;
    app.advance(60);

    let kept = app.sign_in(PHONE).await;
    let answer = delete(&app, &kept, &session_of(&lost)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert_signed_out(&app, &lost).await;

    let sessions = app.get_as(&kept.access, "/v1/me/sessions").await;
    assert_eq!(sessions.assert_ok()["items"].as_array().map(Vec::len), Some(1));
    delete(&app, &kept, &session_of(&lost)).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn i_sign_this_device_out_too() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    assert_eq!(delete(&app, &person, &session_of(&person)).await.status, 204);
    assert_signed_out(&app, &person).await;
}

#[tokio::test]
async fn a_session_of_somebody_else_is_not_found() {
    let app = TestApp::start().await;
    let (me, somebody) = (app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await);
    let theirs = delete(&app, &me, &session_of(&somebody)).await;
    let unknown = delete(&app, &me, "01890000-0000-7000-8000-000000000000").await;
    theirs.assert_problem(404, "not_found");
    unknown.assert_problem(404, "not_found");
    assert_eq!(theirs.json["detail"], unknown.json["detail"]);
    app.get_as(&somebody.access, "/v1/me").await.assert_ok();
    app.refresh(&somebody.refresh).await.assert_ok();
}

#[tokio::test]
async fn an_invalid_session_id_is_refused() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    for id in ["1", "all", "01890000-0000-7000-8000-00000000000g", "%2B14155550123"] {
        delete(&app, &person, id).await.assert_field("session_id");
    }
}

#[tokio::test]
async fn a_stranger_signs_nobody_out() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let path = format!("/v1/me/sessions/{}", session_of(&person));
    let request = axum::http::Request::delete(path).body(axum::body::Body::empty());
    app.send(request.unwrap()).await.assert_problem(401, "token_invalid");
    app.get_as(&person.access, "/v1/me").await.assert_ok();
}
