//! Two hundred people sign in while two hundred attackers use their phones: everybody gets in, on a
//! known device or from a source address that they share with nobody. And when attackers have used
//! up the budget as far as they can, known devices still sign in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod program;

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use program::{Program, send};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// How many people sign in, and how many attackers use their phones.
const PEOPLE: u8 = 200;
/// The texts to one phone that strangers can ask for in an hour (`OTP_SENDS_PER_PHONE_PER_HOUR`).
const STRANGERS_TEXTS_PER_PHONE: usize = 5;
/// How many people's numbers share a block.
const NEIGHBOURS: u8 = 20;

/// Somebody with a source address, which the service sees as the caller's.
#[derive(Clone)]
struct Somebody {
    program: Arc<Program>,
    client: Client,
}

impl Somebody {
    /// The person or attacker `index` of a network: 127.`network`.0.`index`.
    fn new(program: &Arc<Program>, network: u8, index: u8) -> Self {
        let address = IpAddr::V4(Ipv4Addr::new(127, network, 0, index + 1));
        let client = Client::builder()
            .local_address(address)
            .timeout(Duration::from_secs(120))
            .build()
            .unwrap();
        Self { program: program.clone(), client }
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.program.url)).json(&body);
        let answer = send(request).await;
        let status = answer.status();
        assert!(!status.is_server_error(), "{path}: {status}");
        (status, answer.json().await.unwrap_or_default())
    }

    /// Every message that was sent, oldest first, or those to one phone.
    async fn messages(&self, phone: Option<&str>) -> Value {
        let query = phone.map(|phone| format!("?to=%2B{}", &phone[1..])).unwrap_or_default();
        let url = format!("{}/_local/messages{query}", self.program.url);
        self.client.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// The codes that a phone got, newest first.
    async fn codes(&self, phone: &str) -> Vec<String> {
        let messages = self.messages(Some(phone)).await;
        let code = |message: &Value| {
            let words = message["body"].as_str()?.split(|c: char| !c.is_ascii_digit());
            words.map(str::to_owned).find(|word| (6..=10).contains(&word.len()))
        };
        messages.as_array().unwrap().iter().rev().filter_map(code).collect()
    }

    /// Signs in by a code. Attackers have had codes sent to the phone, too, so the person may have
    /// to type more than one. Returns the answer.
    async fn sign_in(&self, phone: &str, device_token: Option<&Value>) -> Value {
        let mut body = json!({"phone": phone});
        if let Some(token) = device_token {
            body["device_token"] = token.clone();
        }
        let (status, challenge) = self.post("/v1/otp/send", body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{phone}: {challenge}");

        let digits = usize::try_from(challenge["code_length"].as_u64().unwrap()).unwrap();
        for code in self.codes(phone).await.iter().filter(|code| code.len() == digits) {
            let proof = json!({"challenge_id": challenge["challenge_id"], "code": code});
            let (status, answer) = self.post("/v1/otp/verify", proof).await;
            if status == StatusCode::OK {
                return answer;
            }
            assert_eq!(answer["code"], "otp_incorrect", "{phone}: {answer}");
        }
        panic!("{phone}: no code signs in");
    }

    /// Asks for a code for somebody else's phone, guesses it, guesses the password, and asks for a
    /// reset.
    async fn attack(&self, phone: &str) {
        let (status, challenge) = self.post("/v1/otp/send", json!({"phone": phone})).await;
        if status == StatusCode::ACCEPTED {
            // One of the guesses could be right by chance.
            let codes = self.codes(phone).await;
            let guesses = (0..6).map(|guess| format!("{guess:06}"));
            for code in guesses.filter(|guess| !codes.contains(guess)) {
                let proof = json!({"challenge_id": challenge["challenge_id"], "code": code});
                let (status, answer) = self.post("/v1/otp/verify", proof).await;
                assert_ne!(status, StatusCode::OK, "{answer}");
            }
        }
        for guess in 0..3 {
            let body = json!({"phone": phone, "password": format!("guess number {guess}")});
            let (status, answer) = self.post("/v1/auth/login", body).await;
            assert_ne!(status, StatusCode::OK, "{answer}");
        }
        self.post("/v1/password/forgot", json!({"phone": phone})).await;
        // A second request meets the cooldown of the attacker's source.
        self.post("/v1/otp/send", json!({"phone": phone})).await;
    }
}

fn phone(index: u8) -> String {
    let (block, number) = (u16::from(index / NEIGHBOURS), u16::from(index % NEIGHBOURS));
    // The numbers of a block are not a sequence.
    format!("+1415{}{:04}", 300 + block, 1_000 + number * 37)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_people_sign_in_while_two_hundred_attackers_use_their_phones() {
    let settings = [
        ("SMS_MONTHLY_BUDGET_USD", "1000000"),
        // While nearly all guesses are wrong, a single wrong code closes a challenge, also that of
        // a person who types an attacker's code first. Other tests cover this rule.
        ("OTP_MAX_FAILED_PERCENT", "100"),
    ];
    let program = Arc::new(Program::start(&["--as-deployed"], &settings));
    // Every second person has signed in before, on the device that they use now.
    let mut known = JoinSet::new();
    for index in (0..PEOPLE).step_by(2) {
        let person = Somebody::new(&program, 1, index);
        known.spawn(async move {
            let answer = person.sign_in(&phone(index), None).await;
            (index, person, answer["device_token"].clone())
        });
    }
    let known = known.join_all().await;

    let mut attackers = JoinSet::new();
    for index in 0..PEOPLE {
        let attacker = Somebody::new(&program, 2, index);
        attackers.spawn(async move { attacker.attack(&phone(index)).await });
    }
    let mut people = JoinSet::new();
    for (index, person, token) in known {
        assert!(token.is_string(), "{token}");
        people.spawn(async move { person.sign_in(&phone(index), Some(&token)).await });
    }
    for index in (1..PEOPLE).step_by(2) {
        let person = Somebody::new(&program, 3, index);
        people.spawn(async move { person.sign_in(&phone(index), None).await });
    }

    let signed_in = people.join_all().await;
    assert_eq!(signed_in.len(), usize::from(PEOPLE));
    assert!(signed_in.iter().all(|answer| answer["status"] == "signed_in"));
    attackers.join_all().await;
    // The attackers cost no more than a phone's limit for strangers, however many they are.
    let anybody = Somebody::new(&program, 1, 0);
    for index in 0..PEOPLE {
        let (texts, own) =
            (anybody.messages(Some(&phone(index))).await, 1 + usize::from(index % 2 == 0));
        assert!(texts.as_array().unwrap().len() <= own + STRANGERS_TEXTS_PER_PHONE, "{texts}");
    }
}

/// The budget of the test below, in texts, and how many of them are kept for known devices: a fifth
/// (`SMS_BUDGET_RESERVED_PERCENT`).
const BUDGET: usize = 200;
const RESERVED: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn attackers_use_up_their_part_of_the_budget_and_known_devices_still_sign_in() {
    let settings = [("SMS_MONTHLY_BUDGET_USD", "2"), ("SMS_PRICES_USD", "US=0.01")];
    let program = Arc::new(Program::start(&["--as-deployed"], &settings));
    let known: Vec<_> = (0..20).map(|index| Somebody::new(&program, 1, index)).collect();
    let mut tokens = Vec::new();
    for (person, index) in known.iter().zip(0..) {
        tokens.push(person.sign_in(&phone(index), None).await["device_token"].clone());
    }

    // Each attacker asks for texts to ten numbers of a block.
    let mut attackers = JoinSet::new();
    for index in 0..40 {
        let attacker = Somebody::new(&program, 2, index);
        attackers.spawn(async move {
            let mut refused = 0;
            for number in 0..10 {
                let phone = format!("+1212{}{:04}", 300 + u16::from(index), 2_000 + number * 41);
                let (status, answer) = attacker.post("/v1/otp/send", json!({"phone": phone})).await;
                if status != StatusCode::ACCEPTED {
                    assert_eq!(answer["code"], "sms_limit_reached", "{answer}");
                    refused += 1;
                }
            }
            refused
        });
    }
    let refused: usize = attackers.join_all().await.into_iter().sum();
    assert!(refused > 0, "the budget held all attacks");
    let texts = known[0].messages(None).await.as_array().unwrap().len();
    assert!(texts <= BUDGET - RESERVED, "{texts}");

    for ((person, token), index) in known.iter().zip(&tokens).zip(0..) {
        let answer = person.sign_in(&phone(index), Some(token)).await;
        assert_eq!(answer["status"], "signed_in", "{answer}");
    }
    let texts = known[0].messages(None).await.as_array().unwrap().len();
    assert!(texts <= BUDGET, "{texts}");
}
