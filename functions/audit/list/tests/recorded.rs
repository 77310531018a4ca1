//! Events beside sign-ins and changes.

use serde_json::{Value, json};

use crate::testing::{
    OTHER_PHONE, PHONE, SignedIn, TestApp, accounts::NEW_PASSWORD, apps::ADMIN_PHONE,
};

async fn events_of(app: &TestApp, admin: &SignedIn, action: &str) -> Vec<Value> {
    app.all(admin, &format!("/v1/audit?action={action}"), 100).await
}

/// Asserts that there is one event of an action, with this target, and returns it.
async fn one(app: &TestApp, admin: &SignedIn, action: &str, target: &str) -> Value {
    let events = events_of(app, admin, action).await;
    assert_eq!(events.len(), 1, "{action}: {events:?}");
    assert_eq!(events[0]["target"], target, "{action}");
    events[0].clone()
}

fn user(person: &SignedIn) -> String {
    format!("user:{}", person.id())
}

/// Sends wrong passwords for a phone until strangers need another way to sign in.
async fn lock_out(app: &TestApp) {
    let mut failed = 0;
    while failed < 100 {
        let answer = app.login(json!({"phone": PHONE}), "wrong").await;
        match answer.status.as_u16() {
            429 => app.advance(answer.assert_wait(429, "too_many_attempts")),
            _ => failed += 1,
        }
    }
}

#[tokio::test]
async fn a_refresh_replay_is_recorded() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let next = app.refresh(&person.refresh).await;
    let next = next.assert_ok()["refresh_token"].as_str().unwrap().to_owned();
    app.refresh(&next).await.assert_ok();
    app.refresh(&person.refresh).await.assert_problem(401, "refresh_token_reused");

    let event = one(&app, &admin, "refresh_replay", &user(&person)).await;
    assert_eq!((&event["result"], &event["actor"]), (&json!("failure"), &Value::Null));
    assert_eq!(event["ip"], "192.0.2.1");
}

#[tokio::test]
async fn a_revoked_token_is_recorded_once() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.sign_in(PHONE).await;
    for _ in 0..2 {
        app.form(None, "/oauth2/revoke", &[("token", &person.refresh)]).await.assert_empty_ok();
    }
    one(&app, &admin, "token_revoke", &user(&person)).await;
}

#[tokio::test]
async fn lockouts_and_their_ends_are_recorded() {
    let (app, _) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    lock_out(&app).await;
    let admin = app.sign_in(ADMIN_PHONE).await;
    one(&app, &admin, "lockout", &user(&person)).await;

    app.sign_in(PHONE).await;
    let event = one(&app, &admin, "lockout_end", &user(&person)).await;
    assert_eq!(event["actor"], person.id());
}

#[tokio::test]
async fn an_unlock_by_an_administrator_has_an_action_of_its_own() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.login(json!({"phone": PHONE}), "wrong").await;
    app.patch_as(&admin, &format!("/v1/users/{}", person.id()), json!({"status": "active"}))
        .await
        .assert_ok();
    one(&app, &admin, "user_unlock", &user(&person)).await;
}

#[tokio::test]
async fn a_stop_link_is_recorded() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    app.advance(60);
    app.challenge(PHONE).await;
    app.advance(60);
    app.challenge(PHONE).await;
    let text = app.texts(PHONE).pop().unwrap().body;
    let link = text.split_whitespace().find_map(|word| word.find("/stop/").map(|at| &word[at..]));
    app.post(link.unwrap(), json!({})).await;
    let event = one(&app, &admin, "messages_stop", &user(&person)).await;
    assert_eq!(event["actor"], Value::Null);

    app.post(&format!("{}?resume=true", link.unwrap()), json!({})).await;
    one(&app, &admin, "messages_resume", &user(&person)).await;
}

#[tokio::test]
async fn becoming_admin_by_phone_is_recorded() {
    let (app, admin) = TestApp::with_staff().await;
    assert_eq!(events_of(&app, &admin, "admin_by_phone").await.len(), 1, "at the sign-up");

    // A second administrator takes the role away. The holder of the phone gets it back by changing
    // the phone away and back.
    let other = app.sign_in(OTHER_PHONE).await;
    app.give(&admin, other.id(), &["Admin"]).await.assert_ok();
    app.give(&other, admin.id(), &[]).await.assert_ok();
    app.change_phone(&admin, PHONE).await;
    app.advance(120);
    app.change_phone(&admin, ADMIN_PHONE).await;

    let events = events_of(&app, &other, "admin_by_phone").await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[0]["target"], format!("user:{}", admin.id()));
}

