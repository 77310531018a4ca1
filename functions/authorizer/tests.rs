use axum::http::Method;
use serde_json::{Value, json};

use super::{AuthorizerRequest, answer};
use crate::testing::{PHONE, SignedIn, TestApp, bearer, claims, tokens};
use shared::base::Error;

/// What API Gateway asks for `GET /orders/{id}` (payload format 2.0), with the token as identity
/// source.
fn event(token: &str) -> Value {
    json!({
        "version": "2.0",
        "type": "REQUEST",
        "routeArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/orders/1",
        "identitySource": [bearer(token)],
        "routeKey": "GET /orders/{id}",
        "rawPath": "/orders/1",
        "rawQueryString": "",
        "cookies": ["a=b"],
        "headers": {"authorization": bearer(token), "host": "api.example.com"},
        "queryStringParameters": {"a": "b"},
        "pathParameters": {"id": "1"},
        "requestContext": {"accountId": "123456789012", "http": {"method": "GET", "path": "/orders/1"}},
    })
}

/// An event with some fields changed. `null` removes a field.
fn but(mut event: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            event.as_object_mut().unwrap().remove(name);
        } else {
            event[name] = value.clone();
        }
    }
    event
}

/// A correct event of an API that requires permissions.
fn with_permissions(token: &str, route: &str, permissions: &str) -> Value {
    but(
        event(token),
        json!({
            "routeKey": route,
            "identitySource": [bearer(token), route],
            "stageVariables": {"latchkey_permissions": permissions},
        }),
    )
}

/// The response as API Gateway reads it.
async fn asked(app: &TestApp, event: &Value) -> Result<Value, Error> {
    let request: AuthorizerRequest = serde_json::from_value(event.clone()).unwrap();
    Ok(serde_json::to_value(answer(&app.latchkey, &request).await?).unwrap())
}

async fn is_allowed(app: &TestApp, event: &Value) -> bool {
    let answer = asked(app, event).await.unwrap();
    let allowed = answer["isAuthorized"].as_bool().unwrap();
    assert_eq!(answer.get("context").is_some(), allowed, "{answer}");
    allowed
}

/// The service, its administrator, and a user who is signed in to another app.
async fn app_with_shop() -> (TestApp, SignedIn, SignedIn) {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    app.person(PHONE).await;
    let shopper = app.login_to("shop", PHONE).await;
    (app, admin, shopper)
}

#[tokio::test]
async fn a_valid_token_passes_with_the_context_of_its_user() {
    let (app, admin, shopper) = app_with_shop().await;
    let token = claims(&shopper.access);
    assert_eq!(
        asked(&app, &event(&shopper.access)).await.unwrap(),
        json!({
            "isAuthorized": true,
            "context": {
                "sub": shopper.id(),
                "client_id": "shop",
                "roles": ["User"],
                "permissions": [],
                "acr": "aal1",
                "sid": token["sid"],
                "auth_time": token["auth_time"],
            },
        })
    );

    let answer = asked(&app, &event(&admin.access)).await.unwrap();
    assert_eq!(answer["context"]["roles"], json!(["Admin", "User"]));
    assert!(answer["context"]["permissions"].as_array().unwrap().contains(&json!("apps:write")));
}

#[tokio::test]
async fn no_forged_token_passes() {
    let (app, _, shopper) = app_with_shop().await;
    for (name, token) in tokens::attacks(&app, &shopper.access, &shopper.refresh).await {
        assert_eq!(
            asked(&app, &event(&token)).await.unwrap(),
            json!({"isAuthorized": false}),
            "{name}"
        );
    }

    assert!(is_allowed(&app, &event(&shopper.access)).await, "the token itself is valid");
}

#[tokio::test]
async fn a_token_passes_until_it_expires() {
    let (app, _, shopper) = app_with_shop().await;
    app.advance(899);
    assert!(is_allowed(&app, &event(&shopper.access)).await);
    app.advance(1);
    assert!(!is_allowed(&app, &event(&shopper.access)).await);
}

