//! Secrets from Secrets Manager.

use aws_sdk_secretsmanager::Client;

use super::{Roots, SigningKeys, sha256};
use crate::{
    aws::{Aws, unavailable},
    base::Error,
};

/// The stage of the version before the current one.
const PREVIOUS: &str = "AWSPREVIOUS";

/// Reads secrets.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
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

    /// The roots of the hash keys.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] if the secret is not what it should be.
    pub async fn roots(&self, arn: &str) -> Result<Roots, Error> {
        let (secret, version) = self.read_version(arn).await?;
        Roots::parse(&secret, version).ok_or_else(|| {
            Error::Internal(format!(r#"the secret {arn} is not of the form {{"root": "…"}}"#))
        })
    }

    /// Replaces the roots of the hash keys by `roots`, which were made of those that were read.
    ///
    /// The id of the new version is derived from that of the version that was read. Secrets Manager
    /// refuses a second value for one id, so of two orders at the same time only one counts.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another order was first; [`Error::Unavailable`].
    pub async fn put_roots(&self, arn: &str, roots: &Roots) -> Result<(), Error> {
        let id = data_encoding::HEXLOWER.encode(&sha256(roots.read_from().as_bytes()));
        let put = self.client.put_secret_value().secret_id(arn).client_request_token(id);
        match put.secret_string(roots.to_secret()?).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(|it| it.is_resource_exists_exception()) =>
            {
                Err(Error::conflict("root", "was changed by another order at the same time"))
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Takes the stage from the previous version of a secret. Secrets Manager deletes a version
    /// without a stage.
    /// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html>
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn forget_previous(&self, arn: &str) -> Result<(), Error> {
        let described = self.client.describe_secret().secret_id(arn).send().await;
        let versions = described.map_err(unavailable)?.version_ids_to_stages.unwrap_or_default();
        let is_previous = |stages: &[String]| stages.iter().any(|stage| stage == PREVIOUS);
        for (version, _) in versions.iter().filter(|(_, stages)| is_previous(stages)) {
            let update = self.client.update_secret_version_stage().secret_id(arn);
            let update = update.version_stage(PREVIOUS).remove_from_version_id(version);
            update.send().await.map_err(unavailable)?;
        }
        Ok(())
    }

    /// The text of a secret.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`] if there is none.
    pub async fn read(&self, arn: &str) -> Result<String, Error> {
        self.read_version(arn).await.map(|(secret, _)| secret)
    }

    /// A secret, and the id of its current version.
    async fn read_version(&self, arn: &str) -> Result<(String, String), Error> {
        if arn.is_empty() {
            return Err(Error::Internal("this Lambda's lambda.yaml names no such secret".into()));
        }
        let answer =
            self.client.get_secret_value().secret_id(arn).send().await.map_err(unavailable)?;
        let secret = answer
            .secret_string
            .ok_or_else(|| Error::Internal(format!("the secret {arn} holds no text")))?;
        Ok((secret, answer.version_id.unwrap_or_default()))
    }
}
