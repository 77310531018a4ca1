//! Queries by actor, target, action and time.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::testing::{OTHER_PHONE, PHONE, SignedIn, TestApp, accounts::PASSWORD, admin::values};

const MANY: [(&str, &str); 4] = [
    ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
    ("OTP_SENDS_PER_PHONE_PER_HOUR", "100"),
    ("OTP_SENDS_PER_PHONE_PER_DAY", "100"),
    ("SMS_MONTHLY_BUDGET_USD", "1000"),
];

async fn query(app: &TestApp, admin: &SignedIn, query: &str) -> Vec<Value> {
    app.all(admin, &format!("/v1/audit?{query}"), 3).await
}

/// All events that pass, taken from the complete trail.
fn expected(all: &[Value], passes: impl Fn(&Value) -> bool) -> Vec<Value> {
    all.iter().filter(|event| passes(event)).cloned().collect()
}

/// A trail with 12 sign-ins of a person, failures on their account, changes by them and by an
/// administrator, and events of somebody else.
async fn eventful() -> (TestApp, SignedIn, SignedIn) {
    let (app, admin) = TestApp::with_admin_and(&MANY).await;
    let mut person = app.person(PHONE).await;
    for round in 0..12 {
        app.advance(60);
        person = app.sign_in(PHONE).await;
        if round % 3 == 0 {
            app.advance_millis(7);
            app.login(json!({"phone": PHONE}), "wrong").await;
            app.patch_me(&person.access, json!({"name": format!("Ann {round}")})).await.assert_ok();
            app.user(&admin, person.id()).await.assert_ok();
        }
    }
    app.sign_in(OTHER_PHONE).await;
    app.give(&admin, person.id(), &["Guest"]).await.assert_ok();
    (app, admin, person)
}

#[tokio::test]
async fn events_are_found_by_actor_target_and_action() {
    let (app, admin, person) = eventful().await;
    let all = app.events(&admin).await;
    let (me, user) = (json!(person.id()), json!(format!("user:{}", person.id())));

    let of_me = query(&app, &admin, &format!("actor={}", person.id())).await;
    assert_eq!(of_me, expected(&all, |event| event["actor"] == me));
    assert!(of_me.len() > 12 + 4, "{}", of_me.len());

    let about_me = query(&app, &admin, &format!("target=user:{}", person.id())).await;
    assert_eq!(about_me, expected(&all, |event| event["target"] == user));
    assert!(about_me.len() > of_me.len());

    let path = format!("actor={}&target=user:{}", admin.id(), person.id());
    let reads = query(&app, &admin, &format!("{path}&action=user_read")).await;
    assert_eq!(reads.len(), 4);
    assert_eq!(
        reads,
        expected(&all, |event| event["action"] == "user_read" && event["target"] == user)
    );

    let sign_ins = query(&app, &admin, "action=sign_in").await;
    assert_eq!(sign_ins, expected(&all, |event| event["action"] == "sign_in"));
    let nobody = query(&app, &admin, "actor=01890000-0000-7000-8000-000000000000").await;
    assert_eq!(nobody, Vec::<Value>::new());
}

#[tokio::test]
async fn a_page_of_any_size_neither_skips_nor_repeats_an_event() {
    let (app, admin, person) = eventful().await;
    let path = format!("/v1/audit?target=user:{}", person.id());
    let all = app.all(&admin, &path, 100).await;
    let ids: BTreeSet<_> = values(&all, "id").into_iter().collect();
    assert_eq!(ids.len(), all.len(), "no event twice");
    assert!(all.len() >= 22, "{}", all.len());
    for limit in [1, 2, 5, 7, 21] {
        assert_eq!(app.all(&admin, &path, limit).await, all, "limit {limit}");
    }

    // A sign-in while somebody pages shifts nothing.
    let first = app.get_as(&admin.access, &format!("{path}&limit=5")).await;
    let cursor = first.assert_ok()["next_cursor"].as_str().unwrap().to_owned();
    app.advance(60);
    app.sign_in(PHONE).await;
    let rest = app.get_as(&admin.access, &format!("{path}&limit=100&cursor={cursor}")).await;
    assert_eq!(rest.assert_ok()["items"].as_array().unwrap()[..], all[5..]);
    app.get_as(&admin.access, &format!("/v1/audit?cursor={cursor}")).await.assert_field("cursor");
}

