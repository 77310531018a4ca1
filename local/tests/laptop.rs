//! What `cargo run` has that a deployment does not: no limits of messages, a test phone, and pages.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod program;

use program::Program;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

/// A phone that can receive texts.
const PHONE: &str = "+14155550123";
/// An origin that `ALLOWED_ORIGINS` does not list: a page of the laptop, on another port.
const LAPTOP_PAGE: &str = "http://localhost:5173";

/// The program, as its users start it.
struct Service {
    program: Program,
    client: Client,
}

impl Service {
    fn start(arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        Self { program: Program::start(arguments, settings), client: Client::new() }
    }

    async fn get(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.program.url)).send().await.unwrap()
    }

    /// Posts JSON, as a page of the laptop does.
    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.program.url)).json(body);
        let answer = request.header("origin", LAPTOP_PAGE).send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], LAPTOP_PAGE);
        (answer.status(), answer.json().await.unwrap())
    }

    async fn send(&self, address: &Value) -> (StatusCode, Value) {
        self.post("/v1/otp/send", address).await
    }
}

/// The output of the program if it does not start.
fn refusal(arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_local"))
        .args(["--port", "0"])
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    assert!(!done.status.success());
    String::from_utf8(done.stderr).unwrap()
}

#[test]
fn an_environment_that_does_not_exist_is_the_only_error() {
    for arguments in [&["--in-memory"][..], &["--in-memory", "--as-deployed"]] {
        let told = refusal(arguments, &[("ENVIRONMENT", "production")]);
        let expected = "error: ENVIRONMENT is \"production\"; it must be dev, staging or prod\n";
        assert_eq!(told, expected);
    }
    let told = refusal(&["--in-memory"], &[("ENVIRONMENT", "production"), ("OTP_LENGTH", "1")]);
    assert_eq!(told.lines().count(), 2, "{told}");
}

#[test]
fn a_wrong_file_of_senders_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("senders.json");
    let name = file.to_str().unwrap();
    let arguments = ["--in-memory", "--senders", name];
    let twilio = r#"{"twilio": {"account_sid": "AC1", "auth_token": "t", "from": "+1"}}"#;
    for (secret, senders, told) in [
        (
            r#"{"twillio": {}}"#,
            "*=twilio",
            "twillio is unknown; it takes end_user_messaging, twilio",
        ),
        (r#"{"twilio": {}}"#, "*=twilio", "twilio lacks account_sid"),
        (r#"{"twilio": 1}"#, "*=sns", "twilio must be an object"),
        (twilio, "*=vonage", "TEXT_SENDERS names vonage"),
    ] {
        std::fs::write(&file, secret).unwrap();
        let printed = refusal(&arguments, &[("TEXT_SENDERS", senders)]);
        assert!(printed.contains(told) && printed.contains(name), "{printed}");
    }
    let absent = refusal(&["--in-memory", "--senders", "/absent"], &[]);
    assert!(absent.contains("--senders /absent cannot be read"), "{absent}");
}

#[test]
fn the_folder_of_the_data_is_one_that_only_this_program_uses() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let told = refusal(&["--data", file.to_str().unwrap()], &[]);
    assert!(told.starts_with("error: --data ") && told.contains("is a file"), "{told}");
    let told = refusal(&["--data", file.join("in").to_str().unwrap()], &[]);
    assert!(told.starts_with("error: --data ") && told.contains("Give a folder"), "{told}");

    let data = folder.path().join("data");
    let data = ["--data", data.to_str().unwrap()];
    let first = Program::start_with(&data, &[]);
    let told = refusal(&data, &[]);
    assert!(told.contains("another Latchkey uses the folder"), "{told}");
    drop(first);
    drop(Program::start_with(&data, &[]));
}

#[tokio::test]
async fn any_number_of_codes_can_be_sent_on_a_laptop() {
    let service = Service::start(&[], &[]);
    for address in [json!({"phone": PHONE}), json!({"email": "ann@example.com"})] {
        for _ in 0..30 {
            let (status, challenge) = service.send(&address).await;
            assert_eq!((status, &challenge["resend_in"]), (StatusCode::ACCEPTED, &json!(0)));
        }
        let (_, challenge) = service.send(&address).await;
        let again = json!({"challenge_id": challenge["challenge_id"]});
        assert_eq!(service.post("/v1/otp/resend", &again).await.0, StatusCode::ACCEPTED);
    }
}