#[tokio::test]
async fn changes_show_before_and_after_without_personal_values() {
    let (app, admin) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    let path = format!("/v1/users/{}", person.id());
    let change = json!({"name": "Ann Lee", "username": "annlee", "status": "disabled"});
    app.patch_as(&admin, &path, change).await.assert_ok();
    let event = one(&app, &admin, "user_update", &user(&person)).await;
    assert_eq!(
        event["changes"],
        json!({
            "name": {"before": null, "after": "hidden"},
            "username": {"before": null, "after": "hidden"},
            "user_status": {"before": "active", "after": "disabled"},
        })
    );

    app.give(&admin, person.id(), &["Guest"]).await.assert_ok();
    let event = one(&app, &admin, "user_roles_change", &user(&person)).await;
    assert_eq!(
        event["changes"],
        json!({"roles": {"before": {"default": ["User"]}, "after": {"default": ["Guest"]}}})
    );

    app.server(&admin, "shop").await;
    let change = json!({
        "allowed_origins": ["https://shop.example"], "name": "New", "sms_text": "Your code: {code}"
    });
    app.change_app(&admin, "shop", change).await.assert_ok();
    let event = one(&app, &admin, "app_update", "app:shop").await;
    assert_eq!(
        event["changes"],
        json!({
            "allowed_origins": {"before": [], "after": ["https://shop.example"]},
            "name": {"before": "hidden", "after": "hidden"},
            "sms_text": {"before": null, "after": "hidden"},
        })
    );
    app.rotate(&admin, "shop", 0).await.assert_ok();
    let event = one(&app, &admin, "app_secret_rotate", "app:shop").await;
    assert_eq!(event["changes"], json!({"secrets": {"before": "hidden", "after": "hidden"}}));

    app.role(&admin, "Editor", &["a:b"]).await;
    app.patch_as(&admin, "/v1/roles/Editor", json!({"active": false})).await.assert_ok();
    let event = one(&app, &admin, "role_update", "role:Editor").await;
    assert_eq!(event["changes"], json!({"Editor.active": {"before": true, "after": false}}));
}

#[tokio::test]
async fn a_reset_password_records_the_end_of_a_lockout() {
    let (app, _) = TestApp::with_staff().await;
    let person = app.person(PHONE).await;
    lock_out(&app).await;

    app.advance(120);
    let id = app.forgot(json!({"phone": PHONE})).await.challenge_id();
    app.reset(&id, &app.code(PHONE), NEW_PASSWORD).await.assert_done();
    let admin = app.sign_in(ADMIN_PHONE).await;
    one(&app, &admin, "lockout_end", &user(&person)).await;
}

#[tokio::test]
async fn a_consent_and_its_end_are_recorded() {
    let (app, admin) = TestApp::with_staff().await;
    let client =
        crate::testing::hosted::hosted_app_with(&app, "poll", |app| app.hosted.first_party = false)
            .await;
    let mut browser = crate::testing::hosted::Browser::new(&app);
    let page = browser.sign_in(&client.url(&[]), PHONE).await;
    browser.submit(&page, &[]).await.authorization_code(&client);
    let person = app.sign_in(PHONE).await;
    one(&app, &admin, "consent_give", &user(&person)).await;

    let path = "/v1/me/consents/poll";
    let gone = app.call_as(&person.access, axum::http::Method::DELETE, path).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    one(&app, &admin, "consent_withdraw", &user(&person)).await;
}

#[tokio::test]
async fn a_device_that_somebody_allowed_is_recorded() {
    let (app, admin) = TestApp::with_staff().await;
    let begun = app.form(None, "/oauth2/device_authorization", &[]).await;
    let user_code = begun.assert_ok()["user_code"].as_str().unwrap().to_owned();
    let mut browser = crate::testing::hosted::Browser::new(&app);
    let page = browser.get("/device").await;
    let page = browser.submit(&page, &[("user_code", &user_code)]).await;
    let page = browser.submit(&page, &[("identifier", PHONE)]).await;
    let page = browser.submit(&page, &[("code", &app.code(PHONE))]).await;
    browser.submit(&page, &[]).await;
    let person = app.sign_in(PHONE).await;
    one(&app, &admin, "device_allow", &user(&person)).await;
}
