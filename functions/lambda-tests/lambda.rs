//! The binaries as Lambda runs them: each in its own process, which takes events and returns
//! responses and log lines.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod runtime_api;

use std::io;

use data_encoding::BASE64;
use embedded_aws::{EmbeddedAws, HASH_KEYS_SECRET, SIGNING_KEYS_SECRET};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use self::runtime_api::Lambda;

const PHONE: &str = "+14155550123";

/// An AWS account with the secrets that a deployment creates.
struct Account {
    aws: EmbeddedAws,
    environment: Vec<(String, String)>,
}

impl Account {
    async fn new() -> Self {
        let aws = EmbeddedAws::start(include_str!("../../template.yaml"), None).await.unwrap();
        aws.secrets.create(SIGNING_KEYS_SECRET, "{}".to_owned());
        aws.secrets.create(
            HASH_KEYS_SECRET,
            json!({"root": "0123456789abcdef0123456789abcdef"}).to_string(),
        );

        let settings = [
            ("ISSUER", "https://id.example.com"),
            ("ENVIRONMENT", "staging"),
            ("ALLOWED_COUNTRIES", "US"),
            // So long that a code does not occur in a log line by chance.
            ("OTP_LENGTH", "10"),
            ("JWT_ALGORITHM", "ES256"),
        ];

        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = aws.environment().into_iter().chain(settings).collect();
        Self { aws, environment }
    }

    async fn start(&self, binary: &str) -> Lambda {
        Lambda::start(binary, &self.environment).await
    }

    async fn rotate_keys(&self) -> Lambda {
        let rotation = self.start(env!("CARGO_BIN_EXE_tested-keys-rotate")).await;
        let token = self.aws.secrets.begin_rotation(SIGNING_KEYS_SECRET);
        for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
            let event =
                json!({"SecretId": SIGNING_KEYS_SECRET, "ClientRequestToken": token, "Step": step});
            assert_eq!(rotation.invoke(event).await, Ok(Value::Null), "{step}");
        }
        rotation
    }
}

/// The event that API Gateway sends (payload format 2.0).
fn event(method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Value {
    let mut event = json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "id.example.com", "content-type": "application/json", "user-agent": "Phone/1.0"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": "id.example.com",
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "Phone/1.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "10/Mar/2026:05:16:23 +0000",
            "timeEpoch": 1_773_119_783_000_i64,
        },
        "isBase64Encoded": false,
    });

    if let Some(token) = token {
        event["headers"]["authorization"] = format!("Bearer {token}").into();
    }

    if let Some(body) = body {
        event["body"] = body.to_string().into();
    }

    event
}

/// Calls a Lambda as API Gateway does. Returns the status and the body.
async fn call(lambda: &Lambda, event: Value) -> (i64, Value) {
    let answer = lambda.invoke(event).await.unwrap();
    assert_eq!(answer["isBase64Encoded"], false);
    assert_eq!(answer["headers"]["x-request-id"], "JKJaXmPLvHcESHA=");
    let body =
        serde_json::from_str(answer["body"].as_str().unwrap_or_default()).unwrap_or_default();
    (answer["statusCode"].as_i64().unwrap(), body)
}

#[tokio::test]
async fn a_phone_signs_in_through_the_binaries_and_their_logs_hold_no_secret() {
    sign_in_and_read_the_logs("INFO").await;
}

#[tokio::test]
async fn the_most_detailed_logs_hold_no_secret_either() {
    sign_in_and_read_the_logs("TRACE").await;
}