#[tokio::test]
async fn limits_hold_on_a_laptop_if_they_are_asked_for() {
    let deployed = Service::start(&["--as-deployed"], &[]);
    let one_an_hour = Service::start(&[], &[("OTP_SENDS_PER_IP_PER_HOUR", "1")]);
    for (service, code) in [(deployed, "resend_too_soon"), (one_an_hour, "sms_limit_reached")] {
        let phone = json!({"phone": PHONE});
        assert_eq!(service.send(&phone).await.0, StatusCode::ACCEPTED);
        let (status, problem) = service.send(&phone).await;
        assert_eq!((status, &problem["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!(code)));
    }
}

#[tokio::test]
async fn the_test_phone_signs_in_on_a_laptop() {
    let service = Service::start(&[], &[]);
    let (_, challenge) = service.send(&json!({"phone": "+15005550006"})).await;
    let proof = json!({"challenge_id": challenge["challenge_id"], "code": "123456"});
    let (status, answer) = service.post("/v1/otp/verify", &proof).await;
    assert_eq!((status, &answer["user"]["phone"]), (StatusCode::OK, &json!("+15005550006")));

    // Its tokens name the URL that the program prints.
    let metadata: Value =
        service.get("/.well-known/openid-configuration").await.json().await.unwrap();
    assert_eq!(metadata["issuer"], service.program.url);
    assert!(service.program.url.starts_with("http://localhost:"), "{}", service.program.url);
}

#[tokio::test]
async fn the_laptop_does_not_change_production() {
    let settings = [("ENVIRONMENT", "prod"), ("ISSUER", "https://id.example.com")];
    let service = Service::start(&[], &settings);
    let send = async |phone: &str| {
        let request = service.client.post(format!("{}/v1/otp/send", service.program.url));
        let answer = request.json(&json!({"phone": phone})).send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    let (_, sent) = send(PHONE).await;
    assert_eq!(sent["resend_in"], 30);

    // The test phone is a number like any other of its kind, which gets no texts.
    let (status, refused) = send("+15005550006").await;
    assert_eq!((status, &refused["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_phone")));
    let texts: Value = service.get("/_local/messages").await.json().await.unwrap();
    assert_eq!(texts.as_array().unwrap().len(), 1, "{texts}");
}

#[tokio::test]
async fn the_first_page_leads_to_the_others() {
    let service = Service::start(&[], &[]);
    let page = service.get("/").await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));

    let page = page.text().await.unwrap();
    let links: Vec<_> =
        page.split("<a href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(links, ["/_local/app/", "/_local", "/_local/messages", "/docs", "/health"]);
    for link in links {
        assert_eq!(service.get(link).await.status(), StatusCode::OK, "{link}");
    }
}

#[tokio::test]
async fn the_inbox_tells_who_sent_a_message_and_all_of_its_parts() {
    let service = Service::start(&[], &[]);
    service.send(&json!({"phone": PHONE, "locale": "en"})).await;
    service.send(&json!({"email": "ann@example.com", "locale": "en"})).await;
    let messages: Value = service.get("/_local/messages").await.json().await.unwrap();
    let [text, mail] = &messages.as_array().unwrap()[..] else { panic!("{messages}") };

    let nothing = Value::Null;
    assert_eq!((&text["channel"], &text["sender"]), (&json!("sms"), &json!("sns")));
    assert_eq!((&text["subject"], &text["html"]), (&nothing, &nothing));
    assert_eq!((&mail["channel"], &mail["sender"]), (&json!("email"), &json!("ses")));
    assert!(mail["subject"].as_str().unwrap().contains("Latchkey"), "{mail}");
    assert!(mail["html"].as_str().unwrap().starts_with("<!doctype html>"), "{mail}");
    assert!(mail["body"].is_string() && mail["to"] == "ann@example.com", "{mail}");
}

#[tokio::test]
async fn a_laptop_refuses_as_a_deployment_does() {
    let service = Service::start(&[], &[]);
    let large = json!({"challenge_id": "1".repeat(1_050_000), "code": "123456"});
    let (status, refused) = service.post("/v1/otp/verify", &large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(refused["code"], "body_too_large");

    for path in ["/v1/roles/..%2fapps", "/v1/roles/%2e%2e%2fapps", "/v1/x/..%2f..%2fhealth"] {
        let refused = service.get(path).await;
        assert_eq!(refused.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(refused.json::<Value>().await.unwrap()["code"], "not_found", "{path}");
    }
}

#[test]
fn a_refused_setting_shows_only_what_was_set() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_local"))
        .args(["--in-memory", "--port", "0"])
        .env_clear()
        .env("ALLOWED_ORIGINS", "*")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(printed.contains("ALLOWED_ORIGINS"), "{printed}");
    assert!(!printed.contains("localhost:*"), "{printed}");
}
