use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{EMAIL, OTHER_EMAIL, PASSWORD, text},
    admin::values,
};
use shared::{
    base::Random,
    users::{Metadata, User},
};

/// Puts `count` users without an address into the table, as copies of one. Returns their ids.
async fn add_people(app: &TestApp, count: usize) -> BTreeSet<String> {
    let (store, keys) = (app.latchkey.store(), app.latchkey.hash_keys().await.unwrap());
    let now = app.latchkey.clock().now();
    let first = somebody(Random::system().uuid(now).unwrap(), now);
    store.create_user((&first, &Metadata::default()), &BTreeSet::new(), &keys).await.unwrap();
    let item = app.items_of(&first.id.to_string()).await.remove(0);
    let mut ids = BTreeSet::from([first.id.to_string()]);
    let mut copies = Vec::new();

    while ids.len() < count {
        let id = Random::system().uuid(now).unwrap().to_string();
        let list = format!("USERS#{}", &id[id.len() - 1..]);
        let changes = [
            ("pk", format!("USER#{id}")),
            ("id", id.clone()),
            ("list", list),
            ("list_key", id.clone()),
        ];
        let mut copy = item.clone();
        for (name, value) in changes {
            assert!(copy.insert(name.to_owned(), text(&value)).is_some(), "{name}");
        }
        copies.push(copy);
        ids.insert(id);
    }

    app.put_all(copies).await;
    ids
}

fn somebody(id: Uuid, now: Timestamp) -> User {
    User {
        roles: BTreeMap::from([("default".to_owned(), BTreeSet::from(["User".to_owned()]))]),
        ..User::new(id, now)
    }
}

#[tokio::test]
async fn users_are_listed_oldest_first_and_look_the_same_as_alone() {
    let (app, admin) = TestApp::with_staff().await;
    let mut ids = vec![admin.id().to_owned()];
    for index in 0..7 {
        app.advance_millis(1);
        let body =
            json!({"phone": format!("+1415555010{index}"), "name": format!("Person {index}")});
        ids.push(
            app.create_user(&admin, body).await.assert_created()["id"].as_str().unwrap().to_owned(),
        );
    }

    for limit in [1, 2, 3, 7, 8, 9, 100] {
        assert_eq!(values(&app.all(&admin, "/v1/users", limit).await, "id"), ids, "limit {limit}");
    }

    let listed = app.all(&admin, "/v1/users", 100).await;
    for user in &listed {
        assert_eq!(app.user(&admin, user["id"].as_str().unwrap()).await.assert_ok(), user);
    }

    let page = app.get_as(&admin.access, "/v1/users").await;
    assert_eq!(
        (page.assert_ok()["items"].as_array(), &page.json["next_cursor"]),
        (Some(&listed), &Value::Null)
    );
}

#[tokio::test]
async fn filters_select_the_matching_users() {
    let (app, admin) = TestApp::with_staff().await;
    app.public_app(&admin, "shop").await;
    app.role(&admin, "Editor", &[]).await;
    let mut ids = Vec::new();

    for phone in [PHONE, OTHER_PHONE, "+14155550131", "+14155550132"] {
        app.advance(1);
        ids.push(app.person(phone).await.id().to_owned());
    }

    app.give(&admin, &ids[0], &["Editor", "Guest"]).await.assert_ok();
    app.give(&admin, &ids[1], &["Editor"]).await.assert_ok();
    app.give_in(&admin, "shop", &ids[2], &["Editor"]).await.assert_ok();
    app.give_in(&admin, "shop", &ids[1], &["Guest"]).await.assert_ok();
    app.give_in(&admin, "shop", &ids[3], &["Guest"]).await.assert_ok();
    app.give_in(&admin, "shop", &ids[3], &[]).await.assert_ok();
    app.patch_as(&admin, &format!("/v1/users/{}", ids[1]), json!({"status": "disabled"}))
        .await
        .assert_ok();

    let phone = PHONE.replace('+', "%2B");
    for (query, expected) in [
        ("role=Editor".to_owned(), vec![0, 1]),
        ("role=editor".to_owned(), vec![0, 1]),
        ("role=Guest".to_owned(), vec![0]),
        ("role=Edit".to_owned(), vec![]),
        ("role=Nothing".to_owned(), vec![]),
        ("role=Editor&app=shop".to_owned(), vec![2]),
        ("app=shop".to_owned(), vec![1, 2]),
        ("app=nothing".to_owned(), vec![]),
        ("status=disabled".to_owned(), vec![1]),
        ("status=active&role=Editor".to_owned(), vec![0]),
        ("status=disabled&role=Editor&app=shop".to_owned(), vec![]),
        (format!("phone={phone}"), vec![0]),
        (format!("phone={phone}&role=Editor"), vec![0]),
        (format!("phone={phone}&role=User"), vec![]),
        (format!("phone={phone}&status=disabled"), vec![]),
        (format!("phone={phone}&app=shop"), vec![]),
        ("phone=%2B14155550199".to_owned(), vec![]),
    ] {
        let expected: Vec<&str> =
            expected.into_iter().map(|index: usize| ids[index].as_str()).collect();
        for limit in [1, 100] {
            let found = app.all(&admin, &format!("/v1/users?{query}"), limit).await;
            assert_eq!(values(&found, "id"), expected, "{query}");
        }
    }

    let of_shop = app.all(&admin, "/v1/users?app=shop", 10).await;
    assert_eq!(
        (&of_shop[0]["roles"], &of_shop[1]["roles"]),
        (&json!(["Guest"]), &json!(["Editor"]))
    );
}

