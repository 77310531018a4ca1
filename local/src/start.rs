//! Starts the service: the embedded AWS, the settings and the signing keys.

use std::{
    fs::{File, TryLockError},
    net::SocketAddr,
    path::Path,
    time::Duration,
};

use embedded_aws::{EmbeddedAws, HASH_KEYS_SECRET, SENDERS_SECRET, SIGNING_KEYS_SECRET};
use functions::keys::rotate::{RotationEvent, Step, rotate};
use jiff::SignedDuration;

use crate::{Service, avatars};
use shared::{
    apps::LAPTOP_ORIGINS,
    base::{Clock, Environment, Random, page_origin},
    crypto::SigningKeys,
    latchkey::Latchkey,
    messages::Credentials,
};

/// The template of a deployment. The table is created from it, so that the two cannot differ.
const TEMPLATE: &str = include_str!("../../template.yaml");

/// The settings that lift every limit of messages, as far as settings can outside production. The
/// budgets are among them, because messages cost nothing here.
const NO_SEND_LIMITS: [(&str, &str); 9] = [
    ("OTP_RESEND_COOLDOWN_SECONDS", "0"),
    ("OTP_SENDS_PER_PHONE_PER_HOUR", "5000"),
    ("OTP_SENDS_PER_PHONE_PER_DAY", "5000"),
    ("OTP_SENDS_PER_IP_PER_HOUR", "1000000"),
    ("OTP_SENDS_PER_PREFIX_PER_HOUR", "1000000"),
    ("EMAIL_SENDS_PER_DOMAIN_PER_HOUR", "1000000"),
    ("EMAILS_PER_DAY", "100000000"),
    ("SMS_MONTHLY_BUDGET_USD", "1000000"),
    ("SMS_NOTICES_DAILY_BUDGET_USD", "1000000"),
];
/// The variable that names the file with the credentials of senders of texts.
pub const SENDERS_FILE: &str = "SENDERS_FILE";
/// The file in the folder of the data that a running program locks.
const LOCK: &str = "lock";
/// The test phone and its code.
const TEST_PHONE: &str = "+15005550006=123456";
/// How long test phones work after the start: as long as settings can say.
const TEST_PHONES_HOURS: i64 = 90 * 24;

/// Lifts the limits of messages that `environment` does not set, unless it is that of production.
pub fn lift_send_limits(environment: &mut Environment) {
    if !is_relaxed(environment) {
        return;
    }
    for (name, value) in NO_SEND_LIMITS {
        environment.set_default(name, value);
    }
}

/// The URL of a service that listens on `address`. A browser calls the addresses of this machine
/// `localhost`.
fn url(address: SocketAddr) -> String {
    let ip = address.ip();
    if ip.is_loopback() || ip.is_unspecified() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// Starts a service for `address` with the settings of `environment`. Its data are stored in
/// `folder`, or only in memory if there is none.
///
/// # Errors
/// Lines for the person at the terminal, one for each problem.
pub async fn start(
    address: SocketAddr,
    folder: Option<&Path>,
    mut environment: Environment,
) -> Result<Service, Vec<String>> {
    let lock = folder.map(claim).transpose().map_err(|problem| vec![problem])?;
    let aws = EmbeddedAws::start(TEMPLATE, folder).await.map_err(|problem| vec![problem])?;

    let random = Random::system();
    let root: [u8; 32] = random.bytes().map_err(|error| vec![error.to_string()])?;
    aws.secrets.create(HASH_KEYS_SECRET, serde_json::json!({"root": hex(&root)}).to_string());

    let senders = environment.get(SENDERS_FILE).map(SendersFile::read).transpose()?;
    if let Some(senders) = &senders {
        aws.secrets.replace(SENDERS_SECRET, senders.text.clone());
        environment.set("SENDERS_SECRET_ARN", SENDERS_SECRET);
    }

    let (url, clock) = (url(address), Clock::system());
    let environment = completed(environment, &aws, &url, &clock);
    let latchkey = Latchkey::new(environment, clock.clone(), random)?;
    if let Some(senders) = &senders {
        senders.check(&latchkey)?;
    }
    latchkey.settings().check_admin_phone(clock.now()).map_err(|problem| vec![problem])?;
    make_signing_keys(&aws, &latchkey)
        .await
        .map_err(|error| vec![format!("cannot create the signing keys: {error}")])?;
    if latchkey.settings().accounts.erasure_delay_days > 0 {
        tokio::spawn(erase_due_accounts(latchkey.clone()));
    }
    Ok(Service { aws, url, endpoints: functions::all(latchkey.clone()), latchkey, _lock: lock })
}

/// Makes the folder of the data, if it is not there, and claims it for this process until the file is
/// dropped: two processes would overwrite each other's keys.
///
/// # Errors
/// A sentence that names the folder and what to do.
fn claim(folder: &Path) -> Result<File, String> {
    let name = folder.display();
    if folder.exists() && !folder.is_dir() {
        return Err(format!("--data {name} is a file: give a folder"));
    }
    let elsewhere = |error: std::io::Error| {
        format!("--data {name} cannot be used: {error}. Give a folder that you may write to")
    };
    std::fs::create_dir_all(folder).map_err(elsewhere)?;
    let lock = File::create(folder.join(LOCK)).map_err(elsewhere)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(format!(
            "another Latchkey uses the folder {name}: stop it, or give another folder with --data"
        )),
        Err(TryLockError::Error(error)) => Err(elsewhere(error)),
    }
}

