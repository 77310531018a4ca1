//! The people of the benchmark, and the Lambdas that serve them while nothing is measured.

use std::{path::Path, time::Duration};

use embedded_aws::{EmbeddedAws, HASH_KEYS_SECRET, Message, SIGNING_KEYS_SECRET};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::{
    calls::Call,
    event::HttpRequest,
    failure::Failure,
    keeper::Keeper,
    lambda::{Lambda, Surroundings},
    program::Program,
    sign_in::{Challenge, Device, Tokens, field, phone, send_request, verify_request},
};

/// How long a person waits for the next code, as [`Program::binary`] sets it, and a little.
const COOLDOWN: Duration = Duration::from_millis(1_100);

/// The app whose sign-in page is measured, and the query that opens the page.
const APP: &str = "bench";
const CALLBACK: &str = "https://shop.example.com/callback";
pub(crate) const AUTHORIZE: &str = "client_id=bench&redirect_uri=https%3A%2F%2Fshop.example.com\
    %2Fcallback&response_type=code&scope=openid&state=a-state&code_challenge_method=S256\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The people, and the two Lambdas that sign them in.
pub(crate) struct People {
    send: Lambda,
    verify: Lambda,
    /// The Lambdas that add passkeys, and the one that returns the options of a sign-in with one.
    passkeys: Option<[Lambda; 3]>,
    inbox: broadcast::Receiver<Message>,
    /// How many people exist.
    count: u32,
    /// The person whose turn is next.
    next: u32,
    /// The partition keys that these sign-ins wrote.
    written: Vec<String>,
}

impl People {
    /// Makes the keys, as a deployment does, and signs up `count` people.
    pub(crate) async fn make(
        aws: &EmbeddedAws,
        around: &Surroundings,
        binaries: &Path,
        count: u32,
    ) -> Result<Self, Failure> {
        make_keys(aws, around, binaries).await?;

        let (send, _) = Lambda::start(&Program::binary(binaries, "otp-send", 256), around).await?;
        let (verify, _) =
            Lambda::start(&Program::binary(binaries, "otp-verify", 256), around).await?;

        let mut people = Self {
            send,
            verify,
            passkeys: None,
            inbox: aws.inbox.subscribe(),
            count: 0,
            next: 0,
            written: Vec::new(),
        };
        people.grow(count).await?;
        Ok(people)
    }

    /// Signs up `count` more people. The first of them is next.
    pub(crate) async fn grow(&mut self, count: u32) -> Result<(), Failure> {
        let first = self.count;
        self.count += count;

        self.next = first;
        for _ in 0..count {
            self.sign_in().await?;
        }

        self.next = first;
        Ok(())
    }

    /// The partition keys that sign-ins wrote since they were last taken.
    pub(crate) fn take_written(&mut self) -> Vec<String> {
        std::mem::take(&mut self.written)
    }

    fn wrote(&mut self, calls: Vec<Call>) {
        self.written.extend(calls.into_iter().flat_map(|call| call.written));
    }

    /// The number of the next person. After the last one, it is the first one's turn.
    pub(crate) fn next(&mut self) -> u32 {
        let index = self.next;
        self.next = (index + 1) % self.count;
        index
    }

    /// Sends the next person a code.
    pub(crate) async fn challenge(&mut self) -> Result<Challenge, Failure> {
        let index = self.next();
        let (answer, used) = self.send.invoke(&send_request(index)).await?;
        self.wrote(used.calls);

        self.challenge_of(index, &answer.json()).await
    }

    /// The challenge of a response, with the code from the text that arrived.
    pub(crate) async fn challenge_of(
        &mut self,
        index: u32,
        answer: &Value,
    ) -> Result<Challenge, Failure> {
        Ok(Challenge { id: field(answer, "challenge_id")?, code: self.code(&phone(index)).await? })
    }

