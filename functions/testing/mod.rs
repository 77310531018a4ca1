//! The service under test: all endpoints, on a separate embedded AWS, behind the embedded API
//! Gateway, with a clock that tests set.

pub(crate) mod accounts;
pub(crate) mod admin;
pub(crate) mod apps;
pub(crate) mod back_channel;
pub(crate) mod bodies;
mod documented;
pub(crate) mod faults;
pub(crate) mod hosted;
pub(crate) mod invariants;
pub(crate) mod passkeys;
pub(crate) mod pictures;
pub(crate) mod records;
pub(crate) mod second_factor;
pub(crate) mod steps;
pub(crate) mod tokens;
pub(crate) mod undoing;

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, LazyLock, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use embedded_aws::{
    EmbeddedAws, HASH_KEYS_SECRET, Message, SENDERS_SECRET, SIGNING_KEYS_SECRET, TABLE, api_gateway,
};
use flate2::read::GzDecoder;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::{
    aws::sdk_config,
    base::{Clock, Environment, Random},
    crypto::{Algorithm, SigningKey, SigningKeys, public_keys},
    latchkey::Latchkey,
};

/// The deployment's template.
pub(crate) const TEMPLATE: &str = include_str!("../../template.yaml");
/// The issuer of the tests.
pub(crate) const ISSUER: &str = "https://id.example.com";
/// A phone that belongs to no user yet.
pub(crate) const PHONE: &str = "+14155550123";
/// Another one.
pub(crate) const OTHER_PHONE: &str = "+447400123456";

/// The signing keys. They are slow to make, so all tests of a process share them.
pub(crate) static KEYS: LazyLock<SigningKeys> = LazyLock::new(|| {
    let random = Random::system();
    SigningKeys {
        current: SigningKey::generate(Algorithm::RS256, &random).unwrap(),
        next: SigningKey::generate(Algorithm::RS256, &random).unwrap(),
        rsa: None,
    }
});

/// The template with only its table. Reading all of it takes longer than everything else at the
/// start.
static TABLE_TEMPLATE: LazyLock<String> = LazyLock::new(|| {
    let mut template: serde_yaml_ng::Value = serde_yaml_ng::from_str(TEMPLATE).unwrap();
    let resources = template["Resources"].as_mapping_mut().unwrap();
    resources.retain(|_, resource| resource["Type"] == "AWS::DynamoDB::Table");
    serde_yaml_ng::to_string(&json!({"Resources": resources})).unwrap()
});

/// The whole service. A clone is the same service.
#[derive(Clone)]
pub(crate) struct TestApp {
    pub(crate) aws: Arc<EmbeddedAws>,
    pub(crate) latchkey: Latchkey,
    environment: Environment,
    router: Router,
    now_millis: Arc<AtomicI64>,
    /// A client of the table, independent of the service.
    table: Arc<OnceLock<aws_sdk_dynamodb::Client>>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

/// A person who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) json: Value,
}

