use serde_json::json;

use crate::testing::{PHONE, TestApp};

#[tokio::test]
async fn the_default_app_exists_from_the_start() {
    let (app, admin) =
        TestApp::with_admin_and(&[("APP_NAME", "Shop & Co"), ("DEFAULT_ROLE", "Guest")]).await;
    assert_eq!(
        app.get_as(&admin.access, "/v1/apps/default").await.assert_ok(),
        &json!({
            "client_id": "default",
            "name": "Shop & Co",
            "type": "public",
            "sign_up": "open",
            "default_role": "Guest",
            "allowed_origins": [],
            "access_token_ttl": 900,
            "refresh_token_ttl": 30 * 24 * 3600,
            "sms_text": null,
            "text_senders": null,
            "token_claims": [],
            "sms_monthly_budget_usd": null,
            "sms_daily_budget_usd": null,
            "redirect_uris": [],
            "post_logout_redirect_uris": [],
            "backchannel_logout_uri": null,
            "backchannel_logout_session_required": true,
            "first_party": true,
            "pkce": "required",
            "id_token_signed_response_alg": null,
            "grant_types": ["authorization_code", "refresh_token", "password", "urn:ietf:params:oauth:grant-type:device_code"],
            "scopes": [],
            "logo": null,
            "accent": null,
            "links": {"privacy": null, "support": null, "terms": null},
            "sign_in_methods": null,
            "active": true,
            "created_at": "1970-01-01T00:00:00.000Z",
            "updated_at": "1970-01-01T00:00:00.000Z",
        })
    );
}

#[tokio::test]
async fn an_app_without_lifetimes_of_its_own_follows_the_settings() {
    let (app, admin) = TestApp::with_admin_and(&[("ACCESS_TOKEN_TTL_SECONDS", "600")]).await;
    app.public_app(&admin, "shop").await;
    assert_eq!(
        app.get_as(&admin.access, "/v1/apps/shop").await.assert_ok()["access_token_ttl"],
        600
    );

    let app = app
        .restarted(&[("ACCESS_TOKEN_TTL_SECONDS", "300"), ("REFRESH_TOKEN_TTL_SECONDS", "7200")]);
    let now = app.get_as(&admin.access, "/v1/apps/shop").await.json;
    assert_eq!((&now["access_token_ttl"], &now["refresh_token_ttl"]), (&json!(300), &json!(7200)));
}

#[tokio::test]
async fn an_unknown_or_deleted_app_is_not_found() {
    let (app, admin) = TestApp::with_admin().await;
    app.public_app(&admin, "gone").await;
    app.delete_app(&admin, "gone").await.assert_done();

    for client_id in
        ["nothing", "gone", "Default", "default%20x", "..%2Fdefault", "%00", &"a".repeat(3000)]
    {
        let answer = app.get_as(&admin.access, &format!("/v1/apps/{client_id}")).await;
        answer.assert_problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_disabled_administrator_can_no_longer_read_apps() {
    let (app, admin) = TestApp::with_admin().await;
    app.get_as(&admin.access, "/v1/apps/default").await.assert_ok();
    app.disable(admin.id()).await;
    app.get_as(&admin.access, "/v1/apps/default").await.assert_problem(403, "user_disabled");
}

#[tokio::test]
async fn verifying_the_administrator_s_phone_through_any_app_makes_an_administrator() {
    let (app, admin) = TestApp::with_admin().await;
    assert_eq!(admin.json["user"]["roles"], json!(["Admin", "User"]));
    let scope = admin.json["scope"].as_str().unwrap();
    assert!(scope.split(' ').any(|permission| permission == "apps:write"), "{scope}");

    let settings = [("ADMIN_PHONE", PHONE)];
    let app = app.restarted(&settings);
    app.public_app(&admin, "shop").await;

    let id =
        app.post("/v1/otp/send", json!({"phone": PHONE, "client_id": "shop"})).await.challenge_id();
    let second = app.verify(&id, &app.code(PHONE)).await.signed_in();
    assert_eq!(
        (&second.json["user"]["roles"], &second.json["scope"]),
        (&json!(["User"]), &json!(""))
    );
    app.get_as(&second.access, "/v1/apps/default").await.assert_problem(403, "forbidden");
    app.advance(30);

    let second = app.sign_in(PHONE).await;
    assert_eq!(second.json["user"]["roles"], json!(["Admin"]));
    app.get_as(&second.access, "/v1/apps/default").await.assert_ok();
}
