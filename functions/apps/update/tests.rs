use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, TestApp,
    accounts::{NEW_PASSWORD, PASSWORD},
    at_once, claims, json_request,
};

#[tokio::test]
async fn fields_that_are_sent_change_and_the_others_stay() {
    let (app, admin) = TestApp::with_admin().await;
    let before = app
        .create_app(&admin, json!({"client_id": "shop", "name": "Shop"}))
        .await
        .assert_created()
        .clone();
    let mut expected = before;
    for (seconds, change) in [
        (10, json!({"name": "New"})),
        (10, json!({"sign_up": "closed", "default_role": "Guest"})),
        (
            10,
            json!({"allowed_origins": ["https://shop.example.com"], "sms_text": "{code}, please"}),
        ),
        (10, json!({"access_token_ttl": 60, "refresh_token_ttl": 900})),
        (10, json!({"sms_monthly_budget_usd": 12.5, "sms_daily_budget_usd": 1.5})),
        (
            10,
            json!({
                "redirect_uris": ["https://shop.example.com/cb", "http://127.0.0.1/cb"],
                "post_logout_redirect_uris": ["https://shop.example.com"],
                "backchannel_logout_uri": "https://Shop.example.com/backchannel-logout?a=1",
                "first_party": true,
                "pkce": "optional",
                "id_token_signed_response_alg": "RS256",
            }),
        ),
        (10, json!({"active": false})),
        (10, json!({"default_role": null, "sms_text": null, "active": true})),
        (10, json!({"id_token_signed_response_alg": null, "backchannel_logout_uri": null})),
    ] {
        app.advance(seconds);
        for (name, value) in change.as_object().unwrap() {
            expected[name] = value.clone();
        }
        expected["updated_at"] = json!(app.now());
        assert_eq!(app.change_app(&admin, "shop", change).await.assert_ok(), &expected);
        assert_eq!(app.get_as(&admin.access, "/v1/apps/shop").await.assert_ok(), &expected);
    }

    app.advance(10);
    for nothing in [json!({}), json!({"name": "New"})] {
        assert_eq!(
            app.change_app(&admin, "shop", nothing).await.assert_ok(),
            &expected,
            "nothing changed"
        );
    }

    let settings = json!({"access_token_ttl": null, "refresh_token_ttl": null});
    let changed = app.change_app(&admin, "shop", settings).await;
    assert_eq!(changed.assert_ok()["access_token_ttl"], 900);
    assert_eq!(changed.json["refresh_token_ttl"], 30 * 24 * 3600);
}

#[tokio::test]
async fn an_invalid_change_is_refused_and_nothing_changes() {
    let (app, admin) =
        TestApp::with_admin_and(&[("ENVIRONMENT", "prod"), ("ADMIN_REQUIRES_MFA", "false")]).await;
    app.public_app(&admin, "shop").await;
    let before = app.get_as(&admin.access, "/v1/apps/shop").await.json;
    for (body, field) in [
        (json!({"name": ""}), "name"),
        (json!({"id_token_signed_response_alg": "none"}), "id_token_signed_response_alg"),
        (json!({"sms_text": null, "name": null}), "name"),
        (json!({"name": "Shop http://evil.example"}), "name"),
        (json!({"name": "A@evil.example #123456"}), "name"),
        (json!({"name": "\u{200b}"}), "name"),
        (json!({"name": "{code}"}), "name"),
        (json!({"name": "New", "sms_text": "@evil.example #{code}"}), "sms_text"),
        (json!({"name": "New", "sign_up": null}), "sign_up"),
        (json!({"name": "New", "active": null}), "active"),
        (json!({"name": "New", "access_token_ttl": 59}), "access_token_ttl"),
        (json!({"name": "New", "access_token_ttl": 901}), "access_token_ttl"),
        (json!({"name": "New", "refresh_token_ttl": 899}), "refresh_token_ttl"),
        (json!({"name": "New", "default_role": "Admin"}), "default_role"),
        (json!({"name": "New", "sms_text": "no code"}), "sms_text"),
        (json!({"name": "New", "sms_monthly_budget_usd": -1}), "sms_monthly_budget_usd"),
        (json!({"name": "New", "sms_monthly_budget_usd": 0.000_000_1}), "sms_monthly_budget_usd"),
        (json!({"name": "New", "sms_daily_budget_usd": 1_000_001}), "sms_daily_budget_usd"),
        (json!({"name": "New", "allowed_origins": ["*"]}), "allowed_origins[0]"),
        (json!({"name": "New", "redirect_uris": ["http://a.example/cb"]}), "redirect_uris[0]"),
        (
            json!({"name": "New", "post_logout_redirect_uris": ["https://a.example", "/"]}),
            "post_logout_redirect_uris[1]",
        ),
        (json!({"backchannel_logout_uri": "http://127.0.0.1/bye"}), "backchannel_logout_uri"),
        (json!({"backchannel_logout_uri": "https://10.0.0.7/bye"}), "backchannel_logout_uri"),
        (
            json!({"backchannel_logout_session_required": false}),
            "backchannel_logout_session_required",
        ),
        (json!({"client_id": "other"}), "client_id"),
        (json!({"type": "confidential"}), "type"),
        (json!({"secrets": []}), "secrets"),
    ] {
        app.change_app(&admin, "shop", body).await.assert_field(field);
    }

    app.change_app(&admin, "nothing", json!({"name": "New"}))
        .await
        .assert_problem(404, "not_found");
    assert_eq!(app.get_as(&admin.access, "/v1/apps/shop").await.assert_ok(), &before);
}