#[tokio::test]
async fn tokens_of_an_ended_session_stop_passing_at_once() {
    let (app, _, shopper) = app_with_shop().await;
    let other = app.login_to("shop", PHONE).await;
    app.post_as(&shopper.access, "/v1/auth/logout", json!({})).await.assert_done();
    assert!(!is_allowed(&app, &event(&shopper.access)).await, "signed out");
    assert!(is_allowed(&app, &event(&other.access)).await);
    app.disable(other.id()).await;
    assert!(!is_allowed(&app, &event(&other.access)).await, "disabled");

    let (app, _, shopper) = app_with_shop().await;
    app.call_as(&shopper.access, Method::DELETE, "/v1/me").await.assert_done();
    assert!(!is_allowed(&app, &event(&shopper.access)).await, "erased");
}

#[tokio::test]
async fn tokens_of_an_app_that_is_off_or_deleted_are_refused() {
    let (app, admin, shopper) = app_with_shop().await;
    app.change_app(&admin, "shop", json!({"active": false})).await.assert_ok();
    assert!(!is_allowed(&app, &event(&shopper.access)).await);
    app.change_app(&admin, "shop", json!({"active": true})).await.assert_ok();
    assert!(is_allowed(&app, &event(&shopper.access)).await);
    app.delete_app(&admin, "shop").await.assert_done();
    assert!(!is_allowed(&app, &event(&shopper.access)).await);
    assert!(is_allowed(&app, &event(&admin.access)).await, "other apps stay");
}

#[tokio::test]
async fn an_event_without_a_bearer_token_does_not_pass() {
    let (app, _, shopper) = app_with_shop().await;
    let good = bearer(&shopper.access);
    let event = event(&shopper.access);
    for source in [
        json!([""]),
        json!(["Bearer"]),
        json!(["Bearer "]),
        json!([shopper.access]),
        json!([format!("Basic {}", shopper.access)]),
        json!([format!("Bearer  {} x", shopper.access)]),
        json!([format!("{good},{good}")]),
        json!([format!("Bearer {good}")]),
        json!(["a=b", "1"]),
    ] {
        let odd = but(event.clone(), json!({"identitySource": source}));
        assert!(!is_allowed(&app, &odd).await, "{source}");
        let odd = but(odd, json!({"headers": null}));
        assert!(!is_allowed(&app, &odd).await, "{source}");
    }

    for nothing in [
        json!({}),
        json!({"version": "2.0"}),
        but(event.clone(), json!({"identitySource": null, "headers": null})),
    ] {
        assert_eq!(asked(&app, &nothing).await.unwrap(), json!({"isAuthorized": false}));
    }

    for source in [json!([good]), json!([good.replacen("Bearer", "bearer", 1)]), json!(["a", good])]
    {
        assert!(
            is_allowed(&app, &but(event.clone(), json!({"identitySource": source}))).await,
            "{source}"
        );
    }
}

#[tokio::test]
async fn a_malformed_event_is_an_error() {
    for event in [
        json!({"identitySource": "Bearer x"}),
        json!({"identitySource": [null]}),
        json!({"headers": []}),
        json!(null),
    ] {
        assert!(serde_json::from_value::<AuthorizerRequest>(event.clone()).is_err(), "{event}");
    }
}

/// API Gateway returns the cached response to everybody with the same identity source.
#[tokio::test]
async fn a_token_outside_of_the_identity_source_passes_only_without_a_cache() {
    let (app, _, shopper) = app_with_shop().await;
    let event = event(&shopper.access);
    for source in [json!(["GET /orders/{id}"]), json!(["203.0.113.7"]), json!(["", "x"])] {
        assert!(
            !is_allowed(&app, &but(event.clone(), json!({"identitySource": source}))).await,
            "{source}"
        );
    }

    for source in [json!([]), json!(null)] {
        assert!(
            is_allowed(&app, &but(event.clone(), json!({"identitySource": source}))).await,
            "{source}"
        );
    }
}

