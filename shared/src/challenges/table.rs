//! Identifiers in the table: their owners, their limits, and their open challenges.
//!
//! Limits and challenges of an identifier are one item. A message or a guess changes both in the
//! same write, with optimistic locking.

use futures_util::FutureExt;
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
    limits::{Asker, Throttle},
    table::{CHANGE_TRIES, Key, Store, from_item, keys, number, to_item},
};

/// How many challenges of an address and a purpose strangers can have open at the same time, with codes of
/// the usual length. The codes of further ones are longer.
pub const OPEN_AT_ONCE: usize = 3;
/// The most challenges of an address and a purpose that strangers have open.
const MAX_OPEN: usize = 5;

#[derive(Deserialize)]
struct Owner {
    user_id: Uuid,
}

/// The item. A change only replaces the version that it was made from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Stored {
    version: u64,
    /// The mark of the write that made this version, by which a write is recognised if its response
    /// was lost.
    #[serde(default)]
    written_by: Uuid,
    #[serde(default)]
    expires_at: i64,
    #[serde(default)]
    throttle: Throttle,
    /// The challenges, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    challenges: Vec<Challenge>,
}

/// An identifier as it was read: its owner, its limits and its challenges.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    owners: BTreeMap<String, Uuid>,
    stored: Stored,
}

impl Identity {
    /// The user who owns the identifier.
    pub fn owner(&self, identifier: &IdentifierHash) -> Option<Uuid> {
        let other = || self.owners.get(identifier.other()?.as_str());
        self.owners.get(identifier.as_str()).or_else(other).copied()
    }

    /// All owners of addresses that lie here.
    pub(super) fn owners(&self) -> impl Iterator<Item = Uuid> {
        self.owners.values().copied()
    }

    /// The owner of the identifier, if there is only one identifier in this place of the table.
    pub fn only_owner(&self) -> Option<Uuid> {
        self.owners.values().next().copied().filter(|_| self.owners.len() == 1)
    }

    /// The limits of the identifier.
    pub fn throttle(&self) -> &Throttle {
        &self.stored.throttle
    }

    /// The limits of the identifier, to change.
    pub fn throttle_mut(&mut self) -> &mut Throttle {
        &mut self.stored.throttle
    }

    /// A challenge, if it was not replaced.
    pub fn challenge(&self, id: Uuid) -> Option<&Challenge> {
        self.stored.challenges.iter().find(|challenge| challenge.id == id)
    }

    /// Whether this challenge is open already: our own write opened it, but the response was lost.
    ///
    /// # Errors
    /// [`Error::ResendTooSoon`] if another challenge has its id. That can happen to requests of one
    /// millisecond, since an id has only 13 random bits (see
    /// [`HashKeys::challenge_id`](crate::crypto::HashKeys::challenge_id)).
    pub fn is_open(&self, challenge: &Challenge) -> Result<bool, Error> {
        match self.challenge(challenge.id) {
            None => Ok(false),
            Some(open) if open.sealed == challenge.sealed => Ok(true),
            Some(_) => Err(Error::ResendTooSoon { retry_after: 1 }),
        }
    }

    /// The challenges that wait for their codes, the newest first.
    pub fn pending(&self, now: Timestamp) -> impl Iterator<Item = &Challenge> {
        let newest = self.stored.challenges.iter().rev();
        newest.filter(move |challenge| challenge.status(now) == ChallengeStatus::Pending)
    }

    /// A challenge, to change.
    pub fn challenge_mut(&mut self, id: Uuid) -> Option<&mut Challenge> {
        self.stored.challenges.iter_mut().find(|challenge| challenge.id == id)
    }

    /// Adds a challenge. If there are too many that strangers asked for, it replaces one, which is
    /// returned; a known device's challenge replaces the previous one of a known device.
    pub fn open(&mut self, challenge: Challenge, now: Timestamp) -> Option<Challenge> {
        let replaced = self.replaceable(&challenge.asker, challenge.purpose, now);
        let replaced = replaced.and_then(|id| self.remove(id));
        self.stored.challenges.push(challenge);
        replaced
    }

    /// How many tries strangers have left in challenges of any purpose, if one more is opened.
    pub fn tries_beside(&self, asker: &Asker, purpose: Purpose, now: Timestamp) -> u32 {
        let replaced = self.replaceable(asker, purpose, now);
        let pending =
            self.pending(now).filter(|it| it.asker.device().is_none() && Some(it.id) != replaced);
        pending.map(|it| it.attempts.left()).sum()
    }

