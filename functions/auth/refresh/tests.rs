use serde_json::json;

use crate::testing::{OTHER_PHONE, PHONE, SignedIn, TestApp, bodies, claims, steps::step};

const DAY: i64 = 24 * 3600;

/// Refreshes, and returns the new pair.
async fn refreshed(app: &TestApp, token: &str) -> SignedIn {
    let answer = app.refresh(token).await;
    let pair = answer.assert_ok();
    let token = |name: &str| pair[name].as_str().unwrap().to_owned();
    SignedIn { access: token("access_token"), refresh: token("refresh_token"), json: pair.clone() }
}

#[tokio::test]
async fn a_refresh_token_gets_a_new_pair_that_works() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.advance(600);

    let pair = refreshed(&app, &person.refresh).await;
    assert_eq!(
        pair.json,
        json!({
            "access_token": pair.access,
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": pair.refresh,
            "refresh_expires_in": 14 * DAY,
            "scope": "",
        })
    );

    assert!(pair.refresh != person.refresh && pair.access != person.access);
    let (before, after) = (claims(&person.access), claims(&pair.access));
    for kept in ["sub", "sid", "auth_time", "amr", "aud", "roles"] {
        assert_eq!(before[kept], after[kept], "{kept}");
    }

    assert_eq!(after["iat"].as_i64().unwrap() - before["iat"].as_i64().unwrap(), 600);
    app.advance(899);
    app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_expired");
    app.get_as(&pair.access, "/v1/me").await.assert_ok();
    refreshed(&app, &pair.refresh).await;
}

#[tokio::test]
async fn a_phone_that_lost_the_answer_and_slept_stays_signed_in() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    refreshed(&app, &person.refresh).await;

    // It is woken several times, and loses the answers to all retries but the last.
    for asleep in [0, 11, 3600, 13 * DAY] {
        app.advance(asleep);
        let again = refreshed(&app, &person.refresh).await;
        app.get_as(&again.access, "/v1/me").await.assert_ok();
    }

    let pair = refreshed(&app, &person.refresh).await;
    let next = refreshed(&app, &pair.refresh).await;
    app.get_as(&next.access, "/v1/me").await.assert_ok();
}

#[tokio::test]
async fn a_retry_does_not_prolong_a_session() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    refreshed(&app, &person.refresh).await;
    app.advance(14 * DAY - 1);
    refreshed(&app, &person.refresh).await;
    app.advance(1);
    app.refresh(&person.refresh).await.assert_problem(401, "token_expired");
}

