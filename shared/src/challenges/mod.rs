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
            channel: self.content(challenge)?.address.channel(),
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

    /// The fixed code of an address, if it is a test phone.
    fn test_code(&self, address: &Address, now: Timestamp) -> Option<OneTimeCode> {
        match address {
            Address::Sms(phone) => self.settings.test_phones.code(phone, now).cloned(),
            Address::Email(_) => None,
        }
    }

    fn view(
        &self,
        challenge: &Challenge,
        address: &Address,
        resend_in: i64,
        now: Timestamp,
    ) -> ChallengeView {
        ChallengeView {
            challenge_id: challenge.id,
            channel: address.channel(),
            to: address.masked(),
            code_length: challenge.code_digits,
            expires_in: seconds_until(challenge.expires_at, now),
            resend_in,
            attempts_left: challenge.attempts.left(),
        }
    }
}
