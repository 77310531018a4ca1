use serde_json::json;

use crate::testing::TestApp;

const PATH: &str = "/.well-known/assetlinks.json";

#[tokio::test]
async fn android_learns_which_apps_belong_to_the_domain() {
    let hash = "A".repeat(43);
    let apps = format!("ABCDE12345.com.example.app, com.example.app={hash}");
    let app = TestApp::with(&[("PASSKEY_APPS", &apps)]).await;
    let fingerprint = ["00"; 32].join(":");
    let links = app.get(PATH).await;
    assert_eq!(
        links.assert_ok(),
        &json!([{
            "relation": [
                "delegate_permission/common.handle_all_urls",
                "delegate_permission/common.get_login_creds",
            ],
            "target": {
                "namespace": "android_app",
                "package_name": "com.example.app",
                "sha256_cert_fingerprints": [fingerprint],
            },
        }])
    );
    let without = TestApp::with(&[("PASSKEY_APPS", "ABCDE12345.com.example.app")]).await;
    without.get(PATH).await.assert_problem(404, "not_found");
}
