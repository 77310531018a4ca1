use serde_json::json;

use crate::testing::TestApp;

const PATH: &str = "/.well-known/apple-app-site-association";

#[tokio::test]
async fn apple_learns_which_apps_belong_to_the_domain() {
    let app = TestApp::with(&[("PASSKEY_APPS", "ABCDE12345.com.example.app")]).await;
    let site = app.get(PATH).await;
    let expected = json!({"webcredentials": {"apps": ["ABCDE12345.com.example.app"]}});
    assert_eq!(site.assert_ok(), &expected);
    assert!(site.header("content-type").starts_with("application/json"));
    TestApp::start().await.get(PATH).await.assert_problem(404, "not_found");
}