#[tokio::test]
async fn only_json_is_read() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    for (body, status, code) in
        [("{", 400, "invalid_json"), ("[]", 400, "invalid_request"), ("", 400, "invalid_json")]
    {
        let request =
            json_request(Method::PATCH, "/v1/apps/shop", Some(&admin.access), &Value::Null);
        app.send(request.map(|_| body.into())).await.assert_problem(status, code);
    }
}

#[tokio::test]
async fn the_default_app_can_be_changed_but_not_switched_off() {
    let (app, admin) = TestApp::with_admin().await;
    let refused = app.change_app(&admin, "default", json!({"active": false, "name": "Off"})).await;
    refused.assert_problem(409, "conflict");

    let changed =
        app.change_app(&admin, "default", json!({"name": "Mine", "access_token_ttl": 120})).await;
    assert_eq!(
        (&changed.assert_ok()["name"], &changed.json["active"]),
        (&json!("Mine"), &json!(true))
    );
    app.change_app(&admin, "default", json!({"active": false}))
        .await
        .assert_problem(409, "conflict");

    let person = app.sign_in(PHONE).await;
    assert_eq!(person.json["expires_in"], 120);
    assert!(app.texts(PHONE).pop().unwrap().body.contains("Mine"));
}

#[tokio::test]
async fn new_lifetimes_apply_to_later_sessions() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    app.person(PHONE).await;

    let before = app.login_to("shop", PHONE).await;
    let change = json!({"access_token_ttl": 60, "refresh_token_ttl": 1000});
    app.change_app(&admin, "shop", change).await.assert_ok();

    let after = app.login_to("shop", PHONE).await;
    let lives = |json: &Value| {
        (json["expires_in"].as_i64().unwrap(), json["refresh_expires_in"].as_i64().unwrap())
    };
    assert_eq!((lives(&before.json), lives(&after.json)), ((900, 14 * 24 * 3600), (60, 1000)));
    assert_eq!(
        claims(&after.access)["exp"].as_i64().unwrap()
            - claims(&after.access)["iat"].as_i64().unwrap(),
        60
    );
    app.advance(60);
    app.get_as(&after.access, "/v1/me").await.assert_problem(401, "token_expired");
    app.get_as(&before.access, "/v1/me").await.assert_ok();

    let (old, new) = (app.refresh(&before.refresh).await, app.refresh(&after.refresh).await);
    assert_eq!(
        (lives(old.assert_ok()), lives(new.assert_ok())),
        ((900, 14 * 24 * 3600), (60, 940))
    );
    app.advance(940);
    app.refresh(new.json["refresh_token"].as_str().unwrap())
        .await
        .assert_problem(401, "token_expired");
    app.refresh(old.json["refresh_token"].as_str().unwrap()).await.assert_ok();
    assert_eq!(
        lives(&app.login_to("default", PHONE).await.json),
        (900, 14 * 24 * 3600),
        "other apps have their own"
    );
}

