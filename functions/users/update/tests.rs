use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    document::document,
    testing::{
        OTHER_PHONE, PHONE, TestApp,
        accounts::PASSWORD,
        admin::{NOBODY, values},
        apps::ADMIN_PHONE,
        at_once, claims, json_request,
        pictures::{jpeg, picture},
    },
};

fn path(id: &str) -> String {
    format!("/v1/users/{id}")
}

#[tokio::test]
async fn sent_fields_change_and_the_rest_stays() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let mut expected = app.me(&person.access).await;

    for change in [
        json!({"name": "Ann Lee"}),
        json!({"username": "ann", "locale": "es"}),
        json!({"name": null, "username": "Ann"}),
        json!({"username": null, "locale": null, "status": "active"}),
    ] {
        app.advance(1);
        let changes = change.as_object().unwrap().clone();
        expected.as_object_mut().unwrap().extend(changes);
        expected["updated_at"] = json!(app.now());
        let changed = app.patch_as(&admin, &path(person.id()), change).await;
        assert_eq!(changed.assert_ok(), &expected);
        assert_eq!(app.me(&person.access).await, expected);
        assert_eq!(app.user(&admin, person.id()).await.header("etag"), changed.header("etag"));
    }

    app.advance(1);
    for nothing in [json!({}), json!({"name": null}), json!({"status": "active"})] {
        let same = app.patch_as(&admin, &path(person.id()), nothing).await;
        assert_eq!(same.assert_ok(), &expected, "nothing changed");
    }

    let events = app.events(&admin).await;
    let updates =
        values(&events, "action").into_iter().filter(|action| *action == "user_update").count();
    assert_eq!(updates, 4, "a request that changes nothing is not recorded");
}

#[tokio::test]
async fn an_invalid_change_is_refused_and_nothing_changes() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.sign_up(json!({"phone": OTHER_PHONE, "username": "taken"})).await;
    let before = app.me(&person.access).await;

    for (body, field) in [
        (json!({"name": "New", "username": "no"}), "username"),
        (json!({"name": ""}), "name"),
        (json!({"name": "New", "locale": 1}), "locale"),
        (json!({"name": "New", "status": "deleted"}), "status"),
        (json!({"name": 1}), "name"),
        (json!({"name": "New", "status": null}), "status"),
    ] {
        app.patch_as(&admin, &path(person.id()), body).await.assert_field(field);
    }

    for taken in ["taken", "TAKEN"] {
        let body = json!({"name": "New", "username": taken});
        app.patch_as(&admin, &path(person.id()), body).await.assert_taken("username");
    }

    for (bytes, code) in
        [("{", "invalid_json"), ("[]", "invalid_request"), ("null", "invalid_request")]
    {
        let request =
            json_request(Method::PATCH, &path(person.id()), Some(&admin.access), &Value::Null);
        app.send(request.map(|_| bytes.into())).await.assert_problem(400, code);
    }

    app.patch_as(&admin, &path(NOBODY), json!({"name": "New"}))
        .await
        .assert_problem(404, "not_found");
    assert_eq!(app.me(&person.access).await, before);
}

#[tokio::test]
async fn a_disabled_user_is_out_at_once_and_can_sign_in_again_once_active() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.advance(60);
    let open = app.challenge(PHONE).await;
    let changed = app.patch_as(&admin, &path(person.id()), json!({"status": "disabled"})).await;
    assert_eq!(changed.assert_ok()["status"], "disabled");
    app.get_as(&person.access, "/v1/me").await.assert_problem(403, "user_disabled");
    app.refresh(&person.refresh).await.assert_problem(403, "user_disabled");
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_problem(403, "user_disabled");
    app.verify(&open, &app.code(PHONE)).await.assert_problem(403, "user_disabled");

    app.patch_as(&admin, &path(person.id()), json!({"status": "active"})).await.assert_ok();
    app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_invalid");
    app.refresh(&person.refresh).await.assert_problem(401, "token_invalid");

    let again = app.login(json!({"phone": PHONE}), PASSWORD).await.signed_in();
    assert_eq!(app.me(&again.access).await["status"], "active");
}

#[tokio::test]
async fn a_change_with_a_stale_tag_is_refused() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let path = path(person.id());
    let seen = app.user(&admin, person.id()).await.header("etag").to_owned();
    let change = async |tag: &str, name: &str| {
        app.if_match(&admin, Method::PATCH, &path, tag, json!({"name": name})).await
    };
    let fresh = change(&seen, "Ann").await;
    assert_eq!(fresh.assert_ok()["name"], "Ann");

    change("nonsense", "Eve").await.assert_field("If-Match");
    for stale in [seen.as_str(), "\"\"", &format!("W/{}", fresh.header("etag"))] {
        change(stale, "Eve").await.assert_problem(412, "precondition_failed");
    }

    let request = json_request(Method::PATCH, &path, Some(&admin.access), &json!({"name": "Eve"}));
    let (mut parts, body) = request.into_parts();
    parts.headers.insert("if-match", axum::http::HeaderValue::from_bytes(b"\xff").unwrap());
    app.send(axum::http::Request::from_parts(parts, body)).await.assert_field("If-Match");
    assert_eq!(app.me(&person.access).await["name"], "Ann");
    change(&format!("{seen}, {}", fresh.header("etag")), "Bea").await.assert_ok();
    change("*", "Cat").await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_changes_with_one_tag_one_is_refused() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    for round in 0..10 {
        let tag = app.user(&admin, person.id()).await.header("etag").to_owned();
        let answers = at_once(2, |index| {
            let (app, admin, tag, path) =
                (app.clone(), admin.clone(), tag.clone(), path(person.id()));
            let body = json!({"name": format!("Name {round} {index}")});
            async move { app.if_match(&admin, Method::PATCH, &path, &tag, body).await }
        })
        .await;
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
        let done = answers.iter().find(|answer| answer.status == 200).unwrap();
        assert_eq!(app.me(&person.access).await["name"], done.json["name"]);
    }
}

