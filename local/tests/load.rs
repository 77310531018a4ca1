//! Many people at the same time, with attackers among them, against the program that `cargo run`
//! starts. No request meets a server error, apart from the 503 of a busy machine, after which it is
//! sent again. Nobody who signed in loses their session, and memory does not grow.
//!
//! `LOAD_MINUTES=10 cargo test -p local --test load -- --nocapture` runs for ten minutes, and
//! prints the program's memory after each round. The people of the first round stay until the end,
//! and refresh in every round.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![expect(clippy::disallowed_methods, reason = "the clock and a variable decide how long to run")]

mod program;

use std::{
    env, fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use program::{Program, send};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// How many people sign in at the same time.
const PEOPLE: usize = 200;
/// How many attackers are among them.
const ATTACKERS: usize = 40;
/// How many people's numbers share a prefix.
const NEIGHBOURS: usize = 50;
/// The limit on texts an hour to one prefix: enough for neighbours, too few for SMS pumping.
const SENDS_PER_PREFIX: usize = 100;
/// How many numbers each attacker pumps texts to. All of them share one prefix.
const PUMPED: usize = 5;
/// How many rounds pass before memory is measured. They open connections and fill caches.
const WARM_ROUNDS: usize = 2;
/// The memory that the program may keep for each person who signed in: their items, which are in
/// memory here, their message in the inbox, and their events.
const KEPT_KIB_EACH: u64 = 64;
/// How much memory may vary besides.
const SLACK_MIB: u64 = 64;

struct Service {
    program: Program,
    client: Client,
    /// How many pumped texts were accepted.
    pumped: AtomicUsize,
}

impl Service {
    fn start() -> Self {
        let sends_per_prefix = SENDS_PER_PREFIX.to_string();
        let settings = [
            // Here, all requests come from one IP address.
            ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
            ("OTP_SENDS_PER_PREFIX_PER_HOUR", &sends_per_prefix),
            ("SMS_MONTHLY_BUDGET_USD", "1000000"),
        ];
        Self {
            program: Program::start(&["--as-deployed"], &settings),
            client: Client::builder().timeout(Duration::from_secs(120)).build().unwrap(),
            pumped: AtomicUsize::new(0),
        }
    }

    /// Posts JSON. A server error fails the test.
    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.post_text(path, body.to_string()).await
    }

    /// Posts any text as JSON.
    async fn post_text(&self, path: &str, body: String) -> (StatusCode, Value) {
        let request = self
            .client
            .post(format!("{}{path}", self.program.url))
            .header("content-type", "application/json");
        let answer = send(request.body(body)).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();

        assert!(!status.is_server_error(), "{path}: {status}: {text}");
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    async fn me(&self, access_token: &str) -> StatusCode {
        let url = format!("{}/v1/me", self.program.url);
        let answer = send(self.client.get(url).bearer_auth(access_token)).await;
        assert!(!answer.status().is_server_error(), "{}", answer.status());
        answer.status()
    }

    async fn code(&self, phone: &str) -> String {
        let url = format!("{}/_local/messages?to=%2B{}", self.program.url, &phone[1..]);
        let messages: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        let text =
            messages.as_array().unwrap().last().unwrap()["body"].as_str().unwrap().to_owned();
        text.split(|c: char| !c.is_ascii_digit())
            .find(|digits| digits.len() == 6)
            .unwrap()
            .to_owned()
    }

    /// Signs a person in and refreshes once. Returns the tokens.
    async fn sign_in(&self, phone: &str) -> Value {
        let (status, challenge) = self.post("/v1/otp/send", json!({"phone": phone})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{challenge}");
        let proof =
            json!({"challenge_id": challenge["challenge_id"], "code": self.code(phone).await});
        let (status, tokens) = self.post("/v1/otp/verify", proof).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        self.refresh(&tokens).await
    }

    /// The next tokens of a session.
    async fn refresh(&self, tokens: &Value) -> Value {
        let (status, tokens) =
            self.post("/v1/auth/refresh", json!({"refresh_token": tokens["refresh_token"]})).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens
    }

    /// Guesses codes and passwords, sends junk, replays tokens, and pumps texts.
    async fn attack(&self, round: usize, index: usize) {
        self.guess(&phone(round, PEOPLE + index), index).await;
        self.send_junk().await;
        self.replay(&phone(round, PEOPLE + ATTACKERS + index)).await;
        self.pump(round, index).await;
    }

    async fn guess(&self, phone: &str, index: usize) {
        let (status, challenge) = self.post("/v1/otp/send", json!({"phone": phone})).await;
        if status == StatusCode::ACCEPTED {
            // One of the guesses could be right by chance.
            let right = self.code(phone).await;
            for guess in (0..8).map(|guess| format!("{guess:06}")).filter(|guess| *guess != right) {
                let guess = json!({"challenge_id": challenge["challenge_id"], "code": guess});
                let (status, answer) = self.post("/v1/otp/verify", guess).await;
                assert_ne!(status, StatusCode::OK, "{answer}");
            }
        }

        self.post(
            "/v1/auth/login",
            json!({"phone": phone, "password": format!("guess number {index}")}),
        )
        .await;
        self.post("/v1/auth/refresh", json!({"refresh_token": "lkr_".repeat(index + 1)})).await;
        assert_eq!(self.me(&"x".repeat(4_000)).await, StatusCode::UNAUTHORIZED);
    }

    /// Sends bodies that are not JSON, or not the expected JSON.
    async fn send_junk(&self) {
        let nested = format!(r#"{{"phone":{}{}}}"#, "[".repeat(500), "]".repeat(500));

        let junk = [
            "",
            "\0",
            "{\"phone\":",
            "[\"+14155550123\"]",
            r#"{"phone":"+14155550123","admin":true}"#,
            r#"{"phone":"+14155550123","phone":"+14155550124"}"#,
            &nested,
            &format!(r#"{{"phone":"{}"}}"#, "1".repeat(20_000)),
        ];
        for body in junk {
            let (status, answer) = self.post_text("/v1/otp/send", body.to_owned()).await;
            assert!(
                status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS,
                "{status}: {answer}"
            );
        }
    }

    /// Replays a refresh token that was used long ago, and tries altered and foreign access tokens.
    async fn replay(&self, phone: &str) {
        let first = self.sign_in(phone).await;
        let second = self.refresh(&first).await;
        let third = self.refresh(&second).await;
        let access = third["access_token"].as_str().unwrap();
        assert_eq!(self.me(access).await, StatusCode::OK);

        // One token's claims with the signature of another, and a token of another issuer.
        let (message, _) = access.rsplit_once('.').unwrap();
        let (_, other_signature) =
            first["access_token"].as_str().unwrap().rsplit_once('.').unwrap();
        assert_eq!(
            self.me(&format!("{message}.{other_signature}")).await,
            StatusCode::UNAUTHORIZED
        );

        let foreign = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImsifQ.e30.c2lnbmF0dXJl";
        assert_eq!(self.me(foreign).await, StatusCode::UNAUTHORIZED);

        let (status, answer) =
            self.post("/v1/auth/refresh", json!({"refresh_token": first["refresh_token"]})).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{answer}");
        assert_eq!(
            self.me(access).await,
            StatusCode::UNAUTHORIZED,
            "the session outlived a replay"
        );
    }

    /// Pumps texts to numbers that share a prefix (SMS pumping).
    async fn pump(&self, round: usize, index: usize) {
        for number in 0..PUMPED {
            let number = (round * ATTACKERS + index) * PUMPED + number;
            let (status, answer) = self
                .post("/v1/otp/send", json!({"phone": format!("+1212999{:04}", number % 10_000)}))
                .await;
            match status {
                StatusCode::ACCEPTED => _ = self.pumped.fetch_add(1, Ordering::Relaxed),
                status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{answer}"),
            }
        }
    }

    /// Resident memory, in MiB.
    fn memory(&self) -> u64 {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.program.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or_default() / 1024
    }
}

/// The phone number `index` of a round. No phone occurs twice.
fn phone(round: usize, index: usize) -> String {
    let number = round * (PEOPLE + 2 * ATTACKERS) + index;
    let (block, number) = (number / NEIGHBOURS, number % NEIGHBOURS);
    let area = [415, 310, 646, 202, 303, 404, 503, 602, 702, 808][block / 700];
    format!("+1{area}{}{number:04}", 200 + block % 700)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_people_sign_in_at_once_among_attackers() {
    let service = Arc::new(Service::start());
    let minutes =
        env::var("LOAD_MINUTES").ok().and_then(|minutes| minutes.parse().ok()).unwrap_or(0);
    let (began, until) = (Instant::now(), Duration::from_secs(60 * minutes));
    let mut regulars = Vec::new();
    let mut warm = None;

    for round in 0.. {
        let (mut people, mut attackers) = (JoinSet::new(), JoinSet::new());
        for index in 0..PEOPLE {
            let service = service.clone();
            people.spawn(async move { service.sign_in(&phone(round, index)).await });
        }

        for index in 0..ATTACKERS {
            let service = service.clone();
            attackers.spawn(async move { service.attack(round, index).await });
        }

        let mut refreshed = JoinSet::new();
        for tokens in std::mem::take(&mut regulars) {
            let service = service.clone();
            refreshed.spawn(async move { service.refresh(&tokens).await });
        }

        attackers.join_all().await;
        let (newcomers, stayed) = (people.join_all().await, refreshed.join_all().await);
        for tokens in newcomers.iter().chain(&stayed) {
            assert_eq!(service.me(tokens["access_token"].as_str().unwrap()).await, StatusCode::OK);
        }

        regulars = if round == 0 { newcomers } else { stayed };
        assert_eq!(regulars.len(), PEOPLE);

        let hours = 2 + usize::try_from(began.elapsed().as_secs() / 3600).unwrap();
        let pumped = service.pumped.load(Ordering::Relaxed);
        assert!(pumped <= hours * SENDS_PER_PREFIX, "{pumped} texts were pumped");

        let (memory, rounds) = (service.memory(), u64::try_from(round + 1).unwrap());
        println!(
            "{} s: round {rounds}, {memory} MiB, {pumped} texts pumped",
            began.elapsed().as_secs()
        );
        if round + 1 == WARM_ROUNDS {
            warm = Some(memory);
        }

        if let Some(warm) = warm {
            let people = (rounds - u64::try_from(WARM_ROUNDS).unwrap())
                * u64::try_from(PEOPLE + ATTACKERS).unwrap();
            let most = warm + SLACK_MIB + people * KEPT_KIB_EACH / 1024;
            assert!(
                memory <= most,
                "{memory} MiB, up from {warm} MiB; {people} more people explain at most {most} MiB"
            );
        }

        if began.elapsed() >= until {
            return;
        }
    }
}
