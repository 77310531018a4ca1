//! Endpoints for administrators.

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    Answer, PHONE, SignedIn, TestApp,
    accounts::PASSWORD,
    apps::ADMIN_PHONE,
    faults::{Boxed, Case, call},
    pictures::{jpeg, picture},
};

pub(super) const CASES: [&str; 21] = [
    "users-create",
    "users-import",
    "users-update",
    "users-delete",
    "users-delete-by-phone",
    "users-roles-put",
    "users-mfa-delete",
    "users-phone-put",
    "users-session-delete",
    "users-avatar-delete",
    "addresses-unlock",
    "roles-create",
    "roles-update",
    "roles-delete",
    "roles-permissions-put",
    "apps-create",
    "apps-update",
    "apps-delete",
    "apps-secret-rotate",
    "apps-messages-put",
    "apps-messages-delete",
];

const ORIGIN: &str = "https://app.example.com";

pub(super) fn prepare(app: TestApp, case: &'static str) -> Boxed<Case> {
    Box::pin(async move {
        let admin = app.sign_in(ADMIN_PHONE).await;
        match case.split('-').next().unwrap() {
            "users" => users(&app, admin, case).await,
            "addresses" => addresses(&app, admin).await,
            "roles" => roles(&app, admin, case).await,
            _ => apps(&app, admin, case).await,
        }
    })
}

/// A request after which `check` accepts the response of a GET of `read`.
fn then(
    admin: &SignedIn,
    (method, path, body): (Method, &str, Option<Value>),
    read: String,
    check: fn(&Answer),
) -> Case {
    let request = call(method, path, Some(&admin.access), body);
    let admin = admin.clone();
    Case::new(request, move |app, _| {
        let (admin, read) = (admin.clone(), read.clone());
        async move { check(&app.get_as(&admin.access, &read).await) }
    })
}

fn is_gone(answer: &Answer) {
    answer.assert_problem(404, "not_found");
}

async fn addresses(app: &TestApp, admin: SignedIn) -> Case {
    let challenge = format!("/v1/otp/{}", app.challenge(PHONE).await);
    let request = (Method::POST, "/v1/addresses/unlock", Some(json!({"phone": PHONE})));
    let may_be_sent = |answer: &Answer| assert_eq!(answer.assert_ok()["resend_in"], 0);
    then(&admin, request, challenge, may_be_sent)
}

