use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    Answer, PHONE, SignedIn, TestApp, admin::values, at_once, bodies::assert_strict, winner,
};

async fn post(app: &TestApp, who: &SignedIn, body: Value) -> Answer {
    app.json_as(who, Method::POST, "/v1/roles", body).await
}

#[tokio::test]
async fn a_role_is_created_as_requested() {
    let (app, admin) = TestApp::with_staff().await;
    let body = json!({
        "name": "Editor", "description": "Writes – and edits",
        "permissions": ["orders:write", "orders:read"], "active": false
    });
    let made = post(&app, &admin, body).await;
    let now = app.now();
    let expected = json!({
        "name": "Editor", "description": "Writes – and edits",
        "permissions": ["orders:read", "orders:write"], "active": false, "system": false,
        "created_at": now, "updated_at": now
    });
    assert_eq!(made.assert_created(), &expected);
    assert_eq!(made.header("location"), "/v1/roles/Editor");
    assert_eq!(app.get_as(&admin.access, "/v1/roles/eDITOR").await.assert_ok(), &expected);

    let bare = app.json_as(&admin, Method::POST, "/v1/roles", json!({"name": "Bare"})).await;
    let fields =
        ["description", "permissions", "active"].map(|name| bare.assert_created()[name].clone());
    assert_eq!(fields, [json!(""), json!([]), json!(true)]);
}

#[tokio::test]
async fn either_all_roles_are_created_or_none() {
    let (app, admin) = TestApp::with_staff().await;
    let many =
        json!({"roles": [{"name": "A", "permissions": ["a:b"]}, {"name": "B", "active": false}]});
    let made = post(&app, &admin, many).await;
    assert_eq!(values(made.assert_created()["roles"].as_array().unwrap(), "name"), ["A", "B"]);

    for (bad, status, code) in [
        (json!({"name": "a"}), 409, "conflict"),
        (json!({"name": "c"}), 409, "conflict"),
        (json!({"name": "User"}), 409, "conflict"),
        (json!({"name": "Admin"}), 409, "conflict"),
        (json!({"name": "1"}), 400, "invalid_request"),
        (json!({"name": "D", "permissions": ["none"]}), 400, "invalid_request"),
        (json!({"name": "D", "system": true}), 400, "invalid_request"),
    ] {
        let body = json!({"roles": [{"name": "C"}, bad]});
        post(&app, &admin, body).await.assert_problem(status, code);
        app.get_as(&admin.access, "/v1/roles/C").await.assert_problem(404, "not_found");
    }

    let roles = |count: usize| {
        (0..count).map(|index| json!({"name": format!("R{index}")})).collect::<Vec<_>>()
    };
    for count in [0, 51] {
        post(&app, &admin, json!({"roles": roles(count)})).await.assert_field("roles");
    }

    let fifty = post(&app, &admin, json!({"roles": roles(50)})).await;
    assert_eq!(fifty.assert_created()["roles"].as_array().unwrap().len(), 50);
    post(&app, &admin, json!({"name": "X", "roles": [{"name": "Y"}]})).await.assert_field("roles");
    post(&app, &admin, json!({"active": true, "roles": [{"name": "Y"}]}))
        .await
        .assert_field("roles");
    post(&app, &admin, json!({})).await.assert_field("name");
}

#[tokio::test]
async fn names_are_unique_regardless_of_case_and_none_looks_like_admin() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Editor", &[]).await;
    for name in ["Editor", "editor", "EDITOR", "user", "GUEST", "Visitors"] {
        app.create_role(&admin, name, &[]).await.assert_taken("name");
    }

    for name in ["Admin", "admin", "ADMIN", "Adm1n", "Admln", "adrnin", "Ad-min", "A_d_m_i_n_"] {
        app.create_role(&admin, name, &[]).await.assert_problem(409, "conflict");
    }

    for name in [
        "",
        " ",
        "Аdmin",
        "Admin ",
        "Ad min",
        "Ädmin",
        "_a",
        "a/b",
        "a.b",
        &"a".repeat(65),
        "Admin\u{200b}",
        "permissions",
        "Permissions",
    ] {
        app.create_role(&admin, name, &[]).await.assert_field("name");
    }

    app.role(&admin, &"a".repeat(64), &[]).await;
}

