//! Proving a challenge with its code.

use std::time::Duration;

use futures_util::future::{OptionFuture, join_all};
use jiff::Timestamp;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Challenge, ChallengeContent, Challenges, Identity, OneTimeCode, Purpose, Watched};
use crate::{
    audit::{Activity, Recorder},
    base::{
        Error,
        metrics::{self, Metric},
        seconds,
    },
    limits::Recorded,
};

/// The number of recent events in one partition of the audit trail that are sampled.
const SAMPLE: usize = 100;
/// The minimum number of tries in the sample from which anything can be concluded.
const MIN_SAMPLE: usize = 40;
/// The maximum age of sampled events.
const SAMPLED_SECONDS: i64 = 3_600;

/// The time that a sign-in waits for the counters of its code.
const COUNT_TIME: Duration = Duration::from_millis(500);

/// A challenge that was just proven.
#[derive(Debug)]
pub struct Proven {
    /// The challenge.
    pub challenge: Challenge,
    /// Its confidential content.
    pub content: ChallengeContent,
    /// The user who owns the address, if there is one.
    pub owner: Option<Uuid>,
}

/// A guess, before it is compared.
struct Guess<'a> {
    id: Uuid,
    hash: [u8; 32],
    /// Identifies this try.
    mark: Uuid,
    caller: Option<Uuid>,
    accepted: &'a [Purpose],
}

impl Challenges {
    /// Proves a challenge with its code. A try is counted, for the challenge and for its address,
    /// before its result is returned. A code proves a challenge once, even if many requests arrive
    /// at the same time. A wrong code is recorded in the audit trail.
    ///
    /// `caller` is the signed-in user, if there is one. If the challenge's purpose is not in
    /// `accepted`, no try is used.
    ///
    /// # Errors
    /// [`Error::OtpIncorrect`], [`Error::OtpLocked`], [`Error::OtpExpired`];
    /// [`Error::TokenMissing`] for a challenge that only a signed-in user may prove.
    pub async fn prove(
        &self,
        id: Uuid,
        code: &OneTimeCode,
        caller: Option<Uuid>,
        accepted: &[Purpose],
        recorder: &Recorder,
    ) -> Result<Proven, Error> {
        let (now, place) = (self.clock.now(), self.hash_keys.challenge_place(id));
        let mark = self.random.uuid(now)?;
        let guess =
            Guess { id, hash: self.hash_keys.code(id, code.as_str()), mark, caller, accepted };

        let identity = self.store.identity_at(&place).await?;
        let tried = self
            .store
            .change_identity(&place, identity, now, |identity| self.spend(identity, &guess, now));
        let proven = tried.await?;

        if proven.challenge.used_by != Some(mark) {
            let Proven { challenge, content, .. } = proven;
            let activity = Activity::failed(
                challenge.purpose.action(),
                content.address.masked(),
                &content.terms.client_id,
            );
            let activity = activity.by_code(true);
            self.store.record(&recorder.event(activity)?).await?;

            let mut left = challenge.attempts.left();
            let is_test = self.test_code(&content.address, now).is_some();
            if left > 0 && !is_test && self.guessing_is_widespread(now).await? {
                match self.close(id, now).await {
                    Ok(()) => left = 0,
                    Err(error) => {
                        tracing::warn!(%error, "a challenge stays open despite guessing")
                    }
                }
            }
            return Err(Error::OtpIncorrect { attempts_left: Some(left) });
        }

        self.count_verified(id, &proven.content.watched).await;
        metrics::count(Metric::CodesVerified);
        Ok(proven)
    }

