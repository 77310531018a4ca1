use serde_json::json;

use crate::testing::{PHONE, SignedIn, TestApp, apps::Server, at_once, claims};

const PATH: &str = "/oauth2/revoke";

/// The service, a public and a server app, and a user who is signed in to the default app and to
/// both of them.
async fn signed_in_to_three_apps() -> (TestApp, Server, [SignedIn; 3]) {
    let (app, admin) = TestApp::with_admin().await;
    let server = app.server(&admin, "server").await;
    app.public_app(&admin, "shop").await;
    app.person(PHONE).await;
    let people = [
        app.login_to("default", PHONE).await,
        app.login_to("shop", PHONE).await,
        app.login_by(&server, PHONE).await,
    ];
    (app, server, people)
}

async fn assert_live(app: &TestApp, person: &SignedIn, live: bool) {
    let me = app.get_as(&person.access, "/v1/me").await;
    if live { _ = me.assert_ok() } else { me.assert_problem(401, "token_invalid") }
}

#[tokio::test]
async fn either_token_ends_the_session_with_both() {
    let (app, server, [default_app, shop, own]) = signed_in_to_three_apps().await;
    let other = app.login_to("shop", PHONE).await;
    app.form(None, PATH, &[("token", &default_app.access)]).await.assert_empty_ok();
    app.form(None, PATH, &[("token", &shop.refresh), ("client_id", "shop")])
        .await
        .assert_empty_ok();
    assert_live(&app, &own, true).await;

    let fields = [("token", own.refresh.as_str()), ("token_type_hint", "access_token")];
    app.form(Some(&server.basic()), PATH, &fields).await.assert_empty_ok();

    for person in [&default_app, &shop] {
        assert_live(&app, person, false).await;
        app.refresh(&person.refresh).await.assert_problem(401, "token_invalid");
    }

    assert_live(&app, &own, false).await;
    app.introspect(&server, &own.refresh).await.assert_inactive();
    assert_live(&app, &other, true).await;
    app.refresh(&other.refresh).await.assert_ok();
}

#[tokio::test]
async fn revoking_an_invalid_or_revoked_token_succeeds() {
    let (app, server, [.., own]) = signed_in_to_three_apps().await;
    let basic = server.basic();
    for token in [&own.access, &own.access, &own.refresh, &own.refresh] {
        app.form(Some(&basic), PATH, &[("token", token)]).await.assert_empty_ok();
    }

    for junk in [
        "junk",
        "lkr_",
        "\"\\\u{e9}",
        &format!("{}A", own.refresh),
        &own.access[1..],
        &server.secret,
    ] {
        app.form(Some(&basic), PATH, &[("token", junk)]).await.assert_empty_ok();
        app.form(None, PATH, &[("token", junk)]).await.assert_empty_ok();
    }

    app.advance(900);
    app.form(Some(&basic), PATH, &[("token", &own.access)]).await.assert_empty_ok();
}

