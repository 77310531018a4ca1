//! Secrets from Secrets Manager.

use aws_sdk_secretsmanager::Client;
use serde::Deserialize;

use super::{HashKeys, SigningKeys};
use crate::{
    aws::{Aws, unavailable},
    base::Error,
};

/// Reads secrets.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
}

/// The secret of the hash keys. The deployment generates it once and never changes it.
#[derive(Deserialize)]
struct HashKeysSecret {
    root: String,
}

impl Secrets {
    /// A client. No call is made.
    pub fn new(aws: &Aws) -> Self {
        Self { client: Client::new(&aws.config("SECRETSMANAGER")) }
    }

    /// The SDK's client, for the rotation of signing keys.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The signing keys in the current version of the secret.
    ///
    /// # Errors
    /// [`Error::Unavailable`], also before the first rotation.
    pub async fn signing_keys(&self, arn: &str) -> Result<SigningKeys, Error> {
        let secret = self.read(arn).await?;
        SigningKeys::parse(&secret).ok_or_else(|| {
            Error::Unavailable(format!("the secret {arn} holds no signing keys yet"))
        })
    }

    /// The hash keys, derived from the secret.
    pub async fn hash_keys(&self, arn: &str) -> Result<HashKeys, Error> {
        let secret = self.read(arn).await?;
        let secret: HashKeysSecret = serde_json::from_str(&secret).map_err(|_| {
            Error::Internal(format!(r#"the secret {arn} is not of the form {{"root": "…"}}"#))
        })?;
        HashKeys::derive(secret.root.as_bytes())
    }

    async fn read(&self, arn: &str) -> Result<String, Error> {
        let answer =
            self.client.get_secret_value().secret_id(arn).send().await.map_err(unavailable)?;
        answer
            .secret_string
            .ok_or_else(|| Error::Internal(format!("the secret {arn} holds no text")))
    }
}
