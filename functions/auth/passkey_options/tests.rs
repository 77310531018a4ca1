use serde_json::json;

use crate::testing::{PHONE, TestApp, apps::basic, bodies::assert_strict, passkeys::PASSKEYS};

const PATH: &str = "/v1/auth/passkey/options";

#[tokio::test]
async fn options_name_nobody_and_cost_nothing() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let (options, units) = app.units(app.passkey_challenge(json!({}))).await;
    assert_eq!(
        options,
        json!({
            "challenge": options["challenge"],
            "timeout": 300_000,
            "rpId": "example.com",
            "allowCredentials": [],
            "userVerification": "required",
        })
    );
    assert_eq!(units, (0.0, 0.0));
    let other = app.passkey_challenge(json!({"client_id": "default"})).await;
    assert_ne!(other["challenge"], options["challenge"]);
    assert_strict(&app, None, PATH, &json!({"client_id": "default"})).await;
}

#[tokio::test]
async fn options_are_for_an_app_that_exists_and_is_who_it_says() {
    let (app, admin) = TestApp::with_admin_and(&[PASSKEYS]).await;
    app.public_app(&admin, "shop").await;
    let server = app.server(&admin, "server").await;

    app.post(PATH, json!({"client_id": "nobody"})).await.assert_field("client_id");
    app.post(PATH, json!({"client_id": "shop"})).await.assert_ok();
    let of_server = json!({"client_id": "server"});
    app.post(PATH, of_server.clone()).await.assert_problem(401, "invalid_client");
    let wrong = basic("server", "lks_wrong");
    app.post_by(&wrong, PATH, of_server.clone()).await.assert_problem(401, "invalid_client");
    for body in [of_server, json!({})] {
        app.post_by(&server.basic(), PATH, body).await.assert_ok();
    }

    app.change_app(&admin, "shop", json!({"active": false})).await.assert_ok();
    app.post(PATH, json!({"client_id": "shop"})).await.assert_problem(403, "app_disabled");
}

#[tokio::test]
async fn a_second_factor_s_options_name_the_user_s_passkeys() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let (_, authenticator) = app.protected(PHONE).await;
    let without = app.first_factor(PHONE).await;
    let refused = app.post(PATH, json!({"mfa_token": without})).await;
    refused.assert_problem(409, "conflict");

    let me = app.sign_in_with_both(PHONE, &authenticator).await;
    let (keeper, _) = app.passkey(&me).await;
    let waiting = app.first_factor_or_passkey(PHONE).await;
    let options = app.passkey_challenge(json!({"mfa_token": waiting})).await;
    let id = data_encoding::BASE64URL_NOPAD.encode(&keeper.id);
    assert_eq!(options["allowCredentials"][0]["id"], id);
    assert_eq!(options["allowCredentials"].as_array().unwrap().len(), 1);

    for token in ["", "lkm_", &waiting[..46], &me.access] {
        app.post(PATH, json!({"mfa_token": token})).await.assert_problem(401, "token_invalid");
    }
    let both = json!({"mfa_token": waiting, "client_id": "default"});
    app.post(PATH, both).await.assert_field("client_id");
    app.advance(300);
    app.post(PATH, json!({"mfa_token": waiting})).await.assert_problem(401, "token_expired");
}
