use std::collections::BTreeSet;

use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp,
    accounts::{EMAIL, Item, NEW_PASSWORD, PASSWORD, mentions, text},
    admin::values,
    apps::ADMIN_PHONE,
    wrong,
};

mod noise;
mod queries;
mod recorded;

const DAY: i64 = 24 * 3600;

/// The events that are new since the last time, oldest first.
struct Trail<'a> {
    app: &'a TestApp,
    admin: &'a SignedIn,
    seen: usize,
}

impl Trail<'_> {
    async fn new_events(&mut self) -> Vec<Value> {
        let mut events = self.app.events(self.admin).await;
        events.reverse();
        let new = events.split_off(self.seen);
        self.seen += new.len();
        // Events of the same millisecond have no defined order.
        self.app.advance_millis(1);
        new
    }

    /// Asserts that there is exactly one new event, with this action, target and result.
    async fn assert_one(&mut self, action: &str, actor: Option<&str>, target: &str, result: &str) {
        let new = self.new_events().await;
        assert_eq!(new.len(), 1, "{action}: {new:?}");
        let event = &new[0];
        let expected = json!({
            "id": event["id"], "at": event["at"], "actor": actor, "action": action, "target": target,
            "client_id": "default", "ip": "192.0.2.1", "result": result,
            "request_id": event["request_id"], "address": event["address"], "user_agent": null,
            "count": 1, "changes": event["changes"],
        });
        assert_eq!(event, &expected);

        for name in ["id", "at", "request_id"] {
            assert!(event[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {event}");
        }
    }
}

#[tokio::test]
async fn each_action_of_an_administrator_leaves_one_event() {
    let (app, admin) = TestApp::with_staff().await;
    let (me, mut trail) = (Some(admin.id()), Trail { app: &app, admin: &admin, seen: 0 });
    assert_eq!(trail.new_events().await.len(), 2, "the sign-up, and the role by ADMIN_PHONE");

    let made = app.create_user(&admin, json!({"phone": PHONE})).await.assert_created().clone();
    let id = made["id"].as_str().unwrap();
    let user = format!("user:{id}");
    trail.assert_one("user_create", me, &user, "success").await;
    app.user(&admin, id).await.assert_ok();
    trail.assert_one("user_read", me, &user, "success").await;
    app.get_as(&admin.access, "/v1/users/by-phone/%2B14155550123").await.assert_ok();
    trail.assert_one("user_read", me, &user, "success").await;
    app.get_as(&admin.access, "/v1/users?limit=1").await.assert_ok();
    trail.assert_one("users_list", me, "users", "success").await;
    app.get_as(&admin.access, "/v1/users?phone=%2B14155550123").await.assert_ok();
    trail.assert_one("user_lookup", me, &user, "success").await;
    app.get_as(&admin.access, "/v1/users?phone=%2B14155550199").await.assert_ok();
    trail.assert_one("user_lookup", me, "+1•••••••199", "success").await;

    for change in
        [json!({"name": "Ann"}), json!({"status": "disabled"}), json!({"status": "active"})]
    {
        app.patch_as(&admin, &format!("/v1/users/{id}"), change).await.assert_ok();
        trail.assert_one("user_update", me, &user, "success").await;
    }

    app.role(&admin, "Editor", &["a:b"]).await;
    trail.assert_one("role_create", me, "role:Editor", "success").await;

    app.json_as(
        &admin,
        Method::POST,
        "/v1/roles",
        json!({"roles": [{"name": "B"}, {"name": "C"}]}),
    )
    .await;
    trail.assert_one("role_create", me, "role:B,C", "success").await;
    app.patch_as(&admin, "/v1/roles/Editor", json!({"active": false})).await.assert_ok();
    trail.assert_one("role_update", me, "role:Editor", "success").await;

    let permissions =
        json!({"roles": [{"name": "B", "permissions": []}, {"name": "C", "permissions": []}]});
    app.json_as(&admin, Method::PUT, "/v1/roles/permissions", permissions).await.assert_ok();
    trail.assert_one("role_update", me, "role:B,C", "success").await;
    app.give(&admin, id, &["Editor"]).await.assert_ok();
    trail.assert_one("user_roles_change", me, &user, "success").await;
    app.delete_as(&admin, "/v1/roles/Editor?force=true").await.assert_done();

    let events = trail.new_events().await;
    let told: Vec<_> =
        events.iter().map(|event| (event["action"].clone(), event["target"].clone())).collect();
    let expected =
        [(json!("user_roles_change"), json!(user)), (json!("role_delete"), json!("role:Editor"))];
    assert!(expected.iter().all(|event| told.contains(event)) && told.len() == 2, "{told:?}");

    let shop = app.server(&admin, "shop").await;
    trail.assert_one("app_create", me, "app:shop", "success").await;
    app.change_app(&admin, "shop", json!({"name": "New"})).await.assert_ok();
    trail.assert_one("app_update", me, "app:shop", "success").await;
    app.rotate(&admin, &shop.client_id, 0).await.assert_ok();
    trail.assert_one("app_secret_rotate", me, "app:shop", "success").await;
    let mail = "/v1/apps/shop/messages/sign_in/en";
    app.json_as(&admin, Method::PUT, mail, json!({"text": "{code}"})).await.assert_ok();
    trail.assert_one("app_message_change", me, "app:shop", "success").await;
    app.delete_as(&admin, mail).await.assert_done();
    trail.assert_one("app_message_delete", me, "app:shop", "success").await;
    app.delete_app(&admin, "shop").await.assert_done();
    trail.assert_one("app_delete", me, "app:shop", "success").await;
    app.delete_as(&admin, &format!("/v1/users/{id}")).await.assert_done();
    trail.assert_one("user_delete", me, &user, "success").await;
}

#[tokio::test]
async fn each_action_of_a_user_leaves_one_event() {
    let (app, admin) = TestApp::with_staff().await;
    let mut trail = Trail { app: &app, admin: &admin, seen: 0 };
    trail.new_events().await;

    let person = app.person(PHONE).await;
    let (me, user) = (Some(person.id()), format!("user:{}", person.id()));
    trail.assert_one("sign_in", me, &user, "success").await;
    app.login(json!({"phone": PHONE}), PASSWORD).await.assert_ok();
    trail.assert_one("sign_in", me, &user, "success").await;
    app.login(json!({"phone": PHONE}), "wrong").await.assert_problem(401, "invalid_credentials");
    trail.assert_one("sign_in", None, &user, "failure").await;
    app.advance(60);

    let challenge = app.challenge(PHONE).await;
    app.verify(&challenge, &wrong(&app.code(PHONE))).await.assert_problem(400, "otp_incorrect");
    trail.assert_one("sign_in", None, &user, "failure").await;
    app.patch_me(&person.access, json!({"name": "Ann"})).await.assert_ok();
    trail.assert_one("profile_change", me, &user, "success").await;

    let change = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post_as(&person.access, "/v1/password/change", change).await.assert_done();
    trail.assert_one("password_change", me, &user, "success").await;
    app.advance(120);

    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    assert!(trail.new_events().await.is_empty(), "asking for a reset changes nothing");
    app.reset(&id, &app.code(PHONE), PASSWORD).await.assert_done();
    trail.assert_one("password_reset", me, &user, "success").await;

    let person = app.login_to("default", PHONE).await;
    trail.new_events().await;
    let id = app
        .post_as(&person.access, "/v1/me/phone", json!({"phone": OTHER_PHONE}))
        .await
        .challenge_id();
    app.verify_as(&person.access, &id, &app.code(OTHER_PHONE)).await.assert_ok();
    trail.assert_one("address_change", me, &user, "success").await;
    app.post_as(&person.access, "/v1/auth/logout", json!({})).await.assert_done();
    trail.assert_one("sign_out", me, &user, "success").await;

    let person = app.login_to("default", OTHER_PHONE).await;
    trail.new_events().await;
    app.delete_me(&person.access).await.assert_done();
    trail.assert_one("account_delete", me, &user, "success").await;
}

#[tokio::test]
async fn no_event_holds_a_secret_or_a_whole_address() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let mut secrets = [PHONE, "4155550123", ADMIN_PHONE, EMAIL, PASSWORD, NEW_PASSWORD]
        .map(str::to_owned)
        .to_vec();
    secrets.extend([
        admin.access.clone(),
        admin.refresh.clone(),
        person.access.clone(),
        person.refresh.clone(),
    ]);
    let mut codes = vec![app.code(PHONE), app.code(ADMIN_PHONE)];

    let server = app.server(&admin, "shop").await;
    secrets.push(server.secret.clone());
    for who in [json!({"phone": PHONE}), json!({"email": EMAIL}), json!({"phone": "+14155550123"})]
    {
        app.login(who, NEW_PASSWORD).await.assert_problem(401, "invalid_credentials");
    }

    let body =
        json!({"phone": OTHER_PHONE, "email": EMAIL, "name": "Nobody", "password": PASSWORD});
    app.create_user(&admin, body).await.assert_created();
    secrets.extend([OTHER_PHONE.to_owned(), "7400123456".to_owned()]);
    app.get_as(&admin.access, "/v1/users/by-phone/%2B14155550123").await.assert_ok();
    app.get_as(&admin.access, "/v1/users?phone=%2B14155550123").await.assert_ok();
    app.patch_as(&admin, &format!("/v1/users/{}", person.id()), json!({"username": "annlee"}))
        .await
        .assert_ok();
    app.advance(60);

    let challenge = app.challenge(PHONE).await;
    app.verify(&challenge, &wrong(&app.code(PHONE))).await.assert_problem(400, "otp_incorrect");
    codes.push(app.code(PHONE));

    let items = app.audit_items().await;
    assert!(items.len() >= 10);
    for item in &items {
        let is_text =
            |name: &str| !["pk", "sk", "id", "at", "request_id", "expires_at"].contains(&name);
        let texts: Vec<_> =
            item.iter().filter(|(name, _)| is_text(name)).map(|(_, value)| value).collect();
        for secret in &secrets {
            assert!(!texts.iter().any(|value| mentions(value, secret)), "{secret}: {item:?}");
        }
        // The digits of a code can occur within a time or an id by chance.
        let texts = format!("{texts:?}");
        let words: Vec<_> = texts.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        for code in &codes {
            assert!(!words.contains(&code.as_str()), "{code}: {item:?}");
        }
        for name in item.keys() {
            let known = [
                "pk",
                "sk",
                "id",
                "at",
                "actor",
                "action",
                "target",
                "client_id",
                "ip",
                "result",
                "request_id",
                "expires_at",
                "address",
                "user_agent",
                "changes",
                "count",
                "previous",
                "written_by",
            ];
            assert!(known.contains(&name.as_str()), "{name}");
        }
    }
}

