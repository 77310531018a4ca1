//! The whole flow over HTTP, against the program that `cargo run` starts, or against any other
//! deployment:
//!
//! | variable              | meaning                                                                         |
//! |-----------------------|---------------------------------------------------------------------------------|
//! | `LATCHKEY_URL`        | The URL of the API. Without it, the tests start `local` themselves.             |
//! | `LATCHKEY_INBOX`      | The URL of its texts, like `http://localhost:4400/_local/messages?to={phone}`.  |
//! | `LATCHKEY_TEST_PHONE` | Instead of an inbox: a deployed test phone, like `+15005550006=123456`.         |
//! | `LATCHKEY_ORIGIN`     | One of its `ALLOWED_ORIGINS`, if it has any.                                    |
//! | `LATCHKEY_SESSION`    | A file that carries a session from one run to the next.                         |
//!
//! For example:
//!
//! ```sh
//! LATCHKEY_URL=https://id.example.com LATCHKEY_TEST_PHONE=… cargo test -p local --test end_to_end
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![expect(clippy::disallowed_methods, reason = "variables say which deployment to test")]

mod program;

use std::{env, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use program::Program;
use reqwest::{
    Client, Method, RequestBuilder, Response, StatusCode,
    header::{HeaderMap, HeaderName},
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

/// Allows one sign-in at a time, since a test phone has only one challenge.
static SIGN_IN: Mutex<()> = Mutex::const_new(());
/// The origin that the program started here allows.
const ORIGIN: &str = "https://app.example.com";

/// The way to get codes.
enum Inbox {
    Pattern(String),
    TestPhone { phone: String, code: String },
}

/// The service under test.
struct Service {
    url: String,
    inbox: Inbox,
    origin: Option<String>,
    client: Client,
    /// The program, if it was started here.
    _program: Option<Program>,
}

impl Service {
    fn find() -> Self {
        let client = Client::builder().timeout(Duration::from_secs(60)).build().unwrap();
        let Ok(url) = env::var("LATCHKEY_URL") else { return Self::start(client) };
        let url = url.trim_end_matches('/').to_owned();
        let inbox = match (env::var("LATCHKEY_INBOX"), env::var("LATCHKEY_TEST_PHONE")) {
            (_, Ok(test_phone)) => {
                let (phone, code) = test_phone
                    .split_once('=')
                    .expect("LATCHKEY_TEST_PHONE is like +15005550006=123456");
                Inbox::TestPhone { phone: phone.to_owned(), code: code.to_owned() }
            }
            (Ok(pattern), _) => Inbox::Pattern(pattern),
            _ => panic!("LATCHKEY_URL needs LATCHKEY_INBOX or LATCHKEY_TEST_PHONE"),
        };

        Self { url, inbox, origin: env::var("LATCHKEY_ORIGIN").ok(), client, _program: None }
    }

    /// Starts the program, on a port that is free.
    fn start(client: Client) -> Self {
        let program = Program::start(&["--as-deployed"], &[("ALLOWED_ORIGINS", ORIGIN)]);
        let url = program.url.clone();
        let inbox = Inbox::Pattern(format!("{url}/_local/messages?to={{phone}}"));
        Self { url, inbox, origin: Some(ORIGIN.to_owned()), client, _program: Some(program) }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn get_as(&self, access_token: &str, path: &str) -> Response {
        self.request(Method::GET, path).bearer_auth(access_token).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    /// The test phone. If texts go to an inbox: a random phone, which no other test uses.
    fn phone(&self) -> String {
        match &self.inbox {
            Inbox::TestPhone { phone, .. } => phone.clone(),
            Inbox::Pattern(_) => {
                let [a, b, c, ..] = *uuid::Uuid::new_v4().as_bytes();
                format!("+1415{}", 2_000_000 + u32::from_be_bytes([0, a, b, c]) % 8_000_000)
            }
        }
    }

    /// The code that was last sent to a phone.
    async fn code(&self, phone: &str) -> String {
        let pattern = match &self.inbox {
            Inbox::TestPhone { code, .. } => return code.clone(),
            Inbox::Pattern(pattern) => pattern,
        };
        let url = pattern.replace("{phone}", &phone.replace('+', "%2B"));
        let messages: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        let mut texts = Vec::new();

        collect_texts(&messages, &mut texts);
        let digits = |text: &String| {
            text.split(|c: char| !c.is_ascii_digit()).find(|run| run.len() >= 6).map(str::to_owned)
        };

        texts.iter().rev().find_map(digits).unwrap_or_else(|| panic!("no code in {messages}"))
    }

    async fn send(&self, phone: &str) -> Value {
        expect(self.post("/v1/otp/send", &json!({"phone": phone})).await, StatusCode::ACCEPTED)
            .await
    }

    async fn sign_in(&self) -> Value {
        let _one_at_a_time = turn().await;
        let phone = self.phone();
        let challenge = self.send(&phone).await;
        let proof =
            json!({"challenge_id": challenge["challenge_id"], "code": self.code(&phone).await});
        let signed_in = expect(self.post("/v1/otp/verify", &proof).await, StatusCode::OK).await;
        assert_eq!(signed_in["user"]["phone"], phone);
        signed_in
    }
}

async fn turn() -> MutexGuard<'static, ()> {
    SIGN_IN.lock().await
}

/// Collects the texts in an inbox's response, whatever its structure.
fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_texts(item, texts)),
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(text)
                        if ["body", "message"].contains(&name.to_lowercase().as_str()) =>
                    {
                        texts.push(text.clone());
                    }
                    other => collect_texts(other, texts),
                }
            }
        }
        _ => {}
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is not a text"))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map_or("", |value| value.to_str().unwrap())
}

