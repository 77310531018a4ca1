//! Proving a challenge with its code.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::{OptionFuture, join_all};
use jiff::Timestamp;
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    Challenge, ChallengeContent, Challenges, Identity, OneTimeCode, Purpose, Resumed, Watched,
    resending::check_pending,
};
use crate::{
    audit::{Action, Activity, Recorder, user_subject},
    base::{
        Error,
        metrics::{self, Metric},
    },
    limits::Recorded,
    messages::Messenger,
    users::User,
};

/// The minimum number of tries, in a sixteenth of the count, from which anything can be concluded.
const MIN_SAMPLE: i64 = 40;

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
    /// The owner, as they were while the try was counted. It may not be known.
    pub owner_as_read: Option<Box<User>>,
    /// Whether the owner was read together with the challenge.
    is_owner_known: bool,
}

/// A code that was used, for [`Challenges::redeem`].
pub struct UsedCode {
    challenge: Challenge,
    watched: Watched,
}

impl Proven {
    /// The code that proved it.
    pub fn used_code(&self) -> UsedCode {
        UsedCode { challenge: self.challenge.clone(), watched: self.content.watched.clone() }
    }
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
        resumed: Resumed,
        code: &OneTimeCode,
        caller: Option<Uuid>,
        accepted: &[Purpose],
        recorder: &Recorder,
    ) -> Result<Proven, Error> {
        let Resumed { id, mut identity, .. } = resumed;
        let (now, place) = (self.clock.now(), self.hash_keys.challenge_place(id));
        let mark = self.random.uuid(now)?;
        let guess =
            Guess { id, hash: self.hash_keys.code(id, code.as_str()), mark, caller, accepted };

        // The expected result of this try. All that it needs besides is done first, so that a failure
        // there loses nothing.
        let expected = self.spend(&mut identity.clone(), &guess, now).ok();
        let mut is_noted = false;
        let mut owner = None;
        if let Some((expected, is_off)) = &expected {
            owner = Some(self.owner_of(expected).await?);
            is_noted = *is_off;
            if is_noted {
                self.note_lockout(owner.flatten(), &identity).await?;
            }
        }

        let reading = self.read_owner(expected, owner.flatten(), &guess);
        let spend = |identity: &mut Identity| self.spend(identity, &guess, now);
        let tried = self.store.change_identity(&place, &mut identity, now, spend);
        let (tried, owner_as_read) = tokio::join!(tried, reading);
        let (mut proven, is_off) = tried?;
        proven.owner_as_read = owner_as_read;
        proven.owner = match owner {
            Some(owner) if !proven.is_owner_known => owner,
            _ => self.owner_of(&proven).await?,
        };

        if proven.challenge.used_by == Some(mark) {
            self.right_codes.count(now);
            metrics::count(Metric::CodesVerified);
            return Ok(proven);
        }

        if is_off && !is_noted {
            // Other tries came in between.
            self.note_lockout(proven.owner, &identity).await?;
        }
        if let Some(owner) = proven.owner.filter(|_| is_off) {
            let client_id = &proven.content.terms.client_id;
            let lockout = Activity::happened(Action::Lockout, user_subject(owner), client_id);
            recorder.record(lockout).await?;
        }
        Err(self.refuse(proven, recorder, now).await?)
    }

    /// The owner of a challenge's address. It is read if it does not lie beside the challenge.
    async fn owner_of(&self, proven: &Proven) -> Result<Option<Uuid>, Error> {
        if proven.is_owner_known {
            return Ok(proven.owner);
        }
        self.store.owner(&self.hash_keys.address(&proven.content.address)).await
    }

    /// Notes in the `owner` of an address, and of the mailbox that it is in, that strangers get no codes
    /// for it: any way in that proves who they are lets codes be sent again.
    async fn note_lockout(&self, owner: Option<Uuid>, identity: &Identity) -> Result<(), Error> {
        for owner in owner.into_iter().chain(identity.owners()).collect::<BTreeSet<_>>() {
            self.store.note_lockout(owner).await?;
        }
        Ok(())
    }

    /// The user who is about to sign in, if this try is expected to be right. Nothing is read for any
    /// other try, also for one that is refused without being counted: otherwise the time of its
    /// answer would tell a right code.
    async fn read_owner(
        &self,
        expected: Option<(Proven, bool)>,
        owner: Option<Uuid>,
        guess: &Guess<'_>,
    ) -> Option<Box<User>> {
        let Challenge { used_by, purpose, .. } = expected?.0.challenge;
        if used_by != Some(guess.mark) || purpose != Purpose::SignIn {
            return None;
        }
        // Without it, the sign-in goes on, and takes one call longer.
        self.store.user_lately(owner?).await.ok().flatten().map(Box::new)
    }

    /// Records a wrong code. Returns the answer.
    async fn refuse(
        &self,
        Proven { challenge, content, owner, .. }: Proven,
        recorder: &Recorder,
        now: Timestamp,
    ) -> Result<Error, Error> {
        let activity = Activity::failed(
            challenge.purpose.action(),
            challenge.user_id.or(owner),
            content.address.masked(),
            &content.terms.client_id,
        );
        let recorded = recorder.record_failure(activity);
        let (recorded, is_widespread) = tokio::join!(recorded, self.guessing_is_widespread(now));
        recorded?;

        let mut left = challenge.attempts.left();
        let is_test = self.test_code(&content.address, now).is_some();
        let is_strangers = challenge.asker.device().is_none();
        if left > 0 && is_strangers && !is_test && is_widespread? {
            match self.close(challenge.id, now).await {
                Ok(()) => left = 0,
                Err(error) => tracing::warn!(%error, "a challenge stays open despite guessing"),
            }
        }
        Ok(Error::OtpIncorrect { attempts_left: Some(left) })
    }

    /// Spends a try. Its result is in the challenge, and is returned to the client only after the
    /// challenge is written. Returns also whether strangers get no more codes after it.
    fn spend(
        &self,
        identity: &mut Identity,
        guess: &Guess<'_>,
        now: Timestamp,
    ) -> Result<(Proven, bool), Error> {
        let challenge = identity.challenge(guess.id).ok_or(Error::OtpExpired)?;
        // This is our own write, whose response was lost.
        if challenge.used_by == Some(guess.mark) {
            let content = self.content(challenge)?;
            return Ok((self.proven(identity, challenge.clone(), content), false));
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
        check_pending(identity, guess.id, now)?;
        let is_test = self.test_code(&content.address, now).is_some();
        if !is_test {
            identity.throttle().check_code(&challenge.asker, now)?;
        }

        let challenge = identity.challenge_mut(guess.id).ok_or(Error::OtpExpired)?;
        challenge.attempts.used += 1;
        let is_right = challenge.is_right(&guess.hash);
        challenge.used_by = is_right.then_some(guess.mark);
        let challenge = challenge.clone();

        let mut is_off = false;
        if is_right {
            let sender = (&challenge.asker, challenge.purpose.messages());
            identity.throttle_mut().use_code(sender, &challenge.sent_at, now);
            identity.remove_others(challenge.id, challenge.purpose);
        } else if !is_test {
            is_off = identity.throttle_mut().fail_code(&challenge.asker, now);
        }
        Ok((self.proven(identity, challenge, content), is_off))
    }

    fn proven(
        &self,
        identity: &Identity,
        challenge: Challenge,
        content: ChallengeContent,
    ) -> Proven {
        let owned = self.hash_keys.address(&content.address);
        let is_owner_known =
            owned == self.hash_keys.recipient(&content.address) && !self.hash_keys.are_two();
        let owner = identity.owner(&owned);
        Proven { challenge, content, owner, owner_as_read: None, is_owner_known }
    }

    /// Counts a wrong code. Returns whether nearly all codes that were tried in this hour were
    /// wrong, as when one code is tried on many phones. A random sixteenth of the count answers.
    async fn guessing_is_widespread(&self, now: Timestamp) -> Result<bool, Error> {
        let [shard] = self.random.bytes::<1>()?;
        let count = match self.store.count_wrong_code(shard, &self.right_codes, now).await {
            Ok(count) => count,
            Err(error) => {
                tracing::warn!(%error, "the share of wrong guesses is unknown");
                return Ok(false);
            }
        };

        let is_widespread = count.tried >= MIN_SAMPLE
            && count.failed * 100 > count.tried * self.settings.max_failed_percent;
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
        let mut identity = self.store.identity_at(&place).await?;
        self.store.change_identity(&place, &mut identity, now, close).await
    }

    /// Counts the use of a code in the counters of its message. If that fails, fraud is suspected
    /// sooner.
    async fn count_used(&self, id: Uuid, watched: &Watched) {
        Recorded::CodeVerified(id).log();
        let counters = join_all(watched.counters.iter().map(|note| self.store.count_used(note)));
        let account = OptionFuture::from(
            watched.account.as_ref().map(|account| self.store.count_verified_text(account)),
        );
        // The sign-in must not wait long for these counters.
        if timeout(COUNT_TIME, async { tokio::join!(counters, account) }).await.is_err() {
            tracing::warn!("a verified code was not counted in time");
        }
    }

    /// Does the `work` that a code was used for, and counts the use of the code at the same time, also with
    /// a sender that wants to know. If the work is unavailable, or a password is too weak, the code is
    /// refunded, so that it works again when the client retries or sends another password. That use is
    /// not counted: the counters would give a message back at each try.
    ///
    /// # Errors
    /// The errors of `work`.
    pub async fn redeem<T>(
        &self,
        (used, messenger): (&UsedCode, &Messenger),
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let UsedCode { challenge, watched } = used;
        let is_new = !challenge.is_counted;
        let told = challenge.wants_to_know.as_ref().filter(|_| is_new);
        let told = OptionFuture::from(told.map(|id| messenger.approve(id)));
        let counted = OptionFuture::from(is_new.then(|| self.count_used(challenge.id, watched)));
        let (result, _, _) = tokio::join!(work, counted, told);
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
                challenge.is_counted = true;
                challenge.attempts.used = challenge.attempts.used.saturating_sub(1);
            }
            Ok(())
        };
        let mut identity = self.store.identity_at(&place).await?;
        self.store.change_identity(&place, &mut identity, now, reopen).await
    }
}