impl TestApp {
    /// The service with the default settings.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The service with some settings changed.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let app = Self::deployed(settings, KEYS.to_secret().unwrap()).await;
        app.latchkey.store().put_public_keys(&public_keys([&*KEYS]).unwrap()).await.unwrap();
        app
    }

    /// The service just after its deployment: its secret holds no keys yet, and none are published.
    pub(crate) async fn before_first_rotation(settings: &[(&str, &str)]) -> Self {
        Self::deployed(settings, "{}".to_owned()).await
    }

    async fn deployed(settings: &[(&str, &str)], signing_keys: String) -> Self {
        let aws = EmbeddedAws::start(&TABLE_TEMPLATE, None).await.unwrap();
        aws.secrets.create(SIGNING_KEYS_SECRET, signing_keys);
        aws.secrets.create(
            HASH_KEYS_SECRET,
            json!({"root": "a root for tests, which is 32 bytes or more"}).to_string(),
        );

        let twilio =
            json!({"account_sid": "AC1", "auth_token": "a-secret", "from": "+14155550100"});
        aws.secrets.create(SENDERS_SECRET, json!({"twilio": twilio}).to_string());

        let mut environment: Environment = settings.iter().copied().collect();
        for (name, value) in aws.environment() {
            environment.set_default(&name, value);
        }
        if !settings.contains(&("ENVIRONMENT", "prod")) {
            for (name, value) in aws.vendors() {
                environment.set_default(name, value);
            }
        }

        environment.set_default("ISSUER", ISSUER);
        environment.set_default("ENVIRONMENT", "dev");
        environment.set_default("ALLOWED_COUNTRIES", "*");

        // All phones of the tests have the same prefix.
        environment.set_default("OTP_SENDS_PER_PREFIX_PER_HOUR", "1000000");
        // A whole hour, so that no hourly counter starts a new hour in the middle of a test by
        // chance.
        let now_millis = Arc::new(AtomicI64::new(1_800_000_000_000));

        Self::instance(Arc::new(aws), environment, now_millis)
    }

    fn instance(
        aws: Arc<EmbeddedAws>,
        environment: Environment,
        now_millis: Arc<AtomicI64>,
    ) -> Self {
        let told = now_millis.clone();
        let clock = Clock::from_fn(move || {
            Timestamp::from_millisecond(told.load(Ordering::SeqCst)).unwrap()
        });
        let latchkey = Latchkey::new(environment.clone(), clock, Random::system()).ok().unwrap();

        Self {
            aws,
            router: crate::all(latchkey.clone()),
            latchkey,
            environment,
            now_millis,
            table: Arc::default(),
        }
    }

    /// Fresh Lambda instances over the same data, with some settings changed.
    pub(crate) fn restarted(&self, settings: &[(&str, &str)]) -> Self {
        let mut environment = self.environment.clone();
        for (name, value) in settings {
            environment.set(name, *value);
        }
        Self::instance(self.aws.clone(), environment, self.now_millis.clone())
    }

    /// The same service, which can no longer reach an AWS service (such as `DYNAMODB`).
    pub(crate) fn cut_off(&self, service: &str) -> Self {
        self.restarted(&[(&format!("AWS_ENDPOINT_URL_{service}"), "http://127.0.0.1:1")])
    }

    /// Serves other routes with the same settings and data.
    pub(crate) fn serving(&self, routes: Router<Latchkey>) -> Self {
        Self { router: shared::http::service(routes.into(), self.latchkey.clone()), ..self.clone() }
    }

    /// Moves the clock forward.
    pub(crate) fn advance(&self, seconds: i64) {
        self.advance_millis(seconds * 1000);
    }

    /// Moves the clock forward by milliseconds.
    pub(crate) fn advance_millis(&self, millis: i64) {
        self.now_millis.fetch_add(millis, Ordering::SeqCst);
    }

    /// The time, as answers show it.
    pub(crate) fn now(&self) -> String {
        format!("{:.3}", self.latchkey.clock().now())
    }

    /// Disables a user, directly in the table.
    pub(crate) async fn disable(&self, user_id: &str) {
        let client = aws_sdk_dynamodb::Client::new(&sdk_config(&self.environment, "DYNAMODB"));
        client
            .update_item()
            .table_name(TABLE)
            .key("pk", AttributeValue::S(format!("USER#{user_id}")))
            .key("sk", AttributeValue::S("USER".into()))
            .update_expression("SET user_status = :disabled")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":disabled", AttributeValue::S("disabled".into()))
            .send()
            .await
            .unwrap();
    }

    /// Sends any request from an IP address.
    pub(crate) async fn send_from(&self, source: IpAddr, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = api_gateway::invoke(self.router.clone(), request, source).await;
        // Behind an edge, every path refuses what did not come through it.
        if self.latchkey.settings().edge_secrets.is_empty() {
            documented::assert_documented(&method, &path, response.status());
        }
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = match parts.headers.get(header::CONTENT_ENCODING) {
            Some(_) => io::read_to_string(GzDecoder::new(&bytes[..])).unwrap(),
            None => String::from_utf8(bytes.to_vec()).unwrap(),
        };

        let json = serde_json::from_str(&text).unwrap_or_default();
        assert_times_sort(&json);
        Answer { status: parts.status, headers: parts.headers, json, text }
    }

    /// Sends any request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        self.send_from(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), request).await
    }

    /// Posts JSON as a stranger.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(json_request(Method::POST, path, None, &body)).await
    }

    /// Gets a path as a stranger.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Calls without a body, with an access token.
    pub(crate) async fn call_as(&self, token: &str, method: Method, path: &str) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, bearer(token));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Posts JSON with an access token.
    pub(crate) async fn post_as(&self, token: &str, path: &str, body: Value) -> Answer {
        self.send(json_request(Method::POST, path, Some(token), &body)).await
    }

    /// The texts to a phone, or the e-mails to an address, oldest first.
    pub(crate) fn texts(&self, phone: &str) -> Vec<Message> {
        self.aws.inbox.messages(Some(phone))
    }

    /// The code in the last message to a phone or an e-mail address.
    pub(crate) fn code(&self, phone: &str) -> String {
        let text = self.texts(phone).pop().expect("a text").body;
        text.split(|c: char| !c.is_ascii_digit())
            .find(|digits| digits.len() >= 6)
            .expect("a code")
            .to_owned()
    }

    /// Asks for a code.
    pub(crate) async fn send_code(&self, phone: &str) -> Answer {
        self.post("/v1/otp/send", json!({"phone": phone})).await
    }

    /// Asks for a challenge's code again.
    pub(crate) async fn resend(&self, challenge_id: &str) -> Answer {
        self.post("/v1/otp/resend", json!({"challenge_id": challenge_id})).await
    }

    /// Gets a path with an access token.
    pub(crate) async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.call_as(token, Method::GET, path).await
    }

    /// Opens a challenge for a phone. Returns its id.
    pub(crate) async fn challenge(&self, phone: &str) -> String {
        let sent = self.send_code(phone).await;
        assert_eq!(sent.status, StatusCode::ACCEPTED, "{}", sent.text);
        sent.json["challenge_id"].as_str().unwrap().to_owned()
    }

    /// Signs a person in with a texted code.
    pub(crate) async fn sign_in(&self, phone: &str) -> SignedIn {
        let challenge_id = self.challenge(phone).await;
        let answer = self.verify(&challenge_id, &self.code(phone)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);

        let token = |name: &str| answer.json[name].as_str().unwrap().to_owned();
        SignedIn {
            access: token("access_token"),
            refresh: token("refresh_token"),
            json: answer.json.clone(),
        }
    }

    /// Tries a code.
    pub(crate) async fn verify(&self, challenge_id: &str, code: &str) -> Answer {
        self.post("/v1/otp/verify", json!({"challenge_id": challenge_id, "code": code})).await
    }

    /// Uses a refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/v1/auth/refresh", json!({"refresh_token": token})).await
    }

    /// The result of `work`, and the (read, write) units that it uses.
    pub(crate) async fn units<T>(&self, work: impl Future<Output = T>) -> (T, (f64, f64)) {
        let before = self.latchkey.used_units();
        let answer = work.await;
        let after = self.latchkey.used_units();
        (answer, (after.0 - before.0, after.1 - before.1))
    }
}

