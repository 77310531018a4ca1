//! What happens before the first request: the embedded AWS, the keys, the settings.

use std::{net::SocketAddr, path::Path};

use embedded_aws::{EmbeddedAws, HASH_KEYS_SECRET, SIGNING_KEYS_SECRET};
use functions::keys::rotate::{RotationEvent, Step, rotate};

use crate::{Service, avatars};
use shared::{
    base::{Clock, Environment, Random},
    crypto::SigningKeys,
    latchkey::Latchkey,
};

/// The deployment's template: the table is made from it, so that the two cannot drift.
const TEMPLATE: &str = include_str!("../../template.yaml");

/// Starts everything for `address`, with the settings of `environment`. Data live in `folder`, or nowhere.
///
/// The errors are lines for the person at the terminal.
pub async fn start(
    address: SocketAddr,
    folder: Option<&Path>,
    environment: Environment,
) -> Result<Service, Vec<String>> {
    let aws = EmbeddedAws::start(TEMPLATE, folder).await.map_err(|problem| vec![problem])?;
    let random = Random::system();
    let root: [u8; 32] = random.bytes().map_err(|error| vec![error.to_string()])?;
    aws.secrets.create(HASH_KEYS_SECRET, serde_json::json!({"root": hex(&root)}).to_string());
    let latchkey = Latchkey::new(completed(environment, &aws, address), Clock::system(), random)?;
    make_signing_keys(&aws, &latchkey)
        .await
        .map_err(|error| vec![format!("the signing keys: {error}")])?;
    Ok(Service { aws, endpoints: functions::all(latchkey) })
}

/// The person's own variables, then those that lead to the embedded AWS, then what suits a laptop.
fn completed(mut environment: Environment, aws: &EmbeddedAws, address: SocketAddr) -> Environment {
    for (name, value) in aws.environment() {
        // Somebody may want another endpoint; nobody wants his real account's keys or table used here.
        if name.starts_with("AWS_ENDPOINT_URL_") {
            environment.set_default(&name, value);
        } else {
            environment.set(&name, value);
        }
    }
    environment.set_default("ISSUER", format!("http://{address}"));
    environment.set_default("AVATAR_BASE_URL", format!("http://{address}{}", avatars::PATH));
    environment.set_default("ENVIRONMENT", "dev");
    environment.set_default("ALLOWED_COUNTRIES", "*");
    environment.set_default("EMAIL_FROM", "latchkey@localhost.example");
    environment.set_default("PASSWORD_RESET_URL", format!("http://{address}/_local/reset"));
    environment
}

/// Makes the keys at the first start, and anew where `JWT_ALGORITHM` has changed: by the same rotation
/// as a deployment.
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
