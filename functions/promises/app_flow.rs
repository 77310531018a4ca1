//! Flows across endpoints: several apps that share their users.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{
    authorizer::{AuthorizerRequest, answer},
    testing::{
        Answer, OTHER_PHONE, PHONE, SignedIn, TestApp,
        accounts::{EMAIL, PASSWORD},
        apps::{ADMIN_PHONE, Server, basic},
        bearer, claims,
    },
};

/// Whether the authorizer accepts a token.
async fn passes(app: &TestApp, token: &str) -> bool {
    let request: AuthorizerRequest =
        serde_json::from_value(json!({"identitySource": [bearer(token)]})).unwrap();
    serde_json::to_value(answer(&app.latchkey, &request).await.unwrap()).unwrap()["isAuthorized"]
        .as_bool()
        .unwrap()
}

/// Asks for a code to sign in to an app.
async fn send_to(app: &TestApp, client_id: &str, phone: &str) -> Answer {
    app.post("/v1/otp/send", json!({"phone": phone, "client_id": client_id})).await
}

#[tokio::test]
async fn tokens_of_two_apps_open_only_their_own() {
    let (app, admin) = TestApp::with_admin().await;
    let (a, b) = (app.server(&admin, "a").await, app.server(&admin, "b").await);
    app.person(PHONE).await;

    let (in_a, in_b) = (app.login_by(&a, PHONE).await, app.login_by(&b, PHONE).await);
    assert_eq!(in_a.id(), in_b.id());
    for (own, person, other) in [(&a, &in_a, &b), (&b, &in_b, &a)] {
        assert_eq!(claims(&person.access)["aud"], own.client_id);
        for token in [&person.access, &person.refresh] {
            assert_eq!(app.introspect(own, token).await.assert_ok()["active"], true);
            app.introspect(other, token).await.assert_inactive();
            let refused =
                app.form(Some(&other.basic()), "/oauth2/revoke", &[("token", token)]).await;
            refused.assert_oauth(400, "unauthorized_client");
        }

        let grant = [("grant_type", "refresh_token"), ("refresh_token", person.refresh.as_str())];
        app.form(Some(&other.basic()), "/oauth2/token", &grant)
            .await
            .assert_oauth(400, "invalid_grant");
        app.grant_refresh("default", &person.refresh).await.assert_oauth(400, "invalid_grant");

        let body = json!({"refresh_token": person.refresh});
        app.post_by(&other.basic(), "/v1/auth/refresh", body.clone())
            .await
            .assert_field("client_id");
        app.refresh(&person.refresh).await.assert_problem(401, "invalid_client");

        // None of the refusals used up the refresh token.
        let pair = app.post_by(&own.basic(), "/v1/auth/refresh", body).await.signed_in();
        assert_eq!(claims(&pair.access)["client_id"], own.client_id);
        app.form(Some(&own.basic()), "/oauth2/revoke", &[("token", &pair.refresh)])
            .await
            .assert_empty_ok();
        app.introspect(own, &pair.access).await.assert_inactive();
    }

    app.login_to("default", PHONE).await;
}

#[tokio::test]
async fn a_confidential_app_authenticates_wherever_it_names_itself() {
    let (app, admin) = TestApp::with_admin_and(&[("EMAIL_FROM", "latchkey@example.com")]).await;
    let server = app.server(&admin, "server").await;
    app.person(PHONE).await;

    let good = server.basic();
    let wrong = [
        basic("server", "wrong"),
        basic("server", ""),
        basic("nobody", &server.secret),
        "Basic".to_owned() + " ",
    ];

    for (path, body, status) in [
        ("/v1/otp/send", json!({"phone": OTHER_PHONE}), 202),
        ("/v1/auth/register", json!({"email": EMAIL}), 202),
        ("/v1/auth/login", json!({"phone": PHONE, "password": PASSWORD}), 200),
    ] {
        let mut named = body.clone();
        named["client_id"] = json!("server");
        let mut answers = vec![app.post(path, named.clone()).await];
        for wrong in &wrong {
            answers.push(app.post_by(wrong, path, body.clone()).await);
        }
        answers.push(app.post_by(&wrong[0], path, named.clone()).await);
        for answer in answers {
            answer.assert_problem(401, "invalid_client");
            assert!(answer.header("www-authenticate").starts_with("Basic "), "{path}");
        }
        let mut another = body.clone();
        another["client_id"] = json!("default");
        app.post_by(&good, path, another).await.assert_field("client_id");
        let mut unknown = body.clone();
        unknown["client_id"] = json!("nobody");
        app.post(path, unknown).await.assert_field("client_id");
        assert_eq!(app.post_by(&good, path, named).await.status, status, "{path}");
        // HTTP Basic with empty credentials names no app.
        app.advance(3600);
        assert_eq!(app.post_by("Basic Og==", path, body).await.status, status, "{path}");
    }

    let id =
        app.post_by(&good, "/v1/otp/send", json!({"phone": "+14155550155"})).await.challenge_id();
    let person = app.verify_by(&server, &id, &app.code("+14155550155")).await.signed_in();
    assert_eq!(claims(&person.access)["aud"], "server");
    app.refresh(&person.refresh).await.assert_problem(401, "invalid_client");

    let body = json!({"refresh_token": person.refresh});
    app.post_by(&wrong[0], "/v1/auth/refresh", body.clone())
        .await
        .assert_problem(401, "invalid_client");
    app.post_by(&good, "/v1/auth/refresh", body).await.assert_ok();
}

