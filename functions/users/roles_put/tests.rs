use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    admin::{NOBODY, PERMISSIONS},
    apps::ADMIN_PHONE,
    at_once, claims, json_request,
};

fn path(id: &str) -> String {
    format!("/v1/users/{id}/roles")
}

#[tokio::test]
async fn roles_count_in_their_app_from_the_next_request_on() {
    let (app, admin) = TestApp::with_staff().await;
    app.public_app(&admin, "shop").await;
    app.role(&admin, "Reader", &["users:read"]).await;
    let person = app.person(PHONE).await;
    let users = async || app.get_as(&person.access, "/v1/users").await;
    users().await.assert_problem(403, "forbidden");
    app.give_in(&admin, "shop", person.id(), &["Reader"]).await.assert_ok();
    users().await.assert_problem(403, "forbidden");

    let given = app.give(&admin, person.id(), &["reader"]).await;
    assert_eq!(
        given.assert_ok()["roles"],
        json!(["Reader"]),
        "the previous roles are replaced, and the name has its own spelling"
    );
    users().await.assert_ok();

    let (here, there) = (app.login_to("default", PHONE).await, app.login_to("shop", PHONE).await);
    for token in [&here.access, &there.access] {
        assert_eq!(claims(token)["roles"], json!(["Reader"]));
        assert_eq!(claims(token)["scope"], "users:read");
    }

    assert_eq!(app.give(&admin, person.id(), &[]).await.assert_ok()["roles"], json!([]));
    users().await.assert_problem(403, "forbidden");

    let again = app.login_to("default", PHONE).await;
    assert_eq!(
        (&claims(&again.access)["roles"], &claims(&again.access)["scope"]),
        (&json!([]), &json!(""))
    );
    assert_eq!(
        app.give_in(&admin, "shop", person.id(), &["Guest"]).await.assert_ok()["roles"],
        json!(["Guest"])
    );
}

#[tokio::test]
async fn a_user_with_more_permissions_than_a_token_can_hold_still_signs_in() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let permissions: Vec<_> = (100..200)
        .map(|number| format!("inventory-management-site-{number}:read-write-approve-and-archive"))
        .collect();
    let names: Vec<_> = permissions.iter().map(String::as_str).collect();
    app.role(&admin, "Stock", &names).await;
    app.give(&admin, person.id(), &["Stock"]).await.assert_ok();

    let signed_in = app.login_to("default", PHONE).await;
    let claims = claims(&signed_in.access);
    assert_eq!((&claims["roles"], claims.get("scope")), (&json!(["Stock"]), None));
    app.get_as(&signed_in.access, "/v1/me").await.assert_ok();
}

#[tokio::test]
async fn an_unknown_role_or_app_is_refused() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let put = async |body: Value| app.json_as(&admin, Method::PUT, &path(person.id()), body).await;
    let many: Vec<_> = (0..21).map(|index| format!("R{index}")).collect();
    put(json!({"roles": ["Guest", "Nothing"]})).await.assert_field("roles[1]");
    put(json!({"roles": many})).await.assert_field("roles");
    put(json!({"roles": "Guest"})).await.assert_field("roles");
    put(json!({})).await.assert_field("roles");
    put(json!({"roles": ["Guest"], "client_id": "nothing"})).await.assert_field("client_id");

    let nobody = app.give(&admin, NOBODY, &["Guest"]).await;
    nobody.assert_problem(404, "not_found");

    let request = json_request(Method::PUT, &path(person.id()), Some(&admin.access), &Value::Null);
    app.send(request.map(|_| "[]".into())).await.assert_problem(400, "invalid_request");
    assert_eq!(app.me(&person.access).await["roles"], json!(["User"]));
}

