//! A stand-in for AWS that keeps no state and suffices to reach the inside of the endpoints. It
//! holds the secrets and one administrator, who is signed in, and no other user. Unconditional
//! writes succeed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

use crate::{ISSUER, now};
use shared::{
    apps::DEFAULT_CLIENT_ID,
    base::{Clock, Device, Environment, Random},
    crypto::{Algorithm, SigningKey, SigningKeys, public_keys},
    identifiers::PhoneNumber,
    latchkey::Latchkey,
    roles::ADMIN_ROLE,
    tokens::{Claims, Signer},
    users::{AuthenticationMethod, Session, SessionKind, User},
};

/// The id of the administrator, and of their session.
pub const USER_ID: Uuid = Uuid::from_u128(0x019c_0000_0000_7000_8000_0000_0000_0001);
const HASH_KEYS: &str = "hash-keys";
const SIGNING_KEYS: &str = "signing-keys";

/// The responses that hold data.
struct Answers {
    hash_keys: String,
    signing_keys: String,
    public_keys: String,
    user: String,
}

/// The service on such an AWS, and an access token of the administrator. The AWS runs in the
/// runtime in which this is awaited.
pub async fn parts() -> (Latchkey, String) {
    let random = Random::system();
    let key = || SigningKey::generate(Algorithm::EdDSA, &random).expect("a key");
    let keys = SigningKeys { current: key(), next: key(), rsa: None };
    let user = administrator();
    let claims =
        Claims::new(ISSUER, &user, (USER_ID, &user.sessions[&USER_ID]), USER_ID, now(), 900);
    let token =
        Signer::new(&keys.current).and_then(|signer| signer.sign(&claims)).expect("a token");

    let jwks = serde_json::to_string(&public_keys([&keys]).expect("keys")).expect("JSON");
    let secret = |text: String| json!({"SecretString": text}).to_string();
    let answers: &Answers = Box::leak(Box::new(Answers {
        hash_keys: secret(
            json!({"root": "a root for tests, which is 32 bytes or more"}).to_string(),
        ),
        signing_keys: secret(keys.to_secret().expect("JSON")),
        public_keys: json!({"Item": {"jwks": {"S": jwks}}}).to_string(),
        user: json!({"Item": attributes(&serde_json::to_value(&user).expect("JSON"))}).to_string(),
    }));

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("a port");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, answers));
        }
    });

    let environment: Environment = [
        ("AWS_ENDPOINT_URL", format!("http://{address}").as_str()),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
        ("TABLE_NAME", "table"),
        ("AVATAR_BUCKET", "avatars"),
        ("KEYS_SECRET_ARN", SIGNING_KEYS),
        ("HASH_KEYS_SECRET_ARN", HASH_KEYS),
        ("ISSUER", ISSUER),
        ("ENVIRONMENT", "dev"),
        ("ALLOWED_COUNTRIES", "*"),
        ("ALLOWED_ORIGINS", "https://app.example.com"),
        ("DEFAULT_REGION", "US"),
        ("EMAIL_FROM", "latchkey@example.com"),
        ("PASSWORD_RESET_URL", "https://app.example.com/reset"),
    ]
    .into_iter()
    .collect();
    (Latchkey::new(environment, Clock::from_fn(now), random).expect("settings"), token)
}

fn administrator() -> User {
    let later = |seconds| now() + SignedDuration::from_secs(seconds);
    let session = Session {
        client_id: DEFAULT_CLIENT_ID.to_owned(),
        access_token_ttl: 900,
        device: Device::default(),
        amr: vec![AuthenticationMethod::Sms],
        created_at: now(),
        last_used_at: now(),
        ends_at: later(24 * 3600),
        refresh_hash: vec![0; 32],
        kind: SessionKind::App,
        grant: None,
    };

    User {
        phone: PhoneNumber::from_e164("+14155550123").ok(),
        name: Some("Ann Lee".to_owned()),
        roles: BTreeMap::from([(
            DEFAULT_CLIENT_ID.to_owned(),
            BTreeSet::from([ADMIN_ROLE.to_owned()]),
        )]),
        sessions: BTreeMap::from([(USER_ID, session)]),
        ..User::new(USER_ID, Timestamp::UNIX_EPOCH)
    }
}

/// An item in DynamoDB's JSON.
fn attributes(fields: &Value) -> Map<String, Value> {
    let fields = fields.as_object().into_iter().flatten();
    fields.map(|(name, value)| (name.clone(), attribute(name, value))).collect()
}

fn attribute(name: &str, value: &Value) -> Value {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(value) => json!({"BOOL": value}),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({"S": text}),
        // The hash of a refresh token.
        Value::Array(bytes) if name == "h" => {
            let bytes: Vec<u8> =
                bytes.iter().filter_map(Value::as_u64).map(|byte| byte as u8).collect();
            json!({"B": data_encoding::BASE64.encode(&bytes)})
        }
        Value::Array(items) => {
            json!({"L": items.iter().map(|item| attribute("", item)).collect::<Vec<_>>()})
        }
        fields => json!({"M": attributes(fields)}),
    }
}

/// Serves the HTTP/1.1 requests of a connection.
async fn serve(stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    let mut stream = BufStream::new(stream);
    loop {
        let (mut target, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }

            let line = line.trim_end().to_ascii_lowercase();
            match line.split_once(": ") {
                Some(("x-amz-target", value)) => value.clone_into(&mut target),
                Some(("content-length", value)) => length = value.parse().unwrap_or(0),
                _ if line.is_empty() => break,
                _ => {}
            }
        }

        let mut body = vec![0; length];
        stream.read_exact(&mut body).await?;

        let (status, answer) = answer(&target, &String::from_utf8_lossy(&body), answers);
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", answer.len());
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(answer.as_bytes()).await?;
        stream.flush().await?;
    }
}

fn answer<'a>(target: &str, body: &str, answers: &'a Answers) -> (&'static str, &'a str) {
    let of_user = format!(r#""USER#{USER_ID}""#);
    let answer = match target.rsplit('.').next().unwrap_or_default() {
        "getsecretvalue" if body.contains(HASH_KEYS) => &answers.hash_keys,
        "getsecretvalue" => &answers.signing_keys,
        "getitem" if body.contains(r#""SIGNING_KEYS""#) => &answers.public_keys,
        "getitem" if body.contains(&of_user) && body.contains(r#""USER""#) => &answers.user,
        // Updates of counters succeed. All other updates fail, as if their item did not exist.
        "updateitem" if !body.contains("ADDRESS#") && !body.contains("SPENDING#") => {
            const REFUSED: &str =
                r#"{"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}"#;
            return ("400 Bad Request", REFUSED);
        }
        _ if body.starts_with("Action=Publish") => {
            "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
        }
        _ => "{}",
    };

    ("200 OK", answer)
}