#[tokio::test]
async fn closed_sign_up_answers_everyone_alike_and_lets_known_users_in() {
    let (app, admin) = TestApp::with_admin_and(&[("EMAIL_FROM", "latchkey@example.com")]).await;
    let closed = json!({"client_id": "staff", "name": "Staff", "sign_up": "closed"});
    app.create_app(&admin, closed).await.assert_created();

    app.person(PHONE).await;
    app.advance(3600);
    let texts = app.texts(PHONE).len();

    for path in ["/v1/otp/send", "/v1/auth/register"] {
        let ask =
            async |phone: &str| app.post(path, json!({"phone": phone, "client_id": "staff"})).await;
        let (known, stranger) = (ask(PHONE).await, ask("+14155550129").await);
        let masked = |answer: &Answer| answer.without_ids().replace("129", "123");
        assert_eq!(masked(&known), masked(&stranger), "{path}");

        let (known_id, strange_id) = (known.challenge_id(), stranger.challenge_id());
        let status = async |id: &str| app.get(&format!("/v1/otp/{id}")).await.without_ids();
        assert_eq!(status(&known_id).await, status(&strange_id).await, "{path}");

        let (known, stranger) = (app.resend(&known_id).await, app.resend(&strange_id).await);
        assert_eq!(known.without_ids(), stranger.without_ids(), "{path}");

        app.advance(60);
        let (known, stranger) = (app.resend(&known_id).await, app.resend(&strange_id).await);
        assert_eq!(masked(&known), masked(&stranger), "{path}");
        assert!(app.texts("+14155550129").is_empty());

        // No code proves the stranger's challenge, not even somebody else's valid one.
        let code = app.code(PHONE);
        for _ in 0..5 {
            app.verify(&strange_id, &code).await.assert_problem(400, "otp_incorrect");
        }

        app.verify(&strange_id, &code).await.assert_problem(429, "otp_locked");
        let person = app.verify(&known_id, &code).await.signed_in();
        assert_eq!(
            (&person.json["is_new_user"], &claims(&person.access)["aud"]),
            (&json!(false), &json!("staff"))
        );

        app.advance(24 * 3600);
    }

    assert_eq!(app.texts(PHONE).len(), texts + 4);

    // An outage of SNS reveals nothing either, although it affects only known people.
    let cut = app.cut_off("SNS");
    for phone in [PHONE, "+14155550129"] {
        send_to(&cut, "staff", phone).await.challenge_id();
    }

    app.advance(3600);

    // The stranger can sign up in an app that is open, and is then known to the closed one.
    app.sign_in("+14155550129").await;
    app.advance(60);
    let id = send_to(&app, "staff", "+14155550129").await.challenge_id();
    app.verify(&id, &app.code("+14155550129")).await.assert_ok();
}

#[tokio::test]
async fn sign_up_that_closes_while_a_code_is_on_its_way_takes_no_stranger() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    app.person(PHONE).await;
    app.advance(60);
    let (known, stranger) = (
        send_to(&app, "shop", PHONE).await.challenge_id(),
        send_to(&app, "shop", OTHER_PHONE).await.challenge_id(),
    );

    app.change_app(&admin, "shop", json!({"sign_up": "closed"})).await.assert_ok();
    app.verify(&stranger, &app.code(OTHER_PHONE)).await.assert_problem(410, "otp_expired");
    app.verify(&known, &app.code(PHONE)).await.assert_ok();
    assert!(app.items_like("OWNER").await.len() == 2, "the administrator and the known user");
}