    /// The challenge that a new one replaces. Up to [`OPEN_AT_ONCE`] of strangers stay open: a
    /// stranger's request does not close mine. Beyond that, a request replaces one that is used or
    /// locked, or the oldest from the same source. A source that has none adds one, up to
    /// [`MAX_OPEN`]; then the oldest goes.
    fn replaceable(&self, asker: &Asker, purpose: Purpose, now: Timestamp) -> Option<Uuid> {
        let mut same = self.stored.challenges.iter().filter(|it| it.purpose == purpose);
        if asker.device().is_some() {
            return same.find(|it| it.asker.device().is_some()).map(|it| it.id);
        }

        let strangers: Vec<_> = self.of_strangers(purpose).collect();
        if strangers.len() < OPEN_AT_ONCE {
            return None;
        }
        let ended = strangers.iter().find(|it| it.status(now) != ChallengeStatus::Pending);
        let own = || strangers.iter().find(|it| it.asker == *asker);
        let oldest = || strangers.first().filter(|_| strangers.len() >= MAX_OPEN);
        ended.or_else(own).or_else(oldest).map(|it| it.id)
    }

    fn of_strangers(&self, purpose: Purpose) -> impl Iterator<Item = &Challenge> {
        self.stored
            .challenges
            .iter()
            .filter(move |it| it.purpose == purpose && it.asker.device().is_none())
    }

    /// Removes a challenge, and returns it.
    pub fn remove(&mut self, id: Uuid) -> Option<Challenge> {
        let position = self.stored.challenges.iter().position(|challenge| challenge.id == id)?;
        Some(self.stored.challenges.remove(position))
    }

    /// Removes the challenges of a purpose except for one, which was proven.
    pub fn remove_others(&mut self, proven: Uuid, purpose: Purpose) {
        self.stored.challenges.retain(|it| it.purpose != purpose || it.id == proven);
    }

    /// Removes expired challenges, and sets when the item expires.
    fn remove_expired(&mut self, now: Timestamp) {
        self.stored.challenges.retain(|challenge| challenge.expires_at > now);
        let challenges =
            self.stored.challenges.iter().map(|challenge| challenge.expires_at.as_second()).max();
        self.stored.throttle.tidy();
        let throttle = self.stored.throttle.ends_at();
        // The item is kept even if it is empty, since another request may be about to replace it.
        self.stored.expires_at = throttle.max(challenges.unwrap_or_default()).max(now.as_second());
    }
}

impl Store {
    /// Reads the owner, the limits and the challenges of an identifier, in one query.
    ///
    /// While there are two roots, it may have an owner under either. Limits that are still under the
    /// other one are those that a change starts from.
    pub async fn identity(&self, identifier: &IdentifierHash) -> Result<Identity, Error> {
        let place = identifier.place();
        let Some(other) = identifier.other() else { return self.identity_at(&place).await };

        let other = other.place();
        let (identity, beside) =
            futures_util::try_join!(self.identity_at(&place), self.identity_at(&other))?;
        let mut identity = identity;
        identity.owners.extend(beside.owners);
        if identity.stored.version == 0 {
            identity.stored.throttle = beside.stored.throttle;
        }
        Ok(identity)
    }

    /// The user who owns an identifier.
    pub async fn owner(&self, identifier: &IdentifierHash) -> Result<Option<Uuid>, Error> {
        Ok(self.identity(identifier).await?.owner(identifier))
    }

    /// As [`Self::identity`], for an identifier of which only the place in the table is known.
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
            .boxed()
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

    /// Changes the limits of an identifier; see [`Self::change_identity`].
    ///
    /// # Errors
    /// The errors of `change`; then nothing is written. [`Error::Unavailable`].
    pub async fn change_throttle<T>(
        &self,
        identifier: &IdentifierHash,
        identity: &mut Identity,
        now: Timestamp,
        mut change: impl FnMut(&mut Throttle) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.change_identity(&identifier.place(), identity, now, |identity| {
            change(identity.throttle_mut())
        })
        .await
    }

    /// Reads an identifier and changes its limits; see [`Self::change_throttle`].
    ///
    /// # Errors
    /// The errors of `change`; then nothing is written. [`Error::Unavailable`].
    pub async fn throttle<T>(
        &self,
        identifier: &IdentifierHash,
        now: Timestamp,
        change: impl FnMut(&mut Throttle) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut identity = self.identity(identifier).await?;
        self.change_throttle(identifier, &mut identity, now, change).await
    }

