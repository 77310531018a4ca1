use axum::http::Method;
use serde_json::json;

use crate::testing::{PHONE, TestApp, accounts::PASSWORD, apps::Server, claims, tokens};

const PATH: &str = "/oauth2/introspect";

/// The service, a server app, and a user with a password and a username.
async fn app_with_server() -> (TestApp, Server) {
    let (app, admin) = TestApp::with_admin().await;
    let server = app.server(&admin, "server").await;
    app.sign_up(json!({"phone": PHONE, "password": PASSWORD, "username": "Ann"})).await;
    (app, server)
}

#[tokio::test]
async fn an_access_token_is_described_as_rfc_7662_says() {
    let (app, server) = app_with_server().await;
    let person = app.login_by(&server, PHONE).await;
    let token = claims(&person.access);
    let answer = app.introspect(&server, &person.access).await;

    assert_eq!(
        answer.assert_ok(),
        &json!({
            "active": true,
            "token_type": "Bearer",
            "client_id": "server",
            "aud": "server",
            "iss": "https://id.example.com",
            "sub": person.id(),
            "username": "Ann",
            "roles": ["User"],
            "scope": "",
            "sid": token["sid"],
            "exp": token["exp"],
            "iat": token["iat"],
            "jti": token["jti"],
            "auth_time": token["auth_time"],
            "amr": ["pwd"],
            "acr": "aal1",
        })
    );
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        ("application/json", "no-store")
    );
}

#[tokio::test]
async fn a_refresh_token_is_described_too_while_it_is_the_newest() {
    let (app, server) = app_with_server().await;
    let person = app.login_by(&server, PHONE).await;
    let answer = app.introspect(&server, &person.refresh).await;
    let now = app.latchkey.clock().now().as_second();

    assert_eq!(
        answer.assert_ok(),
        &json!({
            "active": true,
            "token_type": "refresh_token",
            "client_id": "server",
            "aud": "server",
            "iss": "https://id.example.com",
            "sub": person.id(),
            "username": "Ann",
            "roles": ["User"],
            "scope": "",
            "sid": claims(&person.access)["sid"],
            "exp": now + 14 * 24 * 3600,
            "iat": now,
            "auth_time": now,
            "amr": ["pwd"],
            "acr": "aal1",
        })
    );

    let fields = [("grant_type", "refresh_token"), ("refresh_token", person.refresh.as_str())];
    let pair = app.form(Some(&server.basic()), "/oauth2/token", &fields).await.signed_in();
    app.introspect(&server, &person.refresh).await.assert_inactive();
    assert_eq!(app.introspect(&server, &pair.refresh).await.assert_ok()["active"], true);
    assert_eq!(app.introspect(&server, &pair.access).await.assert_ok()["active"], true);
}

#[tokio::test]
async fn the_secret_may_be_in_the_form_and_the_hint_may_be_wrong() {
    let (app, server) = app_with_server().await;
    let person = app.login_by(&server, PHONE).await;
    for token in [&person.access, &person.refresh] {
        for hint in ["access_token", "refresh_token", "other", ""] {
            let fields = [("token", token.as_str()), ("token_type_hint", hint)];
            let credentials = [("client_id", "server"), ("client_secret", server.secret.as_str())];
            let answer = app.form(None, PATH, &[fields, credentials].concat()).await;
            assert_eq!(answer.assert_ok()["active"], true);
            assert_eq!(
                app.form(Some(&server.basic()), PATH, &fields).await.assert_ok(),
                &answer.json
            );
        }
    }
}

#[tokio::test]
async fn an_app_learns_nothing_of_the_tokens_of_another() {
    let (app, admin) = TestApp::with_admin().await;
    let (server, other) = (app.server(&admin, "server").await, app.server(&admin, "other").await);
    app.public_app(&admin, "shop").await;
    app.person(PHONE).await;
    let people = [
        app.login_by(&other, PHONE).await,
        app.login_to("shop", PHONE).await,
        app.login_to("default", PHONE).await,
        admin,
    ];

    for person in &people {
        app.introspect(&server, &person.access).await.assert_inactive();
        app.introspect(&server, &person.refresh).await.assert_inactive();
    }

    assert_eq!(app.introspect(&other, &people[0].access).await.assert_ok()["active"], true);
}