#[tokio::test]
async fn an_api_names_the_apps_that_open_it() {
    let (app, admin, shopper) = app_with_shop().await;
    for (variable, shop, default_app) in [
        ("shop", true, false),
        ("default", false, true),
        ("shop,default", true, true),
        (" shop , other ", true, false),
        ("sho", false, false),
        ("shop2", false, false),
        ("Shop", false, false),
        ("*", false, false),
        ("", false, false),
        (",", false, false),
    ] {
        let variables = json!({"stageVariables": {"latchkey_client_id": variable, "other": "x"}});
        for (person, allowed) in [(&shopper, shop), (&admin, default_app)] {
            let event = but(event(&person.access), variables.clone());
            assert_eq!(is_allowed(&app, &event).await, allowed, "{variable:?}");
        }
    }
}

#[tokio::test]
async fn an_api_names_the_permissions_of_its_routes() {
    let (app, admin, shopper) = app_with_shop().await;
    let needed = "GET/orders/:id=users:read,DELETE/orders/:id=users:write,DELETE/orders/:id=orders:delete,$default=audit:read,GET/menu=";
    for (route, for_admin, for_shopper) in [
        ("GET /orders/{id}", true, false),
        ("DELETE /orders/{id}", false, false),
        ("$default", true, false),
        ("GET /menu", true, true),
        // A route that is not listed is refused, so that a misspelled one is not open.
        ("GET /orders", false, false),
        ("POST /orders/{id}", false, false),
    ] {
        for (person, allowed) in [(&admin, for_admin), (&shopper, for_shopper)] {
            let event = with_permissions(&person.access, route, needed);
            assert_eq!(is_allowed(&app, &event).await, allowed, "{route}");
        }
    }
}

#[tokio::test]
async fn a_route_asks_for_both_factors_and_a_recent_sign_in() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let factor = app.authenticator(&me).await;
    let both = app.sign_in_with_both(PHONE, &factor).await.access;
    let asks = "GET/a=,POST/a=&acr=aal2,PUT/a=acr=aal2&max_age=900,DELETE/a=max_age=60";
    let mut allowed = Vec::new();
    for (token, wait) in [(&me.access, 0), (&both, 0), (&both, 59), (&both, 1), (&both, 839)] {
        app.advance(wait);
        for route in ["GET /a", "POST /a", "PUT /a", "DELETE /a"] {
            allowed.push(is_allowed(&app, &with_permissions(token, route, asks)).await);
        }
    }
    let (yes, no) = (true, false);
    assert_eq!(
        allowed,
        [
            [yes, no, no, no],
            [yes, yes, yes, yes],
            [yes, yes, yes, yes],
            [yes, yes, yes, no],
            [yes, yes, yes, no]
        ]
        .concat()
    );
    // The access token is valid for 15 minutes.
    app.advance(1);
    assert!(!is_allowed(&app, &with_permissions(&both, "GET /a", asks)).await);
}

#[tokio::test]
async fn permissions_without_the_route_in_the_identity_source_refuse_everything() {
    let (app, admin, _) = app_with_shop().await;
    let good = with_permissions(&admin.access, "GET /orders/{id}", "GET/orders/:id=users:read");
    assert!(is_allowed(&app, &good).await);

    for change in [
        json!({"identitySource": [bearer(&admin.access)]}),
        json!({"identitySource": [bearer(&admin.access), "GET /orders/{other}"]}),
        json!({"identitySource": ["GET /orders/{id}"]}),
        json!({"identitySource": []}),
        json!({"identitySource": null}),
        json!({"routeKey": null}),
        json!({"routeKey": "GET /others"}),
    ] {
        assert!(!is_allowed(&app, &but(good.clone(), change.clone())).await, "{change}");
    }
}

