//! Texts by several senders: whatever a sender answers, a person gets at most one text, it is paid if
//! it may have gone, and the challenge stays usable.

mod channels;
pub(super) mod reports;
mod used;
mod vendors;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use data_encoding::BASE64;
use embedded_aws::faults::{Call, Fault};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::testing::{
    KEYS, PHONE, TestApp,
    accounts::EMAIL,
    faults::{EVERY, Trial},
};

/// The price of a text in millionths of a dollar.
const PRICE: i64 = 10_000;
const TWILIO_FIRST: (&str, &str) = ("TEXT_SENDERS", "*=twilio,webhook");
/// Nobody listens at this URL: the port of a listener that is closed may be given to somebody else.
const NOBODY: &str = "http://127.0.0.1:1";
const QUEUED: Reply = Reply::Answer(201, r#"{"sid": "SM1", "status": "queued"}"#);
/// The variables with the hosts of the senders that take the place of Twilio.
const HOSTS: [&str; 6] = [
    "TWILIO_URL",
    "TWILIO_VERIFY_URL",
    "VONAGE_URL",
    "KALEYRA_URL",
    "WHATSAPP_URL",
    "AWS_ENDPOINT_URL_SOCIALMESSAGING",
];
/// How often a pair of requests is timed before its times count as different.
const TIMED_ATTEMPTS: usize = 3;
const TAKEN: Reply = Reply::Answer(204, "");
const TOO_MANY: Reply = Reply::Answer(429, "");

/// How a sender replies to a text.
#[derive(Clone, Copy, Debug)]
enum Reply {
    /// It is answered with a status and a body.
    Answer(u16, &'static str),
    /// It is answered after some time.
    Late(Duration),
    /// The connection ends in the middle of the answer.
    Cut,
    /// No answer comes.
    Silence,
    /// It does not speak TLS.
    NoTls,
    /// Nobody listens.
    Absent,
}

impl Reply {
    /// Whether a text can reach the sender.
    fn is_reached(self) -> bool {
        !matches!(self, Self::NoTls | Self::Absent)
    }
}

/// The end of a text, as its person and its payer see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It was sent, or may have been: 202, paid, and not sent by anybody else.
    Sent,
    /// The next sender gets it.
    PassedOn,
    /// The number refuses texts: 400, refunded, and no other sender gets it.
    Undeliverable,
}

/// The replies of a sender, each with the end that its text must have. A body of Twilio and one of a webhook
/// word the same refusal.
const CELLS: [(Reply, Reply, End); 15] = [
    (QUEUED, TAKEN, End::Sent),
    (Reply::Absent, Reply::Absent, End::PassedOn),
    (Reply::NoTls, Reply::NoTls, End::PassedOn),
    (
        Reply::Answer(400, r#"{"code": 21211}"#),
        Reply::Answer(422, r#"{"outcome": "refused", "reason": "number"}"#),
        End::Undeliverable,
    ),
    (
        Reply::Answer(400, r#"{"code": 21610}"#),
        Reply::Answer(422, r#"{"outcome": "refused", "reason": "opted_out"}"#),
        End::Undeliverable,
    ),
    (
        Reply::Answer(400, r#"{"code": 21606}"#),
        Reply::Answer(400, r#"{"outcome": "refused", "reason": "origin"}"#),
        End::PassedOn,
    ),
    (
        Reply::Answer(201, r#"{"sid": "SM1", "status": "failed", "error_code": 30002}"#),
        Reply::Answer(200, r#"{"outcome": "refused", "reason": "account"}"#),
        End::PassedOn,
    ),
    (TOO_MANY, TOO_MANY, End::PassedOn),
    (Reply::Answer(400, "<html>"), Reply::Answer(400, "<html>"), End::Sent),
    (Reply::Answer(401, ""), Reply::Answer(404, ""), End::Sent),
    (Reply::Answer(500, r#"{"code": 21211}"#), Reply::Answer(500, ""), End::Sent),
    (Reply::Answer(503, ""), Reply::Answer(503, ""), End::Sent),
    (Reply::Answer(201, "<html>"), Reply::Answer(200, "<html>"), End::Sent),
    (Reply::Cut, Reply::Cut, End::Sent),
    (Reply::Silence, Reply::Silence, End::Sent),
];

/// A sender that answers each text alike.
struct Sender {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Sender {
    async fn start(reply: Reply) -> Self {
        let requests = Arc::<Mutex<Vec<String>>>::default();
        if matches!(reply, Reply::Absent) {
            return Self { url: NOBODY.to_owned(), requests };
        }

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if matches!(reply, Reply::NoTls) { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let seen = requests.clone();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                if !reply.is_reached() {
                    socket.write_all(b"HTTP/1.1 400 -\r\n\r\n").await.unwrap();
                    continue;
                }
                let request = request(&mut socket).await;
                seen.lock().unwrap().push(request);
                tokio::spawn(answer(socket, reply));
            }
        });
        Self { url, requests }
    }

    /// The requests that arrived.
    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a request with its body.
async fn request(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length: ").map(|length| length.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or_default() {
                return text;
            }
        }
        if socket.read_buf(&mut bytes).await.unwrap() == 0 {
            return text;
        }
    }
}

async fn answer(mut socket: TcpStream, reply: Reply) {
    let (status, body) = match reply {
        Reply::Answer(status, body) => (status, body),
        Reply::Late(wait) => {
            tokio::time::sleep(wait).await;
            (201, r#"{"sid": "SM1", "status": "queued"}"#)
        }
        Reply::Cut => {
            socket.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 90\r\n\r\n{").await.unwrap();
            return;
        }
        Reply::Silence | Reply::NoTls | Reply::Absent => return std::future::pending().await,
    };
    let length =
        if status == 204 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let answer = format!("HTTP/1.1 {status} -\r\n{length}connection: close\r\n\r\n{body}");
    socket.write_all(answer.as_bytes()).await.unwrap();
}

/// A deployment with two senders.
struct Deployment {
    app: TestApp,
    twilio: Sender,
    webhook: Sender,
}

impl Deployment {
    /// Fresh instances of `app`, with senders that answer like this.
    async fn of(app: &TestApp, name: &str, twilio: Reply, webhook: Reply) -> Self {
        Self::planned(app, (name, TWILIO_FIRST.1), twilio, webhook).await
    }

    /// The same with another plan, whose vendor takes the place of Twilio.
    async fn planned(
        app: &TestApp,
        (name, plan): (&str, &str),
        vendor: Reply,
        webhook: Reply,
    ) -> Self {
        let (vendor, webhook) = (Sender::start(vendor).await, Sender::start(webhook).await);
        app.aws.secrets.create(name, credentials(&webhook.url).to_string());
        let hosts = HOSTS.map(|host| (host, vendor.url.as_str()));
        let settings = [("TEXT_SENDERS", plan), ("SENDERS_SECRET_ARN", name)];
        Self { app: app.restarted(&[&settings[..], &hosts].concat()), twilio: vendor, webhook }
    }

    /// How many texts each sender was handed.
    fn handed(&self) -> (usize, usize) {
        (self.twilio.requests().len(), self.webhook.requests().len())
    }

    /// The code in the last text that a sender was handed.
    fn code(&self) -> String {
        let last = self.twilio.requests().into_iter().chain(self.webhook.requests()).last();
        let (_, body) = last.as_ref().unwrap().split_once("\r\n\r\n").unwrap();
        let fields = serde_json::from_str::<Value>(body).unwrap_or_default();
        let message = fields["message"].as_str().map(|it| BASE64.decode(it.as_bytes()).unwrap());
        let fields = message.map_or(fields, |it| serde_json::from_slice(&it).unwrap());
        // The ids beside the text are random, and may contain as many digits as a code.
        let parameter = &fields["template"]["components"][0]["parameters"][0]["text"];
        let body = parameter.as_str().or(fields["text"].as_str()).unwrap_or(body);
        let body = body.replace("%2B", "+").replace("+1415", "");
        let mut words = body.split(|c: char| !c.is_ascii_digit());
        words.find(|digits| digits.len() == 6).unwrap().to_owned()
    }
}

fn credentials(webhook: &str) -> Value {
    json!({
        "kaleyra": {"sid": "HX1", "api_key": "a-secret", "from": "SHOPIN"},
        "vonage": {
            "application_id": "78d335fa-323d-0114-9c3d-d6f0d48968cf",
            "private_key": rsa_key(),
            "signature_secret": reports::VONAGE_SECRET,
            "from": "+14155550100",
        },
        "whatsapp": {
            "access_token": "a-token",
            "phone_number_id": "106540352242922",
            "template": "sign_in_code",
            "languages": ["en_US", "es"],
            "app_secret": reports::APP_SECRET,
            "verify_token": reports::VERIFY_TOKEN,
        },
        "whatsapp_aws": {
            "phone_number_id": "phone-number-id-0123456789abcdef0123456789abcdef",
            "template": "sign_in_code",
            "languages": ["en_US", "es"],
        },
        "twilio": {"account_sid": "AC1", "auth_token": "a-secret", "from": "+14155550100"},
        "webhook": {"url": webhook, "secret": reports::WEBHOOK_SECRET},
    })
}

/// A private RSA key in PEM.
fn rsa_key() -> String {
    let keys: Value = serde_json::from_str(&KEYS.to_secret().unwrap()).unwrap();
    let rsa = [&keys["current"], &keys["rsa"][0]];
    let rsa = rsa.into_iter().find(|key| key["algorithm"] == "RS256").unwrap();
    rsa["private_key"].as_str().unwrap().to_owned()
}

async fn base() -> TestApp {
    TestApp::with(&[
        ("SMS_PRICES_USD", "US=0.01"),
        ("SMS_BUDGET_RESERVED_PERCENT", "0"),
        ("OTP_SENDS_PER_IP_PER_HOUR", "1000"),
    ])
    .await
}

/// The sum that is booked as spent on texts.
async fn spent(app: &TestApp) -> i64 {
    let items = app.items_like("SPENDING").await;
    items.iter().filter_map(|item| item.get("spent")?.as_n().ok()?.parse::<i64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_first_sender_answers_there_is_at_most_one_text() {
    let app = base().await;
    for (place, (first, _, end)) in CELLS.into_iter().enumerate() {
        let phone = format!("+1415555{place:04}");
        let senders = Deployment::of(&app, &format!("first-{place}"), first, TAKEN).await;
        let before = spent(&app).await;
        let sent = senders.app.send_code(&phone).await;
        let paid = spent(&app).await - before;

        let reached = usize::from(first.is_reached());
        match end {
            End::Sent => assert_eq!(senders.handed(), (1, 0), "{first:?}"),
            End::PassedOn => assert_eq!(senders.handed(), (reached, 1), "{first:?}"),
            End::Undeliverable => {
                assert_eq!((senders.handed(), paid), ((1, 0), 0), "{first:?}");
                sent.assert_problem(400, "undeliverable");
                // Nothing is counted, so that nobody has to wait for a code by another sender.
                let healthy = Deployment::of(&app, &format!("healed-{place}"), QUEUED, TAKEN).await;
                healthy.app.challenge(&phone).await;
                continue;
            }
        }
        assert_eq!((sent.status.as_u16(), paid), (202, PRICE), "{first:?}: {}", sent.text);
        senders.app.verify(&sent.challenge_id(), &senders.code()).await.assert_ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_second_sender_answers_there_is_at_most_one_text() {
    let app = base().await;
    for (place, (_, second, end)) in CELLS.into_iter().enumerate() {
        let phone = format!("+1415556{place:04}");
        let senders = Deployment::of(&app, &format!("second-{place}"), TOO_MANY, second).await;
        let before = spent(&app).await;
        let sent = senders.app.send_code(&phone).await;
        let paid = spent(&app).await - before;

        let reached = usize::from(second.is_reached());
        assert_eq!(senders.handed(), (1, reached), "{second:?}");
        match end {
            End::Sent => {
                assert_eq!((sent.status.as_u16(), paid), (202, PRICE), "{second:?}: {}", sent.text);
                senders.app.verify(&sent.challenge_id(), &senders.code()).await.assert_ok();
            }
            End::PassedOn => {
                sent.assert_problem(503, "unavailable");
                assert_eq!(paid, 0, "{second:?}");
            }
            End::Undeliverable => {
                sent.assert_problem(400, "undeliverable");
                assert_eq!(paid, 0, "{second:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_asks_again_gets_the_same_code_by_the_next_sender() {
    let app = base().await;
    let senders = Deployment::of(&app, "senders", Reply::Answer(500, ""), TAKEN).await;
    let id = senders.app.challenge(PHONE).await;
    let code = senders.code();
    assert_eq!((senders.handed(), spent(&app).await), ((1, 0), PRICE), "it may have been sent");

    app.advance(30);
    assert_eq!(senders.app.resend(&id).await.status, 202);
    assert_eq!((senders.handed(), senders.code()), ((1, 1), code.clone()));
    senders.app.verify(&id, &code).await.assert_ok();
}

#[tokio::test]
async fn each_sender_gets_the_text_in_its_own_form() {
    let app = base().await;
    let senders = Deployment::of(&app, "senders", TOO_MANY, TAKEN).await;
    senders.app.challenge(PHONE).await;

    let twilio = senders.twilio.requests().pop().unwrap();
    assert!(twilio.starts_with("POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1"), "{twilio}");
    assert!(twilio.contains("authorization: Basic QUMxOmEtc2VjcmV0\r\n"), "{twilio}");
    let body = twilio.split_once("\r\n\r\n").unwrap().1;
    assert!(body.starts_with("To=%2B14155550123&Body=") && body.contains("From=%2B14155550100"));
    assert!(body.contains("ValidityPeriod=300"), "{body}");

    let webhook = senders.webhook.requests().pop().unwrap();
    let (head, body) = webhook.split_once("\r\n\r\n").unwrap();
    let signed = body;
    let body: Value = serde_json::from_str(body).unwrap();
    let data = &body["data"];
    assert_eq!((&body["type"], &data["to"]), (&json!("text.send"), &json!(PHONE)));
    assert_eq!((&data["language"], &data["country"]), (&json!("en"), &json!("US")));
    assert!(data["body"].as_str().unwrap().contains(data["code"].as_str().unwrap()));
    let id = data["id"].as_str().unwrap();
    let signer = standardwebhooks::Webhook::new(reports::WEBHOOK_SECRET).unwrap();
    let signature = signer.sign(id, 1_800_000_000, signed.as_bytes()).unwrap();
    for line in [
        format!("webhook-id: {id}\r\n"),
        "webhook-timestamp: 1800000000\r\n".to_owned(),
        format!("webhook-signature: {signature}"),
    ] {
        assert!(head.contains(&line), "{line}: {head}");
    }
}

/// The embedded senders answer as the vendors document, the refusals of Twilio's test numbers too.
#[tokio::test]
async fn a_text_arrives_by_each_embedded_sender() {
    let app = base().await;
    app.aws.secrets.create("senders", credentials("https://texts.example.com").to_string());
    let secret = ("SENDERS_SECRET_ARN", "senders");
    for sender in
        ["sns", "end_user_messaging", "twilio", "vonage", "kaleyra", "whatsapp", "whatsapp_aws"]
    {
        let plan = match sender {
            "whatsapp" | "whatsapp_aws" => format!("US={sender},twilio;*=sns"),
            _ => format!("US={sender};*=sns"),
        };
        let by = app.restarted(&[("TEXT_SENDERS", &plan), secret]);
        by.sign_in(PHONE).await;
        assert_eq!(app.texts(PHONE).pop().unwrap().sender, sender);
        app.advance(3600);
    }

    app.aws.inbox.refuse(true);
    for plan in ["*=twilio", "*=vonage", "*=kaleyra", "*=whatsapp_aws,kaleyra"] {
        let refused = app.restarted(&[("TEXT_SENDERS", plan), secret]);
        refused.send_code(PHONE).await.assert_problem(503, "unavailable");
    }
}

#[tokio::test]
async fn a_sender_without_credentials_lets_the_next_one_send() {
    let app = base().await;
    for (name, secret) in [
        ("empty", "{}"),
        ("misspelled", r#"{"twillio": {}}"#),
        ("lacking", r#"{"twilio": {"account_sid": "AC1"}}"#),
        ("unreadable", "{"),
    ] {
        app.aws.secrets.create(name, secret.to_owned());
        let with = |plan| app.restarted(&[("TEXT_SENDERS", plan), ("SENDERS_SECRET_ARN", name)]);
        with("*=twilio").send_code(PHONE).await.assert_problem(503, "unavailable");
        with("*=twilio,sns").sign_in(PHONE).await;
        assert_eq!(app.texts(PHONE).pop().unwrap().sender, "sns", "{name}");
        app.advance(3600);
    }
}

#[tokio::test]
async fn other_senders_cost_no_more_writes_than_sns() {
    let app = base().await;
    let senders = Deployment::of(&app, "senders", TOO_MANY, TAKEN).await;
    let (_, by_sns) = app.units(app.send_code("+14155550111")).await;
    let (_, by_second) = senders.app.units(senders.app.send_code("+14155550112")).await;
    assert_eq!(by_sns, by_second);
}

/// A closed app sends codes only to people who have an account. A slow sender must not tell who that
/// is, nor a refused number.
#[tokio::test(flavor = "multi_thread")]
async fn neither_a_slow_sender_nor_a_refused_number_tells_who_has_an_account() {
    let app = TestApp::with_mail().await;
    app.sign_in(PHONE).await;
    app.advance(3600);
    let slow = Reply::Late(Duration::from_millis(600));
    let refused = Reply::Answer(400, r#"{"code": 21610}"#);
    for (name, reply) in [("slow", slow), ("silent", Reply::Silence), ("refused", refused)] {
        let senders = Deployment::of(&app, name, reply, TAKEN).await;
        let ask = async |phone: &str| {
            let start = tokio::time::Instant::now();
            let answer = senders.app.forgot(json!({"phone": phone})).await;
            assert_eq!(answer.status, 202, "{}", answer.text);
            start.elapsed().as_secs()
        };
        // A machine that is busy with something else gets more attempts.
        let mut seen = Vec::new();
        for attempt in 1..=TIMED_ATTEMPTS {
            let took = tokio::join!(ask(PHONE), ask("+14155550177"));
            assert_eq!(senders.handed(), (attempt, 0), "only one of them has an account");
            app.advance(3600);
            seen.push(took);
            if took.0 == took.1 {
                break;
            }
        }
        let even = seen.last().is_some_and(|took| took.0 == took.1 && took.0 >= 2);
        assert!(even, "{name}: {seen:?}");
    }
    assert!(app.texts(EMAIL).is_empty());
}

/// The same for the senders of AWS.
#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_of_aws_do_not_tell_who_has_an_account() {
    let app = TestApp::with_mail().await;
    app.sign_up(json!({"phone": PHONE, "password": "correct horse battery staple"})).await;
    app.advance(3600);
    let trial = Trial::of(app).await;
    let sends = |call: &Call| ["SNS", "SESV2"].contains(&call.service);
    trial.faults.inject(sends, EVERY, Fault::Delay(Duration::from_millis(1_800)));
    let ask = async |phone: &str| {
        let start = tokio::time::Instant::now();
        trial.faulty.forgot(json!({"phone": phone})).await.challenge_id();
        start.elapsed().as_secs()
    };
    let mut took = Vec::new();
    for _ in 0..3 {
        took.push(tokio::join!(ask(PHONE), ask("+14155550177")));
        trial.app.advance(3600);
    }
    // On a busy machine, the table's part may take one of them to the next second.
    assert!(took.iter().any(|(known, unknown)| known == unknown && *known < 2), "{took:?}");
    assert!(trial.faults.calls().iter().any(sends));
}

/// A number can refuse texts only if one was sent to it, which quiet does not tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_number_is_hidden_if_suspected_texts_are_dropped_quietly() {
    let app = TestApp::with(&[("FRAUD_MODE", "quiet")]).await;
    let refused = Reply::Answer(400, r#"{"code": 21610}"#);
    let senders = Deployment::of(&app, "senders", refused, TAKEN).await;
    assert_eq!(senders.app.send_code(PHONE).await.status, 202);
    assert_eq!((senders.handed(), spent(&app).await), ((1, 0), 0));
}