#[tokio::test]
async fn a_refused_request_leaves_no_event() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let before = app.audit_items().await.len();
    app.get_as(&person.access, "/v1/users").await.assert_problem(403, "forbidden");
    app.give(&admin, admin.id(), &[]).await.assert_problem(403, "forbidden");
    app.role(&admin, "Editor", &[]).await;
    app.create_role(&admin, "editor", &[]).await.assert_taken("name");
    app.create_user(&admin, json!({"phone": PHONE})).await.assert_taken("phone");

    let path = format!("/v1/users/{}", person.id());
    app.if_match(&admin, Method::PATCH, &path, "\"0\"", json!({"name": "x"}))
        .await
        .assert_problem(412, "precondition_failed");
    assert_eq!(app.audit_items().await.len(), before + 1, "the role that was created");
}

#[tokio::test]
async fn pages_go_back_over_days_and_show_every_event_once_newest_first() {
    let (app, admin) = TestApp::with_admin_and(&[
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
        ("AUDIT_RETENTION_DAYS", "60"),
    ])
    .await;
    let mut admin = admin;
    for days in [0, 1, 1, 3, 40, 2] {
        app.advance(days * DAY);
        app.advance(3600);
        admin = app.sign_in(ADMIN_PHONE).await;
        for _ in 0..5 {
            app.advance_millis(7);
            app.user(&admin, admin.id()).await.assert_ok();
        }
    }

    let all = app.events(&admin).await;
    assert_eq!(all.len(), app.audit_items().await.len());
    assert_eq!(all.len(), 2 + 6 * 6);

    let ids: BTreeSet<_> = values(&all, "id").into_iter().collect();
    assert_eq!(ids.len(), all.len(), "no event twice");
    let times: Vec<Timestamp> = values(&all, "at").iter().map(|at| at.parse().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "newest first");

    for limit in [1, 6, 7, 37] {
        assert_eq!(app.all(&admin, "/v1/audit", limit).await, all, "limit {limit}");
    }

    // An event that happens while somebody pages is on no later page, and shifts nothing.
    let first = app.get_as(&admin.access, "/v1/audit?limit=10").await;
    let cursor = first.assert_ok()["next_cursor"].as_str().unwrap();
    app.user(&admin, admin.id()).await.assert_ok();

    let rest = app.get_as(&admin.access, &format!("/v1/audit?limit=100&cursor={cursor}")).await;
    let start = rest.assert_ok()["items"].as_array().unwrap();
    assert_eq!(start[..], all[10..10 + start.len()]);
}