#[tokio::test]
async fn permissions_are_two_words_and_a_description_is_one_line() {
    let (app, admin) = TestApp::with_staff().await;
    for bad in [
        "",
        "*",
        "users",
        "users:",
        "Users:read",
        "users:read ",
        "users:read:all",
        "*:*",
        "ü:a",
        "a:b c",
    ] {
        app.create_role(&admin, "Editor", &["a:b", bad]).await.assert_field("permissions");
    }

    let many: Vec<_> = (0..101).map(|index| format!("a:b{index}")).collect();
    let all: Vec<&str> = many.iter().map(String::as_str).collect();
    app.create_role(&admin, "Editor", &all).await.assert_field("permissions");

    for description in ["x".repeat(501), "a\nb".to_owned(), "\u{7}".to_owned()] {
        post(&app, &admin, json!({"name": "Editor", "description": description}))
            .await
            .assert_field("description");
    }

    app.role(&admin, "Editor", &all[..100]).await;
}

#[tokio::test]
async fn only_json_with_known_fields_is_read() {
    let (app, admin) = TestApp::with_staff().await;
    let body =
        json!({"name": "Editor", "description": "x", "permissions": ["a:b"], "active": true});
    assert_strict(&app, Some(&admin.access), "/v1/roles", &body).await;
}

#[tokio::test]
async fn a_user_cannot_create_a_role_with_permissions_they_lack() {
    let (app, admin) = TestApp::with_staff().await;
    let clerk = app.staff(&admin, PHONE, "Clerk", &["roles:write", "orders:read"]).await;
    for permissions in [&["users:read"][..], &["orders:read", "orders:write"], &["roles:assign"]] {
        app.create_role(&clerk, "Mine", permissions).await.assert_problem(403, "forbidden");
        let sleeping = json!({"name": "Mine", "permissions": permissions, "active": false});
        post(&app, &clerk, sleeping).await.assert_problem(403, "forbidden");
        let many =
            json!({"roles": [{"name": "Fine"}, {"name": "Mine", "permissions": permissions}]});
        post(&app, &clerk, many).await.assert_problem(403, "forbidden");
    }

    app.role(&clerk, "Mine", &["orders:read", "roles:write"]).await;
    app.get_as(&admin.access, "/v1/roles/Fine").await.assert_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_roles_created_at_once_with_one_name_one_exists() {
    let (app, admin) = TestApp::with_staff().await;
    for round in 0..5 {
        let answers = at_once(10, |index| {
            let (app, admin) = (app.clone(), admin.clone());
            let name = format!("{}ole{round}", if index % 2 == 0 { 'R' } else { 'r' });
            let permission = format!("a:b{index}");
            async move { app.create_role(&admin, &name, &[&permission]).await }
        })
        .await;
        let Some(made) = winner(&answers, 201, (409, "conflict")) else { continue };
        let role = app.get_as(&admin.access, &format!("/v1/roles/role{round}")).await;
        assert_eq!(role.assert_ok(), &made.json);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_identical_roles_created_at_once_one_is_created() {
    let (app, admin) = TestApp::with_staff().await;
    for round in 0..5 {
        let answers = at_once(10, |_| {
            let (app, admin, name) = (app.clone(), admin.clone(), format!("Same{round}"));
            async move { app.create_role(&admin, &name, &["a:b"]).await }
        })
        .await;
        winner(&answers, 201, (409, "conflict"));
    }
}

#[tokio::test]
async fn a_refusal_of_one_of_many_roles_names_its_place() {
    let (app, admin) = TestApp::with_staff().await;
    for (bad, field) in [
        (json!({"name": "1"}), "roles[1].name"),
        (json!({"name": "User"}), "roles[1].name"),
        (json!({"name": "c"}), "roles[1].name"),
        (json!({"name": "D", "permissions": ["none"]}), "roles[1].permissions"),
        (json!({"name": "D", "description": "a\nb"}), "roles[1].description"),
    ] {
        let refused = post(&app, &admin, json!({"roles": [{"name": "C"}, bad]})).await;
        assert_eq!(refused.json["errors"][0]["field"], field, "{}", refused.text);
    }
    post(&app, &admin, json!({"name": "1"})).await.assert_field("name");
}