#[tokio::test]
async fn permissions_that_cannot_be_read_refuse_everything() {
    let (app, admin, _) = app_with_shop().await;
    for unreadable in [
        "",
        ",",
        "GET/orders/:id",
        "GET/orders/:id=users:read,",
        "GET/orders/:id:users:read",
        "PUT/x,GET/y=users:read",
        "GET/orders/:id=acr=aal3",
        "GET/orders/:id=max_age=soon",
        "GET/orders/:id=users:read&color=red",
    ] {
        for route in ["GET /orders/{id}", "GET /others"] {
            let event = with_permissions(&admin.access, route, unreadable);
            assert!(!is_allowed(&app, &event).await, "{unreadable:?} {route}");
        }
    }
}

#[tokio::test]
async fn a_permission_counts_in_the_app_of_the_token() {
    let (app, admin, _) = app_with_shop().await;
    app.advance(30);
    let phone = crate::testing::apps::ADMIN_PHONE;
    let id =
        app.post("/v1/otp/send", json!({"phone": phone, "client_id": "shop"})).await.challenge_id();
    let elsewhere = app.verify(&id, &app.code(phone)).await.signed_in();
    assert_eq!(elsewhere.id(), admin.id());

    for (person, allowed) in [(&admin, true), (&elsewhere, false)] {
        let event = with_permissions(&person.access, "GET /orders", "GET/orders=users:read");
        assert_eq!(is_allowed(&app, &event).await, allowed);
    }
}

#[tokio::test]
async fn without_dynamodb_nothing_passes() {
    let (app, admin, shopper) = app_with_shop().await;
    for token in [&shopper.access, &admin.access] {
        let answer = asked(&app.cut_off("DYNAMODB"), &event(token)).await;
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }

    // No other service and no secret is needed.
    for service in ["SECRETSMANAGER", "SNS", "SESV2"] {
        assert!(is_allowed(&app.cut_off(service), &event(&shopper.access)).await, "{service}");
    }
}

#[tokio::test]
async fn a_check_takes_at_most_three_reads_and_no_write() {
    let (app, admin, shopper) = app_with_shop().await;
    // Reads the user, the app unless it is the default one, and the roles unless the user is an
    // administrator.
    for (person, most) in [(&admin, 1.0), (&shopper, 3.0)] {
        is_allowed(&app, &event(&person.access)).await;
        let (allowed, (reads, writes)) = app.units(is_allowed(&app, &event(&person.access))).await;
        assert!(allowed && reads <= most && writes == 0.0, "{reads} reads, {writes} writes");
    }
}

#[tokio::test]
async fn a_machine_passes_with_its_scopes_and_without_a_sign_in() {
    let (app, admin, _) = app_with_shop().await;
    let body = json!({"grant_types": ["client_credentials"], "scopes": ["orders:read"]});
    let robot = app.server_with(&admin, "robot", body).await;
    let grant = [("grant_type", "client_credentials")];
    let tokens = app.form(Some(&robot.basic()), "/oauth2/token", &grant).await;
    let access = tokens.assert_ok()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(
        asked(&app, &event(&access)).await.unwrap(),
        json!({
            "isAuthorized": true,
            "context": {
                "sub": "robot", "client_id": "robot", "roles": [], "permissions": ["orders:read"],
            },
        })
    );
    for (needed, passes) in [
        ("GET/orders=orders:read", true),
        ("GET/orders=orders:write", false),
        ("GET/orders=orders:read&max_age=900", false),
        ("GET/orders=orders:read&acr=aal2", false),
    ] {
        let event = with_permissions(&access, "GET /orders", needed);
        assert_eq!(is_allowed(&app, &event).await, passes, "{needed}");
    }
    app.change_app(&admin, "robot", json!({"active": false})).await.assert_ok();
    assert!(!is_allowed(&app, &event(&access)).await);
}
