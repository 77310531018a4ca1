//! What is known of identifiers: whose they are, what they may do, and the challenges that are open for them.
//!
//! All but the owner is one item an identifier: a message or a guess changes its limits and its challenge in the
//! same write, over the version that was read.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Challenge, ChallengeStatus, Purpose};
use crate::{
    aws::unavailable,
    base::Error,
    crypto::{IdentifierHash, Place},
    limits::Throttle,
    table::{CHANGE_TRIES, Key, Store, from_item, keys, number, to_item},
};

#[derive(Deserialize)]
struct Owner {
    user_id: Uuid,
}

/// The item: a change is written only over the version it was made from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Stored {
    version: u64,
    /// The write that made this version, by which a write whose answer was lost is recognised.
    #[serde(default)]
    written_by: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(default)]
    throttle: Throttle,
    /// The newest of each purpose: no other one counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    challenges: Vec<Challenge>,
}

/// What is known of an identifier.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    owners: BTreeMap<String, Uuid>,
    stored: Stored,
}

impl Identity {
    /// The user whose identifier it is.
    pub fn owner(&self, identifier: &IdentifierHash) -> Option<Uuid> {
        self.owners.get(identifier.as_str()).copied()
    }

    /// What the identifier may do.
    pub fn throttle(&self) -> &Throttle {
        &self.stored.throttle
    }

    /// The same, to change.
    pub fn throttle_mut(&mut self) -> &mut Throttle {
        &mut self.stored.throttle
    }

    /// A challenge, if no newer one took its place.
    pub fn challenge(&self, id: Uuid) -> Option<&Challenge> {
        self.stored.challenges.iter().find(|challenge| challenge.id == id)
    }

    /// The same, to change.
    pub fn challenge_mut(&mut self, id: Uuid) -> Option<&mut Challenge> {
        self.stored.challenges.iter_mut().find(|challenge| challenge.id == id)
    }

    /// The challenge of a purpose that waits for its code.
    pub fn pending(&self, purpose: Purpose, now: Timestamp) -> Option<&Challenge> {
        let is_it =
            |it: &&Challenge| it.purpose == purpose && it.status(now) == ChallengeStatus::Pending;
        self.stored.challenges.iter().find(is_it)
    }

    /// Puts a challenge in the place of the one before of its purpose, which it answers.
    pub fn open(&mut self, challenge: Challenge) -> Option<Challenge> {
        let replaced = self.close(challenge.purpose);
        self.stored.challenges.push(challenge);
        replaced
    }

    /// Takes the challenge of a purpose out.
    pub fn close(&mut self, purpose: Purpose) -> Option<Challenge> {
        let position =
            self.stored.challenges.iter().position(|challenge| challenge.purpose == purpose)?;
        Some(self.stored.challenges.swap_remove(position))
    }

    /// Forgets what is over, and tells when the rest will be, if ever.
    fn settle(&mut self, now: Timestamp) {
        self.stored.challenges.retain(|challenge| challenge.expires_at > now);
        let challenges =
            self.stored.challenges.iter().map(|challenge| challenge.expires_at.as_second()).max();
        let throttle = self.stored.throttle.ends_at();
        // Even nothing is an item, which somebody may be about to write over.
        self.stored.expires_at =
            throttle.map(|at| at.max(challenges.unwrap_or_default()).max(now.as_second()));
    }
}

impl Store {
    /// Who has an identifier, what it may do, and its challenges, in one read.
    pub async fn identity(&self, identifier: &IdentifierHash) -> Result<Identity, Error> {
        self.identity_at(&identifier.place()).await
    }

    /// The user who has an identifier.
    pub async fn owner(&self, identifier: &IdentifierHash) -> Result<Option<Uuid>, Error> {
        Ok(self.identity(identifier).await?.owner(identifier))
    }

    /// As [`Self::identity`], for an identifier of which only the place is known.
    pub async fn identity_at(&self, place: &Place) -> Result<Identity, Error> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", Key::throttle(place).pk())
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_read(answer.consumed_capacity.as_ref());
        let mut identity = Identity::default();
        for item in answer.items.unwrap_or_default() {
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
            if let Some(hash) = keys::owned(&sk) {
                identity.owners.insert(hash.to_owned(), from_item::<Owner>(item)?.user_id);
            } else if sk == keys::THROTTLE {
                identity.stored = from_item(item)?;
            }
        }
        Ok(identity)
    }

    /// Changes what an identifier may do; see [`Self::change_identity`].
    ///
    /// # Errors
    /// What `change` refuses; then nothing is written.
    pub async fn change_throttle<T>(
        &self,
        identifier: &IdentifierHash,
        identity: Identity,
        now: Timestamp,
        mut change: impl FnMut(&mut Throttle) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.change_identity(&identifier.place(), identity, now, |identity| {
            change(identity.throttle_mut())
        })
        .await
    }

    /// As [`Self::change_throttle`], which this reads first.
    ///
    /// # Errors
    /// What `change` refuses; then nothing is written.
    pub async fn throttle<T>(
        &self,
        identifier: &IdentifierHash,
        now: Timestamp,
        change: impl FnMut(&mut Throttle) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let identity = self.identity(identifier).await?;
        self.change_throttle(identifier, identity, now, change).await
    }

    /// Changes what is known of an identifier, starting from what `identity` read. Where another change comes first,
    /// `change` is applied anew to what that one left.
    ///
    /// # Errors
    /// What `change` refuses; then nothing is written.
    pub async fn change_identity<T>(
        &self,
        place: &Place,
        mut identity: Identity,
        now: Timestamp,
        mut change: impl FnMut(&mut Identity) -> Result<T, Error>,
    ) -> Result<T, Error> {
        for lost in 0..CHANGE_TRIES as u64 {
            if lost > 0 {
                // Whoever lost should not lose again to all the others.
                let [jitter] = self.random.bytes::<1>()?;
                tokio::time::sleep(Duration::from_millis(u64::from(jitter) * lost.min(4) / 32))
                    .await;
                identity = self.identity_at(place).await?;
            }
            let version = identity.stored.version;
            let answer = change(&mut identity)?;
            identity.settle(now);
            identity.stored.version += 1;
            identity.stored.written_by = self.random.uuid(now)?;
            if self.replace_identity(place, version, &identity.stored).await? {
                return Ok(answer);
            }
        }
        Err(Error::Unavailable(
            "what is known of an identifier is changed too often at once".into(),
        ))
    }

    async fn replace_identity(
        &self,
        place: &Place,
        version: u64,
        stored: &Stored,
    ) -> Result<bool, Error> {
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(Key::throttle(place), stored)?))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        // TTL may have removed what was read: then there is nothing that another write could have changed.
        put = put.condition_expression("attribute_not_exists(pk) OR version = :version");
        put = put.expression_attribute_values(
            ":version",
            number(i64::try_from(version).unwrap_or(i64::MAX)),
        );
        match put.send().await {
            Ok(answer) => {
                self.count_write(answer.consumed_capacity.as_ref());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let there = failed.item.clone().map(from_item::<Stored>).transpose()?;
                    Ok(there.is_some_and(|there| there.written_by == stored.written_by))
                }
                _ => Err(unavailable(error)),
            },
        }
    }
}
