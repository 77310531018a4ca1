use axum::http::Method;
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{DecodingKey, Validation, jwk::JwkSet};
use serde_json::{Value, json};
use shared::apps::IdTokenAlgorithm;

use crate::testing::{
    ISSUER, PHONE, TestApp,
    back_channel::RelyingParty,
    claims,
    hosted::{Browser, hosted_app_with},
};

/// Ends a session of the app `client_id`, without its end being told yet. Returns the claims of its
/// access token.
async fn end_a_session(app: &TestApp, client_id: &str) -> Value {
    let sent = app.post("/v1/otp/send", json!({"phone": PHONE, "client_id": client_id})).await;
    let me = app.verify(&sent.challenge_id(), &app.code(PHONE)).await.signed_in();
    app.call_as(&me.access, Method::POST, "/v1/auth/logout").await.assert_done();
    assert!(app.queue_ended().await);
    claims(&me.access)
}

#[tokio::test]
async fn a_logout_token_is_signed_and_passes_for_no_other_token() {
    let app = TestApp::start().await;
    let server = RelyingParty::start().await;
    server.app(&app, "shop").await;
    let access = end_a_session(&app, "shop").await;
    app.notify().await;
    let token = server.tokens().pop().unwrap();

    let header = BASE64URL_NOPAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!((&header["typ"], &header["alg"]), (&json!("logout+jwt"), &json!("RS256")));

    let keys = app.get("/.well-known/jwks.json").await;
    let keys: JwkSet = serde_json::from_str(&keys.text).unwrap();
    let key = DecodingKey::from_jwk(keys.find(header["kid"].as_str().unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&["shop"]);
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap().claims;
    let now = app.latchkey.clock().now().as_second();
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER, "aud": "shop", "sub": access["sub"], "sid": access["sid"],
            "iat": now, "exp": now + 120, "jti": claims["jti"],
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        })
    );

    // It opens nothing here, and is no hint of a sign-out.
    app.get_as(&token, "/v1/me").await.assert_problem(401, "token_invalid");
    app.get_as(&token, "/oauth2/userinfo").await.assert_problem(401, "token_invalid");
    let path = format!("/oauth2/logout?id_token_hint={token}");
    assert_ne!(Browser::new(&app).get(&path).await.status, 303);
}

#[tokio::test]
async fn a_server_error_is_tried_again_with_another_token_and_a_refusal_is_not() {
    let app = TestApp::start().await;
    let server = RelyingParty::start().await;
    server.app(&app, "shop").await;

    for status in [400, 401, 404, 307] {
        server.answer_with(status);
        end_a_session(&app, "shop").await;
        app.notify().await;
        assert_eq!(server.tokens().len(), 1, "{status}");
        app.notify().await;
        assert_eq!(server.tokens().len(), 0, "{status}");
    }

    for status in [500, 503, 429] {
        server.answer_with(status);
        end_a_session(&app, "shop").await;
        app.notify().await;
        let first = server.tokens().pop().unwrap();

        app.advance(120);
        server.answer_with(204);
        app.notify().await;
        let second = server.tokens().pop().unwrap();
        let (first, second) = (claims(&first), claims(&second));
        assert_eq!(first["sid"], second["sid"], "{status}");
        assert_ne!(first["jti"], second["jti"], "{status}");
        assert_eq!(second["iat"], app.latchkey.clock().now().as_second(), "{status}");
        app.notify().await;
        assert_eq!(server.tokens().len(), 0, "{status}");
    }
    assert_eq!(app.aws.queue.dead_letters(), []);
}

#[tokio::test]
async fn a_notice_that_fails_five_times_is_a_dead_letter() {
    let app = TestApp::start().await;
    let server = RelyingParty::start().await;
    server.app(&app, "shop").await;
    server.answer_with(500);
    end_a_session(&app, "shop").await;
    for _ in 0..7 {
        app.notify().await;
    }
    assert_eq!(server.tokens().len(), 5);
    assert_eq!(app.aws.queue.dead_letters().len(), 1);
}

#[tokio::test]
async fn an_app_that_cannot_be_reached_keeps_no_other_waiting() {
    let app = TestApp::start().await;
    let server = RelyingParty::start().await;
    server.app(&app, "shop").await;
    let nowhere = Some("http://127.0.0.1:1/logout".to_owned());
    hosted_app_with(&app, "gone", |app| app.hosted.backchannel_logout_uri = nowhere).await;
    end_a_session(&app, "gone").await;
    end_a_session(&app, "shop").await;
    app.notify().await;
    assert_eq!(server.tokens().len(), 1);
    assert_eq!(app.aws.queue.receive().len(), 1);
}

/// The address may have been public when it was registered.
#[tokio::test]
async fn in_production_nothing_but_the_public_internet_is_called() {
    let app = TestApp::start().await;
    let server = RelyingParty::start().await;
    server.app(&app, "shop").await;
    let local = Some("https://localhost/logout".to_owned());
    hosted_app_with(&app, "local", |app| app.hosted.backchannel_logout_uri = local).await;
    for client_id in ["shop", "local"] {
        end_a_session(&app, client_id).await;
    }
    let urls = ["TWILIO_URL", "TWILIO_VERIFY_URL", "VONAGE_URL", "KALEYRA_URL", "WHATSAPP_URL"]
        .map(|name| (name, ""));
    let prod = [&[("ENVIRONMENT", "prod")][..], &urls].concat();
    app.restarted(&prod).notify().await;
    assert_eq!(server.tokens().len(), 0);
    assert_eq!(app.aws.queue.receive(), [], "another try would be refused as well");
}

#[tokio::test]
async fn an_app_that_wants_rs256_gets_it_and_one_that_lost_its_address_gets_nothing() {
    let app = TestApp::start().await;
    let server = RelyingParty::start().await;
    let address = Some(server.address.clone());
    hosted_app_with(&app, "shop", |app| {
        app.hosted.backchannel_logout_uri = address;
        app.hosted.id_token_signed_response_alg = Some(IdTokenAlgorithm::RS256);
    })
    .await;
    end_a_session(&app, "shop").await;
    app.notify().await;
    assert_eq!(server.tokens().len(), 1);

    end_a_session(&app, "shop").await;
    app.latchkey.store().delete_app("shop").await.unwrap();
    app.notify().await;
    assert_eq!(server.tokens().len(), 0);
    assert_eq!(app.aws.queue.receive(), []);
}

#[tokio::test]
async fn without_the_signing_key_nothing_is_lost() {
    let app = TestApp::start().await;
    let server = RelyingParty::start().await;
    server.app(&app, "shop").await;
    end_a_session(&app, "shop").await;
    let event = shared::back_channel::QueueEvent { records: Vec::new() };
    assert!(super::notify(&app.cut_off("SECRETSMANAGER").latchkey, event).await.is_err());
    app.notify().await;
    assert_eq!(server.tokens().len(), 1);
}
