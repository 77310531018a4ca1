//! `latchkey keys` as it is installed, against the whole service and its embedded AWS.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use shared::{
    aws::sdk_config,
    base::{Clock, Environment},
};
use tokio::{net::TcpListener, runtime::Runtime};

const SECRET: &str = "latchkey/hash-keys";
const PHONE: &str = "+15005550006";

/// A service in this process.
struct Service {
    runtime: Runtime,
    url: String,
    aws: Vec<(String, String)>,
}

impl Service {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let (url, aws) = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let environment = [("JWT_ALGORITHM", "EdDSA")].into_iter().collect();
            let service = local::start(address, None, environment).await.unwrap();
            let aws = service.aws.environment();
            tokio::spawn(service.serve(listener, std::future::pending()));
            (format!("http://{address}"), aws)
        });
        let aws = aws.into_iter().map(|(name, value)| (name.to_string(), value.to_string()));
        Self { runtime, url, aws: aws.collect() }
    }

    fn keys(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_latchkey"))
            .arg("keys")
            .args(arguments)
            .arg("--json")
            .env_clear()
            .envs(self.aws.clone())
            .env("AWS_ENDPOINT_URL_LAMBDA", format!("{}/_local/lambda", self.url))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The status that a step prints.
    fn does(&self, arguments: &[&str], input: &str) -> Value {
        let output = self.keys(arguments, input);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn refuses(&self, arguments: &[&str], input: &str, (code, why): (i32, &str)) {
        let output = self.keys(arguments, input);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains(why), "{said}");
    }

    /// Puts the last step two hours back, instead of waiting.
    fn let_two_hours_pass(&self) {
        let environment: Environment =
            self.aws.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let client =
            aws_sdk_secretsmanager::Client::new(&sdk_config(&environment, "SECRETSMANAGER"));
        self.runtime.block_on(async {
            let read = client.get_secret_value().secret_id(SECRET).send().await.unwrap();
            let mut roots: Value = serde_json::from_str(read.secret_string().unwrap()).unwrap();
            roots["since"] = json!(Clock::system().now().as_second() - 2 * 3600);
            let put = client.put_secret_value().secret_id(SECRET);
            put.secret_string(roots.to_string()).send().await.unwrap();
        });
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.runtime.block_on(async {
            let post = reqwest::Client::new().post(format!("{}{path}", self.url)).json(body);
            post.send().await.unwrap().error_for_status().unwrap().json().await.unwrap()
        })
    }

    /// Signs in with the test phone. Returns the user's id.
    fn sign_in(&self) -> Value {
        let sent = self.post("/v1/otp/send", &json!({"phone": PHONE}));
        let proof = json!({"challenge_id": sent["challenge_id"], "code": "123456"});
        self.post("/v1/otp/verify", &proof)["user"]["id"].clone()
    }
}

#[test]
fn an_operator_replaces_the_root_step_by_step() {
    let service = Service::start();
    let me = service.sign_in();
    assert_eq!(service.does(&["status"], "")["next_step"], "none: there is one root");

    let introduced = service.does(&["rotate"], "");
    assert_eq!(
        (&introduced["phase"], &introduced["other_version"]),
        (&json!("introduced"), &json!(2))
    );
    service.refuses(&["rotate"], "", (6, "is not known to all instances before"));

    service.let_two_hours_pass();
    assert_eq!(service.does(&["rotate"], "")["version"], 2);
    service.refuses(&["forget", "--yes"], "", (6, "do `move` first"));
    service.let_two_hours_pass();
    let moved = service.does(&["move"], "");
    assert_eq!((&moved["moved"], &moved["has_moved"]), (&json!(1), &json!(true)));

    service.refuses(&["forget", "--yes"], "", (6, "whose sessions last until"));
    service.refuses(&["forget", "--early"], "no\n", (2, "nothing was changed"));
    let one = service.does(&["forget", "--early"], "yes\n");
    assert_eq!((&one["phase"], &one["other_version"]), (&json!("one"), &Value::Null));
    assert_eq!(service.sign_in(), me);

    service.refuses(&["status", "--stack", "other", "--region", ""], "", (2, "no region"));
}