impl Answer {
    /// Asserts success (200). Returns the body.
    #[track_caller]
    pub(crate) fn assert_ok(&self) -> &Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        &self.json
    }

    /// A header's text. Empty if the header is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts a refusal that says how long to wait. Returns the seconds.
    #[track_caller]
    pub(crate) fn assert_wait(&self, status: u16, code: &str) -> i64 {
        self.assert_problem(status, code);
        self.json["retry_after"].as_i64().unwrap_or_else(|| panic!("no retry_after: {}", self.text))
    }

    /// Asserts a refusal: its status and code, and the format that every refusal has (RFC 9457).
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status.as_u16(), self.json["code"].as_str()),
            (status, Some(code)),
            "{}",
            self.text
        );

        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["request_id"], self.headers["x-request-id"].to_str().unwrap());

        for name in ["type", "title", "detail"] {
            assert!(
                self.json[name].as_str().is_some_and(|text| !text.is_empty()),
                "{name}: {}",
                self.text
            );
        }

        let retry_after = self
            .headers
            .get(header::RETRY_AFTER)
            .map(|value| value.to_str().unwrap().parse().unwrap());
        assert_eq!(self.json["retry_after"].as_i64(), retry_after);
        assert_eq!(self.headers.contains_key(header::WWW_AUTHENTICATE), status == 401);
    }

    /// Asserts a refusal of one field.
    #[track_caller]
    pub(crate) fn assert_field(&self, field: &str) {
        self.assert_problem(400, "invalid_request");
        assert_eq!(self.json["errors"][0]["field"], field, "{}", self.text);
    }
}

