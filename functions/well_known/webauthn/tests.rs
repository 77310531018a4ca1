use serde_json::json;

use crate::testing::{TestApp, passkeys::PASSKEYS};

#[tokio::test]
async fn the_document_lists_the_pages_of_other_domains() {
    let app = TestApp::with(&[PASSKEYS]).await;
    let empty = app.get("/.well-known/webauthn").await;
    assert_eq!(empty.assert_ok(), &json!({"origins": []}));
    let android = format!("android:apk-key-hash:{}", "A".repeat(43));
    let origins = format!("https://example.org, {android}");
    let app = TestApp::with(&[PASSKEYS, ("PASSKEY_ORIGINS", &origins)]).await;
    let listed = app.get("/.well-known/webauthn").await;
    assert_eq!(listed.assert_ok(), &json!({"origins": ["https://example.org"]}));
}