    /// [`Throttle::unlock`] of an identifier.
    pub async fn unlock(&self, identifier: &IdentifierHash, now: Timestamp) -> Result<bool, Error> {
        let mut identity = self.identity(identifier).await?;
        if !identity.throttle().clone().unlock() {
            return Ok(false);
        }
        let unlock = |throttle: &mut Throttle| Ok(throttle.unlock());
        self.change_throttle(identifier, &mut identity, now, unlock).await
    }

    /// [`Throttle::recover`] of an identifier.
    pub async fn recover(&self, identifier: &IdentifierHash, now: Timestamp) -> Result<(), Error> {
        let mut identity = self.identity(identifier).await?;
        let mut recovered = identity.throttle().clone();
        recovered.recover(now);
        if recovered == *identity.throttle() {
            return Ok(());
        }
        let recover = |throttle: &mut Throttle| {
            throttle.recover(now);
            Ok(())
        };
        self.change_throttle(identifier, &mut identity, now, recover).await
    }

    /// Changes the limits and challenges of an identifier with optimistic locking, starting from
    /// the `identity` that was read. If another change comes first, `change` is applied again to
    /// the identifier as that one left it. Returns what `change` returned; `identity` is then as it was
    /// written, so that another change can follow without a read.
    ///
    /// # Errors
    /// The errors of `change`; then nothing is written. [`Error::Unavailable`].
    pub async fn change_identity<T>(
        &self,
        place: &Place,
        identity: &mut Identity,
        now: Timestamp,
        mut change: impl FnMut(&mut Identity) -> Result<T, Error>,
    ) -> Result<T, Error> {
        for retries in 0..CHANGE_TRIES as u64 {
            if retries > 0 {
                // Backoff with jitter, so that concurrent requests do not conflict again.
                let [jitter] = self.random.bytes::<1>()?;
                tokio::time::sleep(Duration::from_millis(u64::from(jitter) * retries.min(4) / 32))
                    .await;
                *identity = self.identity_at(place).await?;
            }

            let version = identity.stored.version;
            let changed = change(identity)?;
            identity.remove_expired(now);
            identity.stored.version += 1;
            identity.stored.written_by = self.random.uuid(now)?;
            if self.replace_identity(place, version, &identity.stored).await? {
                return Ok(changed);
            }
        }
        Err(Error::Unavailable("too many requests changed an identifier at the same time".into()))
    }

    /// Writes the item over the `version` that was read. Returns whether it is written.
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
        // If TTL has removed the item that was read, no other write can have changed it.
        put = put.condition_expression("attribute_not_exists(pk) OR version = :version");
        put = put.expression_attribute_values(
            ":version",
            number(i64::try_from(version).unwrap_or(i64::MAX)),
        );

        match put.send().boxed().await {
            Ok(answer) => {
                self.count_write(answer.consumed_capacity.as_ref());
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let current = failed.item.clone().map(from_item::<Stored>).transpose()?;
                    // Our own write may have succeeded although its response was lost.
                    Ok(current.is_some_and(|current| current.written_by == stored.written_by))
                }
                _ => Err(unavailable(error)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenges::Attempts;

    #[test]
    fn a_challenge_that_happens_to_have_the_id_of_another_is_not_taken_for_it() {
        let challenge = |sealed: &[u8]| Challenge {
            id: Uuid::nil(),
            purpose: Purpose::SignIn,
            user_id: None,
            asker: Asker::Stranger("home".into()),
            sent_at: Vec::new(),
            expires_at: Timestamp::MAX,
            attempts: Attempts { used: 0, max: 5 },
            code_digits: 6,
            code_hash: Vec::new(),
            sealed: sealed.to_vec(),
            wants_to_know: None,
            used_by: None,
            is_counted: false,
        };
        let mut identity = Identity::default();
        assert_eq!(identity.is_open(&challenge(b"ours")), Ok(false));

        identity.open(challenge(b"ours"), Timestamp::UNIX_EPOCH);
        assert_eq!(identity.is_open(&challenge(b"ours")), Ok(true));
        let other = identity.is_open(&challenge(b"theirs"));
        assert_eq!(other, Err(Error::ResendTooSoon { retry_after: 1 }));
    }
}