#[tokio::test]
async fn only_administrators_touch_administrators() {
    let (app, admin) = TestApp::with_staff().await;
    let clerk =
        app.staff(&admin, PHONE, "Clerk", &["users:read", "users:write", "roles:assign"]).await;
    app.holder(&admin, OTHER_PHONE, "Admin").await;

    for body in [json!({"name": "Eve"}), json!({"status": "disabled"}), json!({"status": "active"})]
    {
        app.patch_as(&clerk, &path(admin.id()), body).await.assert_problem(403, "forbidden");
    }

    app.give(&clerk, admin.id(), &[]).await.assert_problem(403, "forbidden");
    app.delete_as(&clerk, &path(admin.id())).await.assert_problem(403, "forbidden");

    let by_phone = format!("/v1/users/by-phone/{}", ADMIN_PHONE.replace('+', "%2B"));
    app.delete_as(&clerk, &by_phone).await.assert_problem(403, "forbidden");
    app.delete_as(&clerk, &format!("{}/mfa", path(admin.id())))
        .await
        .assert_problem(403, "forbidden");
    app.user(&clerk, admin.id()).await.assert_ok();
    assert_eq!(app.me(&admin.access).await["roles"], json!(["Admin", "User"]));
}

#[tokio::test]
async fn an_administrator_ends_the_lockout_after_a_hundred_failures() {
    let (app, _) = TestApp::with_staff().await;
    let id = app.person(PHONE).await.id().to_owned();
    loop {
        let answer = app.login(json!({"phone": PHONE}), "wrong").await;
        if answer.status == 429 && answer.json.get("retry_after").is_none() {
            break;
        }
        app.advance(answer.json["retry_after"].as_i64().unwrap_or(3600));
    }

    app.advance(200 * 24 * 3600);
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_problem(429, "too_many_attempts");

    let admin = app.sign_in(ADMIN_PHONE).await;
    let before = app.events(&admin).await.len();
    for events in [1, 1] {
        app.patch_as(&admin, &path(&id), json!({"status": "active"})).await.assert_ok();
        assert_eq!(
            app.events(&admin).await.len(),
            before + events,
            "only the request that ends a lockout is recorded"
        );
    }

    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
}

/// All changes of an existing user, as the document has them.
fn changes_of_a_user() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&document().to_json().unwrap()).unwrap();
    let mut changes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let is_of_a_user = path.starts_with("/v1/users/{") || path.starts_with("/v1/users/by-");
        for (method, operation) in item.as_object().unwrap().iter().filter(|_| is_of_a_user) {
            if method != "get" {
                let mut parameters = operation["parameters"].as_array().unwrap().iter();
                assert!(parameters.any(|it| it["name"] == "If-Match"), "{method} {path}");
                changes.push((method.to_uppercase().parse().unwrap(), path.clone()));
            }
        }
    }
    changes
}

#[tokio::test]
async fn every_change_of_a_user_refuses_a_stale_tag_and_changes_nothing() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.put_avatar(&person.access, jpeg(&picture(60, 60))).await.assert_ok();
    let session = claims(&person.access)["sid"].as_str().unwrap().to_owned();
    let stale = app.user(&admin, person.id()).await.header("etag").to_owned();
    app.patch_as(&admin, &path(person.id()), json!({"name": "Ann"})).await.assert_ok();
    let before = app.user(&admin, person.id()).await;

    let changes = changes_of_a_user();
    assert!(changes.len() >= 8, "{changes:?}");
    for (method, path) in &changes {
        let path = path
            .replace("{user_id}", person.id())
            .replace("{session_id}", &session)
            .replace("{phone}", "%2B14155550123");
        let body = match path.rsplit_once('/').unwrap().1 {
            "roles" => json!({"roles": []}),
            "phone" => json!({"phone": "+14155550199"}),
            _ if *method == Method::PATCH => json!({"name": "Ann Lee"}),
            _ => Value::Null,
        };
        let refused = app.if_match(&admin, method.clone(), &path, &stale, body).await;
        refused.assert_problem(412, "precondition_failed");
    }

    let after = app.user(&admin, person.id()).await;
    assert_eq!((after.header("etag"), &after.json["name"]), (before.header("etag"), &json!("Ann")));
    assert!(app.me(&person.access).await["avatar_url"].is_string());
    assert!(app.items_like("PHONE_MOVE").await.is_empty());
}

#[tokio::test]
async fn every_removal_takes_the_current_tag() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.put_avatar(&person.access, jpeg(&picture(60, 60))).await.assert_ok();
    app.enrol(&person).await.assert_ok();
    let session = format!("sessions/{}", claims(&person.access)["sid"].as_str().unwrap());

    for removed in ["mfa", "avatar", session.as_str()] {
        let tag = app.user(&admin, person.id()).await.header("etag").to_owned();
        let path = format!("{}/{removed}", path(person.id()));
        app.if_match(&admin, Method::DELETE, &path, &tag, Value::Null).await.assert_done();
    }
    app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_invalid");
    assert!(app.objects().is_empty());
}