    /// Spends a try. Its result is in the challenge, and is returned to the client only after the
    /// challenge is written.
    fn spend(
        &self,
        identity: &mut Identity,
        guess: &Guess<'_>,
        now: Timestamp,
    ) -> Result<Proven, Error> {
        let limits = &self.limits.per_address;
        let challenge = identity.challenge(guess.id).ok_or(Error::OtpExpired)?;
        // This is our own write, whose response was lost.
        if challenge.used_by == Some(guess.mark) {
            let (challenge, content) = (challenge.clone(), self.content(challenge)?);
            let owner = identity.owner(&self.hash_keys.address(&content.address));
            return Ok(Proven { challenge, content, owner });
        }

        if challenge.user_id.is_some() && challenge.user_id != guess.caller {
            return Err(if guess.caller.is_none() {
                Error::TokenMissing
            } else {
                Error::OtpExpired
            });
        }
        if !guess.accepted.contains(&challenge.purpose) {
            return Err(Error::OtpExpired);
        }

        let content = self.content(challenge)?;
        self.check_pending(identity, guess.id, &content.address, now)?;
        let is_test = self.test_code(&content.address, now).is_some();
        if !is_test {
            identity.throttle().check(limits, now)?;
        }

        let challenge = identity.challenge_mut(guess.id).ok_or(Error::OtpExpired)?;
        challenge.attempts.used += 1;
        let is_right = challenge.is_right(&guess.hash);
        challenge.used_by = is_right.then_some(guess.mark);
        let challenge = challenge.clone();

        if is_right {
            identity.throttle_mut().record_success();
        } else if !is_test {
            identity.throttle_mut().record_failure(limits, now)?;
        }

        let owner = identity.owner(&self.hash_keys.address(&content.address));
        Ok(Proven { challenge, content, owner })
    }

    /// Whether nearly all tries in the last hour were wrong, as when one code is tried on many
    /// phones. This is estimated from a sample of the audit trail, which is read only after a wrong
    /// guess.
    async fn guessing_is_widespread(&self, now: Timestamp) -> Result<bool, Error> {
        let [shard] = self.random.bytes::<1>()?;
        let (failed, tried) =
            match self.store.outcomes(shard, SAMPLE, now - seconds(SAMPLED_SECONDS)).await {
                Ok(outcomes) => outcomes,
                Err(error) => {
                    tracing::warn!(%error, "the share of wrong guesses is unknown");
                    return Ok(false);
                }
            };

        let is_widespread =
            tried >= MIN_SAMPLE && failed * 100 > tried * self.settings.max_failed_percent;
        if is_widespread {
            metrics::count(Metric::GuessingSuspected);
        }
        Ok(is_widespread)
    }

    /// Uses up the tries that a challenge has left.
    async fn close(&self, id: Uuid, now: Timestamp) -> Result<(), Error> {
        let place = self.hash_keys.challenge_place(id);
        let close = |identity: &mut Identity| {
            if let Some(challenge) = identity.challenge_mut(id) {
                challenge.attempts.used = challenge.attempts.max;
            }
            Ok(())
        };
        let identity = self.store.identity_at(&place).await?;
        self.store.change_identity(&place, identity, now, close).await
    }

    /// Counts the use of a code if its message is watched for fraud. If that fails, fraud is
    /// suspected sooner.
    async fn count_verified(&self, id: Uuid, watched: &Watched) {
        Recorded::CodeVerified(id).log();
        let counters = join_all(
            watched.counters.iter().map(|counter| self.store.count_verified(counter, watched.at)),
        );
        let account = OptionFuture::from(
            watched.account.as_ref().map(|account| self.store.count_verified_text(account)),
        );
        // The sign-in must not wait long for these counters.
        if timeout(COUNT_TIME, async { tokio::join!(counters, account) }).await.is_err() {
            tracing::warn!("a verified code was not counted in time");
        }
    }

    /// Does the `work` that a challenge was proven for. If it is unavailable, or a password is too
    /// weak, the code is refunded, so that it works again when the client retries or sends another
    /// password.
    ///
    /// # Errors
    /// The errors of `work`.
    pub async fn redeem<T>(
        &self,
        challenge: &Challenge,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let result = work.await;
        if matches!(result, Err(Error::Unavailable(_) | Error::WeakPassword { .. }))
            && let Err(error) = self.reopen(challenge).await
        {
            tracing::warn!(%error, "the code of a failed request was not refunded");
        }
        result
    }

    /// Refunds the code of a challenge that was proven.
    async fn reopen(&self, used: &Challenge) -> Result<(), Error> {
        let (now, place) = (self.clock.now(), self.hash_keys.challenge_place(used.id));
        let reopen = |identity: &mut Identity| {
            if let Some(challenge) =
                identity.challenge_mut(used.id).filter(|current| current.used_by == used.used_by)
            {
                challenge.used_by = None;
                challenge.attempts.used = challenge.attempts.used.saturating_sub(1);
            }
            Ok(())
        };
        let identity = self.store.identity_at(&place).await?;
        self.store.change_identity(&place, identity, now, reopen).await
    }
}
