//! The Lambda that Secrets Manager calls to make and rotate the signing keys.
//!
//! Secrets Manager calls it four times a rotation, and again where a call failed
//! (<https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html>):
//! each step finds what an earlier try did and goes on from there. Old tokens verify throughout: the
//! key of the previous version stays published until the next rotation.

use aws_sdk_secretsmanager::{Client, error::DisplayErrorContext};
use serde::Deserialize;
use shared::{
    base::Error,
    crypto::{SigningKeys, public_keys},
    latchkey::Latchkey,
};

#[cfg(test)]
mod tests;

/// What Secrets Manager sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RotationEvent {
    /// The secret.
    pub secret_id: String,
    /// The id of the version that is to be made.
    pub client_request_token: String,
    /// What to do.
    pub step: Step,
}

/// The steps of a rotation, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Make the new version, as `AWSPENDING`.
    CreateSecret,
    /// Tell who uses the secret: here, publish the new keys.
    SetSecret,
    /// See that the new version works.
    TestSecret,
    /// Make the new version the current one.
    FinishSecret,
}

impl Step {
    /// The steps in their order.
    pub const ALL: [Self; 4] =
        [Self::CreateSecret, Self::SetSecret, Self::TestSecret, Self::FinishSecret];
}

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Does one step of a rotation.
///
/// # Errors
/// [`Error::Unavailable`] and [`Error::Internal`]; Secrets Manager tries again.
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

    /// The new key signs, and its public half is published.
    async fn test(&self) -> Result<(), Error> {
        let pending = self
            .pending()
            .await?
            .ok_or_else(|| Error::Internal("there is no pending version".into()))?;
        shared::tokens::Signer::new(&pending.current)?;
        let published = self.latchkey.access_tokens().stored_keys().await?;
        match [&pending.current, &pending.next].iter().all(|key| published.find(&key.kid).is_some())
        {
            true => Ok(()),
            false => Err(Error::Internal("the pending keys are not published".into())),
        }
    }

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
        // The version that was previous until now leaves the key set. A token that it signed has long
        // expired: rotations are days apart, access tokens live for minutes.
        self.publish().await
    }

    async fn pending(&self) -> Result<Option<SigningKeys>, Error> {
        self.version(Some(&self.event.client_request_token), PENDING).await
    }

    /// The keys of a version; nothing where it does not exist or holds none yet.
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
