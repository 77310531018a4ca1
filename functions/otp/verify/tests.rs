use serde_json::json;

use crate::testing::{OTHER_PHONE, PHONE, TestApp, at_once, wrong};

#[tokio::test]
async fn a_code_signs_in() {
    let app = TestApp::start().await;
    let signed_in = app.sign_in(PHONE).await.json;
    assert_eq!(signed_in["token_type"], "Bearer");
    assert_eq!(signed_in["expires_in"], 900);
    assert_eq!(signed_in["refresh_expires_in"], 14 * 24 * 3600);
    assert_eq!(signed_in["is_new_user"], true);
    assert_eq!(signed_in["user"]["phone"], PHONE);
    assert_eq!(signed_in["user"]["phone_verified"], true);
    assert_eq!(signed_in["user"]["roles"], json!(["User"]));
    assert_eq!(signed_in["user"]["last_sign_in_at"], "2027-01-15T08:00:00Z");

    app.advance(60);
    let again = app.sign_in(PHONE).await.json;
    assert_eq!(again["is_new_user"], false);
    assert_eq!(again["user"]["id"], signed_in["user"]["id"]);
    assert_eq!(again["user"]["last_sign_in_at"], "2027-01-15T08:01:00Z");
    assert_eq!(again["user"]["created_at"], "2027-01-15T08:00:00Z");
}
