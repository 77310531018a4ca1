use serde_json::{Value, json};

use crate::testing::{
    Answer, PHONE, TestApp,
    accounts::{EMAIL, PASSWORD},
    bodies::post_raw,
    claims,
    hosted::{Browser, hosted_app},
    pictures::{jpeg, picture},
};

const PATH: &str = "/oauth2/userinfo";

#[tokio::test]
async fn the_claims_are_those_that_openid_connect_names() {
    let app = TestApp::with_mail().await;
    let me = app
        .sign_up(json!({
            "phone": PHONE, "password": PASSWORD, "username": "Ann", "name": "Ann Lee",
            "locale": "es-MX"
        }))
        .await;
    let id = app.post_as(&me.access, "/v1/me/email", json!({"email": EMAIL})).await.challenge_id();
    app.verify_as(&me.access, &id, &app.code(EMAIL)).await.assert_ok();

    let answer = app.get_as(&me.access, PATH).await;
    assert_eq!(
        answer.assert_ok(),
        &json!({
            "sub": me.id(),
            "name": "Ann Lee",
            "preferred_username": "Ann",
            "email": EMAIL,
            "email_verified": true,
            "phone_number": PHONE,
            "phone_number_verified": true,
            "locale": "es-MX",
            "updated_at": app.latchkey.clock().now().as_second(),
            "roles": ["User"],
        })
    );
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        ("application/json", "no-store")
    );
}

#[tokio::test]
async fn the_picture_is_that_of_the_profile() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    app.put_avatar(&me.access, jpeg(&picture(12, 8))).await.assert_ok();
    let claims = app.get_as(&me.access, PATH).await.assert_ok().clone();
    assert!(claims["picture"].is_string());
    assert_eq!(claims["picture"], app.me(&me.access).await["avatar_url"]);
}

#[tokio::test]
async fn an_address_that_an_administrator_entered_is_not_verified() {
    let (app, admin) = TestApp::with_staff().await;
    for body in [
        json!({"phone": PHONE, "password": PASSWORD}),
        json!({"email": EMAIL, "password": PASSWORD}),
    ] {
        app.create_user(&admin, body.clone()).await.assert_created();
        let who = json!({"phone": body.get("phone"), "email": body.get("email")});
        let me = app.login(who, PASSWORD).await.signed_in();
        let claims = app.get_as(&me.access, PATH).await.assert_ok().clone();
        let verified = claims.get("phone_number_verified").or(claims.get("email_verified"));
        assert_eq!(verified, Some(&json!(false)), "{body}");
    }
}

#[tokio::test]
async fn claims_without_a_value_are_left_out() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let claims = app.get_as(&me.access, PATH).await.assert_ok().clone();
    let names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["phone_number", "phone_number_verified", "roles", "sub", "updated_at"]);
    assert!(claims.as_object().unwrap().values().all(|value| *value != Value::Null));
}

#[tokio::test]
async fn the_roles_are_those_in_the_app_that_asks() {
    let (app, admin) = TestApp::with_admin().await;
    app.role(&admin, "Buyer", &[]).await;
    let body = json!({"client_id": "shop", "name": "Shop", "default_role": "Buyer"});
    app.create_app(&admin, body).await.assert_created();
    app.person(PHONE).await;
    for (client_id, role) in [("default", "User"), ("shop", "Buyer")] {
        let person = app.login_to(client_id, PHONE).await;
        assert_eq!(app.get_as(&person.access, PATH).await.assert_ok()["roles"], json!([role]));
    }
}

#[tokio::test]
async fn a_refusal_is_a_bearer_challenge() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let stranger = app.get(PATH).await;
    stranger.assert_problem(401, "token_invalid");
    assert_eq!(stranger.header("www-authenticate"), r#"Bearer realm="latchkey""#);

    let junk = app.get_as("junk", PATH).await;
    junk.assert_problem(401, "token_invalid");
    assert!(junk.header("www-authenticate").contains(r#"error="invalid_token""#));

    app.advance(900);
    app.get_as(&me.access, PATH).await.assert_problem(401, "token_expired");
}

#[tokio::test]
async fn a_form_may_carry_the_token_instead_of_the_header() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let form = [("access_token", me.access.as_str())];
    let answer = app.form(None, PATH, &form).await;
    assert_eq!(answer.assert_ok()["phone_number"], PHONE);
    let bearer = format!("Bearer {}", me.access);
    assert_eq!(app.form(Some(&bearer), PATH, &[]).await.assert_ok()["phone_number"], PHONE);

    // Some clients name a type although they send nothing.
    let json = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    post_raw(&app, None, PATH, &json, "").await.assert_ok();

    app.form(Some(&bearer), PATH, &form).await.assert_problem(400, "invalid_request");
    app.form(None, PATH, &[]).await.assert_problem(401, "token_invalid");
    app.form(None, PATH, &[("access_token", "a\nb")]).await.assert_problem(401, "token_invalid");
    let query = format!("{PATH}?access_token={}", me.access);
    app.get(&query).await.assert_problem(401, "token_invalid");
}

#[tokio::test]
async fn a_refresh_can_narrow_the_scope_and_never_widen_it() {
    let app = TestApp::start().await;
    let client = hosted_app(&app).await;
    let code = Browser::new(&app).sign_in(&client.url(&[]), PHONE).await;
    let tokens = client.exchange(&app, &code.authorization_code(&client)).await;
    let mut refresh = tokens.assert_ok()["refresh_token"].as_str().unwrap().to_owned();

    for wider in ["openid email", "users:read", "openid  nothing"] {
        let refused = refreshed(&app, &refresh, wider).await;
        refused.assert_oauth(400, "invalid_scope");
    }
    for (asked, granted, phone) in [
        ("openid", "openid", json!(null)),
        (" phone openid ", "openid phone", json!(PHONE)),
        ("", "openid profile phone", json!(PHONE)),
    ] {
        let tokens = refreshed(&app, &refresh, asked).await;
        assert_eq!(tokens.assert_ok()["scope"], granted);
        let id = claims(tokens.json["id_token"].as_str().unwrap());
        assert_eq!(id["phone_number"], phone, "{asked}");
        let access = tokens.json["access_token"].as_str().unwrap();
        let seen = app.get_as(access, "/oauth2/userinfo").await;
        assert_eq!(seen.assert_ok()["phone_number"], phone, "{asked}");
        refresh = tokens.json["refresh_token"].as_str().unwrap().to_owned();
    }
    let without = refreshed(&app, &refresh, "profile").await;
    assert!(without.assert_ok().get("id_token").is_none());
}

async fn refreshed(app: &TestApp, refresh: &str, scope: &str) -> Answer {
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", "shop"),
        ("refresh_token", refresh),
        ("scope", scope),
    ];
    app.form(None, "/oauth2/token", &fields).await
}
