use serde_json::json;

use crate::testing::{PHONE, TestApp, claims};

const PATH: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn anybody_reads_the_endpoints_of_the_issuer() {
    let app = TestApp::start().await;
    let metadata = app.get(PATH).await;
    assert_eq!(
        metadata.assert_ok(),
        &json!({
            "issuer": "https://id.example.com",
            "jwks_uri": "https://id.example.com/.well-known/jwks.json",
            "authorization_endpoint": "https://id.example.com/oauth2/authorize",
            "pushed_authorization_request_endpoint": "https://id.example.com/oauth2/par",
            "end_session_endpoint": "https://id.example.com/oauth2/logout",
            "device_authorization_endpoint": "https://id.example.com/oauth2/device_authorization",
            "token_endpoint": "https://id.example.com/oauth2/token",
            "introspection_endpoint": "https://id.example.com/oauth2/introspect",
            "revocation_endpoint": "https://id.example.com/oauth2/revoke",
            "userinfo_endpoint": "https://id.example.com/oauth2/userinfo",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials", "password", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
            "token_endpoint_auth_methods_supported": [
                "none", "client_secret_basic", "client_secret_post"
            ],
            "introspection_endpoint_auth_methods_supported": [
                "client_secret_basic", "client_secret_post"
            ],
            "revocation_endpoint_auth_methods_supported": [
                "none", "client_secret_basic", "client_secret_post"
            ],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": [
                "iss", "sub", "aud", "client_id", "iat", "exp", "jti", "sid", "roles", "scope",
                "amr", "acr", "auth_time", "nonce", "at_hash", "name", "preferred_username", "picture",
                "locale", "updated_at", "email", "email_verified", "phone_number",
                "phone_number_verified"
            ],
            "scopes_supported": ["openid", "profile", "email", "phone", "offline_access"],
            "response_modes_supported": ["query", "form_post"],
            "prompt_values_supported": ["none", "login", "consent", "select_account", "create"],
            "acr_values_supported": ["aal1", "aal2"],
            "ui_locales_supported": ["en", "es", "hi", "ar"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "claims_parameter_supported": true,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "service_documentation": "https://id.example.com/docs",
        })
    );
    assert_eq!(metadata.header("cache-control"), "public, max-age=300");
    assert_eq!(metadata.header("access-control-allow-origin"), "*", "pages of every app read it");
    let same = app.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(same.assert_ok(), &metadata.json);
}

#[tokio::test]
async fn the_issuer_is_the_setting_whatever_the_request_says() {
    let app =
        TestApp::with(&[("ISSUER", "https://auth.shop.example"), ("JWT_ALGORITHM", "ES256")]).await;
    let request = axum::http::Request::get(PATH)
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .body(axum::body::Body::empty());
    let metadata = app.send(request.unwrap()).await;
    assert_eq!(metadata.assert_ok()["jwks_uri"], "https://auth.shop.example/.well-known/jwks.json");
    assert_eq!(metadata.json["id_token_signing_alg_values_supported"], json!(["ES256", "RS256"]));
    assert!(!metadata.text.contains("evil"));
}

#[tokio::test]
async fn every_claim_of_a_token_is_supported() {
    let app = TestApp::start().await;
    let token = claims(&app.sign_in(PHONE).await.access);
    let supported = app.get(PATH).await.json["claims_supported"].as_array().unwrap().clone();
    for name in token.as_object().unwrap().keys() {
        assert!(supported.contains(&json!(name)), "{name}");
    }
}