#[tokio::test]
async fn an_event_is_kept_for_the_configured_time() {
    let settings = [("AUDIT_RETENTION_DAYS", "30"), ("OTP_SENDS_PER_IP_PER_HOUR", "1000000")];
    let (app, admin) = TestApp::with_admin_and(&settings).await;
    let at = app.latchkey.clock().now().as_second();
    let items = app.audit_items().await;
    assert_eq!(items.len(), 2, "the sign-up, and the role by ADMIN_PHONE");
    assert_eq!(items[0]["expires_at"].as_n().unwrap(), &(at + 30 * DAY).to_string());
    assert_eq!(items[0]["actor"], text(admin.id()));
    app.advance(30 * DAY - 60);

    let admin = app.sign_in(ADMIN_PHONE).await;
    assert_eq!(app.events(&admin).await.len(), 3);
    app.advance(60);
    assert_eq!(app.events(&admin).await.len(), 1, "DynamoDB deletes it days later");
}

#[tokio::test]
async fn an_event_and_its_change_are_written_together_or_not_at_all() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let before = app.items().await;
    let cut = app.cut_off("DYNAMODB");
    for (method, path, body) in [
        (Method::PATCH, format!("/v1/users/{}", person.id()), json!({"name": "x"})),
        (Method::PUT, format!("/v1/users/{}/roles", person.id()), json!({"roles": ["Guest"]})),
        (Method::POST, "/v1/users".to_owned(), json!({"phone": OTHER_PHONE})),
        (Method::POST, "/v1/roles".to_owned(), json!({"name": "Editor"})),
        (Method::DELETE, format!("/v1/users/{}", person.id()), Value::Null),
    ] {
        cut.json_as(&admin, method, &path, body).await.assert_problem(503, "unavailable");
    }

    let sorted = |items: Vec<Item>| {
        items.iter().map(|item| format!("{:?}", item["sk"])).collect::<BTreeSet<_>>()
    };
    assert_eq!(sorted(app.items().await), sorted(before));

    // There is no moment between the two either: both are in one transaction.
    let (watched, operations) = app.watched().await;
    watched
        .patch_as(&admin, &format!("/v1/users/{}", person.id()), json!({"name": "x"}))
        .await
        .assert_ok();
    watched.give(&admin, person.id(), &["Guest"]).await.assert_ok();
    watched.create_user(&admin, json!({"phone": OTHER_PHONE})).await.assert_created();
    watched.role(&admin, "Editor", &[]).await;
    watched.patch_as(&admin, "/v1/roles/Editor", json!({"active": false})).await.assert_ok();
    watched.delete_as(&admin, "/v1/roles/Editor").await.assert_done();

    let operations = operations.lock().unwrap().clone();
    assert!(operations.contains("TransactWriteItems"), "{operations:?}");
    assert!(
        !operations.contains("PutItem") && !operations.contains("UpdateItem"),
        "{operations:?}"
    );
}

#[tokio::test]
async fn an_invalid_query_is_refused() {
    let (app, admin) = TestApp::with_staff().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("actor=x", "actor"),
        ("from=yesterday", "from"),
        ("to=1", "to"),
        ("target=", "target"),
        ("target=foo", "target"),
        ("target=user:x", "target"),
        ("target=01890000-0000-7000-8000-000000000000", "target"),
        ("target=user:", "target"),
        ("target=role:", "target"),
        ("target=role:B,", "target"),
        ("target=role:1", "target"),
        ("target=app:", "target"),
        ("target=User:01890000-0000-7000-8000-000000000000", "target"),
        ("target=%2B14155550123", "target"),
        ("surprise=1", "surprise"),
        ("cursor=AAAA", "cursor"),
    ] {
        app.get_as(&admin.access, &format!("/v1/audit?{query}")).await.assert_field(field);
    }
    for (query, told) in [("target=foo", "role:<name>"), ("from=2026-11-01", "T08:00:00Z")] {
        let refused = app.get_as(&admin.access, &format!("/v1/audit?{query}")).await;
        assert!(refused.json["detail"].as_str().unwrap().contains(told), "{}", refused.text);
    }
}