#[tokio::test]
async fn a_user_who_is_new_to_an_app_gets_its_role_and_keeps_it() {
    let (app, admin) = TestApp::with_admin().await;
    for role in ["Buyer", "Seller"] {
        app.role(&admin, role, &[]).await;
    }
    app.create_app(&admin, json!({"client_id": "shop", "name": "Shop", "default_role": "Buyer"}))
        .await
        .assert_created();
    app.create_app(&admin, json!({"client_id": "none", "name": "None", "default_role": null}))
        .await
        .assert_created();
    app.person(PHONE).await;

    let roles = |json: &Value| json["user"]["roles"].clone();
    assert_eq!(roles(&app.login_to("shop", PHONE).await.json), json!(["Buyer"]));
    assert_eq!(roles(&app.login_to("none", PHONE).await.json), json!([]));

    let change = json!({"default_role": "Seller"});
    app.change_app(&admin, "shop", change.clone()).await.assert_ok();
    app.change_app(&admin, "none", change).await.assert_ok();
    assert_eq!(roles(&app.login_to("shop", PHONE).await.json), json!(["Buyer"]), "not new");
    assert_eq!(
        roles(&app.login_to("none", PHONE).await.json),
        json!(["Seller"]),
        "without a role, still new"
    );

    let id = app
        .post("/v1/otp/send", json!({"phone": OTHER_PHONE, "client_id": "shop"}))
        .await
        .challenge_id();
    let other = app.verify(&id, &app.code(OTHER_PHONE)).await.signed_in();
    assert_eq!(
        (&roles(&other.json), &claims(&other.access)["roles"]),
        (&json!(["Seller"]), &json!(["Seller"]))
    );
    assert_eq!(app.get_as(&other.access, "/v1/me").await.assert_ok()["roles"], json!(["Seller"]));
}

#[tokio::test]
async fn a_closed_app_gives_no_role() {
    let (app, admin) = TestApp::with_admin().await;
    app.role(&admin, "Clerk", &[]).await;
    let closed = json!({"client_id": "staff", "name": "Staff", "sign_up": "closed", "default_role": "Clerk"});
    app.create_app(&admin, closed).await.assert_created();
    app.person(PHONE).await;
    assert_eq!(app.login_to("staff", PHONE).await.json["user"]["roles"], json!([]));
    app.change_app(&admin, "staff", json!({"sign_up": "open"})).await.assert_ok();
    assert_eq!(app.login_to("staff", PHONE).await.json["user"]["roles"], json!(["Clerk"]));
}

#[tokio::test]
async fn an_app_words_its_texts_and_names_the_host_that_codes_are_for() {
    let (app, admin) =
        TestApp::with_admin_and(&[("WEB_OTP_ORIGIN", "https://app.example.com")]).await;
    app.public_app(&admin, "shop").await;

    let mut numbers = 100..;
    let mut text = async || {
        let phone = format!("+14155550{}", numbers.next().unwrap());
        app.post("/v1/otp/send", json!({"phone": phone, "client_id": "shop"})).await.challenge_id();
        (app.texts(&phone).pop().unwrap().body, app.code(&phone))
    };
    let (body, code) = text().await;
    assert!(
        body.contains("shop") && body.ends_with(&format!("\n@app.example.com #{code}")),
        "{body}"
    );

    let origins = json!({"allowed_origins": ["https://m.shop.example:8443", "https://shop.example"], "name": "Le Shop"});
    app.change_app(&admin, "shop", origins).await.assert_ok();
    let (body, code) = text().await;
    assert!(
        body.contains("Le Shop") && body.ends_with(&format!("\n@m.shop.example #{code}")),
        "{body}"
    );

    app.change_app(&admin, "shop", json!({"sms_text": "Shop: {code}. Tell nobody."}))
        .await
        .assert_ok();
    let (body, code) = text().await;
    assert_eq!(body, format!("Shop: {code}. Tell nobody.\n\n@m.shop.example #{code}"));

    app.change_app(&admin, "shop", json!({"sms_text": null, "allowed_origins": []}))
        .await
        .assert_ok();
    let (body, code) = text().await;
    assert!(
        body.contains("Le Shop") && body.ends_with(&format!("\n@app.example.com #{code}")),
        "{body}"
    );
}