/// The file with the credentials of senders.
struct SendersFile {
    name: String,
    text: String,
    credentials: Credentials,
}

impl SendersFile {
    /// Reads the file of this name.
    ///
    /// # Errors
    /// A line for each part of it that is wrong or unknown. A deployment goes on without that part.
    fn read(name: &str) -> Result<Self, Vec<String>> {
        let text = std::fs::read_to_string(name)
            .map_err(|error| vec![format!("--senders {name} cannot be read: {error}")])?;
        let credentials = Credentials::parse(&text);
        let problems = credentials.problems().iter();
        let lines: Vec<_> = problems
            .map(|problem| {
                format!("--senders {name}: {problem}. docs/senders.md has the form of the file")
            })
            .collect();
        if lines.is_empty() {
            Ok(Self { name: name.to_owned(), text, credentials })
        } else {
            Err(lines)
        }
    }

    /// Checks that it has all that the settings name.
    ///
    /// # Errors
    /// A line for each sender that it lacks.
    fn check(&self, latchkey: &Latchkey) -> Result<(), Vec<String>> {
        let lacking = self.credentials.lacking(&latchkey.settings().messages);
        let lines: Vec<_> =
            lacking.into_iter().map(|lack| format!("{lack}: add it to {}", self.name)).collect();
        if lines.is_empty() { Ok(()) } else { Err(lines) }
    }
}

/// Erases the accounts that are due, every minute. In a deployment, a schedule does this.
async fn erase_due_accounts(latchkey: Latchkey) {
    let mut every_minute = tokio::time::interval(Duration::from_secs(60));
    loop {
        every_minute.tick().await;
        if let Err(error) = functions::erasures::erase_due(&latchkey).await {
            tracing::warn!(%error, "an account that is due could not be erased");
        }
    }
}

/// Completes the person's environment with the variables that lead to the embedded AWS, and with
/// defaults for a laptop.
fn completed(
    mut environment: Environment,
    aws: &EmbeddedAws,
    url: &str,
    clock: &Clock,
) -> Environment {
    for (name, value) in aws.environment() {
        // Somebody may want another endpoint. But their own variables must never make this program
        // use the keys or the table of their real account.
        if name.starts_with("AWS_ENDPOINT_URL_") {
            environment.set_default(&name, value);
        } else {
            environment.set(&name, value);
        }
    }

    environment.set_default("ENVIRONMENT", "dev");
    environment.set_default("ISSUER", url);
    environment.set_default("AVATAR_BASE_URL", format!("{url}{}", avatars::PATH));
    environment.set_default("ALLOWED_COUNTRIES", "*");
    environment.set_default("EMAIL_FROM", "latchkey@localhost.example");
    environment.set_default("PASSWORD_RESET_URL", format!("{url}/_local/app"));

    if is_relaxed(&environment) {
        for (name, value) in aws.vendors() {
            environment.set_default(name, value);
        }
        let until = clock.now() + SignedDuration::from_hours(TEST_PHONES_HOURS);
        environment.set_default("PASSKEY_RP_ID", "localhost");
        environment.set_default("TEST_PHONE_NUMBERS", TEST_PHONE);
        environment.set_default("TEST_PHONES_UNTIL", until.to_string());

        let listed = environment.get("ALLOWED_ORIGINS").unwrap_or_default();
        // A refusal of the setting shows only what the developer has set.
        let is_read =
            |origin: &str| LAPTOP_ORIGINS.contains(&origin) || page_origin(origin).is_some();
        if listed.is_empty() || listed.split(',').all(|origin| is_read(origin.trim())) {
            let listed = Some(listed).filter(|listed| !listed.is_empty()).into_iter();
            let origins: Vec<_> = listed.chain(LAPTOP_ORIGINS).collect();
            let origins = origins.join(",");
            environment.set("ALLOWED_ORIGINS", origins);
        }
    }
    environment
}

/// Whether it is an environment whose bounds are not those of production. One that does not exist has
/// the bounds of production, so that its refusal shows only what the developer has set.
fn is_relaxed(environment: &Environment) -> bool {
    matches!(environment.get("ENVIRONMENT"), None | Some("dev" | "staging"))
}

/// Creates the signing keys at the first start, and again if `JWT_ALGORITHM` has changed, by the
/// same rotation as in a deployment.
async fn make_signing_keys(
    aws: &EmbeddedAws,
    latchkey: &Latchkey,
) -> Result<(), shared::base::Error> {
    let keys = aws.secrets.get(SIGNING_KEYS_SECRET).as_deref().and_then(SigningKeys::parse);
    if keys.is_some_and(|keys| keys.current.algorithm == latchkey.settings().keys.jwt_algorithm) {
        return Ok(());
    }

    let client_request_token = aws.secrets.begin_rotation(SIGNING_KEYS_SECRET);
    for step in Step::ALL {
        let event = RotationEvent {
            secret_id: SIGNING_KEYS_SECRET.to_owned(),
            client_request_token: client_request_token.clone(),
            step,
        };
        rotate(latchkey, &event).await?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
