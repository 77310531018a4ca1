//! The permissions of administration: every operation of the document that names one is called by
//! users with and without it.

use std::collections::BTreeSet;

use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::{
    document::document,
    testing::{
        Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
        accounts::PASSWORD,
        admin::{NOBODY, PERMISSIONS},
        apps::ADMIN_PHONE,
        bearer,
    },
};

/// The permissions that count in any app, for that app alone.
const IN_ANY_APP: [&str; 2] = ["roles:read", "roles:assign"];
/// Attributes of users, roles, apps and events that no client may set and the document does not
/// show.
const HIDDEN: [&str; 14] = [
    "version",
    "deleted",
    "unproven",
    "totp",
    "password_count",
    "avatar",
    "avatar_leftovers",
    "sessions",
    "secrets",
    "user_status",
    "role_name",
    "scope",
    "is_admin",
    "__proto__",
];

/// An operation that a permission guards.
struct Operation {
    id: String,
    method: Method,
    /// The path. Its parameters are filled in with values that do not exist.
    path: String,
    permission: String,
    /// The fields of its body, if it has one.
    fields: Option<BTreeSet<String>>,
}

fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(permission) = operation["security"][0]["access_token"][0].as_str() else {
                continue;
            };
            let path = path.split('/').map(|part| match part {
                "{phone}" => "%2B14155550199",
                "{kind}" => "sign_in",
                "{language}" => "en",
                part if part.starts_with('{') => NOBODY,
                part => part,
            });
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];

            operations.push(Operation {
                id: operation["operationId"].as_str().unwrap().to_owned(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.collect::<Vec<_>>().join("/"),
                permission: permission.to_owned(),
                fields: schema.as_str().map(|schema| fields(&document, schema)),
            });
        }
    }

    operations
}

