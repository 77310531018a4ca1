use serde_json::{Value, json};

use crate::testing::TestApp;

/// The client ids of a page.
fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|app| app["client_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_default_app_is_listed_before_any_other_is_created() {
    let (app, admin) = TestApp::with_admin().await;
    for path in ["/v1/apps", "/v1/apps?limit=1", "/v1/apps?limit=100"] {
        let page = app.get_as(&admin.access, path).await;
        assert_eq!(
            (ids(page.assert_ok()), &page.json["next_cursor"]),
            (vec!["default"], &Value::Null),
            "{path}"
        );
    }
}

#[tokio::test]
async fn pages_of_any_size_show_every_app_once_with_the_default_app_first() {
    let (app, admin) = TestApp::with_admin().await;
    let names = ["alpha", "Beta", "gamma", "a.b", "0"];
    for name in names {
        app.public_app(&admin, name).await;
    }

    app.change_app(&admin, "default", json!({"name": "Changed"})).await.assert_ok();
    for limit in 1..=7 {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let after =
                cursor.map(|cursor: String| format!("&cursor={cursor}")).unwrap_or_default();
            let page = app
                .get_as(&admin.access, &format!("/v1/apps?limit={limit}{after}"))
                .await
                .assert_ok()
                .clone();
            assert!(ids(&page).len() <= limit, "{page}");
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(seen, ["default", "0", "Beta", "a.b", "alpha", "gamma"], "limit {limit}");
    }
}

#[tokio::test]
async fn an_app_in_the_list_is_the_same_as_on_its_own() {
    let (app, admin) = TestApp::with_admin().await;
    app.server(&admin, "server").await;
    app.change_app(&admin, "server", json!({"active": false, "name": "Off"})).await.assert_ok();

    let one = app.get_as(&admin.access, "/v1/apps/server").await.assert_ok().clone();
    let default_app = app.get_as(&admin.access, "/v1/apps/default").await.assert_ok().clone();
    assert_eq!(
        app.get_as(&admin.access, "/v1/apps").await.assert_ok()["items"],
        json!([default_app, one])
    );
}

#[tokio::test]
async fn a_deleted_app_is_not_listed() {
    let (app, admin) = TestApp::with_admin().await;
    for name in ["a", "b", "c"] {
        app.public_app(&admin, name).await;
    }

    let first = app.get_as(&admin.access, "/v1/apps?limit=2").await.assert_ok().clone();
    assert_eq!(ids(&first), ["default", "a"]);
    app.delete_app(&admin, "a").await.assert_done();
    app.delete_app(&admin, "b").await.assert_done();

    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = app.get_as(&admin.access, &format!("/v1/apps?limit=2&cursor={cursor}")).await;
    assert_eq!((ids(rest.assert_ok()), &rest.json["next_cursor"]), (vec!["c"], &Value::Null));
    assert_eq!(ids(app.get_as(&admin.access, "/v1/apps").await.assert_ok()), ["default", "c"]);
}

#[tokio::test]
async fn an_invalid_query_is_refused() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "a").await;
    let cursor = app.get_as(&admin.access, "/v1/apps?limit=1").await.json["next_cursor"]
        .as_str()
        .unwrap()
        .to_owned();
    let changed = format!("{}{}", if cursor.starts_with('A') { 'B' } else { 'A' }, &cursor[1..]);
    for (query, field) in [
        ("limit=0".to_owned(), "limit"),
        ("limit=101".to_owned(), "limit"),
        ("limit=-1".to_owned(), "limit"),
        ("limit=many".to_owned(), "limit"),
        (format!("cursor={changed}"), "cursor"),
        ("cursor=junk".to_owned(), "cursor"),
        ("cursor=".to_owned(), "cursor"),
        ("page=2".to_owned(), "page"),
    ] {
        app.get_as(&admin.access, &format!("/v1/apps?{query}")).await.assert_field(field);
    }

    app.get_as(&admin.access, &format!("/v1/apps?cursor={cursor}")).await.assert_ok();
}

#[tokio::test]
async fn without_aws_the_administrator_is_told_to_retry_later() {
    let (app, admin) = TestApp::with_admin().await;
    for service in ["DYNAMODB", "SECRETSMANAGER"] {
        app.cut_off(service)
            .get_as(&admin.access, "/v1/apps")
            .await
            .assert_wait(503, "unavailable");
    }
}
