use serde_json::{Value, json};

use crate::testing::{OTHER_PHONE, PHONE, TestApp, admin::values, at_once};

#[tokio::test]
async fn an_unused_role_is_deleted() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.role(&admin, "Editor", &["a:b"]).await;
    app.delete_as(&admin, "/v1/roles/EDITOR").await.assert_done();

    for name in ["Editor", "Nothing"] {
        app.get_as(&admin.access, &format!("/v1/roles/{name}"))
            .await
            .assert_problem(404, "not_found");
        app.delete_as(&admin, &format!("/v1/roles/{name}")).await.assert_problem(404, "not_found");
        app.patch_as(&admin, &format!("/v1/roles/{name}"), json!({}))
            .await
            .assert_problem(404, "not_found");
        app.give(&admin, person.id(), &["User", name]).await.assert_field("roles[1]");
    }

    app.delete_as(&admin, "/v1/roles/User?force=maybe").await.assert_field("force");
    app.advance(1);
    let again = app.role(&admin, "EDITOR", &[]).await;

    assert_eq!(
        (&again["name"], &again["permissions"]),
        (&json!("EDITOR"), &json!([])),
        "its name is free again"
    );
}

#[tokio::test]
async fn a_role_in_use_is_deleted_only_by_force() {
    let (app, admin) = TestApp::with_staff().await;
    app.public_app(&admin, "shop").await;
    app.role(&admin, "Spare", &["a:b"]).await;
    let person = app.staff(&admin, PHONE, "Editor", &["users:read"]).await;
    let other = app.person(OTHER_PHONE).await;
    app.give(&admin, person.id(), &["Editor", "Spare"]).await.assert_ok();
    app.give_in(&admin, "shop", other.id(), &["Editor"]).await.assert_ok();

    for path in ["/v1/roles/Editor", "/v1/roles/editor?force=false"] {
        let refused = app.delete_as(&admin, path).await;
        refused.assert_problem(409, "role_in_use");
        let errors = refused.json["errors"].as_array().unwrap();
        let named: Vec<_> = errors.iter().map(|error| error["message"].as_str().unwrap()).collect();
        assert_eq!(named.len(), 2, "{}", refused.text);
        for id in [person.id(), other.id()] {
            assert!(named.iter().any(|message| message.contains(id)), "{}", refused.text);
        }
    }

    app.get_as(&person.access, "/v1/users").await.assert_ok();

    app.delete_as(&admin, "/v1/roles/Editor?force=true").await.assert_done();
    app.get_as(&person.access, "/v1/users").await.assert_problem(403, "forbidden");
    assert_eq!(app.user(&admin, person.id()).await.assert_ok()["roles"], json!(["Spare"]));
    assert!(app.all(&admin, "/v1/users?role=Editor&app=shop", 10).await.is_empty());

    // A new role with the same name is given to nobody.
    app.role(&admin, "Editor", &["users:read"]).await;
    app.get_as(&person.access, "/v1/users").await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn a_refusal_names_some_of_many_users_and_force_takes_the_role_from_all() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Editor", &["a:b"]).await;
    for index in 0..25 {
        let body = json!({"phone": format!("+141555502{index:02}"), "roles": ["Editor", "User"]});
        app.create_user(&admin, body).await.assert_created();
    }

    let refused = app.delete_as(&admin, "/v1/roles/Editor").await;
    assert_eq!(refused.json["errors"].as_array().unwrap().len(), 20, "{}", refused.text);
    app.delete_as(&admin, "/v1/roles/Editor?force=true").await.assert_done();

    let mut people = app.all(&admin, "/v1/users?role=User", 100).await;
    people.retain(|user| user["id"] != admin.id());
    assert_eq!(people.len(), 25);
    assert!(people.iter().all(|user| user["roles"] == json!(["User"])));
}

#[tokio::test]
async fn a_system_role_cannot_be_deleted() {
    let (app, admin) = TestApp::with_staff().await;
    for name in ["Admin", "admin", "ADMIN?force=true"] {
        app.delete_as(&admin, &format!("/v1/roles/{name}")).await.assert_problem(409, "conflict");
    }
    app.get_as(&admin.access, "/v1/users").await.assert_ok();
}

#[tokio::test]
async fn a_role_of_the_settings_does_not_come_back() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.patch_as(&admin, "/v1/roles/Guest", json!({"permissions": ["users:read"]}))
        .await
        .assert_ok();

    for name in ["Visitors", "Guest"] {
        app.delete_as(&admin, &format!("/v1/roles/{name}")).await.assert_done();
    }

    let restarted = app.restarted(&[("ROLES", "Visitors,Guest,User,Admin,Writer")]);
    for app in [&app, &restarted] {
        app.get_as(&admin.access, "/v1/roles/Guest").await.assert_problem(404, "not_found");
        app.give(&admin, person.id(), &["User", "Guest"]).await.assert_field("roles[1]");
    }

    let names = restarted.all(&admin, "/v1/roles?all=true", 2).await;
    assert_eq!(values(&names, "name"), ["Admin", "User", "Writer"]);
}

