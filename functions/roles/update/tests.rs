use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{PHONE, TestApp, at_once, claims, json_request};

#[tokio::test]
async fn sent_fields_change_and_the_rest_stays() {
    let (app, admin) = TestApp::with_staff().await;
    let mut expected = app.role(&admin, "Editor", &["a:b"]).await;
    for change in [
        json!({"description": "Writes"}),
        json!({"permissions": ["c:d", "a:b"]}),
        json!({"active": false, "permissions": []}),
        json!({"active": true, "description": ""}),
    ] {
        app.advance(1);
        let mut changes = change.as_object().unwrap().clone();
        if let Some(permissions) = changes.get_mut("permissions") {
            permissions.as_array_mut().unwrap().sort_by_key(ToString::to_string);
        }
        expected.as_object_mut().unwrap().extend(changes);
        expected["updated_at"] = json!(app.now());
        assert_eq!(app.patch_as(&admin, "/v1/roles/editor", change).await.assert_ok(), &expected);
        assert_eq!(app.get_as(&admin.access, "/v1/roles/Editor").await.assert_ok(), &expected);
    }

    app.advance(1);
    let described = app.patch_as(&admin, "/v1/roles/Editor", json!({"description": "x"})).await;
    assert_eq!(described.assert_ok()["description"], "x");

    let cleared = app.patch_as(&admin, "/v1/roles/Editor", json!({"description": null})).await;
    expected["updated_at"] = json!(app.now());
    assert_eq!(cleared.assert_ok(), &expected, "null clears");

    app.advance(1);
    assert_eq!(
        app.patch_as(&admin, "/v1/roles/Editor", json!({})).await.assert_ok(),
        &expected,
        "nothing changed"
    );

    let seed = app.patch_as(&admin, "/v1/roles/guest", json!({"permissions": ["a:b"]})).await;
    assert_eq!(
        (&seed.assert_ok()["name"], &seed.json["permissions"]),
        (&json!("Guest"), &json!(["a:b"]))
    );
}

#[tokio::test]
async fn an_invalid_change_is_refused_and_nothing_changes() {
    let (app, admin) = TestApp::with_staff().await;
    let before = app.role(&admin, "Editor", &["a:b"]).await;
    for (body, field) in [
        (json!({"description": "New", "permissions": ["none"]}), "permissions"),
        (json!({"description": "a\nb"}), "description"),
        (json!({"description": "New", "name": "Other"}), "name"),
        (json!({"description": "New", "system": true}), "system"),
        (json!({"active": "yes"}), "active"),
        (json!({"description": "New", "active": null}), "active"),
        (json!({"description": "New", "permissions": null}), "permissions"),
    ] {
        app.patch_as(&admin, "/v1/roles/Editor", body).await.assert_field(field);
    }

    let request =
        json_request(Method::PATCH, "/v1/roles/Editor", Some(&admin.access), &Value::Null);
    app.send(request.map(|_| "[]".into())).await.assert_problem(400, "invalid_request");
    app.patch_as(&admin, "/v1/roles/Nothing", json!({"active": true}))
        .await
        .assert_problem(404, "not_found");
    assert_eq!(app.get_as(&admin.access, "/v1/roles/Editor").await.assert_ok(), &before);
}

#[tokio::test]
async fn a_system_role_cannot_be_changed() {
    let (app, admin) = TestApp::with_staff().await;
    for name in ["Admin", "admin", "ADMIN"] {
        for body in [
            json!({"active": false}),
            json!({"permissions": []}),
            json!({"description": "x"}),
            json!({}),
        ] {
            app.patch_as(&admin, &format!("/v1/roles/{name}"), body)
                .await
                .assert_problem(409, "conflict");
        }
    }

    app.get_as(&admin.access, "/v1/users").await.assert_ok();
}

#[tokio::test]
async fn an_inactive_role_grants_nothing_from_the_next_request_on() {
    let (app, admin) = TestApp::with_staff().await;
    app.staff(&admin, PHONE, "Reader", &["users:read", "orders:read"]).await;
    let reader = app.login_to("default", PHONE).await.access;
    assert_eq!(claims(&reader)["scope"], "orders:read users:read");

    let users = async || app.get_as(&reader, "/v1/users").await;
    users().await.assert_ok();
    app.patch_as(&admin, "/v1/roles/Reader", json!({"active": false})).await.assert_ok();
    users().await.assert_problem(403, "forbidden");

    let new = claims(&app.login_to("default", PHONE).await.access);
    assert_eq!((&new["scope"], &new["roles"]), (&json!(""), &json!([])), "nor in a new token");

    app.patch_as(&admin, "/v1/roles/Reader", json!({"active": true})).await.assert_ok();
    users().await.assert_ok();
    app.patch_as(&admin, "/v1/roles/Reader", json!({"permissions": ["orders:read"]}))
        .await
        .assert_ok();
    users().await.assert_problem(403, "forbidden");
    app.patch_as(&admin, "/v1/roles/Reader", json!({"permissions": ["users:read"]}))
        .await
        .assert_ok();
    users().await.assert_ok();
    app.get_as(&reader, "/v1/me").await.assert_ok();
}

#[tokio::test]
async fn a_user_cannot_add_permissions_they_lack_to_a_role() {
    let (app, admin) = TestApp::with_staff().await;
    let clerk = app.staff(&admin, PHONE, "Clerk", &["roles:write", "orders:read"]).await;
    app.role(&admin, "Other", &["users:read", "apps:write"]).await;
    let patch = async |name: &str, body: Value| {
        app.patch_as(&clerk, &format!("/v1/roles/{name}"), body).await
    };

    for name in ["Clerk", "clerk", "Guest"] {
        let wider = json!({"permissions": ["roles:write", "orders:read", "users:write"]});
        patch(name, wider).await.assert_problem(403, "forbidden");
    }

    patch("Other", json!({"permissions": ["users:read", "users:write"]}))
        .await
        .assert_problem(403, "forbidden");

    // The clerk may keep or remove existing permissions, and add those that they have.
    patch("Other", json!({"permissions": ["users:read", "apps:write", "orders:read"]}))
        .await
        .assert_ok();
    patch("Other", json!({"permissions": ["users:read"]})).await.assert_ok();
    patch("Other", json!({"permissions": ["users:read", "apps:write"]}))
        .await
        .assert_problem(403, "forbidden");

    // Nor may they activate a role with permissions that they lack.
    patch("Other", json!({"active": false})).await.assert_ok();
    patch("Other", json!({"active": true})).await.assert_problem(403, "forbidden");
    patch("Other", json!({"active": true, "permissions": ["orders:read"]})).await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_once_none_is_lost() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Editor", &[]).await;
    let changes =
        [json!({"description": "New"}), json!({"permissions": ["a:b"]}), json!({"active": false})];
    let answers = at_once(changes.len(), |index| {
        let (app, admin, change) = (app.clone(), admin.clone(), changes[index].clone());
        async move { app.patch_as(&admin, "/v1/roles/Editor", change).await }
    })
    .await;
    answers.iter().for_each(|answer| _ = answer.assert_ok());

    let after = app.get_as(&admin.access, "/v1/roles/Editor").await.json;
    for (name, value) in changes.iter().flat_map(|change| change.as_object().unwrap()) {
        assert_eq!(&after[name], value, "{name}");
    }
}