/// Asserts that an app that is switched off or deleted (`gone`) refuses everything, including what
/// was started while it was on.
async fn assert_refuses_everything(
    app: &TestApp,
    server: &Server,
    person: &SignedIn,
    open: &str,
    code: &str,
    gone: bool,
) {
    let basic = server.basic();
    let (status, refusal) = if gone { (401, "invalid_client") } else { (403, "app_disabled") };
    let texts = app.texts(OTHER_PHONE).len();
    for (path, body) in [
        ("/v1/otp/send", json!({"phone": OTHER_PHONE})),
        ("/v1/auth/register", json!({"phone": OTHER_PHONE})),
        ("/v1/auth/login", json!({"phone": PHONE, "password": PASSWORD})),
    ] {
        app.post_by(&basic, path, body).await.assert_problem(status, refusal);
    }

    let resent = app.post_by(&basic, "/v1/otp/resend", json!({"challenge_id": open})).await;
    resent.assert_problem(status, refusal);
    app.verify_by(server, open, code).await.assert_problem(status, refusal);
    assert_eq!(app.texts(OTHER_PHONE).len(), texts);

    let refresh =
        app.post_by(&basic, "/v1/auth/refresh", json!({"refresh_token": person.refresh})).await;
    refresh.assert_problem(status, refusal);

    for path in ["/v1/me", "/v1/me/export", "/v1/me/sessions", "/oauth2/userinfo"] {
        app.get_as(&person.access, path).await.assert_problem(401, "token_invalid");
    }

    app.call_as(&person.access, Method::DELETE, "/v1/me")
        .await
        .assert_problem(401, "token_invalid");
    assert!(!passes(app, &person.access).await);

    for fields in [
        vec![("grant_type", "password"), ("username", PHONE), ("password", PASSWORD)],
        vec![("grant_type", "refresh_token"), ("refresh_token", person.refresh.as_str())],
    ] {
        app.form(Some(&basic), "/oauth2/token", &fields).await.assert_oauth(401, "invalid_client");
    }

    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        for token in [&person.access, &person.refresh] {
            app.form(Some(&basic), path, &[("token", token)])
                .await
                .assert_oauth(401, "invalid_client");
        }
    }
}

#[tokio::test]
async fn an_app_that_is_switched_off_refuses_everything_at_once_and_comes_back_whole() {
    let (app, admin) = TestApp::with_admin().await;
    let server = app.server(&admin, "server").await;
    app.person(PHONE).await;

    let person = app.login_by(&server, PHONE).await;
    let open = app
        .post_by(&server.basic(), "/v1/otp/send", json!({"phone": OTHER_PHONE}))
        .await
        .challenge_id();
    let code = app.code(OTHER_PHONE);

    app.advance(30);
    app.change_app(&admin, "server", json!({"active": false})).await.assert_ok();
    assert_refuses_everything(&app, &server, &person, &open, &code, false).await;

    // The same user's session in another app continues.
    app.login_to("default", PHONE).await;

    app.change_app(&admin, "server", json!({"active": true})).await.assert_ok();
    app.get_as(&person.access, "/v1/me").await.assert_ok();
    assert!(passes(&app, &person.access).await);
    assert_eq!(app.introspect(&server, &person.refresh).await.assert_ok()["active"], true);
    app.post_by(&server.basic(), "/v1/auth/refresh", json!({"refresh_token": person.refresh}))
        .await
        .assert_ok();

    // The refused requests did not use up the code.
    app.verify_by(&server, &open, &code).await.assert_ok();
}

