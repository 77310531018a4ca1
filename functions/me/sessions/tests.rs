use serde_json::{Value, json};

use crate::testing::{OTHER_PHONE, PHONE, SignedIn, TestApp, claims};

const PATH: &str = "/v1/me/sessions";

/// Signs the phone in `times` times, a minute apart. The newest session is the last.
async fn sign_in_times(app: &TestApp, times: usize) -> Vec<SignedIn> {
    let mut people = Vec::new();
    for _ in 0..times {
        people.push(app.sign_in(PHONE).await);
        app.advance(60);
    }
    people
}

async fn many() -> TestApp {
    TestApp::with(&[
        ("OTP_SENDS_PER_PHONE_PER_HOUR", "100"),
        ("OTP_SENDS_PER_PHONE_PER_DAY", "100"),
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000"),
    ])
    .await
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["id"].as_str().unwrap())
        .collect()
}

fn session_of(person: &SignedIn) -> String {
    claims(&person.access)["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn i_see_my_sessions_the_newest_first() {
    let app = TestApp::start().await;
    let people = sign_in_times(&app, 2).await;
    app.sign_in(OTHER_PHONE).await;
    app.refresh(&people[1].refresh).await.assert_ok();

    let page = app.get_as(&people[0].access, PATH).await;
    let session = |person: usize, created: &str, used: &str, expires: &str, current: bool| {
        json!({
            "id": session_of(&people[person]),
            "client_id": "default",
            "user_agent": null,
            "ip": "192.0.2.1",
            "created_at": created,
            "last_used_at": used,
            "expires_at": expires,
            "current": current,
        })
    };

    let [eight, one_past, two_past] =
        ["2027-01-15T08:00:00.000Z", "2027-01-15T08:01:00.000Z", "2027-01-15T08:02:00.000Z"];
    assert_eq!(
        page.assert_ok(),
        &json!({
            "items": [
                session(1, one_past, two_past, "2027-01-29T08:02:00.000Z", false),
                session(0, eight, eight, "2027-01-29T08:00:00.000Z", true),
            ],
            "next_cursor": null,
        })
    );
}

#[tokio::test]
async fn pages_follow_one_another_to_the_end() {
    let app = many().await;
    let people = sign_in_times(&app, 5).await;
    let access = &people[4].access;
    let all: Vec<_> = people.iter().rev().map(session_of).collect();
    for (limit, pages) in [(1, 5), (2, 3), (4, 2), (5, 1), (100, 1)] {
        let (mut seen, mut cursor, mut count) = (Vec::new(), String::new(), 0);
        loop {
            let page = app.get_as(access, &format!("{PATH}?limit={limit}{cursor}")).await;
            seen.extend(ids(page.assert_ok()).into_iter().map(str::to_owned));
            count += 1;
            match page.json["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((seen, count), (all.clone(), pages), "limit {limit}");
    }
}

#[tokio::test]
async fn only_a_cursor_of_this_list_is_accepted() {
    let app = TestApp::start().await;
    let people = sign_in_times(&app, 2).await;
    let access = &people[1].access;
    let page = app.get_as(access, &format!("{PATH}?limit=1")).await;
    let cursor = page.assert_ok()["next_cursor"].as_str().unwrap().to_owned();
    app.get_as(access, &format!("{PATH}?cursor={cursor}")).await.assert_ok();

    let other = app.sign_in(OTHER_PHONE).await;
    app.get_as(&other.access, &format!("{PATH}?cursor={cursor}")).await.assert_field("cursor");
    let (head, tail) = cursor.split_at(cursor.len() - 2);
    let tampered = [
        format!("{head}{}", if tail == "AA" { "BB" } else { "AA" }),
        format!("{}{}", if cursor.starts_with('A') { "B" } else { "A" }, &cursor[1..]),
        format!("{cursor}A"),
        people[0].json["user"]["id"].as_str().unwrap().to_owned(),
        session_of(&people[0]),
        String::new(),
    ];

    for cursor in tampered {
        app.get_as(access, &format!("{PATH}?cursor={cursor}")).await.assert_field("cursor");
    }
}

#[tokio::test]
async fn an_unknown_query_or_one_out_of_range_is_refused() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("page=2", "page"),
        ("limit=1&surprise=1", "surprise"),
    ] {
        let answer = app.get_as(&person.access, &format!("{PATH}?{query}")).await;
        assert_eq!(answer.json["errors"][0]["field"], field, "{query}: {}", answer.text);
        answer.assert_field(field);
    }

    for limit in ["1", "100"] {
        app.get_as(&person.access, &format!("{PATH}?limit={limit}")).await.assert_ok();
    }
}

#[tokio::test]
async fn a_session_that_ended_is_not_listed() {
    let app = many().await;
    let people = sign_in_times(&app, 2).await;
    app.advance(14 * 24 * 3600 - 121);

    let used = app.refresh(&people[1].refresh).await;
    app.advance(1);
    let access = used.assert_ok()["access_token"].as_str().unwrap();
    let page = app.get_as(access, PATH).await;
    assert_eq!(
        ids(page.assert_ok()),
        [session_of(&people[1])],
        "the other one was idle for too long"
    );
}

#[tokio::test]
async fn the_oldest_session_makes_room_for_the_twenty_first() {
    let app = many().await;
    let people = sign_in_times(&app, 21).await;
    let page = app.get_as(&people[20].access, PATH).await;
    assert_eq!(ids(page.assert_ok()), people[1..].iter().rev().map(session_of).collect::<Vec<_>>());
    app.refresh(&people[0].refresh).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_stranger_sees_nothing() {
    let app = TestApp::start().await;
    app.sign_in(PHONE).await;
    app.get(PATH).await.assert_problem(401, "token_invalid");
    app.get(&format!("{PATH}?limit=0")).await.assert_problem(401, "token_invalid");
}
