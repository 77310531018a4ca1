//! The Lambda that Secrets Manager calls to make and rotate the signing keys.
//!
//! Secrets Manager calls it four times per rotation, and calls it again if a call failed
//! (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>).
//! Every step is idempotent: it finds the work of an earlier try and continues from there. Old
//! tokens stay valid during a rotation, because the key of the previous version stays published
//! until the next one.

use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use serde::Deserialize;
use shared::{
    base::Error,
    crypto::{SigningKeys, public_keys},
    latchkey::Latchkey,
};

#[cfg(test)]
mod tests;

/// The event that Secrets Manager sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    /// The ARN of the secret.
    pub secret_id: String,
    /// The id of the version to create.
    pub client_request_token: String,
    /// The step to do.
    pub step: Step,
}

/// The steps of a rotation, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Create the new version, with the stage `AWSPENDING`.
    CreateSecret,
    /// Make the new version known to everything that relies on the secret: here, publish its public
    /// keys.
    SetSecret,
    /// Check that the new version works.
    TestSecret,
    /// Make the new version the current one.
    FinishSecret,
}

impl Step {
    /// The steps, in order.
    pub const ALL: [Self; 4] =
        [Self::CreateSecret, Self::SetSecret, Self::TestSecret, Self::FinishSecret];
}

/// The stage of the version in use.
const CURRENT: &str = "AWSCURRENT";
/// The stage of the version that a rotation creates.
const PENDING: &str = "AWSPENDING";
/// The stage of the version before the one in use.
const PREVIOUS: &str = "AWSPREVIOUS";

/// Does one step of a rotation.
///
/// # Errors
/// [`Error::Unavailable`] or [`Error::Internal`] if the step failed. Secrets Manager retries it.
pub async fn rotate(latchkey: &Latchkey, event: &RotationEvent) -> Result<(), Error> {
    let rotation = Rotation { latchkey, client: latchkey.secrets().client(), event };
    match event.step {
        Step::CreateSecret => rotation.create().await,
        Step::SetSecret => rotation.publish().await,
        Step::TestSecret => rotation.test().await,
        Step::FinishSecret => rotation.finish().await,
    }
}

struct Rotation<'a> {
    latchkey: &'a Latchkey,
    client: &'a Client,
    event: &'a RotationEvent,
}

impl Rotation<'_> {
    /// Creates the new version. Its current key is the next key of the version in use.
    async fn create(&self) -> Result<(), Error> {
        if self.pending().await?.is_some() {
            return Ok(());
        }

        let keys = SigningKeys::after(
            self.version(None, CURRENT).await?,
            self.latchkey.settings().keys.jwt_algorithm,
            self.latchkey.random(),
        )?;

        self.client
            .put_secret_value()
            .secret_id(&self.event.secret_id)
            .client_request_token(&self.event.client_request_token)
            .secret_string(keys.to_secret()?)
            .version_stages(PENDING)
            .send()
            .await
            .map_err(|error| unavailable(&DisplayErrorContext(error)))?;
        Ok(())
    }

    /// Publishes the public keys of every version in use.
    async fn publish(&self) -> Result<(), Error> {
        let versions = [
            self.version(None, CURRENT).await?,
            self.pending().await?,
            self.version(None, PREVIOUS).await?,
        ];
        self.latchkey.access_tokens().publish(&public_keys(versions.iter().flatten())?).await
    }

    /// Checks that the new key can sign, and that its public half is published.
    async fn test(&self) -> Result<(), Error> {
        let pending = self
            .pending()
            .await?
            .ok_or_else(|| Error::Internal("the secret has no version AWSPENDING".into()))?;
        for key in pending.all() {
            shared::tokens::Signer::new(key)?;
        }

        let published = self.latchkey.access_tokens().stored_keys().await?;
        match pending.all().all(|key| published.find(&key.kid).is_some()) {
            true => Ok(()),
            false => Err(Error::Internal("the keys of AWSPENDING are not published".into())),
        }
    }

    /// Makes the new version the current one.
    async fn finish(&self) -> Result<(), Error> {
        let described = self
            .client
            .describe_secret()
            .secret_id(&self.event.secret_id)
            .send()
            .await
            .map_err(|error| unavailable(&DisplayErrorContext(error)))?;

        let versions = described.version_ids_to_stages.unwrap_or_default();
        let current =
            versions.into_iter().find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT));
        let current = current.map(|(id, _)| id);

        if current.as_deref() != Some(self.event.client_request_token.as_str()) {
            self.client
                .update_secret_version_stage()
                .secret_id(&self.event.secret_id)
                .version_stage(CURRENT)
                .set_remove_from_version_id(current)
                .move_to_version_id(&self.event.client_request_token)
                .send()
                .await
                .map_err(|error| unavailable(&DisplayErrorContext(error)))?;
        }

        // The version that was the previous one until now leaves the key set. The tokens that it
        // signed expired long ago: rotations are days apart, and access tokens last minutes.
        self.publish().await
    }

    /// The keys of the new version; `None` if it does not exist yet.
    async fn pending(&self) -> Result<Option<SigningKeys>, Error> {
        self.version(Some(&self.event.client_request_token), PENDING).await
    }

    /// The keys of the version with this stage and, if given, this id. `None` if there is no such
    /// version, or no keys in it yet.
    async fn version(&self, id: Option<&str>, stage: &str) -> Result<Option<SigningKeys>, Error> {
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&self.event.secret_id)
            .set_version_id(id.map(str::to_owned))
            .version_stage(stage)
            .send()
            .await;

        match answer {
            Ok(answer) => Ok(answer.secret_string.as_deref().and_then(SigningKeys::parse)),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_resource_not_found_exception()) =>
            {
                Ok(None)
            }
            Err(error) => Err(unavailable(&DisplayErrorContext(error))),
        }
    }
}

fn unavailable(error: &dyn std::fmt::Display) -> Error {
    Error::Unavailable(error.to_string())
}
