//! Sending the code of a challenge again.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Challenge, ChallengeContent, ChallengeStatus, ChallengeView, Challenges, Identity, Resumed,
    asking::{Request, Room},
    sending::Weighed,
};
use crate::{
    base::{Error, seconds_until, with_minimum_duration},
    identifiers::Channel,
    messages::Messenger,
};

impl Challenges {
    /// Sends a challenge's code again, to a request `from` this IP address, whose [`Room`] was read
    /// ahead if at all.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] if the challenge is unknown, expired, replaced or used;
    /// [`Error::OtpLocked`] if it has no tries left; otherwise as [`Self::open`].
    pub async fn resend(
        &self,
        resumed: Resumed,
        from: (Option<&str>, &Room),
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let Resumed { id, identity, channel, .. } = resumed;
        let challenge = identity.challenge(id).ok_or(Error::OtpExpired)?.clone();
        let mut content = self.content(&challenge)?;
        content.channel = channel.or(content.channel);
        let planned = self.channel(&content, challenge.sent_at.len())?;
        check_pending(&identity, id, now)?;

        let hides = self.hides(content.hides_failure);
        // In a box, since its steps take much of the stack.
        let content = (content, planned);
        let resend = self.resend_now((identity, challenge), content, from, messenger, now);
        let resend = Box::pin(resend);
        if hides { with_minimum_duration(messenger.minimum(), resend).await } else { resend.await }
    }

    async fn resend_now(
        &self,
        (identity, challenge): (Identity, Challenge),
        (content, planned): (ChallengeContent, Channel),
        (ip, room): (Option<&str>, &Room),
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let address = content.address.clone();
        let request = Request {
            address: &address,
            asker: &challenge.asker,
            ip,
            valid_seconds: seconds_until(challenge.expires_at, now),
            is_first: false,
            is_decoy: content.decoy,
            hides: content.hides_failure,
        };
        if self.test_code(&address, now).is_none() {
            let sender = (&challenge.asker, challenge.purpose.messages());
            identity.throttle().check_send(sender, &self.limits.per_address, now)?;
        }

        let pending = (identity, challenge.clone());
        self.resend_weighed(pending, (content, planned), (request, room), messenger, now).await
    }

    /// Prepares the message, counts it against its address, and sends it.
    async fn resend_weighed(
        &self,
        (identity, challenge): (Identity, Challenge),
        (mut content, planned): (ChallengeContent, Channel),
        (request, room): (Request<'_>, &Room),
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let id = challenge.id;
        let place = self.hash_keys.challenge_place(id);
        let owned = self.hash_keys.address(&content.address);
        // The challenge may lie under the other root than the owner.
        let is_same =
            owned == self.hash_keys.recipient(&content.address) && !self.hash_keys.are_two();
        let owner = self.owner_beside(&identity, &owned, is_same).await?;
        let stop_link = self.stop_link((request.address, &identity), &place, now)?;
        let evidence = (owner, None);
        let Weighed { mut counters, message, .. } = self
            .weigh(
                (id, evidence),
                &mut content,
                (request, room),
                stop_link.as_deref(),
                messenger,
                now,
            )
            .await?;
        // Each further text begins with the next sender: the previous one did not help.
        let message = message.map(|message| message.after(challenge.sent_at.len()));

        let sealed = self.with_watched(&challenge, &content)?;
        let counted = self.count_resend((identity, id), (&content, planned), sealed, now).await;
        // Refund only a count that is certainly ours: otherwise we could refund another message.
        let is_counted = counted.is_ok();
        let sent = match counted {
            Ok(view) => {
                let sent = self.send(message, (&content, planned), &mut counters, messenger).await;
                sent.map(|sent| (sent, view))
            }
            Err(error) => self.cancel(message, messenger, error).await,
        };
        if sent.is_err() && is_counted {
            let release = |identity: &mut Identity| {
                let messages = challenge.purpose.messages();
                identity.throttle_mut().release_send(&challenge.asker, messages, now);
                if let Some(counted) = identity.challenge_mut(id) {
                    let at = now.as_millisecond();
                    counted.sent_at.retain(|sent_at| *sent_at != at);
                    counted.sealed.clone_from(&challenge.sealed);
                }
            };
            self.refund(&place, release, now).await;
        }
        let (sent, view) = match sent {
            Ok(sent) => sent,
            Err(error) => {
                self.release(&counters).await;
                return Err(error);
            }
        };
        self.note_wish(id, &sent, now).await;
        Ok(ChallengeView { channel: sent.channel, ..view })
    }

    /// The sealed content of a challenge with what the use of its code changes, as `content` has it, so
    /// that each of its messages is given back. `None` if that is no more than before.
    fn with_watched(
        &self,
        challenge: &Challenge,
        content: &ChallengeContent,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut kept = self.content(challenge)?;
        if kept.watched == content.watched {
            return Ok(None);
        }
        kept.watched = content.watched.clone();
        self.sealed(challenge.id, &kept).map(Some)
    }

    /// Counts a message that sends a code again against its address, and keeps the `sealed` content if
    /// it has changed.
    async fn count_resend(
        &self,
        (mut identity, id): (Identity, Uuid),
        (content, planned): (&ChallengeContent, Channel),
        sealed: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let (place, limits) = (self.hash_keys.challenge_place(id), &self.limits.per_address);
        let is_test = self.test_code(&content.address, now).is_some();
        let count = |identity: &mut Identity| {
            check_pending(identity, id, now)?;
            let challenge = identity.challenge_mut(id).ok_or(Error::OtpExpired)?;
            challenge.sent_at.push(now.as_millisecond());
            if let Some(sealed) = &sealed {
                challenge.sealed.clone_from(sealed);
            }
            let challenge = challenge.clone();
            let sender = (&challenge.asker, challenge.purpose.messages());
            if !is_test {
                identity.throttle_mut().reserve_send(sender, limits, now)?;
            }
            let resend_in =
                if is_test { 0 } else { identity.throttle().resend_in(sender, limits, now) };
            Ok(self.view(&challenge, (&content.address, planned), resend_in, now))
        };
        self.store.change_identity(&place, &mut identity, now, count).await
    }
}

/// Checks that a challenge is waiting for its code.
///
/// # Errors
/// [`Error::OtpExpired`] if it is unknown, expired, replaced or used; [`Error::OtpLocked`] if it
/// has no tries left.
pub(super) fn check_pending(identity: &Identity, id: Uuid, now: Timestamp) -> Result<(), Error> {
    match identity.challenge(id).map(|challenge| challenge.status(now)) {
        Some(ChallengeStatus::Pending) => Ok(()),
        Some(ChallengeStatus::Locked) => Err(Error::OtpLocked { retry_after: None }),
        Some(ChallengeStatus::Verified | ChallengeStatus::Expired) | None => Err(Error::OtpExpired),
    }
}