async fn expect(response: Response, status: StatusCode) -> Value {
    let (got, url) = (response.status(), response.url().clone());
    let body = response.text().await.unwrap();
    assert_eq!(got, status, "{url}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{url}: {error}: {body}"))
}

/// Asserts a refusal: problem details, and the headers that every response has. Returns the
/// problem.
async fn refused(response: Response, status: StatusCode, code: &str) -> Value {
    let headers = response.headers().clone();
    let problem = expect(response, status).await;
    assert_eq!(header(&headers, "content-type"), "application/problem+json", "{problem}");
    assert_eq!(header(&headers, "x-content-type-options"), "nosniff");
    assert_eq!(header(&headers, "cache-control"), "no-store");
    assert_eq!(header(&headers, "x-request-id"), text(&problem["request_id"]));
    assert_eq!(
        (&problem["code"], &problem["status"]),
        (&json!(code), &json!(status.as_u16())),
        "{problem}"
    );
    assert!(text(&problem["type"]).ends_with(code), "{problem}");
    assert!(!text(&problem["title"]).is_empty() && !text(&problem["detail"]).is_empty());

    problem
}

async fn no_content(response: Response) {
    assert_eq!(response.status(), StatusCode::NO_CONTENT, "{}", response.text().await.unwrap());
}