#[tokio::test]
async fn browsers_may_call_from_the_origins_of_active_apps() {
    let (app, admin) =
        TestApp::with_admin_and(&[("ALLOWED_ORIGINS", "https://admin.example.com")]).await;
    for client_id in ["shop", "twin"] {
        let origins =
            json!(["https://shop.example.com", format!("https://{client_id}.example.com:8443")]);
        let body = json!({"client_id": client_id, "name": "Shop", "allowed_origins": origins});
        app.create_app(&admin, body).await.assert_created();
    }

    let assert_allowed = async |shop: bool, own: bool| {
        for (origin, allowed) in [
            ("https://shop.example.com", shop),
            ("https://shop.example.com:8443", own),
            ("https://twin.example.com:8443", true),
            ("https://admin.example.com", true),
            ("https://evil.example", false),
            ("https://shop.example.com.evil.example", false),
            ("http://shop.example.com", false),
            ("https://SHOP.example.com", false),
            ("null", false),
            ("*", false),
        ] {
            assert_eq!(app.preflight(origin).await, if allowed { origin } else { "" }, "{origin}");
        }
    };

    assert_allowed(true, true).await;
    app.change_app(&admin, "shop", json!({"active": false})).await.assert_ok();
    assert_allowed(true, false).await;
    app.change_app(&admin, "shop", json!({"active": true})).await.assert_ok();
    assert_allowed(true, true).await;
    app.change_app(&admin, "shop", json!({"allowed_origins": []})).await.assert_ok();
    assert_allowed(true, false).await;
    app.change_app(&admin, "twin", json!({"allowed_origins": ["https://twin.example.com:8443"]}))
        .await
        .assert_ok();
    assert_allowed(false, false).await;

    // If the origins cannot be read, a page of another origin learns that, and nothing is done for it.
    let (cut, twin) = (app.cut_off("DYNAMODB"), "https://twin.example.com:8443");
    assert_eq!(cut.preflight(twin).await, twin);
    let request = Request::post("/v1/otp/send").header("origin", twin);
    let refused = cut.send(request.body(Body::empty()).unwrap()).await;
    refused.assert_problem(503, "unavailable");
    assert_eq!(refused.header("access-control-allow-origin"), twin);
    assert!(refused.header("access-control-expose-headers").contains("retry-after"));
    assert_eq!(cut.preflight("https://admin.example.com").await, "https://admin.example.com");
}

#[tokio::test]
async fn concurrent_changes_are_all_kept() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    let changes = [
        json!({"name": "New"}),
        json!({"sign_up": "closed"}),
        json!({"default_role": "Guest"}),
        json!({"allowed_origins": ["https://shop.example.com"]}),
        json!({"access_token_ttl": 60}),
        json!({"sms_text": "{code}"}),
    ];

    let answers = at_once(changes.len(), |index| {
        let (app, admin, change) = (app.clone(), admin.clone(), changes[index].clone());
        async move { app.change_app(&admin, "shop", change).await }
    })
    .await;
    answers.iter().for_each(|answer| _ = answer.assert_ok());

    let after = app.get_as(&admin.access, "/v1/apps/shop").await.json;
    for (name, value) in changes.iter().flat_map(|change| change.as_object().unwrap()) {
        assert_eq!(&after[name], value, "{name}");
    }

    assert_eq!(app.preflight("https://shop.example.com").await, "https://shop.example.com");
}

