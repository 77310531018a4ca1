use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, OTHER_EMAIL, PASSWORD},
    at_once,
    bodies::assert_strict,
    claims, winner,
};

#[tokio::test]
async fn a_new_user_has_the_given_values_and_has_proven_nothing() {
    let (app, admin) = TestApp::with_staff().await;
    let body = json!({
        "phone": PHONE, "email": EMAIL, "username": "Ann", "name": "Ann Lee", "password": PASSWORD,
        "roles": ["guest"]
    });
    let made = app.create_user(&admin, body).await;
    let user = made.assert_created();
    let now = app.now();
    let expected = json!({
        "id": user["id"], "phone": PHONE, "phone_verified": false, "email": EMAIL,
        "email_verified": false, "username": "Ann", "name": "Ann Lee", "locale": null,
        "avatar_url": null, "avatar_thumbnail_url": null, "has_password": true, "mfa": [],
        "roles": ["Guest"], "status": "active", "created_at": now, "updated_at": now,
        "last_sign_in_at": null, "external_id": null, "metadata": {}, "app_metadata": {}
    });
    assert_eq!(user, &expected);
    assert_eq!(made.header("location"), format!("/v1/users/{}", user["id"].as_str().unwrap()));

    let read = app.get_as(&admin.access, made.header("location")).await;
    assert_eq!((read.assert_ok(), read.header("etag")), (&expected, made.header("etag")));
    assert!(app.texts(PHONE).is_empty() && app.texts(EMAIL).is_empty(), "the user is not notified");
}

#[tokio::test]
async fn a_phone_or_an_e_mail_address_is_enough() {
    let (app, admin) = TestApp::with_staff().await;
    for (field, address) in [("phone", PHONE), ("email", EMAIL)] {
        let made = app.create_user(&admin, json!({field: address})).await;
        let user = made.assert_created();
        assert_eq!(
            (&user[field], &user["roles"]),
            (&json!(address), &json!(["User"])),
            "the default role"
        );
        assert_eq!((&user["has_password"], &user["username"]), (&json!(false), &Value::Null));
    }

    let nothing = app.create_user(&admin, json!({"phone": OTHER_PHONE, "roles": []})).await;
    assert_eq!(nothing.assert_created()["roles"], json!([]));
}

#[tokio::test]
async fn a_phone_e_mail_address_or_username_that_somebody_has_is_taken() {
    let (app, admin) = TestApp::with_staff().await;
    let ann = json!({"phone": PHONE, "username": "ann"});
    app.create_user(&admin, ann).await.assert_created();
    app.create_user(&admin, json!({"email": EMAIL})).await.assert_created();

    for (body, field) in [
        (json!({"phone": PHONE}), "phone"),
        (json!({"email": EMAIL}), "email"),
        (json!({"email": EMAIL.to_uppercase().replace("ORG", "org")}), "email"),
        (json!({"phone": OTHER_PHONE, "username": "ANN"}), "username"),
    ] {
        app.create_user(&admin, body).await.assert_taken(field);
    }

    assert_eq!(app.all(&admin, "/v1/users", 100).await.len(), 3);
    app.create_user(&admin, json!({"phone": OTHER_PHONE})).await.assert_created();
}

#[tokio::test]
async fn an_invalid_user_is_refused_and_not_created() {
    let (app, admin) = TestApp::with_staff().await;
    let many: Vec<_> = (0..21).map(|index| format!("R{index}")).collect();
    for (body, field) in [
        (json!({"phone": PHONE, "username": "no"}), "username"),
        (json!({"phone": PHONE, "name": ""}), "name"),
        (json!({"phone": PHONE, "roles": ["Nothing"]}), "roles[0]"),
        (json!({"phone": PHONE, "roles": ["User", ""]}), "roles[1]"),
        (json!({"phone": PHONE, "roles": many}), "roles"),
    ] {
        app.create_user(&admin, body).await.assert_field(field);
    }

    app.create_user(&admin, json!({})).await.assert_problem(400, "invalid_request");
    app.create_user(&admin, json!({"phone": "12"})).await.assert_problem(400, "invalid_phone");
    app.create_user(&admin, json!({"email": "12"})).await.assert_problem(400, "invalid_email");

    let weak = json!({"phone": PHONE, "name": "Marianne Lee", "password": "marianne"});
    app.create_user(&admin, weak).await.assert_problem(400, "weak_password");
    assert_eq!(app.all(&admin, "/v1/users", 100).await.len(), 1, "only the administrator");
    assert!(app.items_like("OWNER").await.len() == 1);
}