/// The fields of the schema that `reference` points to.
fn fields(document: &Value, reference: &str) -> BTreeSet<String> {
    let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

async fn call(app: &TestApp, operation: &Operation, who: Option<&SignedIn>) -> Answer {
    let mut request = Request::builder().method(operation.method.clone()).uri(&operation.path);
    if let Some(who) = who {
        request = request.header("authorization", bearer(&who.access));
    }
    app.send(request.body(axum::body::Body::empty()).unwrap()).await
}

/// Asserts that `who` may call the operations whose permission `may` accepts, and no others.
async fn assert_may(app: &TestApp, name: &str, who: &SignedIn, may: impl Fn(&str) -> bool) {
    for operation in operations() {
        let answer = call(app, &operation, Some(who)).await;
        if may(&operation.permission) {
            let allowed = matches!(answer.status.as_u16(), 200 | 400 | 404 | 415);
            assert!(allowed, "{name}, {}: {}", operation.id, answer.text);
        } else {
            assert_eq!(
                answer.json["code"], "forbidden",
                "{name}, {}: {}",
                operation.id, answer.text
            );
            answer.assert_problem(403, "forbidden");
            let detail = answer.json["detail"].as_str().unwrap();
            assert!(!detail.contains(PHONE) && !detail.contains(who.id()), "{detail}");
        }
    }
}

#[test]
fn every_administrative_operation_names_its_permission() {
    let operations = operations();
    let named: BTreeSet<_> =
        operations.iter().map(|operation| operation.permission.as_str()).collect();
    assert_eq!(
        named,
        PERMISSIONS.into(),
        "each permission guards an operation, and no other is named"
    );

    let document: Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        if ["/v1/users", "/v1/roles", "/v1/apps", "/v1/audit"]
            .iter()
            .any(|start| path.starts_with(start))
        {
            for operation in item.as_object().unwrap().values() {
                let id = operation["operationId"].as_str().unwrap();
                let is_there = operations.iter().any(|operation| operation.id == id);
                assert!(is_there, "{id} names no permission");
                let reads = operation["security"][0]["access_token"][0]
                    .as_str()
                    .unwrap()
                    .ends_with(":read");
                assert_eq!(
                    reads,
                    id.ends_with("-list") || id.contains("-get") || id == "users-sessions",
                    "{id}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_stranger_may_do_nothing() {
    let (app, _) = TestApp::with_staff().await;
    for operation in operations() {
        call(&app, &operation, None).await.assert_problem(401, "token_invalid");
    }
}

#[tokio::test]
async fn a_person_without_permissions_may_do_nothing_and_an_administrator_everything() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    assert_may(&app, "a user", &person, |_| false).await;
    app.give(&admin, person.id(), &[]).await.assert_ok();
    assert_may(&app, "a user without a role", &person, |_| false).await;

    let other = app
        .staff(&admin, OTHER_PHONE, "Orders", &["orders:read", "users:list", "users:read-all"])
        .await;
    assert_may(&app, "a user whose permissions are an app's own", &other, |_| false).await;
    assert_may(&app, "the administrator", &admin, |_| true).await;
}

#[tokio::test]
async fn each_permission_opens_its_operations_and_no_other() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.staff(&admin, PHONE, "Staff", &[]).await;
    for permission in PERMISSIONS {
        let only = json!({"permissions": [permission]});
        app.patch_as(&admin, "/v1/roles/Staff", only).await.assert_ok();
        assert_may(&app, permission, &person, |needed| needed == permission).await;
        let others: Vec<_> = PERMISSIONS.into_iter().filter(|other| *other != permission).collect();
        app.patch_as(&admin, "/v1/roles/Staff", json!({"permissions": others})).await.assert_ok();
        assert_may(&app, &format!("all but {permission}"), &person, |needed| needed != permission)
            .await;
    }
}

#[tokio::test]
async fn permissions_in_another_app_open_roles_there_and_nothing_else() {
    let (app, admin) = TestApp::with_staff().await;
    app.public_app(&admin, "shop").await;
    app.role(&admin, "Staff", &PERMISSIONS).await;

    let person = app.person(PHONE).await;
    for role in ["Admin", "Staff"] {
        app.give_in(&admin, "shop", person.id(), &[role]).await.assert_ok();
        assert_may(&app, "with a token of the default app", &person, |_| false).await;
        let there = app.login_to("shop", PHONE).await;
        assert_may(&app, role, &there, |needed| IN_ANY_APP.contains(&needed)).await;
    }

    // Roles of the default app do not count with a token of another app either.
    app.give_in(&admin, "shop", person.id(), &["User"]).await.assert_ok();
    app.give(&admin, person.id(), &["Admin"]).await.assert_ok();

    let there = app.login_to("shop", PHONE).await;
    assert_may(&app, "an administrator in another app", &there, |_| false).await;
}

#[tokio::test]
async fn administration_needs_the_second_factor_and_changes_a_recent_sign_in() {
    let (app, admin) = TestApp::with_staff().await;
    let factor = app.authenticator(&admin).await;
    let refused = |answer: Answer, factors: bool, age: Option<&str>| {
        answer.assert_problem(401, "insufficient_user_authentication");
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.contains(r#"acr_values="aal2""#), factors, "{challenge}");
        assert_eq!(challenge.contains("max_age"), age.is_some(), "{challenge}");
        assert!(challenge.contains(age.unwrap_or_default()), "{challenge}");
    };
    let age_of =
        |operation: &Operation| (operation.method != Method::GET).then_some(r#"max_age="900""#);

    // The session from before the second factor has one factor, and so does its refreshed token.
    for operation in operations() {
        refused(call(&app, &operation, Some(&admin)).await, true, age_of(&operation));
    }

    let both = app.sign_in_with_both(ADMIN_PHONE, &factor).await;
    assert_may(&app, "with both factors", &both, |_| true).await;

    app.advance(899);
    assert_may(&app, "after 14 minutes and 59 seconds", &both, |_| true).await;
    let later = app.refresh(&both.refresh).await.signed_in();
    app.advance(1);
    for operation in operations() {
        let answer = call(&app, &operation, Some(&later)).await;
        match age_of(&operation) {
            Some(age) => refused(answer, true, Some(age)),
            None => assert_ne!(answer.status, 401, "{}: {}", operation.id, answer.text),
        }
    }

    // Without a second factor, only the age counts, unless the deployment requires one.
    let (app, admin) = TestApp::with_admin_and(&[("ADMIN_MAX_AGE_SECONDS", "60")]).await;
    let strict = app.restarted(&[("ADMIN_REQUIRES_MFA", "true")]);
    for operation in operations() {
        let answer = call(&strict, &operation, Some(&admin)).await;
        refused(answer, true, age_of(&operation).map(|_| r#"max_age="60""#));
    }
    app.advance(60);
    for operation in operations().iter().filter(|it| it.method != Method::GET) {
        refused(call(&app, operation, Some(&admin)).await, false, Some(r#"max_age="60""#));
    }
}

#[tokio::test]
async fn nobody_reaches_a_user_with_rights_that_they_lack() {
    let (app, admin) = TestApp::with_staff().await;
    let support = app.staff(&admin, PHONE, "Support", &["users:read", "users:write"]).await;
    let auditor = app.staff(&admin, OTHER_PHONE, "Auditor", &["audit:read"]).await;
    app.public_app(&admin, "shop").await;
    let clerk = app.person("+14155550181").await;
    app.role(&admin, "Clerk", &["orders:refund"]).await;
    app.give_in(&admin, "shop", clerk.id(), &["Clerk"]).await.assert_ok();
    let person = app.person("+14155550182").await;

    for (victim, reached) in [(&admin, false), (&auditor, false), (&clerk, false), (&person, true)]
    {
        let path = format!("/v1/users/{}", victim.id());
        let disabled = json!({"status": "disabled"});
        let answers = [
            app.patch_as(&support, &path, json!({"name": "Renamed"})).await,
            app.delete_as(&support, &format!("{path}/mfa")).await,
            app.delete_as(&support, &format!("{path}/avatar")).await,
            app.patch_as(&support, &path, disabled).await,
            app.delete_as(&support, &path).await,
        ];
        for answer in answers {
            match reached {
                true => assert!(answer.status.is_success(), "{}", answer.text),
                false => answer.assert_problem(403, "forbidden"),
            }
        }
    }
    assert_eq!(app.me(&auditor.access).await["name"], Value::Null);

    // Creating a user with roles is giving roles.
    let new = |phone: &str, roles: Value| json!({"phone": phone, "roles": roles});
    let with_roles = new("+14155550183", json!(["Support"]));
    app.create_user(&support, with_roles.clone()).await.assert_problem(403, "forbidden");
    app.create_user(&support, new("+14155550184", json!([]))).await.assert_created();
    app.create_user(&admin, with_roles).await.assert_created();
}

#[tokio::test]
async fn every_body_refuses_fields_that_it_does_not_define() {
    let (app, admin) = TestApp::with_staff().await;
    let document: Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let properties = schemas.values().filter_map(|schema| schema["properties"].as_object());
    let shown: BTreeSet<_> = properties.flat_map(|properties| properties.keys().cloned()).collect();
    let all: BTreeSet<_> = shown.into_iter().chain(HIDDEN.map(str::to_owned)).collect();
    let mut bodies = 0;

    for operation in operations() {
        let Some(fields) = &operation.fields else { continue };
        bodies += 1;
        for name in all.difference(fields) {
            let body = json!({name: true});
            let answer = app.json_as(&admin, operation.method.clone(), &operation.path, body).await;
            assert_eq!(
                answer.json["errors"][0]["field"], *name,
                "{}: {}",
                operation.id, answer.text
            );
            answer.assert_problem(400, "invalid_request");
        }
    }

    assert!(bodies >= 8, "{bodies}");
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let (app, admin) = TestApp::with_staff().await;
    let id = admin.id();
    let by_phone = format!("/v1/users/by-phone/{}", ADMIN_PHONE.replace('+', "%2B"));
    // Nobody changes their own roles or status as an administrator.
    for roles in [&[][..], &["User"]] {
        app.give(&admin, id, roles).await.assert_problem(403, "forbidden");
    }
    let disabled = json!({"status": "disabled", "name": "Gone"});
    let path = format!("/v1/users/{id}");
    app.patch_as(&admin, &path, disabled).await.assert_problem(403, "forbidden");
    app.delete_as(&admin, &format!("{path}/mfa")).await.assert_problem(403, "forbidden");

    let assert_stays = async || {
        app.delete_as(&admin, &format!("/v1/users/{id}")).await.assert_problem(409, "conflict");
        app.delete_as(&admin, &by_phone).await.assert_problem(409, "conflict");
        app.delete_me(&admin.access).await.assert_problem(409, "conflict");

        let me = app.me(&admin.access).await;
        assert_eq!(
            (&me["roles"], &me["status"], &me["name"]),
            (&json!(["Admin", "User"]), &json!("active"), &Value::Null)
        );
    };

    assert_stays().await;

    // An administrator who was written down and has proven no address does not count.
    let written = json!({"phone": "+14155550188", "roles": ["Admin"]});
    app.create_user(&admin, written).await.assert_created();
    assert_stays().await;

    // An administrator who is disabled, or is one only in another app, does not count.
    let other = app.holder(&admin, PHONE, "Admin").await;
    let path = format!("/v1/users/{}", other.id());
    app.patch_as(&admin, &path, json!({"status": "disabled"})).await.assert_ok();
    assert_stays().await;
    app.patch_as(&admin, &path, json!({"status": "active"})).await.assert_ok();
    app.give(&admin, other.id(), &["User"]).await.assert_ok();

    app.public_app(&admin, "shop").await;
    app.give_in(&admin, "shop", other.id(), &["Admin"]).await.assert_ok();
    assert_stays().await;

    // Once there is another administrator, the first one may leave.
    app.give(&admin, other.id(), &["Admin"]).await.assert_ok();
    app.delete_me(&admin.access).await.assert_done();

    let other = app.login_to("default", PHONE).await;
    app.delete_me(&other.access).await.assert_problem(409, "conflict");
    app.get_as(&other.access, "/v1/users").await.assert_ok();
}

#[tokio::test]
async fn a_user_without_permissions_cannot_reach_another_user() {
    let (app, admin) = TestApp::with_staff().await;
    let (person, victim) = (app.person(PHONE).await, app.person(OTHER_PHONE).await);
    let before = app.user(&admin, victim.id()).await.assert_ok().clone();
    let by_phone = OTHER_PHONE.replace('+', "%2B");

    let targets = [
        format!("/v1/users/{}", victim.id()),
        format!("/v1/users/{}", victim.id().to_uppercase()),
        format!("/v1/users/{}", person.id()),
        format!("/v1/users/by-phone/{by_phone}"),
        format!("/v1/users/by-phone/{OTHER_PHONE}"),
        format!("/v1/users/by-phone/{}", PHONE.replace('+', "%2B")),
        format!("/v1/users/by-phone/{}", by_phone.replace('4', "%34")),
    ];
    for path in &targets {
        app.get_as(&person.access, path).await.assert_problem(403, "forbidden");
        app.delete_as(&person, path).await.assert_problem(403, "forbidden");
    }

    for id in [victim.id(), person.id()] {
        let path = format!("/v1/users/{id}");
        app.patch_as(&person, &path, json!({"name": "Eve"})).await.assert_problem(403, "forbidden");
        app.give(&person, id, &["Admin"]).await.assert_problem(403, "forbidden");
    }

    for query in [format!("phone={by_phone}"), "role=User".to_owned(), String::new()] {
        app.get_as(&person.access, &format!("/v1/users?{query}"))
            .await
            .assert_problem(403, "forbidden");
    }

    assert_eq!(app.user(&admin, victim.id()).await.assert_ok(), &before);
    app.login(json!({"phone": OTHER_PHONE}), PASSWORD).await.assert_ok();
}
