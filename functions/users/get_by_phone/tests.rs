use serde_json::json;

use crate::testing::{OTHER_PHONE, PHONE, TestApp, admin::values};

#[tokio::test]
async fn a_user_is_found_by_their_phone() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.advance(1);
    let by_id = app.user(&admin, person.id()).await;

    for phone in ["%2B14155550123", "+14155550123", "%2b14155550123", "%2B1%34155550123"] {
        let read = app.get_as(&admin.access, &format!("/v1/users/by-phone/{phone}")).await;
        assert_eq!(
            (read.assert_ok(), read.header("etag")),
            (&by_id.json, by_id.header("etag")),
            "{phone}"
        );
    }

    let events = app.events(&admin).await;
    assert_eq!(values(&events, "action")[..5], ["user_read"; 5]);
    assert!(events[..5].iter().all(|event| event["target"] == format!("user:{}", person.id())));
}

#[tokio::test]
async fn a_phone_in_another_form_is_refused() {
    let (app, admin) = TestApp::with_staff().await;
    app.person(PHONE).await;
    let get =
        async |phone: &str| app.get_as(&admin.access, &format!("/v1/users/by-phone/{phone}")).await;

    for phone in [
        "14155550123",
        "4155550123",
        "%2520%2B14155550123",
        "%252B14155550123",
        "%2B1-415-555-0123",
        "%2B%2B14155550123",
        "tel:%2B14155550123",
        "%2B14155550123%E2%80%8B",
        "%EF%BC%8B14155550123",
        "%2B1415555%D9%A0123",
        "nobody",
    ] {
        get(phone).await.assert_problem(400, "invalid_phone");
    }

    get("%FF").await.assert_problem(400, "invalid_phone");
    get("%2B14155550123/").await.assert_problem(404, "not_found");
    get(&OTHER_PHONE.replace('+', "%2B")).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_national_number_works_if_there_is_a_default_region() {
    let (app, admin) = TestApp::with_admin_and(&[("DEFAULT_REGION", "US")]).await;
    let person = app.person(PHONE).await;
    let read = app.get_as(&admin.access, "/v1/users/by-phone/4155550123").await;
    assert_eq!(read.assert_ok()["id"], json!(person.id()));
}

#[tokio::test]
async fn a_previous_phone_of_a_user_is_not_found() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.sign_in(PHONE).await;
    let id = app
        .post_as(&person.access, "/v1/me/phone", json!({"phone": OTHER_PHONE}))
        .await
        .challenge_id();
    app.verify_as(&person.access, &id, &app.code(OTHER_PHONE)).await.assert_ok();

    let get = async |phone: &str| {
        app.get_as(&admin.access, &format!("/v1/users/by-phone/{}", phone.replace('+', "%2B")))
            .await
    };
    get(PHONE).await.assert_problem(404, "not_found");
    assert_eq!(get(OTHER_PHONE).await.assert_ok()["id"], person.json["user"]["id"]);
}