#[tokio::test]
async fn only_json_with_known_fields_is_read() {
    let (app, admin) = TestApp::with_staff().await;
    let body = json!({
        "phone": PHONE, "email": EMAIL, "username": "ann", "name": "Ann", "password": PASSWORD,
        "roles": ["User"]
    });
    assert_strict(&app, Some(&admin.access), "/v1/users", &body).await;
}

#[tokio::test]
async fn proving_the_phone_removes_the_password_that_an_administrator_set() {
    let (app, admin) = TestApp::with_staff().await;
    let body = json!({"phone": PHONE, "username": "ann", "name": "Ann", "password": PASSWORD});
    let user = app.create_user(&admin, body).await.assert_created().clone();
    let before = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    assert_eq!(before.id(), user["id"], "until then the password signs in");

    let person = app.sign_in(PHONE).await;
    let expected = [
        ("id", user["id"].clone()),
        ("phone_verified", json!(true)),
        ("has_password", json!(false)),
    ];
    for (field, value) in expected {
        assert_eq!(person.json["user"][field], value, "{field}");
    }

    assert_eq!(
        (&person.json["user"]["name"], &person.json["user"]["username"]),
        (&json!("Ann"), &json!("ann"))
    );
    assert_eq!(claims(&person.access)["amr"], json!(["sms"]));

    for who in [json!({"phone": PHONE}), json!({"username": "ann"})] {
        app.login(who, PASSWORD).await.assert_problem(401, "invalid_credentials");
    }

    // Sessions that the password started have ended.
    app.get_as(&before.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&before.refresh).await.assert_problem(401, "token_invalid");
    app.get_as(&person.access, "/v1/me").await.assert_ok();
    assert_eq!(app.user(&admin, person.id()).await.assert_ok()["phone_verified"], true);
}

#[tokio::test]
async fn proving_the_e_mail_address_removes_the_password_that_an_administrator_set() {
    let (app, admin) = TestApp::with_staff().await;
    let user = app
        .create_user(&admin, json!({"email": EMAIL, "password": PASSWORD}))
        .await
        .assert_created()
        .clone();
    let id = app.mail_challenge(EMAIL).await;
    let person = app.verify(&id, &app.code(EMAIL)).await.signed_in();

    assert_eq!(
        (&person.json["user"]["id"], &person.json["user"]["email_verified"]),
        (&user["id"], &json!(true))
    );
    app.login(json!({"email": EMAIL}), PASSWORD).await.assert_problem(401, "invalid_credentials");
}

#[tokio::test]
async fn a_second_address_belongs_to_nobody_until_it_is_proven() {
    let (app, admin) = TestApp::with_staff().await;
    let first = app
        .create_user(&admin, json!({"phone": PHONE, "email": EMAIL}))
        .await
        .assert_created()
        .clone();
    app.create_user(&admin, json!({"phone": OTHER_PHONE, "email": EMAIL})).await.assert_created();

    let id = app.mail_challenge(EMAIL).await;
    let owner = app.verify(&id, &app.code(EMAIL)).await.signed_in();
    assert_ne!(owner.json["user"]["id"], first["id"]);
    assert_eq!(owner.json["is_new_user"], true);
}

#[tokio::test]
async fn a_user_cannot_create_a_user_with_permissions_they_lack() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Reader", &["users:read"]).await;
    let clerk = app.staff(&admin, PHONE, "Clerk", &["users:write", "roles:assign"]).await;

    for roles in [json!(["Admin"]), json!(["admin"]), json!(["Reader"]), json!(["Clerk", "Reader"])]
    {
        let body = json!({"phone": OTHER_PHONE, "roles": roles});
        app.create_user(&clerk, body).await.assert_problem(403, "forbidden");
    }

    let made = app.create_user(&clerk, json!({"phone": OTHER_PHONE, "roles": ["Clerk"]})).await;
    assert_eq!(made.assert_created()["roles"], json!(["Clerk"]));

    let second = app.create_user(&admin, json!({"email": OTHER_EMAIL, "roles": ["Admin"]})).await;
    assert_eq!(second.assert_created()["roles"], json!(["Admin"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_requests_at_once_with_one_phone_create_one_user() {
    let (app, admin) = TestApp::with_staff().await;
    let answers = at_once(50, |_| {
        let (app, admin) = (app.clone(), admin.clone());
        async move { app.json_as(&admin, Method::POST, "/v1/users", json!({"phone": PHONE})).await }
    })
    .await;
    winner(&answers, 201, (409, "conflict"));
    for answer in answers.iter().filter(|answer| answer.status == 409) {
        answer.assert_taken("phone");
    }

    assert_eq!(app.all(&admin, "/v1/users", 100).await.len(), 2);
}
