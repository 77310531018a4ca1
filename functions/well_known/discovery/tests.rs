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
            "token_endpoint": "https://id.example.com/oauth2/token",
            "introspection_endpoint": "https://id.example.com/oauth2/introspect",
            "revocation_endpoint": "https://id.example.com/oauth2/revoke",
            "userinfo_endpoint": "https://id.example.com/oauth2/userinfo",
            "response_types_supported": ["none"],
            "grant_types_supported": ["password", "refresh_token"],
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
                "amr", "acr", "auth_time"
            ],
            "service_documentation": "https://id.example.com/docs",
        })
    );
    assert_eq!(metadata.header("cache-control"), "public, max-age=300");
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
    assert_eq!(metadata.json["id_token_signing_alg_values_supported"], json!(["ES256"]));
    assert!(!metadata.text.contains("evil"));
}

#[tokio::test]
async fn the_claims_are_those_of_a_token() {
    let app = TestApp::start().await;
    let token = claims(&app.sign_in(PHONE).await.access);
    let mut told: Vec<_> = token.as_object().unwrap().keys().map(|name| json!(name)).collect();
    let mut supported = app.get(PATH).await.json["claims_supported"].as_array().unwrap().clone();
    told.sort_by_key(ToString::to_string);
    supported.sort_by_key(ToString::to_string);
    assert_eq!(told, supported);
}