#[tokio::test]
async fn from_is_inclusive_and_to_is_exclusive() {
    let (app, admin, person) = eventful().await;
    let all = app.events(&admin).await;
    let (older, newer) = (all[20]["at"].as_str().unwrap(), all[4]["at"].as_str().unwrap());
    let between = |event: &Value| {
        let at = event["at"].as_str().unwrap();
        at >= older && at < newer
    };
    let times = format!("from={older}&to={newer}");
    let found = query(&app, &admin, &times).await;
    assert_eq!(found, expected(&all, between));
    assert!(found.len() > 10, "{}", found.len());

    let user = json!(format!("user:{}", person.id()));
    let found = query(&app, &admin, &format!("{times}&target=user:{}", person.id())).await;
    assert_eq!(found, expected(&all, |event| between(event) && event["target"] == user));
    assert_eq!(query(&app, &admin, &format!("from={newer}&to={older}")).await, Vec::<Value>::new());
}

#[tokio::test]
async fn an_unknown_action_is_refused_with_the_list_of_all() {
    let (app, admin) = TestApp::with_staff().await;
    let refused = app.get_as(&admin.access, "/v1/audit?action=dance").await;
    refused.assert_field("action");
    let message = refused.json["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("`sign_in`") && message.contains("`app_secret_rotate`"), "{message}");
    assert!(!message.contains("dance"), "{message}");
}

#[tokio::test]
async fn the_sign_ins_of_a_deleted_account_are_still_found() {
    let (app, admin, person) = eventful().await;
    let path = format!("target=user:{}", person.id());
    let before = query(&app, &admin, &path).await;
    app.advance_millis(5);
    app.delete_as(&admin, &format!("/v1/users/{}", person.id())).await.assert_done();
    let after = query(&app, &admin, &path).await;
    assert_eq!(after[0]["action"], "user_delete");
    assert_eq!(after[1..], before);
}

#[tokio::test]
async fn a_lost_event_hides_no_older_sign_in() {
    let (app, admin, person) = eventful().await;
    let path = format!("target=user:{}&action=sign_in", person.id());
    let mut all = query(&app, &admin, &path).await;
    let is_sign_in = |event: &Value| event["result"] == "success";
    let lost = all.iter().filter(|event| is_sign_in(event)).nth(4).unwrap()["id"].clone();
    app.delete_event(lost.as_str().unwrap()).await;
    all.retain(|event| event["id"] != lost);
    assert_eq!(query(&app, &admin, &path).await, all);
}

#[tokio::test]
async fn events_are_found_by_role_and_by_app() {
    let (app, admin) = TestApp::with_staff().await;
    app.json_as(
        &admin,
        axum::http::Method::POST,
        "/v1/roles",
        json!({"roles": [{"name": "B"}, {"name": "C"}]}),
    )
    .await;
    app.server(&admin, "shop").await;
    for (target, action) in
        [("role:B", "role_create"), ("role:C", "role_create"), ("app:shop", "app_create")]
    {
        let found = query(&app, &admin, &format!("target={target}")).await;
        assert_eq!(values(&found, "action"), [action], "{target}");
    }
}

#[tokio::test]
async fn events_are_found_by_a_subject_in_any_letter_case() {
    let (app, admin) = TestApp::with_staff().await;
    app.role(&admin, "Editor", &[]).await;
    app.role(&admin, "Gone", &[]).await;
    app.delete_as(&admin, "/v1/roles/gone").await.assert_done();
    let person = app.person(PHONE).await;
    app.user(&admin, person.id()).await.assert_ok();
    app.get_as(&admin.access, "/v1/users?phone=%2B14155550199").await.assert_ok();

    let (upper, simple) = (person.id().to_uppercase(), person.id().replace('-', ""));
    for (target, number) in [
        ("role:editor", 1),
        ("role:EDITOR", 1),
        ("role:gone", 2),
        ("users", 0),
        ("anybody", 0),
        ("%2B1•••••••199", 1),
        (&format!("user:{upper}"), 2),
        (&format!("user:{simple}"), 2),
    ] {
        let found =
            query(&app, &admin, &format!("target={}", target.replace('•', "%E2%80%A2"))).await;
        assert_eq!(found.len(), number, "{target}: {found:?}");
    }
    let by = query(&app, &admin, &format!("actor={}", admin.id().to_uppercase())).await;
    assert!(by.len() > 3);
}

#[tokio::test]
async fn a_query_by_target_costs_what_it_returns() {
    let (app, admin, person) = eventful().await;
    for _ in 0..30 {
        app.user(&admin, admin.id()).await.assert_ok();
    }
    app.login(json!({"phone": PHONE}), PASSWORD).await;

    // Two reads of the caller, one query, one read for each event, and one of the user.
    let path = format!("/v1/audit?limit=10&target=user:{}", person.id());
    let (page, (reads, writes)) = app.units(app.get_as(&admin.access, &path)).await;
    assert_eq!(page.assert_ok()["items"].as_array().unwrap().len(), 10);
    assert_eq!(writes, 0.0);
    assert!(reads < 40.0, "{reads}");
}
