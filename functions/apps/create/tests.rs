use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};

use crate::testing::{
    PHONE, TestApp, accounts::mentions, apps::ADMIN_PHONE, at_once, bodies, json_request, winner,
};

#[tokio::test]
async fn an_administrator_registers_a_public_app() {
    let (app, admin) = TestApp::with_admin().await;
    let created = app.create_app(&admin, json!({"client_id": "shop", "name": "Shop"})).await;
    assert_eq!(
        created.assert_created(),
        &json!({
            "client_id": "shop",
            "name": "Shop",
            "type": "public",
            "sign_up": "open",
            "default_role": "User",
            "allowed_origins": [],
            "access_token_ttl": 900,
            "refresh_token_ttl": 30 * 24 * 3600,
            "sms_text": null,
            "text_senders": null, "token_claims": [],
            "sms_monthly_budget_usd": null,
            "sms_daily_budget_usd": null,
            "redirect_uris": [],
            "post_logout_redirect_uris": [],
            "backchannel_logout_uri": null,
            "backchannel_logout_session_required": true,
            "first_party": false,
            "pkce": "required",
            "id_token_signed_response_alg": null,
            "grant_types": ["authorization_code", "refresh_token"],
            "scopes": [],
            "logo": null,
            "accent": null,
            "links": {"terms": null, "privacy": null, "support": null},
            "sign_in_methods": null,
            "active": true,
            "created_at": "2027-01-15T08:00:00.000Z",
            "updated_at": "2027-01-15T08:00:00.000Z",
        })
    );

    assert_eq!(created.header("location"), "/v1/apps/shop");
    assert_eq!(app.get_as(&admin.access, "/v1/apps/shop").await.assert_ok(), &created.json);
    app.post("/v1/otp/send", json!({"phone": PHONE, "client_id": "shop"})).await.challenge_id();
}

#[tokio::test]
async fn an_app_without_a_client_id_gets_a_random_one() {
    let (app, admin) = TestApp::with_admin().await;
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let created = app.create_app(&admin, json!({"name": "Shop"})).await;
        let id = created.assert_created()["client_id"].as_str().unwrap().to_owned();
        let drawn = id.strip_prefix("app_").unwrap();
        let is_base32 = |byte: u8| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte);
        assert!(drawn.len() == 26 && drawn.bytes().all(is_base32), "{id}");
        assert_eq!(created.header("location"), format!("/v1/apps/{id}"));
        app.get_as(&admin.access, created.header("location")).await.assert_ok();
        ids.insert(id);
    }

    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn the_secret_of_a_confidential_app_is_shown_once_and_stored_hashed() {
    let (app, admin) = TestApp::with_admin().await;
    let server = app.server(&admin, "server").await;
    assert!(server.secret.starts_with("lks_") && server.secret.len() >= 40, "{}", server.secret);

    let other = app.server(&admin, "other").await;
    assert_ne!(server.secret, other.secret);
    let answers = [
        app.get_as(&admin.access, "/v1/apps/server").await,
        app.get_as(&admin.access, "/v1/apps").await,
        app.change_app(&admin, "server", json!({"name": "Server"})).await,
    ];
    for answer in answers {
        answer.assert_ok();
        assert!(
            !answer.text.contains("secret") && !answer.text.contains("lks_"),
            "{}",
            answer.text
        );
    }

    for item in app.items().await {
        assert!(item.values().all(|value| !mentions(value, &server.secret)), "{item:?}");
        assert!(item.values().all(|value| !mentions(value, &server.secret[4..])), "{item:?}");
    }
}

