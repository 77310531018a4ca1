use serde_json::json;

use crate::testing::{OTHER_PHONE, PHONE, TestApp, steps::step};

#[tokio::test]
async fn i_see_my_profile() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.sign_in(OTHER_PHONE).await;

    let me = app.get_as(&person.access, "/v1/me").await;
    assert_eq!(
        me.assert_ok(),
        &json!({
            "id": person.json["user"]["id"],
            "phone": PHONE,
            "phone_verified": true,
            "email": null,
            "email_verified": false,
            "username": null,
            "name": null,
            "locale": null,
            "avatar_url": null,
            "avatar_thumbnail_url": null,
            "has_password": false,
            "mfa": [],
            "roles": ["User"],
            "status": "active",
            "created_at": "2027-01-15T08:00:00.000Z",
            "updated_at": "2027-01-15T08:00:00.000Z",
            "last_sign_in_at": "2027-01-15T08:00:00.000Z",
            "external_id": null, "metadata": {}, "app_metadata": {},
        })
    );

    assert_eq!(me.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_stranger_sees_nothing() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let stranger = app.get("/v1/me").await;
    stranger.assert_problem(401, "token_invalid");
    assert_eq!(stranger.header("www-authenticate"), r#"Bearer realm="latchkey""#);
    app.get(&format!("/v1/me?access_token={}", person.access))
        .await
        .assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn the_scheme_of_a_token_is_read_without_regard_to_case() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    for scheme in ["bearer", "BEARER"] {
        let request = axum::http::Request::get("/v1/me")
            .header("authorization", format!("{scheme} {}", person.access));
        app.send(request.body(axum::body::Body::empty()).unwrap()).await.assert_ok();
    }
}

#[tokio::test]
async fn a_disabled_user_sees_nothing_from_the_next_request_on() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.get_as(&person.access, "/v1/me").await.assert_ok();
    app.disable(person.json["user"]["id"].as_str().unwrap()).await;
    app.get_as(&person.access, "/v1/me").await.assert_problem(403, "user_disabled");
}

#[tokio::test]
async fn my_profile_takes_one_read() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.get_as(&person.access, "/v1/me").await.assert_ok();
    let (answer, units) = app.units(app.get_as(&person.access, "/v1/me")).await;
    answer.assert_ok();
    assert_eq!(units, step("me-get").units(), "reads, writes");
}