/// A code that differs from `code`.
pub(crate) fn wrong(code: &str) -> String {
    let last = code.chars().last().unwrap();
    format!("{}{}", &code[..code.len() - 1], if last == '0' { '1' } else { '0' })
}

/// A request with a JSON body.
pub(crate) fn json_request(
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, bearer(token));
    }
    request.body(Body::from(body.to_string())).unwrap()
}

/// Asserts that all times of an answer have one width, so that they sort as text. An answer with a
/// `paths` is the OpenAPI document, whose examples are those of others, too.
#[track_caller]
fn assert_times_sort(json: &Value) {
    match json {
        Value::String(text) if text.parse::<Timestamp>().is_ok() => {
            assert!(text.len() == 24 && text.ends_with('Z'), "a time of another width: {text}");
        }
        Value::Array(values) => values.iter().for_each(assert_times_sort),
        Value::Object(fields) if !fields.contains_key("paths") => {
            fields.values().for_each(assert_times_sort);
        }
        _ => {}
    }
}

/// The claims of a token. Its signature is not checked.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap())
        .unwrap()
}

/// The `Authorization` header of a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// How often each outcome occurred: a status and the code of a refusal.
pub(crate) fn tally(answers: &[Answer]) -> BTreeMap<(u16, String), usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        let code = answer.json["code"].as_str().unwrap_or_default().to_owned();
        *tally.entry((answer.status.as_u16(), code)).or_default() += 1;
    }
    tally
}

/// How many of `answers` have this status.
pub(crate) fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

/// How many of `answers` came too late, as on a busy machine. These do not say whether the request
/// was carried out.
pub(crate) fn late(answers: &[Answer]) -> usize {
    let is_late = |answer: &&Answer| answer.status == 503 && answer.json["code"] == "unavailable";
    answers.iter().filter(is_late).count()
}

/// Asserts that one of many simultaneous requests won, and that all others lost with this code. Up to
/// half of them may have been answered too late, among them the one that won. Returns the winner's
/// response, if it is known.
#[track_caller]
pub(crate) fn winner<'a>(
    answers: &'a [Answer],
    won: u16,
    (lost, code): (u16, &str),
) -> Option<&'a Answer> {
    let is_lost = |answer: &&Answer| answer.status == lost && answer.json["code"] == code;
    let (wins, losses) = (count(answers, won), answers.iter().filter(is_lost).count());
    let late = late(answers);
    assert!(wins <= 1 && wins + late >= 1, "{:?}", tally(answers));
    assert!(late <= answers.len() / 2, "{:?}", tally(answers));
    assert_eq!(wins + losses + late, answers.len(), "{:?}", tally(answers));
    answers.iter().find(|answer| answer.status == won)
}

/// Runs `work` many times in parallel. All start at the same moment.
pub(crate) async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    times: usize,
    work: impl Fn(usize) -> F,
) -> Vec<T> {
    let barrier = Arc::new(tokio::sync::Barrier::new(times));
    let tasks: Vec<_> = (0..times)
        .map(|index| {
            let (barrier, work) = (barrier.clone(), work(index));
            tokio::spawn(async move {
                barrier.wait().await;
                work.await
            })
        })
        .collect();

    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }

    answers
}
