use serde_json::json;

use shared::crypto::public_keys;

use crate::testing::{KEYS, TestApp};

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

#[tokio::test]
async fn the_service_is_not_ready_until_a_signing_key_is_published() {
    let app = TestApp::before_first_rotation(&[]).await;
    let answer = app.get("/health").await;
    assert_eq!(answer.assert_wait(503, "not_ready"), 5);
    assert!(
        answer.json["detail"].as_str().unwrap().starts_with("No signing key is published yet.")
    );

    app.latchkey.store().put_public_keys(&public_keys([&*KEYS]).unwrap()).await.unwrap();
    let (health, units) = app.units(app.get("/health")).await;
    health.assert_ok();
    assert_eq!(units, (1.0, 0.0), "one read, and no secret");
}