#[tokio::test]
async fn an_e_mail_address_finds_the_user_who_has_proven_it() {
    let (app, admin) = TestApp::with_staff().await;
    let owner = app.sign_up(json!({"email": EMAIL})).await;
    app.sign_up(json!({"phone": PHONE, "email": OTHER_EMAIL, "password": PASSWORD})).await;
    let found = async |email: &str| app.all(&admin, &format!("/v1/users?email={email}"), 10).await;
    assert_eq!(values(&found(EMAIL).await, "id"), [owner.id()]);
    assert!(found(OTHER_EMAIL).await.is_empty(), "nobody has proven this address");
}

#[tokio::test]
async fn an_invalid_query_is_refused() {
    let (app, admin) = TestApp::with_staff().await;
    for (query, code) in [
        ("limit=0", "invalid_request"),
        ("limit=101", "invalid_request"),
        ("limit=-1", "invalid_request"),
        ("limit=x", "invalid_request"),
        ("status=deleted", "invalid_request"),
        ("surprise=1", "invalid_request"),
        ("name=Ann", "invalid_request"),
        ("role=User&role=Admin", "invalid_request"),
        ("app=", "invalid_request"),
        ("app=%00", "invalid_request"),
        ("role=", "invalid_request"),
        ("role=a%20b", "invalid_request"),
        ("phone=12", "invalid_phone"),
        ("email=x", "invalid_email"),
        ("phone=%2B14155550123&email=ann@example.org", "invalid_request"),
        ("cursor=", "invalid_request"),
        ("cursor=AAAA", "invalid_request"),
    ] {
        app.get_as(&admin.access, &format!("/v1/users?{query}")).await.assert_problem(400, code);
    }
}

#[tokio::test]
async fn a_cursor_cannot_be_used_for_another_list() {
    let (app, admin) = TestApp::with_staff().await;
    add_people(&app, 3).await;
    let lists = [
        "/v1/users?limit=1",
        "/v1/users?limit=1&role=User",
        "/v1/users?limit=1&app=default",
        "/v1/users?limit=1&status=active",
        "/v1/roles?limit=1",
        "/v1/audit?limit=1",
    ];
    app.user(&admin, admin.id()).await.assert_ok();

    let mut cursors = Vec::new();
    for list in lists {
        let page = app.get_as(&admin.access, list).await;
        cursors.push(
            page.assert_ok()["next_cursor"].as_str().unwrap_or_else(|| panic!("{list}")).to_owned(),
        );
    }

    for (place, list) in lists.iter().enumerate() {
        for (other, cursor) in cursors.iter().enumerate() {
            let page = app.get_as(&admin.access, &format!("{list}&cursor={cursor}")).await;
            if place == other {
                page.assert_ok();
            } else {
                page.assert_field("cursor");
            }
        }
        let cursor = &cursors[place];
        assert!(!cursor.contains(admin.id()), "opaque");
        for index in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            app.get_as(&admin.access, &format!("{list}&cursor={changed}"))
                .await
                .assert_field("cursor");
        }
        for changed in [
            &cursor[1..],
            &cursor[..cursor.len() - 1],
            &format!("{cursor}A"),
            &format!("{cursor}="),
        ] {
            app.get_as(&admin.access, &format!("{list}&cursor={changed}"))
                .await
                .assert_field("cursor");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_users_are_listed_once_each_while_others_are_created() {
    let (app, admin) = TestApp::with_staff().await;
    app.advance(60);
    let admin_id = admin.id().to_owned();
    let mut expected = add_people(&app, 10_000).await;
    expected.insert(admin_id);
    let (watched, operations) = app.watched().await;
    let (mut seen, mut cursor, mut late) = (Vec::new(), String::new(), BTreeSet::new());

    loop {
        let page = watched.get_as(&admin.access, &format!("/v1/users?limit=100{cursor}")).await;
        seen.extend(
            values(page.assert_ok()["items"].as_array().unwrap(), "id")
                .into_iter()
                .map(str::to_owned),
        );
        let Some(next) = page.json["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        app.advance_millis(10);
        if late.len() < 20 {
            late.extend(add_people(&app, 10).await);
        }
    }

    assert!(seen.is_sorted(), "oldest first");
    let unique: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(unique.len(), seen.len(), "nobody twice");
    assert_eq!(unique.intersection(&expected).count(), expected.len(), "nobody lost");
    assert_eq!(
        unique.difference(&expected).cloned().collect::<BTreeSet<_>>(),
        late,
        "new users come last"
    );

    watched.all(&admin, "/v1/users?role=Admin", 100).await;
    watched.all(&admin, "/v1/roles?all=true", 100).await;
    watched.all(&admin, "/v1/apps", 100).await;
    watched.all(&admin, "/v1/audit", 100).await;
    let operations = operations.lock().unwrap().clone();
    assert!(operations.contains("Query") && operations.contains("BatchGetItem"), "{operations:?}");
    assert!(!operations.contains("Scan"), "{operations:?}");
}
