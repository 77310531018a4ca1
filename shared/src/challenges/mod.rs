//! Challenges: opening them, sending their codes again, and proving them. Every code is sent and
//! checked here.

mod addresses;
mod asking;
mod challenge;
mod one_time_code;
mod opening;
mod proving;
mod resending;
mod resuming;
mod sending;
mod settings;
mod stopping;
mod table;

pub use self::{
    asking::{Lookup, Room},
    challenge::{
        Challenge, ChallengeContent, ChallengeStatus, ChallengeStatusView, ChallengeView, Purpose,
        Registration, Watched,
    },
    one_time_code::{Attempts, MAX_DIGITS, MIN_DIGITS, OneTimeCode},
    opening::NewChallenge,
    proving::Proven,
    resuming::Resumed,
    settings::{ChallengeSettings, TestPhones},
    table::{Identity, OPEN_AT_ONCE},
};

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    apps::Apps,
    audit::RightCodes,
    base::{Clock, Error, Random, seconds_until},
    crypto::HashKeys,
    identifiers::{Address, Channel},
    limits::LimitSettings,
    messages::MessageSettings,
    table::Store,
};

/// Opens and proves challenges.
#[derive(Clone)]
pub struct Challenges {
    pub(crate) store: Store,
    pub(crate) apps: Apps,
    pub(crate) hash_keys: Arc<HashKeys>,
    pub(crate) settings: Arc<ChallengeSettings>,
    pub(crate) limits: Arc<LimitSettings>,
    pub(crate) messages: Arc<MessageSettings>,
    pub(crate) right_codes: Arc<RightCodes>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Challenges {
    /// The status of a challenge. One that never existed, or was replaced by a newer one, is
    /// reported as expired.
    pub async fn status(&self, id: Uuid) -> Result<ChallengeStatusView, Error> {
        let now = self.clock.now();
        let identity = self.store.identity_at(&self.hash_keys.challenge_place(id)).await?;
        let Some(challenge) = identity.challenge(id) else {
            return Ok(ChallengeStatusView {
                challenge_id: id,
                status: ChallengeStatus::Expired,
                channel: Channel::Sms,
                expires_in: 0,
                resend_in: 0,
                attempts_left: 0,
            });
        };

        let status = challenge.status(now);
        let pending = status == ChallengeStatus::Pending;
        Ok(ChallengeStatusView {
            challenge_id: id,
            status,
            channel: self.channel_of_last(challenge)?,
            expires_in: if pending { seconds_until(challenge.expires_at, now) } else { 0 },
            resend_in: identity.throttle().resend_in(
                (&challenge.asker, challenge.purpose.messages()),
                &self.limits.per_address,
                now,
            ),
            attempts_left: if pending { challenge.attempts.left() } else { 0 },
        })
    }

    /// Decrypts the content of a challenge.
    fn content(&self, challenge: &Challenge) -> Result<ChallengeContent, Error> {
        serde_json::from_slice(&self.hash_keys.open_challenge(challenge.id, &challenge.sealed)?)
            .map_err(|error| Error::Internal(format!("a challenge cannot be read: {error}")))
    }

    /// Encrypts the content of the challenge `id`.
    fn sealed(&self, id: Uuid, content: &ChallengeContent) -> Result<Vec<u8>, Error> {
        let content =
            serde_json::to_vec(content).map_err(|error| Error::Internal(error.to_string()))?;
        self.hash_keys.seal_challenge(id, &content, &self.random)
    }

    /// The fixed code of an address, if it is a test phone.
    fn test_code(&self, address: &Address, now: Timestamp) -> Option<OneTimeCode> {
        match address {
            Address::Sms(phone) => self.settings.test_phones.code(phone, now).cloned(),
            Address::Email(_) => None,
        }
    }

    /// The channel on which a message is sent first, after as many as were sent `before`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if the channel that the person has chosen does not lead to the
    /// address.
    fn channel(&self, content: &ChallengeContent, before: usize) -> Result<Channel, Error> {
        let plan = content.sender.text_senders.as_ref();
        self.messages.channel(&content.address, plan, (content.channel, before))
    }

    /// The channel of a challenge's last message, unless the person chose another one to get the code
    /// again.
    fn channel_of_last(&self, challenge: &Challenge) -> Result<Channel, Error> {
        let content = self.content(challenge)?;
        match content.channel {
            Some(chosen) => Ok(chosen),
            None => self.channel(&content, challenge.sent_at.len().saturating_sub(1)),
        }
    }

    fn view(
        &self,
        challenge: &Challenge,
        (address, channel): (&Address, Channel),
        resend_in: i64,
        now: Timestamp,
    ) -> ChallengeView {
        ChallengeView {
            challenge_id: challenge.id,
            channel,
            to: address.masked(),
            code_length: challenge.code_digits,
            expires_in: seconds_until(challenge.expires_at, now),
            resend_in,
            attempts_left: challenge.attempts.left(),
        }
    }
}
