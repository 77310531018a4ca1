use serde_json::json;

use crate::testing::TestApp;

#[tokio::test]
async fn the_service_is_healthy_while_its_table_works() {
    let app = TestApp::start().await;
    let health = app.get("/health").await;
    assert_eq!(health.assert_ok(), &json!({"status": "ok", "version": "0.1.0", "table": "ok"}));
    assert_eq!(health.header("cache-control"), "no-store");
}

#[tokio::test]
async fn the_service_is_unhealthy_without_its_table() {
    let app = TestApp::start().await;
    assert_eq!(app.cut_off("DYNAMODB").get("/health").await.assert_wait(503, "unavailable"), 5);
    for service in ["SNS", "SECRETSMANAGER"] {
        app.cut_off(service).get("/health").await.assert_ok();
    }
}