async fn users(app: &TestApp, admin: SignedIn, case: &str) -> Case {
    let by_phone = format!("/v1/users/by-phone/{}", PHONE.replace('+', "%2B"));
    if case == "users-create" {
        let body =
            json!({"phone": PHONE, "username": "ann", "password": PASSWORD, "roles": ["Admin"]});
        let made = |answer: &Answer| assert_eq!(answer.assert_ok()["roles"], json!(["Admin"]));
        return then(&admin, (Method::POST, "/v1/users", Some(body)), by_phone, made)
            .or(409, "conflict");
    }

    if case == "users-import" {
        let record = json!({
            "external_id": "1", "phone": PHONE, "phone_verified": true, "roles": ["Guest"],
            "app_metadata": {"plan": "pro"}, "totp_secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        });
        let request = (Method::POST, "/v1/users/import", Some(json!({"users": [record]})));
        let is_there = |answer: &Answer| {
            let user = answer.assert_ok();
            assert_eq!(user["app_metadata"], json!({"plan": "pro"}));
            assert_eq!((&user["roles"], &user["mfa"]), (&json!(["Guest"]), &json!(["totp"])));
        };
        return then(&admin, request, by_phone, is_there);
    }

    let (person, _) = app.protected(PHONE).await;
    app.give(&admin, person.id(), &["Admin"]).await.assert_ok();

    let path = format!("/v1/users/{}", person.id());
    match case {
        "users-update" => {
            let body = json!({"status": "disabled", "username": "ann"});
            let is_off = |answer: &Answer| assert_eq!(answer.assert_ok()["status"], "disabled");
            then(&admin, (Method::PATCH, &path, Some(body)), path.clone(), is_off)
        }
        "users-delete" => then(&admin, (Method::DELETE, &path, None), path.clone(), is_gone)
            .or_refused(404, "not_found"),
        "users-delete-by-phone" => then(&admin, (Method::DELETE, &by_phone, None), path, is_gone)
            .or_refused(404, "not_found"),
        "users-roles-put" => {
            let body = json!({"roles": ["Guest"]});
            let guest = |answer: &Answer| assert_eq!(answer.assert_ok()["roles"], json!(["Guest"]));
            then(&admin, (Method::PUT, &format!("{path}/roles"), Some(body)), path, guest)
        }
        "users-mfa-delete" => {
            let no_factor = |answer: &Answer| assert_eq!(answer.assert_ok()["mfa"], json!([]));
            then(&admin, (Method::DELETE, &format!("{path}/mfa"), None), path, no_factor)
        }
        "users-phone-put" => {
            let (body, phone) = (json!({"phone": "+14155550197"}), format!("{path}/phone"));
            let other = app.sign_in("+14155550198").await;
            app.give(&admin, other.id(), &["Admin"]).await.assert_ok();
            app.advance(60);
            let other = app.sign_in("+14155550198").await;
            let asked = app.json_as(&other, Method::PUT, &phone, body.clone()).await;
            assert_eq!(asked.status, 202);
            let moved = |answer: &Answer| assert_eq!(answer.assert_ok()["phone"], "+14155550197");
            then(&admin, (Method::PUT, &phone, Some(body)), path, moved)
        }
        "users-session-delete" => {
            let session =
                crate::testing::claims(&person.access)["sid"].as_str().unwrap().to_owned();
            let sessions = format!("{path}/sessions");
            let none = |answer: &Answer| assert_eq!(answer.assert_ok()["items"], json!([]));
            let delete = format!("{sessions}/{session}");
            then(&admin, (Method::DELETE, &delete, None), sessions, none)
                .or_refused(404, "not_found")
        }
        "users-avatar-delete" => {
            app.put_avatar(&person.access, jpeg(&picture(12, 8))).await.assert_ok();
            let no_picture = |answer: &Answer| assert!(answer.assert_ok()["avatar_url"].is_null());
            then(&admin, (Method::DELETE, &format!("{path}/avatar"), None), path, no_picture)
        }
        _ => panic!("{case}"),
    }
}

async fn roles(app: &TestApp, admin: SignedIn, case: &str) -> Case {
    let path = "/v1/roles/Editor";
    if case == "roles-create" {
        let body = json!({"name": "Editor", "permissions": ["users:read"]});
        let made =
            |answer: &Answer| assert_eq!(answer.assert_ok()["permissions"], json!(["users:read"]));
        return then(&admin, (Method::POST, "/v1/roles", Some(body)), path.to_owned(), made)
            .or(409, "conflict");
    }

    app.role(&admin, "Editor", &["users:read"]).await;
    match case {
        "roles-update" => {
            let body = json!({"description": "edits", "active": false});
            let is_off = |answer: &Answer| assert_eq!(answer.assert_ok()["active"], false);
            then(&admin, (Method::PATCH, path, Some(body)), path.to_owned(), is_off)
        }
        "roles-delete" => {
            let person = app.person(PHONE).await;
            app.give(&admin, person.id(), &["Editor"]).await.assert_ok();
            let path = format!("{path}?force=true");
            then(&admin, (Method::DELETE, &path, None), "/v1/roles/Editor".to_owned(), is_gone)
                .or_refused(404, "not_found")
        }
        "roles-permissions-put" => {
            let put = json!({"roles": [{"name": "Editor", "permissions": ["apps:read"]}, {"name": "Guest", "permissions": ["apps:read"]}]});
            let both = |answer: &Answer| {
                let items = answer.assert_ok()["items"].as_array().unwrap();
                let with =
                    items.iter().filter(|role| role["permissions"] == json!(["apps:read"])).count();
                assert_eq!(with, 2, "{}", answer.text);
            };

            then(
                &admin,
                (Method::PUT, "/v1/roles/permissions", Some(put)),
                "/v1/roles".to_owned(),
                both,
            )
        }
        _ => panic!("{case}"),
    }
}

async fn apps(app: &TestApp, admin: SignedIn, case: &str) -> Case {
    let path = "/v1/apps/shop";
    let body = json!({"client_id": "shop", "name": "Shop", "type": "confidential", "allowed_origins": [ORIGIN]});
    if case == "apps-create" {
        let request = call(Method::POST, "/v1/apps", Some(&admin.access), Some(body));
        return Case::new(request, move |app, answer| {
            let admin = admin.clone();
            async move {
                let secret = match answer.status.as_u16() {
                    201 => answer.assert_created()["client_secret"].as_str().unwrap().to_owned(),
                    // The app was created, but its secret was lost with the reply: rotate it.
                    _ => app.rotate(&admin, "shop", 0).await.secret(),
                };
                assert_authenticates(&app, &secret).await;
            }
        })
        .or(409, "conflict");
    }

    app.create_app(&admin, body).await.assert_created();
    match case {
        "apps-update" => {
            let body = json!({"name": "Store", "allowed_origins": ["https://store.example.com"]});
            let renamed = |answer: &Answer| assert_eq!(answer.assert_ok()["name"], "Store");
            then(&admin, (Method::PATCH, path, Some(body)), path.to_owned(), renamed)
        }
        "apps-delete" => then(&admin, (Method::DELETE, path, None), path.to_owned(), is_gone)
            .or_refused(404, "not_found"),
        "apps-messages-put" => {
            let (mail, words) = (format!("{path}/messages/sign_in/en"), json!({"text": "{code}"}));
            let worded = |answer: &Answer| {
                assert_eq!(answer.assert_ok()["items"][0]["text"], "{code}");
            };
            then(&admin, (Method::PUT, &mail, Some(words)), format!("{path}/messages"), worded)
        }
        "apps-messages-delete" => {
            let (mail, words) = (format!("{path}/messages/sign_in/en"), json!({"text": "{code}"}));
            app.json_as(&admin, Method::PUT, &mail, words).await.assert_ok();
            let none = |answer: &Answer| assert_eq!(answer.assert_ok()["items"], json!([]));
            then(&admin, (Method::DELETE, &mail, None), format!("{path}/messages"), none)
                .or_refused(404, "not_found")
        }
        "apps-secret-rotate" => {
            let request =
                call(Method::POST, "/v1/apps/shop/secret", Some(&admin.access), Some(json!({})));
            Case::new(request, |app, answer| async move {
                assert_authenticates(&app, &answer.secret()).await
            })
        }
        _ => panic!("{case}"),
    }
}

async fn assert_authenticates(app: &TestApp, secret: &str) {
    let server =
        crate::testing::apps::Server { client_id: "shop".to_owned(), secret: secret.to_owned() };
    app.introspect(&server, "nothing").await.assert_inactive();
}