#[tokio::test]
async fn a_new_app_has_the_values_that_were_sent() {
    let (app, admin) = TestApp::with_admin().await;
    let given = json!({
        "client_id": "Shop.2_a-b",
        "name": "Größe & Co",
        "type": "confidential",
        "sign_up": "closed",
        "default_role": "Guest",
        "allowed_origins": ["https://shop.example.com:443", "https://www.example.com:8443", "https://SHOP.example.com/"],
        "access_token_ttl": 300,
        "refresh_token_ttl": 3600,
        "sms_text": "Use {code} in the shop.",
        "grant_types": ["client_credentials"],
        "scopes": ["stock:read"],
        "logo": "https://shop.example.com/logo.png",
        "accent": "#ffcc00",
        "links": {"terms": "https://shop.example.com/terms", "privacy": null, "support": null},
        "sign_in_methods": ["phone_code"],
        "active": false,
    });

    let mut expected = given.clone();
    expected["allowed_origins"] =
        json!(["https://shop.example.com", "https://www.example.com:8443"]);

    let created = app.create_app(&admin, given).await;
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&created.assert_created()[name], value, "{name}");
    }

    let no_role = app.create_app(&admin, json!({"name": "Shop", "default_role": null})).await;
    assert_eq!(no_role.assert_created()["default_role"], Value::Null);
}

#[tokio::test]
async fn a_value_out_of_bounds_is_refused_and_no_app_is_created() {
    let (app, admin) =
        TestApp::with_admin_and(&[("ENVIRONMENT", "prod"), ("ADMIN_REQUIRES_MFA", "false")]).await;
    for (field, values) in [
        (
            "client_id",
            vec![
                json!(""),
                json!("-shop"),
                json!("a b"),
                json!("a/b"),
                json!("a:b"),
                json!("é"),
                json!("a".repeat(65)),
                json!("01890000-0000-7000-8000-000000000000"),
                json!("01890000000070008000000000000000"),
                json!("0189ABCD000070008000000000000000"),
            ],
        ),
        ("name", vec![json!(""), json!(" "), json!("a\nb"), json!("a".repeat(65))]),
        ("default_role", vec![json!("Admin"), json!("admin"), json!("1st"), json!("")]),
        ("access_token_ttl", vec![json!(59), json!(901), json!(0), json!(-1)]),
        ("refresh_token_ttl", vec![json!(899), json!(2_592_001), json!(-1)]),
        (
            "sms_text",
            vec![
                json!("no code"),
                json!("{code} {code}"),
                json!("{code}\nx"),
                json!(" {code}"),
                json!(format!("{{code}}{}", "x".repeat(155))),
            ],
        ),
    ] {
        for value in values {
            let mut body = json!({"client_id": "shop", "name": "Shop"});
            body[field] = value;
            app.create_app(&admin, body).await.assert_field(field);
        }
    }

    for origin in [
        "*",
        "null",
        "shop.example",
        "https://a.example/path",
        "http://a.example",
        "https://a.example,b",
        "https://a.example:x",
        "https://a_b.example",
        "https://a@b.example",
        "",
    ] {
        let body = json!({"client_id": "shop", "name": "Shop", "allowed_origins": ["https://a.example", origin]});
        app.create_app(&admin, body).await.assert_field("allowed_origins[1]");
    }

    let many: Vec<_> = (0..21).map(|number| format!("https://a{number}.example")).collect();
    let body = json!({"client_id": "shop", "name": "Shop", "allowed_origins": many});
    app.create_app(&admin, body).await.assert_field("allowed_origins");
    app.get_as(&admin.access, "/v1/apps/shop").await.assert_problem(404, "not_found");
    app.public_app(&admin, "shop").await;
}

#[tokio::test]
async fn only_its_own_fields_in_json_are_read() {
    let (app, admin) = TestApp::with_admin().await;
    let body = json!({
        "client_id": "shop", "name": "Shop", "type": "public", "sign_up": "open", "allowed_origins": [],
        "access_token_ttl": 900, "refresh_token_ttl": 900, "sms_text": "{code}", "active": true,
    });
    bodies::assert_strict(&app, Some(&admin.access), "/v1/apps", &body).await;
    app.create_app(&admin, json!({"client_id": "shop"})).await.assert_field("name");
    app.create_app(&admin, json!({"name": "Shop", "type": "private"})).await.assert_field("type");
    app.create_app(&admin, json!({"name": "Shop", "client_secret": "mine"}))
        .await
        .assert_field("client_secret");
}

