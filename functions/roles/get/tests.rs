use serde_json::json;

use crate::testing::{TestApp, admin::PERMISSIONS};

#[tokio::test]
async fn the_roles_of_the_settings_exist_without_being_created() {
    let (app, admin) =
        TestApp::with_admin_and(&[("ROLES", "Visitors,Editor,Member"), ("DEFAULT_ROLE", "member")])
            .await;
    for name in ["Visitors", "Editor", "Member"] {
        let role = app.get_as(&admin.access, &format!("/v1/roles/{}", name.to_uppercase())).await;
        let expected = json!({
            "name": name, "description": "", "permissions": [], "active": true, "system": false,
            "created_at": "1970-01-01T00:00:00.000Z", "updated_at": "1970-01-01T00:00:00.000Z"
        });
        assert_eq!(role.assert_ok(), &expected);
    }

    app.get_as(&admin.access, "/v1/roles/Guest").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn admin_is_a_system_role_with_all_permissions() {
    let (app, admin) = TestApp::with_admin_and(&[("ROLES", "User")]).await;
    for name in ["Admin", "admin"] {
        let role = app.get_as(&admin.access, &format!("/v1/roles/{name}")).await;
        assert_eq!(
            (&role.assert_ok()["name"], &role.json["system"]),
            (&json!("Admin"), &json!(true))
        );
        let mut all = PERMISSIONS;
        all.sort_unstable();
        assert_eq!(role.json["permissions"], json!(all));
    }
}

#[tokio::test]
async fn an_unknown_role_is_not_found() {
    let (app, admin) = TestApp::with_admin().await;
    for name in ["Nothing", "1", "Ad%6Din%20x", "%2e%2e", "%FF", "Us%00er"] {
        app.get_as(&admin.access, &format!("/v1/roles/{name}"))
            .await
            .assert_problem(404, "not_found");
    }
    app.get_as(&admin.access, "/v1/roles/Us%65r").await.assert_ok();
}
