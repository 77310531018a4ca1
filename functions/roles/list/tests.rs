use serde_json::{Value, json};

use crate::testing::{TestApp, admin::values};

#[tokio::test]
async fn pages_of_any_size_show_every_role_once_by_name() {
    let (app, admin) = TestApp::with_admin().await;
    let seeds = ["Admin", "Guest", "User", "Visitors"];
    for limit in 1..=5 {
        assert_eq!(
            values(&app.all(&admin, "/v1/roles", limit).await, "name"),
            seeds,
            "limit {limit}"
        );
    }

    for name in ["zebra", "Alpha", "editor", "Writer", "aa"] {
        app.role(&admin, name, &[]).await;
    }

    // A changed role of the settings is listed only once.
    app.patch_as(&admin, "/v1/roles/Guest", json!({"description": "x"})).await.assert_ok();
    for name in ["editor", "User"] {
        app.patch_as(&admin, &format!("/v1/roles/{name}"), json!({"active": false}))
            .await
            .assert_ok();
    }

    app.delete_as(&admin, "/v1/roles/Writer").await.assert_done();
    app.delete_as(&admin, "/v1/roles/Visitors").await.assert_done();

    for limit in 1..=9 {
        let active = app.all(&admin, "/v1/roles", limit).await;
        assert_eq!(
            values(&active, "name"),
            ["aa", "Admin", "Alpha", "Guest", "zebra"],
            "limit {limit}"
        );
        let all = app.all(&admin, "/v1/roles?all=true", limit).await;
        let names = ["aa", "Admin", "Alpha", "editor", "Guest", "User", "zebra"];
        assert_eq!(values(&all, "name"), names, "limit {limit}");
    }
}

#[tokio::test]
async fn a_role_looks_the_same_in_the_list() {
    let (app, admin) = TestApp::with_admin().await;
    app.role(&admin, "Editor", &["users:read"]).await;
    for role in app.all(&admin, "/v1/roles?all=true", 100).await {
        let one = app
            .get_as(&admin.access, &format!("/v1/roles/{}", role["name"].as_str().unwrap()))
            .await;
        assert_eq!(one.assert_ok(), &role);
    }
}

#[tokio::test]
async fn an_invalid_query_is_refused() {
    let (app, admin) = TestApp::with_admin().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("all=maybe", "all"),
        ("surprise=1", "surprise"),
        ("cursor=AAAA", "cursor"),
    ] {
        app.get_as(&admin.access, &format!("/v1/roles?{query}")).await.assert_field(field);
    }

    let page = app.get_as(&admin.access, "/v1/roles?all=false&limit=100").await;
    assert_eq!(page.assert_ok()["next_cursor"], Value::Null);
}