#[tokio::test]
async fn a_user_cannot_grant_permissions_they_lack() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Reader", &["users:read", "orders:read"]).await;
    app.role(&admin, "Sleeper", &["apps:write"]).await;
    app.patch_as(&admin, "/v1/roles/Sleeper", json!({"active": false})).await.assert_ok();

    let clerk = app.staff(&admin, PHONE, "Clerk", &["roles:assign", "users:read"]).await;
    let person = app.person(OTHER_PHONE).await;
    for role in ["Reader", "Admin", "ADMIN", "Sleeper"] {
        for id in [person.id(), clerk.id()] {
            app.give(&clerk, id, &["Clerk", role]).await.assert_problem(403, "forbidden");
        }
    }

    app.give(&clerk, person.id(), &["Clerk", "Guest"]).await.assert_ok();

    // A role that the user already has may be sent, too, even by somebody who could not give it.
    app.give(&admin, person.id(), &["Reader"]).await.assert_ok();
    let both = app.give(&clerk, person.id(), &["Reader", "Guest"]).await;
    assert_eq!(both.assert_ok()["roles"], json!(["Guest", "Reader"]));
    // But not taken.
    app.give(&clerk, person.id(), &["Guest"]).await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_token_of_an_app_grants_roles_only_in_that_app() {
    let (app, admin) = TestApp::with_staff().await;
    for client_id in ["shop", "other"] {
        app.public_app(&admin, client_id).await;
    }

    app.role(&admin, "Keeper", &["roles:assign", "roles:read"]).await;
    let (keeper, person) = (app.person(PHONE).await, app.person(OTHER_PHONE).await);
    app.give_in(&admin, "shop", keeper.id(), &["Keeper"]).await.assert_ok();
    app.give(&keeper, person.id(), &["Guest"]).await.assert_problem(403, "forbidden");

    let keeper = app.login_to("shop", PHONE).await;

    // Without a `client_id`, the roles are those of the default app.
    app.give(&keeper, person.id(), &["Keeper"]).await.assert_problem(403, "forbidden");
    let given = app.give_in(&keeper, "shop", person.id(), &["Keeper"]).await;
    assert_eq!(given.assert_ok()["roles"], json!(["Keeper"]));
    app.give_in(&keeper, "shop", person.id(), &["Keeper", "Guest"]).await.assert_ok();

    for client_id in ["default", "other"] {
        app.give_in(&keeper, client_id, person.id(), &["Guest"])
            .await
            .assert_problem(403, "forbidden");
    }

    app.give_in(&keeper, "shop", person.id(), &["Admin"]).await.assert_problem(403, "forbidden");
    assert_eq!(
        app.me(&person.access).await["roles"],
        json!(["User"]),
        "nothing changed in the default app"
    );

    // An administrator in an app can give every role there, and can do nothing in other apps.
    app.give_in(&admin, "shop", keeper.id(), &["Admin"]).await.assert_ok();
    app.give_in(&keeper, "shop", person.id(), &["Admin"]).await.assert_ok();
    app.get_as(&keeper.access, "/v1/users").await.assert_problem(403, "forbidden");
    app.give(&person, keeper.id(), &["Guest"]).await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_stale_tag_is_refused() {
    let (app, admin) = TestApp::with_staff().await;
    app.public_app(&admin, "shop").await;
    let person = app.person(PHONE).await;
    let seen = app.user(&admin, person.id()).await.header("etag").to_owned();
    let put = async |tag: &str, body: Value| {
        app.if_match(&admin, Method::PUT, &path(person.id()), tag, body).await
    };
    let first = put(&seen, json!({"roles": ["Guest"], "client_id": "shop"})).await;
    first.assert_ok();
    put(&seen, json!({"roles": ["Visitors"], "client_id": "shop"}))
        .await
        .assert_problem(412, "precondition_failed");
    put(first.header("etag"), json!({"roles": ["Visitors"]})).await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_administrators_who_demote_each_other_one_stays() {
    let (app, admin) = TestApp::with_staff().await;
    let other = app.holder(&admin, PHONE, "Admin").await;
    for _ in 0..10 {
        let answers = at_once(2, |index| {
            let (app, both) = (app.clone(), [admin.clone(), other.clone()]);
            async move { app.give(&both[index], both[1 - index].id(), &["User"]).await }
        })
        .await;
        let done = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(done, 1, "{:?}", answers.iter().map(|answer| &answer.text).collect::<Vec<_>>());
        let lost = answers.iter().find(|answer| answer.status != 200).unwrap();
        assert!(
            matches!(lost.json["code"].as_str(), Some("conflict" | "forbidden")),
            "{}",
            lost.text
        );
        let mut is_admin = Vec::new();
        for person in [&admin, &other] {
            is_admin.push(
                app.me(&person.access).await["roles"].as_array().unwrap().contains(&json!("Admin")),
            );
        }
        let winner = if is_admin[0] { [&admin, &other] } else { [&other, &admin] };
        assert_ne!(is_admin[0], is_admin[1]);
        app.give(winner[0], winner[1].id(), &["Admin"]).await.assert_ok();
    }
}

#[tokio::test]
async fn the_admin_phone_makes_an_administrator_only_once() {
    let (app, admin) = TestApp::with_staff().await;
    assert_eq!(admin.json["user"]["roles"], json!(["Admin", "User"]));

    let scope = claims(&admin.access)["scope"].as_str().unwrap().to_owned();
    for permission in PERMISSIONS {
        assert!(scope.split(' ').any(|name| name == permission), "{permission}");
    }

    // After the first time, the administrators decide.
    let other = app.holder(&admin, PHONE, "Admin").await;
    app.give(&other, admin.id(), &["User"]).await.assert_ok();

    app.advance(3600);
    let again = app.sign_in(ADMIN_PHONE).await;
    assert_eq!(again.json["user"]["roles"], json!(["User"]));
    app.get_as(&again.access, "/v1/users").await.assert_problem(403, "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_a_tag_set_roles_at_the_same_time() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    for role in ["A", "B"] {
        app.role(&admin, role, &[]).await;
    }

    let answers = at_once(10, |index| {
        let (app, admin, id) = (app.clone(), admin.clone(), person.id().to_owned());
        async move { app.give(&admin, &id, &[if index % 2 == 0 { "A" } else { "B" }]).await }
    })
    .await;
    for answer in answers {
        answer.assert_ok();
    }
}
