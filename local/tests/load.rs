//! Many people at once, with attackers among them, against the program that `cargo run` starts: nobody is told of a
//! fault, and nobody who signed in loses his session.
//!
//! `LOAD_MINUTES=10 cargo test -p local --test load -- --nocapture` goes on for so long, and prints the memory of the
//! program after each round.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![expect(clippy::disallowed_methods, reason = "the time and a variable say how long to go on")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// People who sign in at once.
const PEOPLE: usize = 200;
/// Attackers beside them.
const ATTACKERS: usize = 40;

struct Service {
    url: String,
    client: Client,
    child: Child,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Service {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_local"))
            .args(["--in-memory", "--port", "0"])
            .env_clear()
            // All of them have one source here.
            .env("OTP_SENDS_PER_IP_PER_HOUR", "1000000")
            .env("OTP_SENDS_PER_PREFIX_PER_HOUR", "1000000")
            .env("SMS_MONTHLY_BUDGET_USD", "1000000")
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = lines.find_map(|line| line.trim().strip_prefix("API").map(|url| url.trim().to_owned())).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { url, client: Client::builder().timeout(Duration::from_secs(120)).build().unwrap(), child }
    }

    /// Posts; a fault of the service ends the test.
    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let answer = self.client.post(format!("{}{path}", self.url)).json(&body).send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(!status.is_server_error(), "{path}: {status}: {text}");
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn me(&self, access_token: &str) -> StatusCode {
        let answer = self.client.get(format!("{}/v1/me", self.url)).bearer_auth(access_token).send().await.unwrap();
        assert!(!answer.status().is_server_error(), "{}", answer.status());
        answer.status()
    }

    async fn code(&self, phone: &str) -> String {
        let url = format!("{}/_local/messages?to=%2B{}", self.url, &phone[1..]);
        let messages: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        let text = messages.as_array().unwrap().last().unwrap()["body"].as_str().unwrap().to_owned();
        text.split(|c: char| !c.is_ascii_digit()).find(|digits| digits.len() == 6).unwrap().to_owned()
    }

    /// Signs a phone in and refreshes once; answers the tokens.
    async fn sign_in(&self, phone: &str) -> Value {
        let (status, challenge) = self.post("/v1/otp/send", json!({"phone": phone})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{challenge}");
        let proof = json!({"challenge_id": challenge["challenge_id"], "code": self.code(phone).await});
        let (status, tokens) = self.post("/v1/otp/verify", proof).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        let (status, tokens) = self.post("/v1/auth/refresh", json!({"refresh_token": tokens["refresh_token"]})).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    }

    /// Guesses, sends junk, and uses what is not his.
    async fn attack(&self, phone: &str, index: usize) {
        let (status, challenge) = self.post("/v1/otp/send", json!({"phone": phone})).await;
        if status == StatusCode::ACCEPTED {
            for guess in 0..8 {
                let guess = json!({"challenge_id": challenge["challenge_id"], "code": format!("{guess:06}")});
                let (status, answer) = self.post("/v1/otp/verify", guess).await;
                assert_ne!(status, StatusCode::OK, "{answer}");
            }
        }
        self.post("/v1/otp/send", json!({"phone": phone, "admin": true})).await;
        self.post("/v1/auth/login", json!({"phone": phone, "password": format!("guess number {index}")})).await;
        self.post("/v1/auth/refresh", json!({"refresh_token": "lkr_".repeat(index + 1)})).await;
        assert_eq!(self.me(&"x".repeat(4_000)).await, StatusCode::UNAUTHORIZED);
    }

    /// Resident memory, in MiB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1024
    }
}

/// The `index`th phone of a round; none twice.
fn phone(round: usize, index: usize) -> String {
    format!("+1415{:07}", 2_000_000 + round * (PEOPLE + ATTACKERS) + index)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_people_sign_in_at_once_among_attackers() {
    let service = Arc::new(Service::start());
    let minutes = env::var("LOAD_MINUTES").ok().and_then(|minutes| minutes.parse().ok()).unwrap_or(0);
    let (began, until) = (Instant::now(), Duration::from_secs(60 * minutes));
    for round in 0.. {
        let (mut people, mut attackers) = (JoinSet::new(), JoinSet::new());
        for index in 0..PEOPLE {
            let service = service.clone();
            people.spawn(async move { service.sign_in(&phone(round, index)).await });
        }
        for index in 0..ATTACKERS {
            let service = service.clone();
            attackers.spawn(async move { service.attack(&phone(round, PEOPLE + index), index).await });
        }
        attackers.join_all().await;
        for tokens in people.join_all().await {
            assert_eq!(service.me(tokens["access_token"].as_str().unwrap()).await, StatusCode::OK);
        }
        println!("{} s: {} MiB", began.elapsed().as_secs(), service.memory());
        if began.elapsed() >= until {
            return;
        }
    }
}
