use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{Answer, PHONE, SignedIn, TestApp, json_request};

async fn put(app: &TestApp, who: &SignedIn, roles: Value) -> Answer {
    app.json_as(who, Method::PUT, "/v1/roles/permissions", json!({"roles": roles})).await
}

async fn permissions(app: &TestApp, admin: &SignedIn, role: &str) -> Value {
    app.get_as(&admin.access, &format!("/v1/roles/{role}")).await.assert_ok()["permissions"].clone()
}

#[tokio::test]
async fn the_permissions_of_several_roles_change_together_and_immediately() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "A", &["a:a", "a:b"]).await;
    let person = app.staff(&admin, PHONE, "B", &["users:read"]).await;
    app.get_as(&person.access, "/v1/users").await.assert_ok();

    app.advance(1);
    let roles = json!([
        {"name": "b", "permissions": ["roles:read"]},
        {"name": "A", "permissions": []},
        {"name": "guest", "permissions": ["a:b", "a:b"]},
    ]);
    let changed = put(&app, &admin, roles).await;
    let now = app.now();

    for (role, name, expected) in [
        (&changed.assert_ok()["roles"][0], "A", json!([])),
        (&changed.json["roles"][1], "B", json!(["roles:read"])),
        (&changed.json["roles"][2], "Guest", json!(["a:b"])),
    ] {
        assert_eq!(
            (&role["name"], &role["permissions"], &role["updated_at"]),
            (&json!(name), &expected, &json!(now))
        );
        assert_eq!(permissions(&app, &admin, name).await, expected);
    }

    app.get_as(&person.access, "/v1/users").await.assert_problem(403, "forbidden");
    app.get_as(&person.access, "/v1/roles").await.assert_ok();
}

#[tokio::test]
async fn either_all_roles_change_or_none() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "A", &["a:a"]).await;
    let clerk = app.staff(&admin, PHONE, "Clerk", &["roles:write", "a:a"]).await;
    let good = json!({"name": "A", "permissions": []});

    for (who, bad, status, code) in [
        (&admin, json!({"name": "Nothing", "permissions": []}), 404, "not_found"),
        (&admin, json!({"name": "Admin", "permissions": []}), 409, "conflict"),
        (&admin, json!({"name": "aDMIN", "permissions": []}), 409, "conflict"),
        (&admin, json!({"name": "a", "permissions": ["a:b"]}), 409, "conflict"),
        (&admin, json!({"name": "User", "permissions": ["no permission"]}), 400, "invalid_request"),
        (
            &admin,
            json!({"name": "User", "permissions": [], "active": true}),
            400,
            "invalid_request",
        ),
        (&admin, json!({"name": "User"}), 400, "invalid_request"),
        (&clerk, json!({"name": "User", "permissions": ["users:read"]}), 403, "forbidden"),
        (
            &clerk,
            json!({"name": "Clerk", "permissions": ["roles:write", "roles:assign"]}),
            403,
            "forbidden",
        ),
    ] {
        put(&app, who, json!([good, bad])).await.assert_problem(status, code);
        put(&app, who, json!([bad, good])).await.assert_problem(status, code);
        assert_eq!(permissions(&app, &admin, "A").await, json!(["a:a"]));
        assert_eq!(permissions(&app, &admin, "User").await, json!([]));
    }

    put(&app, &clerk, json!([good, {"name": "User", "permissions": ["a:a"]}])).await.assert_ok();
    assert_eq!(permissions(&app, &admin, "User").await, json!(["a:a"]));
}

#[tokio::test]
async fn one_request_changes_1_to_50_roles() {
    let (app, admin) = TestApp::with_staff().await;
    let names = |count: usize| (0..count).map(|index| format!("R{index}")).collect::<Vec<_>>();
    let roles: Vec<_> = names(50).iter().map(|name| json!({"name": name})).collect();
    app.json_as(&admin, Method::POST, "/v1/roles", json!({"roles": roles})).await.assert_created();

    let all = |count| {
        names(count)
            .iter()
            .map(|name| json!({"name": name, "permissions": ["a:b"]}))
            .collect::<Vec<_>>()
    };
    for count in [0, 51] {
        put(&app, &admin, json!(all(count))).await.assert_field("roles");
    }

    assert_eq!(
        put(&app, &admin, json!(all(50))).await.assert_ok()["roles"].as_array().unwrap().len(),
        50
    );
    assert_eq!(permissions(&app, &admin, "R49").await, json!(["a:b"]));

    for bytes in ["[]", "null", r#"{"roles": {}}"#, r#"{"roles": [[]]}"#] {
        let request =
            json_request(Method::PUT, "/v1/roles/permissions", Some(&admin.access), &Value::Null);
        app.send(request.map(|_| bytes.into())).await.assert_problem(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_refusal_names_the_role_by_its_place() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "A", &[]).await;
    let good = json!({"name": "A", "permissions": []});
    for (bad, status, field) in [
        (json!({"name": "Nothing", "permissions": []}), 404, "name"),
        (json!({"name": "Admin", "permissions": []}), 409, "name"),
        (json!({"name": "a", "permissions": []}), 409, "name"),
        (json!({"name": "User", "permissions": ["no permission"]}), 400, "permissions"),
    ] {
        let refused = put(&app, &admin, json!([good, bad])).await;
        assert_eq!(refused.status, status, "{}", refused.text);
        assert_eq!(refused.json["errors"][0]["field"], format!("roles[1].{field}"));
        assert!(refused.json["detail"].as_str().unwrap().starts_with("roles[1]."));
    }
    let path = "/v1/roles/Nothing";
    app.patch_as(&admin, path, json!({"active": true})).await.assert_problem(404, "not_found");
}