#[tokio::test]
async fn a_role_that_newcomers_get_is_deleted_by_nobody() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Buyer", &["a:b"]).await;
    let shop = json!({"client_id": "shop", "name": "Shop", "default_role": "buyer"});
    app.create_app(&admin, shop).await.assert_created();

    for (role, named) in [("User", "DEFAULT_ROLE"), ("Buyer", "shop")] {
        for force in [false, true] {
            let path = format!("/v1/roles/{role}?force={force}");
            let refused = app.delete_as(&admin, &path).await;
            refused.assert_problem(409, "conflict");
            let message = refused.json["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains(named), "{message}");
        }
    }

    app.change_app(&admin, "shop", json!({"default_role": null})).await.assert_ok();
    app.delete_as(&admin, "/v1/roles/Buyer").await.assert_done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_deleted_while_it_is_assigned_permits_nothing() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    for round in 0..10 {
        let name = format!("Reader{round}");
        app.role(&admin, &name, &["users:read"]).await;
        let answers = at_once(2, |index| {
            let (app, admin, id, name) =
                (app.clone(), admin.clone(), person.id().to_owned(), name.clone());
            async move {
                match index {
                    0 => app.give(&admin, &id, &[&name]).await,
                    _ => app.delete_as(&admin, &format!("/v1/roles/{name}?force=true")).await,
                }
            }
        })
        .await;
        answers[1].assert_done();
        if answers[0].status != 200 {
            answers[0].assert_problem(400, "invalid_request");
        }
        app.get_as(&person.access, "/v1/users").await.assert_problem(403, "forbidden");
        assert!(
            app.all(&admin, &format!("/v1/users?role={name}"), 10).await.is_empty()
                || answers[0].status == 200
        );
    }
}

/// The user's roles in the app `shop`, as they are stored.
async fn stored_roles(app: &TestApp, user_id: &str) -> Value {
    let export = app.items_of(user_id).await;
    let user = export.iter().find(|item| item["sk"].as_s().unwrap() == "USER").unwrap();
    let roles = user["roles"].as_m().unwrap().get("shop").map(|roles| roles.as_l().unwrap());
    let names = roles.into_iter().flatten().map(|role| role.as_s().unwrap().as_str());
    json!(names.collect::<Vec<_>>())
}

#[tokio::test]
async fn a_role_that_is_created_again_belongs_to_nobody() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Buyer", &[]).await;
    let shop = json!({"client_id": "shop", "name": "Shop", "default_role": "Buyer"});
    app.create_app(&admin, shop).await.assert_created();

    // For a user who is new to the app, the challenge keeps the role that it was opened with.
    app.person(PHONE).await;
    let send = json!({"phone": PHONE, "client_id": "shop"});
    let id = app.post("/v1/otp/send", send).await.challenge_id();
    app.change_app(&admin, "shop", json!({"default_role": null})).await.assert_ok();
    app.delete_as(&admin, "/v1/roles/Buyer").await.assert_done();
    let person = app.verify(&id, &app.code(PHONE)).await.signed_in();
    assert_eq!(stored_roles(&app, person.id()).await, json!(["Buyer"]), "a sign-in reads no role");

    app.role(&admin, "Buyer", &["users:read"]).await;
    assert_eq!(stored_roles(&app, person.id()).await, json!([]));
    app.get_as(&person.access, "/v1/users").await.assert_problem(403, "forbidden");
}

#[tokio::test]
async fn each_user_who_loses_a_role_by_force_has_their_own_event() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Editor", &["a:b"]).await;
    let people = [app.person(PHONE).await, app.person(OTHER_PHONE).await];

    for person in &people {
        app.give(&admin, person.id(), &["Editor"]).await.assert_ok();
    }

    let before = app.events(&admin).await.len();
    app.advance_millis(1);
    app.delete_as(&admin, "/v1/roles/editor?force=true").await.assert_done();

    let events = app.events(&admin).await;
    let new = &events[..events.len() - before];
    for person in &people {
        let target = json!(format!("user:{}", person.id()));
        let is_theirs =
            |event: &&Value| event["target"] == target && event["action"] == "user_roles_change";
        assert_eq!(new.iter().filter(is_theirs).count(), 1, "{new:?}");
    }

    assert_eq!(new.len(), 3, "one more for the role: {new:?}");
}
