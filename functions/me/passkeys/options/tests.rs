use axum::http::Method;
use serde_json::json;

use crate::testing::{PHONE, TestApp, passkeys::PASSKEYS};

const PATH: &str = "/v1/me/passkeys/options";

#[tokio::test]
async fn the_options_are_what_a_browser_reads() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let options = app.passkey_options(&me).await.assert_ok().clone();
    let (challenge, handle) = (&options["challenge"], &options["user"]["id"]);
    assert_eq!(
        options,
        json!({
            "rp": {"id": "example.com", "name": "Latchkey"},
            "user": {"id": handle, "name": PHONE, "displayName": PHONE},
            "challenge": challenge,
            "pubKeyCredParams": [
                {"type": "public-key", "alg": -7},
                {"type": "public-key", "alg": -8},
                {"type": "public-key", "alg": -257},
            ],
            "timeout": 300_000,
            "excludeCredentials": [],
            "authenticatorSelection": {
                "residentKey": "required",
                "requireResidentKey": true,
                "userVerification": "required",
            },
            "attestation": "none",
        })
    );
    assert_eq!(handle.as_str().unwrap().len(), 22, "16 random bytes, which tell nothing");

    let (keeper, _) = app.passkey(&me).await;
    let me = app.sign_in_again(PHONE).await;
    let options = app.passkey_options(&me).await.assert_ok().clone();
    let id = data_encoding::BASE64URL_NOPAD.encode(&keeper.id);
    let known = json!([{"type": "public-key", "id": id, "transports": ["hybrid", "internal"]}]);
    assert_eq!(options["excludeCredentials"], known);
    let handle = data_encoding::BASE64URL_NOPAD.encode(&keeper.handle);
    assert_eq!(options["user"]["id"], handle, "each passkey of a user has the same handle");
}

#[tokio::test]
async fn asking_for_options_writes_nothing() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    let (_, (_, written)) = app.units(app.passkey_options(&me)).await;
    assert!(written.abs() < f64::EPSILON, "{written}");
}

#[tokio::test]
async fn a_new_passkey_needs_a_fresh_sign_in_with_every_factor() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let me = app.sign_in(PHONE).await;
    app.advance(600);
    app.passkey_options(&me).await.assert_step_up(false);
    app.add_passkey(&me, json!({})).await.assert_step_up(false);

    let (me, authenticator) = app.protected(PHONE).await;
    app.passkey_options(&me).await.assert_step_up(true);
    let me = app.sign_in_with_both(PHONE, &authenticator).await;
    app.passkey_options(&me).await.assert_ok();
}

#[tokio::test]
async fn a_deployment_without_a_domain_has_no_passkeys() {
    let app = TestApp::start().await;
    let me = app.sign_in(PHONE).await;
    let id = uuid::Uuid::nil();
    app.passkey_options(&me).await.assert_problem(404, "not_found");
    app.get_as(&me.access, "/v1/me/passkeys").await.assert_problem(404, "not_found");
    let path = format!("/v1/me/passkeys/{id}");
    app.call_as(&me.access, Method::DELETE, &path).await.assert_problem(404, "not_found");
    app.json_as(&me, Method::PATCH, &path, json!({"name": "A"}))
        .await
        .assert_problem(404, "not_found");
    app.post("/v1/auth/passkey/options", json!({})).await.assert_problem(404, "not_found");
    app.get("/.well-known/webauthn").await.assert_problem(404, "not_found");

    let app = TestApp::with(&[PASSKEYS]).await;
    app.post(PATH, json!({})).await.assert_problem(401, "token_invalid");
}