#[tokio::test]
async fn a_token_that_does_not_work_is_inactive_and_nothing_else() {
    let (app, server) = app_with_server().await;
    let person = app.login_by(&server, PHONE).await;
    let mut junk =
        vec!["junk".to_owned(), "lkr_".to_owned(), server.secret.clone(), "\"\\\u{e9}".to_owned()];
    let attacks = tokens::attacks(&app, &person.access, "junk").await;
    junk.extend(attacks.into_iter().map(|(_, token)| token).filter(|token| !token.is_empty()));

    for token in &junk {
        app.introspect(&server, token).await.assert_inactive();
    }

    app.advance(899);
    assert_eq!(app.introspect(&server, &person.access).await.assert_ok()["active"], true);

    app.advance(1);
    app.introspect(&server, &person.access).await.assert_inactive();
    assert_eq!(app.introspect(&server, &person.refresh).await.assert_ok()["active"], true);

    app.advance(14 * 24 * 3600);
    app.introspect(&server, &person.refresh).await.assert_inactive();
}

#[tokio::test]
async fn a_session_that_ended_or_a_user_who_is_disabled_or_gone_makes_tokens_inactive_at_once() {
    let (app, server) = app_with_server().await;
    let assert_active = async |token: &str, active: bool| {
        assert_eq!(app.introspect(&server, token).await.assert_ok()["active"], active);
    };
    let ended = app.login_by(&server, PHONE).await;
    let person = app.login_by(&server, PHONE).await;
    app.post_as(&ended.access, "/v1/auth/logout", json!({})).await.assert_done();

    for (token, active) in [
        (&ended.access, false),
        (&ended.refresh, false),
        (&person.access, true),
        (&person.refresh, true),
    ] {
        assert_active(token, active).await;
    }

    app.disable(person.id()).await;
    for token in [&person.access, &person.refresh] {
        app.introspect(&server, token).await.assert_inactive();
    }

    let (app, server) = app_with_server().await;
    let person = app.login_by(&server, PHONE).await;
    app.call_as(&person.access, Method::DELETE, "/v1/me").await.assert_done();

    for token in [&person.access, &person.refresh] {
        app.introspect(&server, token).await.assert_inactive();
    }
}

#[tokio::test]
async fn only_an_app_that_authenticates_may_ask() {
    let (app, admin) = TestApp::with_admin().await;
    let server = app.server(&admin, "server").await;
    app.public_app(&admin, "shop").await;
    app.person(PHONE).await;
    let person = app.login_by(&server, PHONE).await;
    let shopper = app.login_to("shop", PHONE).await;
    let wrong = Server { secret: "wrong".to_owned(), ..server.clone() };

    for answer in [
        app.form(None, PATH, &[("token", &person.access)]).await,
        app.form(None, PATH, &[("token", &person.access), ("client_id", "server")]).await,
        app.form(None, PATH, &[("token", &shopper.access), ("client_id", "shop")]).await,
        app.form(None, PATH, &[("token", &shopper.access), ("client_id", "default")]).await,
        app.form(None, PATH, &[("token", &shopper.access), ("client_id", "nobody")]).await,
        app.form(Some("Basic Og=="), PATH, &[("token", &person.access)]).await,
        app.form(Some(&format!("Bearer {}", person.access)), PATH, &[("token", &person.access)])
            .await,
        app.introspect(&wrong, &person.access).await,
        app.form(None, PATH, &[]).await,
    ] {
        answer.assert_oauth(401, "invalid_client");
    }

    app.change_app(&admin, "server", json!({"active": false})).await.assert_ok();
    app.introspect(&server, &person.access).await.assert_oauth(401, "invalid_client");
}

#[tokio::test]
async fn a_request_without_its_one_token_is_refused() {
    let (app, server) = app_with_server().await;
    let basic = server.basic();
    for fields in
        [vec![], vec![("token", "")], vec![("token", "a"), ("token", "b")], vec![("tokens", "a")]]
    {
        app.form(Some(&basic), PATH, &fields).await.assert_oauth(400, "invalid_request");
    }
    app.post_by(&basic, PATH, json!({"token": "a"})).await.assert_oauth(415, "invalid_request");
}

#[tokio::test]
async fn without_aws_no_token_is_called_inactive() {
    let (app, server) = app_with_server().await;
    let person = app.login_by(&server, PHONE).await;
    for service in ["DYNAMODB", "SECRETSMANAGER"] {
        for token in [&person.access, &person.refresh] {
            let answer = app.cut_off(service).introspect(&server, token).await;
            answer.assert_oauth(503, "temporarily_unavailable");
        }
    }
}
