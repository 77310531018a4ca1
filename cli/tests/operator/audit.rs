//! Following the audit trail, and finding changes of it.

use std::{
    io::{BufRead as _, BufReader},
    process::Command,
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use shared::{
    audit::anchors::Anchors,
    aws::sdk_config,
    base::{Clock, Environment, Random},
    table::Store,
};
use tokio::{net::TcpListener, runtime::Runtime};

use crate::terminal::{ADMIN, Operator, Service};

const HOUR: i64 = 3_600;

#[test]
fn the_audit_trail_can_be_followed() {
    let service = Service::start(&[]);
    let operator = Operator::of(&service);
    operator.sign_in(ADMIN);

    let mut following = operator
        .command(&["audit", "--follow", "--interval", "1", "-n", "1", "--json"])
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap()).unwrap();
    let newest = next();

    operator.run(&["users", "find", ADMIN]).succeeds();
    operator.run(&["users", "list"]).succeeds();

    let (first, second) = (next(), next());

    // Failures of strangers in a clock hour are counted in one event, which is shown again when its
    // count rises.
    let left = HOUR - Clock::system().now().as_second() % HOUR;
    if left < 60 {
        std::thread::sleep(Duration::from_secs(u64::try_from(left).unwrap() + 1));
    }
    for count in 1..3 {
        let body = json!({"username": "nobody", "password": "wrong password"});
        service.refuses("/v1/auth/login", &body, 401);
        let failures = next();
        let shown = (&failures["action"], &failures["target"], &failures["count"]);
        assert_eq!(shown, (&json!("sign_in"), &json!("anybody"), &json!(count)));
    }
    following.kill().unwrap();
    following.wait().unwrap();
    assert_eq!((&first["action"], &second["action"]), (&json!("user_read"), &json!("users_list")));
    assert!(newest["id"].as_str() < first["id"].as_str());
}

#[test]
fn a_change_of_the_audit_trail_is_found_with_access_to_aws() {
    let runtime = Runtime::new().unwrap();
    let (service, endpoint) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let environment = [("JWT_ALGORITHM", "EdDSA")].into_iter().collect();
        let mut service = local::start(address, None, environment).await.unwrap();
        service.aws.serve_at(listener);
        (service, format!("http://{address}"))
    });
    let verify = |more: &[&str]| {
        let names = ["--table", "latchkey", "--bucket", "audit-anchors"];
        let output = Command::new(env!("CARGO_BIN_EXE_latchkey"))
            .args(["audit", "verify"])
            .args(names)
            .args(more)
            .env_clear()
            .envs(service.aws.environment())
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env_remove("AWS_ENDPOINT_URL_S3")
            .output();
        Operator::done(output.unwrap())
    };
    assert!(verify(&[]).stderr.contains("there are no anchors"));

    let environment: Environment = service.aws.environment().into_iter().collect();
    let dynamodb = sdk_config(&environment, "DYNAMODB");
    let table = aws_sdk_dynamodb::Client::new(&dynamodb);
    let id = "01890000-0000-7000-8000-000000000000";
    let put = |action: &str| {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put = table
            .put_item()
            .table_name("latchkey")
            .item("pk", text("AUDIT#0"))
            .item("sk", text(id))
            .item("id", text(id))
            .item("action", text(action))
            .item("expires_at", AttributeValue::N("4000000000".to_owned()));
        runtime.block_on(put.send()).unwrap();
    };
    put("user_delete");
    let store = Store::of_config(&dynamodb, "latchkey", Random::system());
    let anchors = Anchors::new(store, &environment, Clock::system()).unwrap();
    assert_eq!(runtime.block_on(anchors.anchor()), Ok(1));
    let done = verify(&[]).succeeds();
    assert!(done.stdout.starts_with("1 events are as they were anchored"), "{}", done.stdout);

    put("user_read");
    let done = verify(&["--json"]);
    assert_eq!(done.exit_code, 1, "{}", done.stderr);
    assert_eq!(done.objects()[0]["id"], id);
    assert!(done.stderr.contains(&format!("event {id} of")), "{}", done.stderr);
    assert!(done.stderr.contains("was changed"), "{}", done.stderr);
    verify(&["--from", "2026-01-01T00:00:00Z"]).succeeds();
}