#[tokio::test]
async fn an_old_refresh_token_ends_its_session_too() {
    let (app, _, [default_app, ..]) = signed_in_to_three_apps().await;
    let pair = app.refresh(&default_app.refresh).await.signed_in();
    app.form(None, PATH, &[("token", &default_app.refresh)]).await.assert_empty_ok();
    assert_live(&app, &pair, false).await;
    app.refresh(&pair.refresh).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_token_of_another_app_is_not_revoked() {
    let (app, server, [default_app, shop, own]) = signed_in_to_three_apps().await;
    let basic = server.basic();
    for (authorization, client_id, others) in [
        (None, "", [&shop, &own]),
        (None, "shop", [&default_app, &own]),
        (Some(basic.as_str()), "", [&default_app, &shop]),
    ] {
        for other in others {
            for token in [&other.access, &other.refresh] {
                let answer = app
                    .form(authorization, PATH, &[("token", token), ("client_id", client_id)])
                    .await;
                answer.assert_oauth(400, "unauthorized_client");
                assert_live(&app, other, true).await;
            }
        }
    }
}

#[tokio::test]
async fn a_machine_is_told_that_its_token_cannot_be_revoked() {
    let (app, admin) = TestApp::with_admin().await;
    let machine = json!({"grant_types": ["client_credentials"], "scopes": ["stock:read"]});
    let robot = app.server_with(&admin, "robot", machine).await;
    let other = app.server(&admin, "other").await;
    let grant = [("grant_type", "client_credentials")];
    let tokens = app.form(Some(&robot.basic()), "/oauth2/token", &grant).await;
    let token = tokens.assert_ok()["access_token"].as_str().unwrap();
    for (server, error) in [(&robot, "unsupported_token_type"), (&other, "unauthorized_client")] {
        let refused = app.form(Some(&server.basic()), PATH, &[("token", token)]).await;
        refused.assert_oauth(400, error);
    }
    assert_eq!(app.introspect(&robot, token).await.json["active"], true);
}

#[tokio::test]
async fn a_confidential_app_must_authenticate() {
    let (app, server, [.., own]) = signed_in_to_three_apps().await;
    let wrong = Server { secret: "wrong".to_owned(), ..server.clone() };
    for answer in [
        app.form(None, PATH, &[("token", &own.refresh), ("client_id", "server")]).await,
        app.form(Some(&wrong.basic()), PATH, &[("token", &own.refresh)]).await,
        app.form(
            None,
            PATH,
            &[("token", "junk"), ("client_id", "server"), ("client_secret", "wrong")],
        )
        .await,
        app.form(None, PATH, &[("token", "junk"), ("client_id", "nobody")]).await,
    ] {
        answer.assert_oauth(401, "invalid_client");
    }

    let both = [("token", own.refresh.as_str()), ("client_secret", server.secret.as_str())];
    app.form(Some(&server.basic()), PATH, &both).await.assert_oauth(400, "invalid_request");
    assert_live(&app, &own, true).await;

    let post = [
        ("token", own.refresh.as_str()),
        ("client_id", "server"),
        ("client_secret", server.secret.as_str()),
    ];
    app.form(None, PATH, &post).await.assert_empty_ok();
    assert_live(&app, &own, false).await;
}

#[tokio::test]
async fn a_request_without_its_one_token_is_refused() {
    let (app, ..) = signed_in_to_three_apps().await;
    for fields in [vec![], vec![("token", "")], vec![("token", "a"), ("token", "b")]] {
        app.form(None, PATH, &fields).await.assert_oauth(400, "invalid_request");
    }
    app.post(PATH, json!({"token": "a"})).await.assert_oauth(415, "invalid_request");
}

#[tokio::test]
async fn of_ten_revocations_at_once_all_succeed() {
    let (app, _, [default_app, shop, _]) = signed_in_to_three_apps().await;
    let answers = at_once(10, |index| {
        let token =
            if index % 2 == 0 { default_app.access.clone() } else { default_app.refresh.clone() };
        let app = app.clone();
        async move { app.form(None, PATH, &[("token", &token)]).await }
    })
    .await;
    answers.iter().for_each(crate::testing::Answer::assert_empty_ok);
    assert_live(&app, &default_app, false).await;
    assert_live(&app, &shop, true).await;
    assert_ne!(claims(&default_app.access)["sid"], claims(&shop.access)["sid"]);
}

#[tokio::test]
async fn without_aws_nothing_is_called_revoked() {
    let (app, _, [default_app, ..]) = signed_in_to_three_apps().await;
    for service in ["DYNAMODB", "SECRETSMANAGER"] {
        for token in [&default_app.access, &default_app.refresh] {
            let answer = app.cut_off(service).form(None, PATH, &[("token", token)]).await;
            answer.assert_oauth(503, "temporarily_unavailable");
        }
    }
    assert_live(&app, &default_app, true).await;
}