    /// Waits for the next text to `phone`, and returns its code. Other texts are skipped.
    pub(crate) async fn code(&mut self, phone: &str) -> Result<String, Failure> {
        loop {
            match self.inbox.recv().await {
                Ok(message) if message.to == phone => {
                    return Ok(message.body.chars().take(6).collect());
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(closed) => return Err(closed.into()),
            }
        }
    }

    /// Signs the next person in.
    pub(crate) async fn sign_in(&mut self) -> Result<Tokens, Failure> {
        let challenge = self.challenge().await?;
        let (answer, used) = self.verify.invoke(&verify_request(&challenge)).await?;
        self.wrote(used.calls);

        Tokens::of(&answer.json())
    }

    /// Signs the next `count` people in, each on their device. All may be sent the next code when
    /// this returns.
    pub(crate) async fn devices(&mut self, count: usize) -> Result<Vec<Device>, Failure> {
        let mut devices = Vec::new();
        for _ in 0..count {
            let person = self.next;
            let token = self.sign_in().await?.device.ok_or("no device token")?;
            devices.push(Device { person, token });
        }

        tokio::time::sleep(COOLDOWN).await;
        Ok(devices)
    }

    /// Registers the app whose sign-in page is measured. Its first person is the administrator.
    pub(crate) async fn register_app(
        &mut self,
        around: &Surroundings,
        binaries: &Path,
    ) -> Result<(), Failure> {
        self.next = 0;
        let administrator = self.sign_in().await?;
        let app = json!({"client_id": APP, "name": "Shop", "redirect_uris": [CALLBACK]});
        let (mut create, _) =
            Lambda::start(&Program::binary(binaries, "apps-create", 256), around).await?;
        let request = HttpRequest::post("/v1/apps", app).with_bearer(&administrator.access);
        create.invoke(&request).await?;
        Ok(())
    }

    /// Starts the Lambdas with which people get passkeys.
    pub(crate) async fn start_passkeys(
        &mut self,
        around: &Surroundings,
        binaries: &Path,
    ) -> Result<(), Failure> {
        let start = async |name| {
            let program = Program::binary(binaries, name, 256);
            Ok::<_, Failure>(Lambda::start(&program, around).await?.0)
        };
        self.passkeys = Some([
            start("me-passkeys-options").await?,
            start("me-passkeys-create").await?,
            start("auth-passkey-options").await?,
        ]);
        Ok(())
    }

    /// Gives the next person a passkey. Returns the request that signs them in with it.
    pub(crate) async fn passkey_request(&mut self) -> Result<HttpRequest, Failure> {
        let person = self.sign_in().await?;
        let lambdas = self.passkeys.as_mut();
        let [options, create, sign_in_options] = lambdas.ok_or("no Lambda adds passkeys")?;
        let request = HttpRequest::post("/v1/me/passkeys/options", json!({}));
        let (answer, _) = options.invoke(&request.with_bearer(&person.access)).await?;
        let keeper = Keeper::new(&answer.json())?;
        create.invoke(&keeper.add(&answer.json()).with_bearer(&person.access)).await?;

        let request = HttpRequest::post("/v1/auth/passkey/options", json!({}));
        let (answer, _) = sign_in_options.invoke(&request).await?;
        keeper.sign_in(&answer.json())
    }

    /// Registers one more person, with a password. Returns the request that signs them in with it.
    pub(crate) async fn register(
        &mut self,
        around: &Surroundings,
        binaries: &Path,
    ) -> Result<HttpRequest, Failure> {
        let (index, password) = (self.count, "a long pass phrase of the benchmark");
        let body = json!({"phone": phone(index), "password": password});

        let (mut register, _) =
            Lambda::start(&Program::binary(binaries, "auth-register", 512), around).await?;
        let (answer, _) =
            register.invoke(&HttpRequest::post("/v1/auth/register", body.clone())).await?;

        let challenge = self.challenge_of(index, &answer.json()).await?;
        self.verify.invoke(&verify_request(&challenge)).await?;

        Ok(HttpRequest::post("/v1/auth/login", body))
    }
}

/// Makes the keys of a deployment: the hash keys, which CloudFormation generates, and the signing
/// keys, which a first rotation makes.
async fn make_keys(
    aws: &EmbeddedAws,
    around: &Surroundings,
    binaries: &Path,
) -> Result<(), Failure> {
    aws.secrets.create(HASH_KEYS_SECRET, json!({"root": "0123456789abcdef".repeat(4)}).to_string());

    let token = aws.secrets.begin_rotation(SIGNING_KEYS_SECRET);
    let (mut rotate, _) =
        Lambda::start(&Program::binary(binaries, "keys-rotate", 512), around).await?;
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        let event =
            json!({"SecretId": SIGNING_KEYS_SECRET, "ClientRequestToken": token, "Step": step});
        rotate.handle(step.to_owned(), event.to_string()).await?;
    }
    Ok(())
}