#[tokio::test]
async fn a_client_id_is_given_once() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    let again = json!({"client_id": "shop", "name": "Another", "allowed_origins": ["https://evil.example"]});
    app.create_app(&admin, again.clone()).await.assert_taken("client_id");
    assert_eq!(app.preflight("https://evil.example").await, "", "nothing of it is written");
    app.create_app(&admin, json!({"client_id": "default", "name": "Mine"}))
        .await
        .assert_taken("client_id");
    app.delete_app(&admin, "shop").await.assert_done();
    app.create_app(&admin, again).await.assert_taken("client_id");
    app.get_as(&admin.access, "/v1/apps/shop").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn one_of_twenty_concurrent_creations_succeeds() {
    let (app, admin) = TestApp::with_admin().await;
    let answers = at_once(20, |index| {
        let (app, admin) = (app.clone(), admin.clone());
        let body = json!({
            "client_id": "shop", "name": format!("Shop {index}"), "type": "confidential",
            "allowed_origins": [format!("https://shop{index}.example")],
        });
        async move { app.create_app(&admin, body).await }
    })
    .await;

    let made = winner(&answers, 201, (409, "conflict"));
    let refused = answers.iter().filter(|answer| answer.status == 409);
    refused.for_each(|answer| answer.assert_taken("client_id"));

    let Some(made) = made else { return };
    let mut stored = made.json.clone();
    stored.as_object_mut().unwrap().remove("client_secret").unwrap();
    assert_eq!(app.get_as(&admin.access, "/v1/apps/shop").await.assert_ok(), &stored);

    for index in 0..20 {
        let origin = format!("https://shop{index}.example");
        let expected = if stored["allowed_origins"][0] == origin { origin.as_str() } else { "" };
        assert_eq!(app.preflight(&origin).await, expected);
    }
}

#[tokio::test]
async fn only_an_administrator_can_use_the_endpoints_of_apps() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    app.advance(30);

    let id = app
        .post("/v1/otp/send", json!({"phone": ADMIN_PHONE, "client_id": "shop"}))
        .await
        .challenge_id();
    let admin_elsewhere = app.verify(&id, &app.code(ADMIN_PHONE)).await.signed_in();
    let person = app.sign_in(PHONE).await;
    for (method, path, body, permission) in [
        (Method::GET, "/v1/apps", Value::Null, "apps:read"),
        (Method::POST, "/v1/apps", json!({"name": "Mine"}), "apps:write"),
        (Method::GET, "/v1/apps/shop", Value::Null, "apps:read"),
        (Method::GET, "/v1/apps/nothing", Value::Null, "apps:read"),
        (Method::PATCH, "/v1/apps/shop", json!({"name": "Mine"}), "apps:write"),
        (Method::DELETE, "/v1/apps/shop", Value::Null, "apps:write"),
        (Method::POST, "/v1/apps/shop/secret", json!({}), "apps:write"),
        (Method::POST, "/v1/apps", json!({"wrong": 1}), "apps:write"),
    ] {
        for token in [&person.access, &admin_elsewhere.access] {
            let answer = app.send(json_request(method.clone(), path, Some(token), &body)).await;
            answer.assert_problem(403, "forbidden");
            assert!(
                answer.json["detail"].as_str().unwrap().contains(permission),
                "{}",
                answer.text
            );
        }
        app.send(json_request(method, path, None, &body))
            .await
            .assert_problem(401, "token_invalid");
    }

    assert_eq!(app.get_as(&admin.access, "/v1/apps/shop").await.assert_ok()["name"], "shop");
    assert_eq!(
        app.get_as(&admin.access, "/v1/apps").await.assert_ok()["items"].as_array().unwrap().len(),
        2
    );
}

#[tokio::test]
async fn without_dynamodb_no_app_is_created() {
    let (app, admin) = TestApp::with_admin().await;
    let body = json!({"client_id": "shop", "name": "Shop"});
    app.cut_off("DYNAMODB").create_app(&admin, body).await.assert_wait(503, "unavailable");
    app.public_app(&admin, "shop").await;
}