#[tokio::test]
async fn an_app_that_is_switched_off_refuses_a_password_too() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    app.person(PHONE).await;
    app.change_app(&admin, "shop", json!({"active": false})).await.assert_ok();

    let who = json!({"phone": PHONE, "client_id": "shop"});
    for password in [PASSWORD, "wrong"] {
        app.login(who.clone(), password).await.assert_problem(403, "app_disabled");
    }

    app.change_app(&admin, "shop", json!({"active": true})).await.assert_ok();
    app.login(who, PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn an_administrator_cannot_give_new_users_permissions_they_lack_themselves() {
    let (app, admin) = TestApp::with_staff().await;
    let clerk = app.staff(&admin, PHONE, "Clerk", &["apps:write", "orders:read"]).await;
    app.role(&admin, "Reader", &["orders:read"]).await;
    app.role(&admin, "Writer", &["orders:read", "orders:write"]).await;
    app.role(&admin, "Keeper", &["users:write"]).await;

    app.public_app(&admin, "desk").await;

    let create = |role: &str| json!({"client_id": "shop", "name": "Shop", "default_role": role});
    for role in ["Keeper", "Writer"] {
        app.create_app(&clerk, create(role)).await.assert_problem(403, "forbidden");
        app.change_app(&clerk, "desk", json!({"default_role": role}))
            .await
            .assert_problem(403, "forbidden");
    }

    // A role that does not exist yet could be created later, with any permissions.
    for who in [&clerk, &admin] {
        app.create_app(who, create("Later")).await.assert_field("default_role");
        app.change_app(who, "desk", json!({"default_role": "Later"}))
            .await
            .assert_field("default_role");
    }
    app.create_app(&clerk, create("Reader")).await.assert_created();
    app.change_app(&clerk, "shop", json!({"default_role": null})).await.assert_ok();
    app.change_app(&admin, "shop", json!({"default_role": "Writer"})).await.assert_ok();

    // The clerk cannot open the app to new users either, if somebody else gave it such a role.
    for (shut, open) in [("sign_up", json!("open")), ("active", json!(true))] {
        app.change_app(&admin, "shop", json!({"sign_up": "closed", "active": shut != "active"}))
            .await
            .assert_ok();
        app.change_app(&clerk, "shop", json!({shut: open})).await.assert_problem(403, "forbidden");
        app.change_app(&clerk, "shop", json!({shut: open, "default_role": "Reader"}))
            .await
            .assert_ok();
        app.change_app(
            &admin,
            "shop",
            json!({"sign_up": "open", "active": true, "default_role": "Writer"}),
        )
        .await
        .assert_ok();

        app.change_app(&clerk, "shop", json!({shut: open, "name": "Shop"})).await.assert_ok();
    }
}

#[tokio::test]
async fn the_settings_of_the_default_app_apply_to_its_messages_and_new_users() {
    let (app, admin) = TestApp::with_staff().await;
    app.change_app(&admin, "default", json!({"name": "Mine", "default_role": "Guest"}))
        .await
        .assert_ok();

    let me = app.sign_up(json!({"phone": PHONE, "password": PASSWORD})).await;
    let change = json!({"old_password": PASSWORD, "new_password": NEW_PASSWORD});
    app.post_as(&me.access, "/v1/password/change", change).await.assert_done();

    let texts: Vec<_> = app.texts(PHONE).into_iter().map(|text| text.body).collect();
    assert!(texts.len() == 2 && texts.iter().all(|text| text.contains("Mine")), "{texts:?}");
    for (role, expected) in [(json!("Guest"), json!(["Guest"])), (Value::Null, json!([]))] {
        app.change_app(&admin, "default", json!({"default_role": role})).await.assert_ok();
        let phone = format!("+141555501{}", 40 + expected.as_array().unwrap().len());
        let made = app.create_user(&admin, json!({"phone": phone})).await;
        assert_eq!(made.assert_created()["roles"], expected);
    }
}

#[tokio::test]
async fn null_removes_the_origins() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "shop").await;
    let origins = json!(["https://shop.example.com"]);
    app.change_app(&admin, "shop", json!({"allowed_origins": origins})).await.assert_ok();
    let changed = app.change_app(&admin, "shop", json!({"allowed_origins": null})).await;
    assert_eq!(changed.assert_ok()["allowed_origins"], json!([]));
}
