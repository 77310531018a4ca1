use serde_json::json;

use crate::testing::{PHONE, TestApp, bodies::assert_strict, passkeys::PASSKEYS};

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
    let other = app.passkey_challenge(json!({"client_id": "shop"})).await;
    assert_ne!(other["challenge"], options["challenge"]);
    assert_strict(&app, None, PATH, &json!({"client_id": "shop"})).await;
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