#[tokio::test]
async fn a_thief_and_the_owner_cannot_take_turns() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;

    // Both refresh with the same token, so both get one that works.
    let thief = refreshed(&app, &person.refresh).await;
    let owner = refreshed(&app, &person.refresh).await;

    // As soon as one of them goes on, the other's token is a replay.
    let thief = refreshed(&app, &thief.refresh).await;
    app.refresh(&owner.refresh).await.assert_problem(401, "refresh_token_reused");
    app.refresh(&thief.refresh).await.assert_problem(401, "token_invalid");
    app.get_as(&thief.access, "/v1/me").await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_replay_revokes_the_session() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let other = app.sign_in(OTHER_PHONE).await;
    let used = refreshed(&app, &person.refresh).await;
    let pair = refreshed(&app, &used.refresh).await;
    let replay = app.refresh(&person.refresh).await;
    replay.assert_problem(401, "refresh_token_reused");
    assert!(replay.header("www-authenticate").contains(r#"error="invalid_token""#));

    for token in [&pair.refresh, &used.refresh, &person.refresh] {
        app.refresh(token).await.assert_problem(401, "token_invalid");
    }

    for token in [&pair.access, &used.access, &person.access] {
        app.get_as(token, "/v1/me").await.assert_problem(401, "token_invalid");
    }

    refreshed(&app, &other.refresh).await;
    app.advance(30);
    app.sign_in(PHONE).await;
}

#[tokio::test]
async fn a_replay_leaves_the_other_sessions_of_the_user() {
    let app = TestApp::start().await;
    let phone = app.sign_in(PHONE).await;
    app.advance(60);

    let laptop = app.sign_in(PHONE).await;
    let used = refreshed(&app, &phone.refresh).await;
    refreshed(&app, &used.refresh).await;
    app.refresh(&phone.refresh).await.assert_problem(401, "refresh_token_reused");
    app.get_as(&laptop.access, "/v1/me").await.assert_ok();
    refreshed(&app, &laptop.refresh).await;
}

#[tokio::test]
async fn a_token_that_was_not_issued_here_is_refused() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let token = &person.refresh;
    let changed = |position: usize| {
        let mut bytes = token.clone().into_bytes();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let mut bad: Vec<_> = (0..token.len()).step_by(7).map(changed).collect();
    bad.extend([
        String::new(),
        "junk".into(),
        "lkr_".into(),
        "lkr_AAAA".into(),
        token[4..].into(),
        token[..token.len() - 1].into(),
        format!("{token}A"),
        format!("{token}="),
        format!(" {token}"),
        person.access.clone(),
        claims(&person.access)["sid"].as_str().unwrap().into(),
    ]);

    for bad in bad {
        app.refresh(&bad).await.assert_problem(401, "token_invalid");
    }

    app.get_as(token, "/v1/me").await.assert_problem(401, "token_invalid");
    refreshed(&app, token).await;
}

#[tokio::test]
async fn a_session_that_is_not_used_for_two_weeks_ends() {
    let app = TestApp::start().await;
    let (used, idle) = (app.sign_in(PHONE).await, app.sign_in(OTHER_PHONE).await);
    app.advance(14 * DAY - 1);

    let pair = refreshed(&app, &used.refresh).await;
    app.advance(1);
    let expired = app.refresh(&idle.refresh).await;
    expired.assert_problem(401, "token_expired");
    assert!(expired.header("www-authenticate").contains("expired"));
    app.get_as(&pair.access, "/v1/me").await.assert_ok();
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_even_if_it_is_used() {
    let app = TestApp::start().await;
    let mut pair = app.sign_in(PHONE).await;
    for (wait, left) in [(10 * DAY, 14 * DAY), (10 * DAY, 10 * DAY), (10 * DAY - 60, 60)] {
        app.advance(wait);
        pair = refreshed(&app, &pair.refresh).await;
        assert_eq!(pair.json["refresh_expires_in"], left);
    }

    assert_eq!(pair.json["expires_in"], 60, "an access token does not outlive its session");
    app.advance(60);
    app.refresh(&pair.refresh).await.assert_problem(401, "token_expired");
    app.get_as(&pair.access, "/v1/me").await.assert_problem(401, "token_expired");
}

#[tokio::test]
async fn a_disabled_user_gets_no_new_pair() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.disable(person.json["user"]["id"].as_str().unwrap()).await;
    app.refresh(&person.refresh).await.assert_problem(403, "user_disabled");
}

#[tokio::test]
async fn an_ended_session_gets_no_new_pair() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    assert_eq!(app.post_as(&person.access, "/v1/auth/logout", json!({})).await.status, 204);
    app.refresh(&person.refresh).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_failed_refresh_can_be_retried() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    for service in ["DYNAMODB", "SECRETSMANAGER"] {
        let answer = app.cut_off(service).refresh(&person.refresh).await;
        assert_eq!(answer.assert_wait(503, "unavailable"), 5, "{service}");
    }
    refreshed(&app, &person.refresh).await;
}

#[tokio::test]
async fn only_a_refresh_token_in_json_is_read() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    let body = json!({"refresh_token": person.refresh});
    bodies::assert_strict(&app, None, "/v1/auth/refresh", &body).await;
    for body in [json!({}), json!({"refresh_token": null}), json!({"refresh_token": 1})] {
        app.post("/v1/auth/refresh", body).await.assert_field("refresh_token");
    }
    refreshed(&app, &person.refresh).await;
}

#[tokio::test]
async fn a_refresh_takes_one_write() {
    let app = TestApp::start().await;
    let person = app.sign_in(PHONE).await;
    app.advance(600);
    // The permissions of roles are read once in five minutes, for all users. They are read here.
    app.sign_in(OTHER_PHONE).await;
    let (answer, units) = app.units(app.refresh(&person.refresh)).await;
    answer.assert_ok();
    assert_eq!(units, step("auth-refresh").units(), "reads, writes");
}