/// A part of a JWT: the header (0) or the claims (1).
fn jwt_part(token: &Value, index: usize) -> Value {
    let part = text(token).split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_code_signs_in_once() {
    let service = Service::find();
    let _one_at_a_time = turn().await;
    let phone = service.phone();
    let challenge = service.send(&phone).await;
    let id = text(&challenge["challenge_id"]);
    assert!(
        text(&challenge["to"]).ends_with(&phone[phone.len() - 3..])
            && challenge["to"] != phone.as_str()
    );

    let attempts = challenge["attempts_left"].as_u64().unwrap();
    let status = async || {
        expect(service.get(&format!("/v1/otp/{id}")).await, StatusCode::OK).await["status"].clone()
    };
    assert_eq!(status().await, "pending");

    // There is a cooldown before a second text, except for a test phone.
    if matches!(service.inbox, Inbox::Pattern(_)) {
        let again = service.post("/v1/otp/send", &json!({"phone": phone})).await;
        let retry_after = header(again.headers(), "retry-after").to_owned();
        let problem = refused(again, StatusCode::TOO_MANY_REQUESTS, "resend_too_soon").await;
        assert_eq!(problem["retry_after"].to_string(), retry_after);
    }

    let code = service.code(&phone).await;
    assert_eq!(json!(code.len()), challenge["code_length"]);
    let wrong =
        format!("{:0width$}", (code.parse::<u64>().unwrap() + 1) % 1_000_000, width = code.len());
    let guess = json!({"challenge_id": id, "code": wrong});
    let problem = refused(
        service.post("/v1/otp/verify", &guess).await,
        StatusCode::BAD_REQUEST,
        "otp_incorrect",
    )
    .await;

    assert_eq!(problem["attempts_left"], attempts - 1);

    let proof = json!({"challenge_id": id, "code": code});
    let signed_in = expect(service.post("/v1/otp/verify", &proof).await, StatusCode::OK).await;
    assert_eq!(
        (&signed_in["token_type"], &signed_in["user"]["phone"]),
        (&json!("Bearer"), &json!(phone))
    );
    assert_eq!(status().await, "verified");
    refused(service.post("/v1/otp/verify", &proof).await, StatusCode::GONE, "otp_expired").await;
}

#[tokio::test]
async fn a_session_lives_until_it_is_signed_out() {
    let service = Service::find();
    let signed_in = service.sign_in().await;
    let access = text(&signed_in["access_token"]);
    let me = expect(service.get_as(access, "/v1/me").await, StatusCode::OK).await;
    assert_eq!(me, signed_in["user"]);

    let sessions = expect(service.get_as(access, "/v1/me/sessions").await, StatusCode::OK).await;
    let current: Vec<_> =
        sessions["items"].as_array().unwrap().iter().filter(|s| s["current"] == true).collect();
    assert_eq!(current.len(), 1, "{sessions}");
    assert_eq!(jwt_part(&signed_in["access_token"], 1)["sid"], current[0]["id"]);

    no_content(
        service.request(Method::POST, "/v1/auth/logout").bearer_auth(access).send().await.unwrap(),
    )
    .await;
    refused(service.get_as(access, "/v1/me").await, StatusCode::UNAUTHORIZED, "token_invalid")
        .await;

    let refresh = json!({"refresh_token": signed_in["refresh_token"]});
    refused(
        service.post("/v1/auth/refresh", &refresh).await,
        StatusCode::UNAUTHORIZED,
        "token_invalid",
    )
    .await;
}

#[tokio::test]
async fn a_device_is_signed_out_from_the_list() {
    let service = Service::find();
    let signed_in = service.sign_in().await;
    let access = text(&signed_in["access_token"]);
    let claims = jwt_part(&signed_in["access_token"], 1);
    let path = format!("/v1/me/sessions/{}", text(&claims["sid"]));
    no_content(service.request(Method::DELETE, &path).bearer_auth(access).send().await.unwrap())
        .await;
    refused(service.get_as(access, "/v1/me").await, StatusCode::UNAUTHORIZED, "token_invalid")
        .await;
}

#[tokio::test]
async fn a_refresh_token_is_good_for_one_use() {
    let service = Service::find();
    let signed_in = service.sign_in().await;
    let first = json!({"refresh_token": signed_in["refresh_token"]});
    let second = expect(service.post("/v1/auth/refresh", &first).await, StatusCode::OK).await;
    assert_ne!(second["refresh_token"], signed_in["refresh_token"]);
    expect(service.get_as(text(&second["access_token"]), "/v1/me").await, StatusCode::OK).await;

    let second_body = json!({"refresh_token": second["refresh_token"]});
    let third = expect(service.post("/v1/auth/refresh", &second_body).await, StatusCode::OK).await;

    // The first token is used again after its successor was used: somebody has a copy, so the
    // session is revoked.
    let replay = service.post("/v1/auth/refresh", &first).await;
    refused(replay, StatusCode::UNAUTHORIZED, "refresh_token_reused").await;
    refused(
        service.get_as(text(&third["access_token"]), "/v1/me").await,
        StatusCode::UNAUTHORIZED,
        "token_invalid",
    )
    .await;
}

#[tokio::test]
async fn a_picture_arrives_as_it_was_sent_and_is_shown() {
    let service = Service::find();
    let signed_in = service.sign_in().await;
    let access = text(&signed_in["access_token"]);

    // Red on the left and blue on the right, with noise, so that the file has bytes of every value.
    let picture = image::RgbImage::from_fn(640, 480, |x, y| {
        let noise = u8::try_from((x * 31 + y * 17) % 64).unwrap();
        image::Rgb(if x < 320 { [190 + noise, noise, noise] } else { [noise, noise, 190 + noise] })
    });
    let mut jpeg = std::io::Cursor::new(Vec::new());

    picture.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let put = service
        .request(Method::PUT, "/v1/me/avatar")
        .bearer_auth(access)
        .header("content-type", "image/jpeg");
    let shown = expect(put.body(jpeg.into_inner()).send().await.unwrap(), StatusCode::OK).await;
    let me = expect(service.get_as(access, "/v1/me").await, StatusCode::OK).await;

    // Each function signs URLs with its own credentials, so only the path is compared.
    let picture_of = |user: &Value| text(&user["avatar_url"]).split('?').next().unwrap().to_owned();
    assert_eq!(picture_of(&me), picture_of(&shown));

    let broken = service
        .request(Method::PUT, "/v1/me/avatar")
        .bearer_auth(access)
        .header("content-type", "image/png");
    let answer = broken.body("<svg onload='alert(1)'/>").send().await.unwrap();
    refused(answer, StatusCode::BAD_REQUEST, "invalid_image").await;

    for (name, side) in [("avatar_url", 512), ("avatar_thumbnail_url", 96)] {
        let url = text(&shown[name]);

        // An emulated account has no CloudFront that could serve the picture.
        if url.contains(".cloudfront.net/") && service.url.starts_with("http://") {
            continue;
        }

        let response = service.client.get(url).send().await.unwrap();
        assert_eq!(
            (response.status(), header(response.headers(), "content-type")),
            (StatusCode::OK, "image/jpeg")
        );
        assert_eq!(
            header(response.headers(), "cache-control"),
            "public, max-age=31536000, immutable"
        );
        if !url.contains("X-Amz-Signature") {
            assert_eq!(header(response.headers(), "x-content-type-options"), "nosniff");
        }

        let stored = image::load_from_memory_with_format(
            &response.bytes().await.unwrap(),
            image::ImageFormat::Jpeg,
        );
        let stored = stored.unwrap().into_rgb8();
        assert_eq!(stored.dimensions(), (side, side));

        let (left, right) =
            (stored.get_pixel(side / 4, side / 2).0, stored.get_pixel(side * 3 / 4, side / 2).0);
        assert!(
            left[0] > 170 && left[2] < 80 && right[2] > 170 && right[0] < 80,
            "{left:?} {right:?}"
        );
    }

    no_content(
        service.request(Method::DELETE, "/v1/me/avatar").bearer_auth(access).send().await.unwrap(),
    )
    .await;

    let me = expect(service.get_as(access, "/v1/me").await, StatusCode::OK).await;
    assert_eq!(me["avatar_url"], Value::Null);

    let url = text(&shown["avatar_url"]);
    if !url.contains(".cloudfront.net/") {
        assert!(
            service.client.get(url).send().await.unwrap().status().is_client_error(),
            "the deleted picture is still served"
        );
    }
}

#[tokio::test]
async fn a_session_of_the_previous_run_continues() {
    let service = Service::find();
    let Ok(file) = env::var("LATCHKEY_SESSION") else { return };
    if let Ok(kept) = std::fs::read_to_string(&file) {
        let kept: Value = serde_json::from_str(&kept).unwrap();
        let me =
            expect(service.get_as(text(&kept["access_token"]), "/v1/me").await, StatusCode::OK)
                .await;
        assert_eq!(me["id"], kept["user"]["id"]);
        let refresh = json!({"refresh_token": kept["refresh_token"]});
        let pair = expect(service.post("/v1/auth/refresh", &refresh).await, StatusCode::OK).await;
        expect(service.get_as(text(&pair["access_token"]), "/v1/me").await, StatusCode::OK).await;
    }

    std::fs::write(file, service.sign_in().await.to_string()).unwrap();
}

#[tokio::test]
async fn the_published_keys_and_metadata_fit_the_tokens() {
    let service = Service::find();
    let signed_in = service.sign_in().await;
    let (head, claims) =
        (jwt_part(&signed_in["access_token"], 0), jwt_part(&signed_in["access_token"], 1));
    assert_eq!(head["typ"], "at+jwt");

    let metadata =
        expect(service.get("/.well-known/openid-configuration").await, StatusCode::OK).await;
    assert_eq!(metadata["issuer"], claims["iss"]);
    let algorithms = metadata["id_token_signing_alg_values_supported"].as_array().unwrap();
    assert!(algorithms.contains(&head["alg"]) && algorithms.contains(&json!("RS256")));
    assert_eq!(
        text(&metadata["jwks_uri"]),
        format!("{}/.well-known/jwks.json", text(&claims["iss"]))
    );

    let response = service.get("/.well-known/jwks.json").await;
    assert!(header(response.headers(), "cache-control").starts_with("public"));
    let etag = header(response.headers(), "etag").to_owned();
    let keys = expect(response, StatusCode::OK).await;
    let keys = keys["keys"].as_array().unwrap();
    assert!(keys.len() >= 2 && keys.iter().any(|key| key["kid"] == head["kid"]), "{keys:?}");
    assert!(keys.iter().all(|key| key.get("d").is_none() && key.get("k").is_none()));

    let known = service
        .request(Method::GET, "/.well-known/jwks.json")
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();

    assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn every_refusal_is_problem_details() {
    let service = Service::find();
    let raw = async |content_type: &str, body: String| {
        let request = service
            .request(Method::POST, "/v1/otp/send")
            .header("content-type", content_type)
            .body(body);
        request.send().await.unwrap()
    };

    let json_type = "application/json";
    refused(raw(json_type, "{".into()).await, StatusCode::BAD_REQUEST, "invalid_json").await;
    refused(
        raw("text/plain", "{}".into()).await,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
    )
    .await;

    let large = format!("{{\"phone\": \"{}\"}}", "1".repeat(17 * 1024));
    refused(raw(json_type, large).await, StatusCode::PAYLOAD_TOO_LARGE, "body_too_large").await;

    let unknown = json!({"phone": "+14155550123", "colour": "blue"});
    let problem = refused(
        service.post("/v1/otp/send", &unknown).await,
        StatusCode::BAD_REQUEST,
        "invalid_request",
    )
    .await;

    assert_eq!(problem["errors"][0]["field"], "colour");
    let phone = json!({"phone": "+1415"});
    refused(service.post("/v1/otp/send", &phone).await, StatusCode::BAD_REQUEST, "invalid_phone")
        .await;

    refused(service.get("/v1/nothing").await, StatusCode::NOT_FOUND, "not_found").await;
    let wrong_method = service.get("/v1/otp/send").await;

    // The path may also be read as that of a challenge with the id "send", which is not a valid id.
    assert!(
        [StatusCode::METHOD_NOT_ALLOWED, StatusCode::BAD_REQUEST].contains(&wrong_method.status())
    );

    let wrong_method = service.request(Method::DELETE, "/v1/otp/send").send().await.unwrap();
    assert!(header(wrong_method.headers(), "allow").contains("POST"));
    refused(wrong_method, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed").await;

    let stranger = service.get("/v1/me").await;
    assert!(header(stranger.headers(), "www-authenticate").starts_with("Bearer"));
    refused(stranger, StatusCode::UNAUTHORIZED, "token_invalid").await;
    refused(service.get_as("x.y.z", "/v1/me").await, StatusCode::UNAUTHORIZED, "token_invalid")
        .await;

    let nobodys = json!({"challenge_id": uuid::Uuid::new_v4(), "code": "123456"});
    refused(service.post("/v1/otp/verify", &nobodys).await, StatusCode::GONE, "otp_expired").await;
}

#[tokio::test]
async fn only_allowed_origins_may_read_answers() {
    let service = Service::find();
    let preflight = async |origin: &str| {
        service
            .request(Method::OPTIONS, "/v1/otp/send")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send()
            .await
            .unwrap()
    };

    let allowed = HeaderName::from_static("access-control-allow-origin");
    assert_eq!(preflight("https://evil.example").await.headers().get(&allowed), None);

    let from_evil =
        service.request(Method::GET, "/health").header("origin", "https://evil.example");
    assert_eq!(from_evil.send().await.unwrap().headers().get(&allowed), None);

    if let Some(origin) = &service.origin {
        let response = preflight(origin).await;
        assert!(response.status().is_success());
        assert_eq!(header(response.headers(), allowed.as_str()), origin);
        assert!(header(response.headers(), "access-control-allow-methods").contains("POST"));
        let response =
            service.request(Method::GET, "/health").header("origin", origin).send().await.unwrap();
        assert_eq!(header(response.headers(), allowed.as_str()), origin);
        assert_eq!(response.headers().get("access-control-allow-credentials"), None);
    }
}

#[tokio::test]
async fn the_service_describes_itself() {
    let service = Service::find();
    let health = expect(service.get("/health").await, StatusCode::OK).await;
    assert_eq!((&health["status"], &health["table"]), (&json!("ok"), &json!("ok")));

    let document = expect(service.get("/openapi.json").await, StatusCode::OK).await;
    assert!(document["paths"]["/v1/otp/send"]["post"].is_object());

    let docs = service.get("/docs").await;
    assert_eq!(docs.status(), StatusCode::OK);
    assert!(header(docs.headers(), "content-type").starts_with("text/html"));
    assert!(header(docs.headers(), "content-security-policy").contains("default-src 'none'"));
}