#[tokio::test]
async fn an_app_that_is_deleted_refuses_everything_for_good() {
    let (app, admin) = TestApp::with_admin().await;
    let server = app.server(&admin, "server").await;
    app.person(PHONE).await;

    let person = app.login_by(&server, PHONE).await;
    let open = app
        .post_by(&server.basic(), "/v1/otp/send", json!({"phone": OTHER_PHONE}))
        .await
        .challenge_id();
    let code = app.code(OTHER_PHONE);

    app.advance(30);
    app.delete_app(&admin, "server").await.assert_done();
    assert_refuses_everything(&app, &server, &person, &open, &code, true).await;
    app.refresh(&person.refresh).await.assert_problem(403, "app_disabled");
    send_to(&app, "server", OTHER_PHONE).await.assert_field("client_id");

    // Nobody can register its client_id again and so take over its users' grants.
    for body in [
        json!({"client_id": "server", "name": "Mine", "type": "confidential"}),
        json!({"client_id": "server", "name": "Mine"}),
    ] {
        app.create_app(&admin, body).await.assert_taken("client_id");
    }

    app.get_as(&person.access, "/v1/me").await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_public_app_that_is_off_or_gone_refuses_its_people() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    app.person(PHONE).await;

    let person = app.login_to("shop", PHONE).await;
    let login = json!({"phone": PHONE, "client_id": "shop"});
    app.change_app(&admin, "shop", json!({"active": false})).await.assert_ok();
    send_to(&app, "shop", OTHER_PHONE).await.assert_problem(403, "app_disabled");
    app.login(login.clone(), PASSWORD).await.assert_problem(403, "app_disabled");
    app.refresh(&person.refresh).await.assert_problem(403, "app_disabled");
    app.grant_refresh("shop", &person.refresh).await.assert_oauth(401, "invalid_client");
    app.delete_app(&admin, "shop").await.assert_done();
    send_to(&app, "shop", OTHER_PHONE).await.assert_field("client_id");
    app.login(login, PASSWORD).await.assert_field("client_id");
    app.refresh(&person.refresh).await.assert_problem(403, "app_disabled");
    app.grant_refresh("shop", &person.refresh).await.assert_oauth(401, "invalid_client");
    assert!(app.texts(OTHER_PHONE).is_empty());
}

#[tokio::test]
async fn an_administrator_changes_the_secret_of_a_running_app_without_a_pause() {
    let (app, admin) = TestApp::with_admin().await;
    let old = app.server(&admin, "server").await;
    app.person(PHONE).await;

    let rotated = app.rotate(&admin, "server", 300).await.secret();
    let new = Server { secret: rotated, ..old.clone() };
    let person = app.login_by(&old, PHONE).await;
    assert_eq!(app.introspect(&new, &person.access).await.assert_ok()["active"], true);

    app.login_by(&new, PHONE).await;
    app.advance(300);
    let body = json!({"phone": PHONE, "password": PASSWORD});
    app.post_by(&old.basic(), "/v1/auth/login", body).await.assert_problem(401, "invalid_client");

    let refresh = json!({"refresh_token": person.refresh});
    app.post_by(&old.basic(), "/v1/auth/refresh", refresh.clone())
        .await
        .assert_problem(401, "invalid_client");
    app.post_by(&new.basic(), "/v1/auth/refresh", refresh).await.assert_ok();
}

#[tokio::test]
async fn a_role_in_one_app_does_not_count_in_another() {
    let (app, admin) = TestApp::with_admin().await;
    for (client_id, role) in [("shop", "Buyer"), ("desk", "Clerk")] {
        let body = json!({"client_id": client_id, "name": "App", "default_role": role});
        app.role(&admin, role, &[]).await;
        app.create_app(&admin, body).await.assert_created();
    }

    app.person(PHONE).await;
    for (client_id, role) in [("shop", "Buyer"), ("desk", "Clerk"), ("default", "User")] {
        let person = app.login_to(client_id, PHONE).await;
        assert_eq!(
            (&person.json["user"]["roles"], &claims(&person.access)["roles"]),
            (&json!([role]), &json!([role]))
        );
        assert_eq!(app.me(&person.access).await["roles"], json!([role]));
    }

    let sessions = app.login_to("shop", PHONE).await;
    let listed = app.get_as(&sessions.access, "/v1/me/sessions").await.assert_ok()["items"].clone();
    let mut apps: Vec<_> =
        listed.as_array().unwrap().iter().map(|session| session["client_id"].clone()).collect();
    apps.sort_by_key(Value::to_string);
    assert_eq!(apps, ["default", "default", "desk", "shop", "shop"]);
}

#[tokio::test]
async fn an_invalid_client_id_names_no_app() {
    let (app, _) = TestApp::with_admin().await;
    for client_id in
        ["", " ", "default ", "DEFAULT", "a/b", "é", &"a".repeat(65), &"é".repeat(1000), "\u{0}"]
    {
        send_to(&app, client_id, PHONE).await.assert_field("client_id");
    }

    let long = basic(&"a".repeat(4000), "x");
    app.post_by(&long, "/v1/otp/send", json!({"phone": PHONE}))
        .await
        .assert_problem(401, "invalid_client");
    assert!(app.texts(PHONE).is_empty() && !app.texts(ADMIN_PHONE).is_empty());
}