async fn sign_in_and_read_the_logs(level: &str) {
    let mut account = Account::new().await;
    account.environment.push(("AWS_LAMBDA_LOG_LEVEL".to_owned(), level.to_owned()));
    let rotation = account.rotate_keys().await;
    let send = account.start(env!("CARGO_BIN_EXE_tested-otp-send")).await;
    let verify = account.start(env!("CARGO_BIN_EXE_tested-otp-verify")).await;
    let me = account.start(env!("CARGO_BIN_EXE_tested-me-get")).await;

    let (status, sent) =
        call(&send, event("POST", "/v1/otp/send", None, Some(&json!({"phone": PHONE})))).await;
    assert_eq!((status, &sent["to"]), (202, &json!("+1•••••••123")), "{}", send.output());
    let text = account.aws.inbox.messages(Some(PHONE)).pop().unwrap().body;
    let code = text.split(' ').next().unwrap();
    let challenge_id = &sent["challenge_id"];

    let wrong = json!({"challenge_id": challenge_id, "code": "0000000000"});
    let (status, refused) =
        call(&verify, event("POST", "/v1/otp/verify", None, Some(&wrong))).await;
    assert_eq!((status, &refused["code"]), (400, &json!("otp_incorrect")));

    let right = json!({"challenge_id": challenge_id, "code": code});
    let (status, signed_in) =
        call(&verify, event("POST", "/v1/otp/verify", None, Some(&right))).await;
    assert_eq!(status, 200, "{signed_in}");

    let [access, refresh] =
        ["access_token", "refresh_token"].map(|name| signed_in[name].as_str().unwrap());

    let (status, profile) = call(&me, event("GET", "/v1/me", Some(access), None)).await;
    assert_eq!((status, &profile), (200, &signed_in["user"]));
    for token in [None, Some("junk"), Some(refresh)] {
        let (status, refused) = call(&me, event("GET", "/v1/me", token, None)).await;
        assert_eq!((status, &refused["code"]), (401, &json!("token_invalid")));
    }

    let bad_phone = json!({"phone": "+14155550123;ext=5"});
    assert_eq!(call(&send, event("POST", "/v1/otp/send", None, Some(&bad_phone))).await.0, 400);

    account.aws.inbox.refuse(true);
    let other = json!({"phone": "+14155550124"});
    assert_eq!(call(&send, event("POST", "/v1/otp/send", None, Some(&other))).await.0, 503);

    let signing_key = account.aws.secrets.get(SIGNING_KEYS_SECRET).unwrap();
    let signing_key: Value = serde_json::from_str(&signing_key).unwrap();
    let private = signing_key["current"]["private_key"].as_str().unwrap().lines().nth(1).unwrap();
    let secrets = [
        &PHONE[1..],
        "4155550124",
        code,
        "0000000000",
        access,
        refresh,
        private,
        "0123456789abcdef",
    ];

    for (name, lambda, requests) in [("send", &send, 3), ("verify", &verify, 2), ("me", &me, 4)] {
        assert_eq!(assert_logs(name, lambda, &secrets), requests, "{name}: {}", lambda.output());
    }

    assert_logs("rotation", &rotation, &secrets);
}

/// Asserts that each log line is JSON and that none holds a secret. Returns how many requests were
/// logged.
fn assert_logs(name: &str, lambda: &Lambda, secrets: &[&str]) -> usize {
    let output = lambda.output();
    for secret in secrets {
        assert!(!output.contains(secret), "{name} logs {secret}:\n{output}");
    }

    let lines: Vec<Value> = output
        .lines()
        .map(|line| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}: {error} in {line}"))
        })
        .collect();

    assert!(!lines.is_empty(), "{name} logs nothing");
    let requests = lines.iter().filter(|line| line["message"] == "request");
    requests.inspect(|line| assert_eq!(line["request_id"], "JKJaXmPLvHcESHA=")).count()
}

#[tokio::test]
async fn a_bad_body_is_refused_and_one_in_base64_is_read() {
    let account = Account::new().await;
    let send = account.start(env!("CARGO_BIN_EXE_tested-otp-send")).await;
    let mut broken = event("POST", "/v1/otp/send", None, Some(&json!({"phone": PHONE})));
    broken["body"] = "{".into();
    for _ in 0..2 {
        assert_eq!(call(&send, broken.clone()).await.0, 400);
    }

    broken["body"] = "eyJwaG9uZSI6ICIrMTQxNTU1NTAxMjMifQ==".into();
    broken["isBase64Encoded"] = true.into();
    assert_eq!(call(&send, broken).await.0, 202);
}

