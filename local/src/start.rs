//! Starts the service: the embedded AWS, the settings and the signing keys.

use std::{net::SocketAddr, path::Path};

use embedded_aws::{EmbeddedAws, HASH_KEYS_SECRET, SIGNING_KEYS_SECRET};
use functions::keys::rotate::{RotationEvent, Step, rotate};

use crate::{Service, avatars};
use shared::{
    apps::LAPTOP_ORIGINS,
    base::{Clock, Environment, Random},
    crypto::SigningKeys,
    latchkey::Latchkey,
};

/// The template of a deployment. The table is created from it, so that the two cannot differ.
const TEMPLATE: &str = include_str!("../../template.yaml");

/// Starts a service for `address` with the settings of `environment`. Its data are stored in
/// `folder`, or only in memory if there is none.
///
/// # Errors
/// Lines for the person at the terminal, one for each problem.
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
        .map_err(|error| vec![format!("cannot create the signing keys: {error}")])?;
    Ok(Service { aws, endpoints: functions::all(latchkey) })
}

/// Completes the person's environment with the variables that lead to the embedded AWS, and with
/// defaults for a laptop.
fn completed(mut environment: Environment, aws: &EmbeddedAws, address: SocketAddr) -> Environment {
    for (name, value) in aws.environment() {
        // Somebody may want another endpoint. But their own variables must never make this program
        // use the keys or the table of their real account.
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
    if environment.get("ENVIRONMENT") != Some("prod") {
        let listed = environment.get("ALLOWED_ORIGINS").into_iter();
        let origins: Vec<_> = listed.chain(LAPTOP_ORIGINS).collect();
        let origins = origins.join(",");
        environment.set("ALLOWED_ORIGINS", origins);
    }
    environment.set_default("PASSWORD_RESET_URL", format!("http://{address}/_local/reset"));
    environment
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
