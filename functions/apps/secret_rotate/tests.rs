use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{TestApp, apps::Server, at_once, bodies};

const DAY: i64 = 24 * 3600;

/// Whether the app can authenticate with a secret.
async fn is_good(app: &TestApp, secret: &str) -> bool {
    let server = Server { client_id: "server".to_owned(), secret: secret.to_owned() };
    let answer = app.introspect(&server, "any").await;
    if answer.status != 200 {
        answer.assert_oauth(401, "invalid_client");
    }
    answer.status == 200
}

/// Whether the app can authenticate with each of the secrets.
async fn good<const N: usize>(app: &TestApp, secrets: [&str; N]) -> [bool; N] {
    let mut answers = [false; N];
    for (answer, secret) in answers.iter_mut().zip(secrets) {
        *answer = is_good(app, secret).await;
    }
    answers
}

#[tokio::test]
async fn the_old_secret_stays_valid_for_the_requested_time() {
    let (app, admin) = TestApp::with_admin().await;
    let first = app.server(&admin, "server").await.secret;
    let rotated = app.rotate(&admin, "server", 600).await;
    let second = rotated.secret();
    assert_eq!(
        rotated.json,
        json!({"client_id": "server", "client_secret": second, "old_secret_valid_for": 600})
    );
    assert!(second.starts_with("lks_") && second != first);
    assert_eq!(good(&app, [&first, &second]).await, [true, true]);
    app.advance(599);
    assert_eq!(good(&app, [&first, &second]).await, [true, true]);
    app.advance(1);
    assert_eq!(good(&app, [&first, &second]).await, [false, true]);
    app.advance(400 * DAY);
    assert_eq!(good(&app, [&first, &second]).await, [false, true], "the new one does not expire");
}

#[tokio::test]
async fn the_old_secret_stays_valid_for_a_day_by_default() {
    for body in [None, Some(json!({})), Some(json!({"old_secret_valid_for": null}))] {
        let (app, admin) = TestApp::with_admin().await;
        let first = app.server(&admin, "server").await.secret;
        let path = "/v1/apps/server/secret";
        let rotated = match body {
            None => app.call_as(&admin.access, Method::POST, path).await,
            Some(body) => app.post_as(&admin.access, path, body).await,
        };
        let second = rotated.secret();
        assert_eq!(rotated.json["old_secret_valid_for"], DAY);
        app.advance(DAY - 1);
        assert_eq!(good(&app, [&first, &second]).await, [true, true]);
        app.advance(1);
        assert_eq!(good(&app, [&first, &second]).await, [false, true]);
    }
}

#[tokio::test]
async fn a_leaked_secret_can_be_revoked_at_once() {
    let (app, admin) = TestApp::with_admin().await;
    let first = app.server(&admin, "server").await.secret;
    let second = app.rotate(&admin, "server", 0).await.secret();
    assert_eq!(good(&app, [&first, &second]).await, [false, true]);
}

#[tokio::test]
async fn a_second_rotation_revokes_the_first_secret() {
    let (app, admin) = TestApp::with_admin().await;
    let first = app.server(&admin, "server").await.secret;
    let second = app.rotate(&admin, "server", DAY).await.secret();
    let third = app.rotate(&admin, "server", 60).await.secret();
    assert_eq!(good(&app, [&first, &second, &third]).await, [false, true, true]);
    app.advance(60);
    assert_eq!(good(&app, [&first, &second, &third]).await, [false, false, true]);
}

#[tokio::test]
async fn after_twenty_concurrent_rotations_the_last_two_secrets_are_valid() {
    let (app, admin) = TestApp::with_admin().await;
    let first = app.server(&admin, "server").await.secret;
    let answers = at_once(20, |_| {
        let (app, admin) = (app.clone(), admin.clone());
        async move { app.rotate(&admin, "server", 600).await }
    })
    .await;
    let mut secrets = vec![first];
    for answer in answers {
        // A rotation that loses too many races is told to retry, and its secret never becomes
        // valid.
        match answer.status.as_u16() {
            200 => secrets.push(answer.secret()),
            _ => _ = answer.assert_wait(503, "unavailable"),
        }
    }

    let rotated = secrets.len() - 1;
    assert!(rotated >= 1);
    let stored = app.items_like("APP").await;
    assert_eq!(stored[0]["secrets"].as_l().unwrap().len(), 2);
    // On a busy machine, a rotation may be done although its response was lost.
    let unknown = 20 - rotated;
    let versions: usize = stored[0]["version"].as_n().unwrap().parse().unwrap();
    assert!((rotated..=rotated + unknown).contains(&versions), "{versions}, {rotated} answered");

    let count = async || {
        let mut count = 0;
        for secret in &secrets {
            count += usize::from(is_good(&app, secret).await);
        }
        count
    };

    let valid = if versions == rotated { 2..=2 } else { 0..=2 };
    assert!(valid.contains(&count().await));
    app.advance(600);
    assert!(count().await <= 1);
}

#[tokio::test]
async fn a_public_app_has_no_secret_to_rotate() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    for client_id in ["shop", "default"] {
        app.rotate(&admin, client_id, 0).await.assert_problem(409, "conflict");
    }
    app.rotate(&admin, "nothing", 0).await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_time_out_of_bounds_is_refused_and_the_secret_stays() {
    let (app, admin) = TestApp::with_admin().await;
    let first = app.server(&admin, "server").await.secret;
    for seconds in
        [json!(-1), json!(7 * DAY + 1), json!(1.5), json!("60"), json!(true), json!(i64::MAX)]
    {
        let answer = app
            .post_as(
                &admin.access,
                "/v1/apps/server/secret",
                json!({"old_secret_valid_for": seconds}),
            )
            .await;
        answer.assert_field("old_secret_valid_for");
    }

    app.post_as(&admin.access, "/v1/apps/server/secret", Value::Null)
        .await
        .assert_problem(400, "invalid_request");

    let body = json!({"old_secret_valid_for": 7 * DAY});
    app.cut_off("DYNAMODB").rotate(&admin, "server", 0).await.assert_wait(503, "unavailable");
    assert!(is_good(&app, &first).await);
    bodies::assert_strict(&app, Some(&admin.access), "/v1/apps/server/secret", &body).await;
    assert!(is_good(&app, &first).await);
}

#[tokio::test]
async fn an_app_that_is_off_can_be_given_a_secret_before_it_is_on_again() {
    let (app, admin) = TestApp::with_admin().await;
    let first = app.server(&admin, "server").await.secret;
    app.change_app(&admin, "server", json!({"active": false})).await.assert_ok();
    let second = app.rotate(&admin, "server", 0).await.secret();
    assert_eq!(good(&app, [&first, &second]).await, [false, false]);
    app.change_app(&admin, "server", json!({"active": true})).await.assert_ok();
    assert_eq!(good(&app, [&first, &second]).await, [false, true]);
}