#[tokio::test]
async fn a_compressed_page_goes_to_api_gateway_in_base64() {
    let account = Account::new().await;
    let docs = account.start(env!("CARGO_BIN_EXE_tested-docs")).await;
    let mut request = event("GET", "/docs", None, None);
    let plain = docs.invoke(request.clone()).await.unwrap();
    request["headers"]["accept-encoding"] = "gzip, deflate, br".into();

    let compressed = docs.invoke(request).await.unwrap();
    assert_eq!(
        (&plain["isBase64Encoded"], &compressed["isBase64Encoded"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(compressed["headers"]["content-encoding"], "gzip");

    let vary = compressed["headers"]["vary"].as_str().unwrap();
    assert!(vary.contains("origin") && vary.contains("accept-encoding"), "{vary}");

    let bytes = BASE64.decode(compressed["body"].as_str().unwrap().as_bytes()).unwrap();
    let page = io::read_to_string(GzDecoder::new(&bytes[..])).unwrap();
    assert!(plain["body"] == page && page.starts_with("<!doctype html>"));
}

#[tokio::test]
async fn an_invalid_url_is_not_found_and_ends_no_process() {
    let account = Account::new().await;
    let send = account.start(env!("CARGO_BIN_EXE_tested-otp-send")).await;
    let good = event("POST", "/v1/otp/send", None, Some(&json!({"phone": PHONE})));

    for (name, value) in [
        ("rawPath", ":99999"),
        ("rawPath", ""),
        ("rawPath", &"/\u{1d11e}".repeat(10_000)),
        ("rawQueryString", "a=\u{1}"),
        ("rawQueryString", &"a".repeat(70_000)),
    ] {
        let mut odd = good.clone();
        odd[name] = value.into();
        assert_eq!(call(&send, odd).await.0, 404, "{name}");
    }

    for (name, value) in [("host", "a b"), ("host", "[::"), ("x-forwarded-proto", ":")] {
        let mut odd = good.clone();
        odd["headers"][name] = value.into();
        assert_ne!(call(&send, odd).await.0, 404, "{name}");
    }
}

#[tokio::test]
async fn without_keys_nobody_signs_in_and_the_first_rotation_heals_it() {
    let account = Account::new().await;
    let send = account.start(env!("CARGO_BIN_EXE_tested-otp-send")).await;
    let verify = account.start(env!("CARGO_BIN_EXE_tested-otp-verify")).await;
    let (_, sent) =
        call(&send, event("POST", "/v1/otp/send", None, Some(&json!({"phone": PHONE})))).await;
    let text = account.aws.inbox.messages(Some(PHONE)).pop().unwrap().body;
    let right =
        json!({"challenge_id": sent["challenge_id"], "code": text.split(' ').next().unwrap()});
    let attempt = event("POST", "/v1/otp/verify", None, Some(&right));
    let (status, refused) = call(&verify, attempt.clone()).await;

    assert_eq!((status, &refused["code"]), (503, &json!("unavailable")));
    account.rotate_keys().await;
    assert_eq!(call(&verify, attempt).await.0, 200, "the code was not used up");
}

#[tokio::test]
async fn a_bad_setting_stops_a_binary_at_its_start() {
    let mut account = Account::new().await;
    account.environment.retain(|(name, _)| name != "OTP_LENGTH" && name != "TABLE_NAME");
    account.environment.push(("OTP_LENGTH".to_owned(), "5".to_owned()));

    for binary in [env!("CARGO_BIN_EXE_tested-otp-send"), env!("CARGO_BIN_EXE_tested-keys-rotate")]
    {
        let mut lambda = account.start(binary).await;
        assert!(!lambda.ended().await.success());

        let output = lambda.output();
        for problem in [
            "OTP_LENGTH is \\\"5\\\"; it must be a whole number from 6 to 10",
            "TABLE_NAME is not set",
        ] {
            assert!(
                output.lines().any(|line| line.contains(problem)),
                "{problem} is not in: {output}"
            );
        }
    }
}
