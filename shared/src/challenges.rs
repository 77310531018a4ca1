//! Opening, repeating and proving challenges: the one way to send a code and to check one.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    address::{Address, Channel},
    app::DEFAULT_CLIENT_ID,
    challenge::{Challenge, ChallengeStatus, Purpose},
    clock::{Clock, seconds, seconds_until},
    config::Settings,
    error::Error,
    hash_keys::{HashKeys, IdentifierHash},
    messages::{CodeText, Texts, language},
    metrics::{self, Metric},
    one_time_code::{Attempts, OneTimeCode},
    phone::PhoneNumber,
    random::Random,
    store::{Identity, Spent, Store},
};

/// A challenge as its client sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChallengeView {
    /// What the code is proven with.
    challenge_id: Uuid,
    channel: Channel,
    /// Where the code went, masked.
    #[schema(example = "+1•••••••123")]
    to: String,
    #[schema(example = 6)]
    code_length: u32,
    /// Seconds until the challenge ends.
    #[schema(example = 300)]
    expires_in: i64,
    /// Seconds until the code may be sent again.
    #[schema(example = 30)]
    resend_in: i64,
    #[schema(example = 5)]
    attempts_left: u32,
}

/// Where a challenge stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChallengeStatusView {
    challenge_id: Uuid,
    status: ChallengeStatus,
    channel: Channel,
    /// Seconds until the challenge ends.
    expires_in: i64,
    /// Seconds until the code may be sent again.
    resend_in: i64,
    attempts_left: u32,
}

/// A challenge that was proven just now.
#[derive(Debug)]
pub struct Proven {
    /// The challenge.
    pub challenge: Challenge,
    /// The user who has the address, where there is one.
    pub owner: Option<Uuid>,
}

/// What a new challenge is opened for.
#[derive(Debug)]
pub struct NewChallenge {
    /// What proving it will be good for.
    pub purpose: Purpose,
    /// Where the code goes.
    pub address: Address,
    /// The language of the message (BCP 47).
    pub locale: Option<String>,
    /// The source address of the request.
    pub ip: Option<String>,
}

/// The challenges of the service.
#[derive(Clone)]
pub struct Challenges {
    pub(crate) store: Store,
    pub(crate) hash_keys: Arc<HashKeys>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Challenges {
    /// Opens a challenge and sends its code. It replaces an open one of the same address and purpose.
    ///
    /// # Errors
    /// [`Error::OtpLocked`], [`Error::ResendTooSoon`], [`Error::SmsLimitReached`] where the address or
    /// the source has to wait; [`Error::Unavailable`] where the code cannot be sent: then nothing counts.
    pub async fn open(&self, new: NewChallenge, texts: &Texts) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let id = self.random.uuid(now)?;
        let identifier = self.hash_keys.address(&new.address);
        let test_code = self.test_code(&new.address, now);
        let code = match &test_code {
            Some(code) => code.clone(),
            None => OneTimeCode::draw(self.settings.otp_digits, &self.random)?,
        };
        let challenge = Challenge {
            id,
            purpose: new.purpose,
            client_id: DEFAULT_CLIENT_ID.to_owned(),
            locale: new.locale,
            expires_at: now + seconds(self.settings.otp_ttl_seconds),
            attempts: Attempts { used: 0, max: self.settings.otp_max_attempts },
            code_digits: code.digits(),
            code_hash: self.hash_keys.code(id, code.as_str()).to_vec(),
            sealed_code: self.hash_keys.seal_code(id, code.as_str(), &self.random)?,
            guess: None,
            guess_by: None,
            address: new.address,
            identifier,
        };
        let reserved = self.reserve(&challenge, test_code.is_some(), new.ip.as_deref(), now).await?;
        let sent = async {
            self.store.put_challenge(&challenge).await?;
            self.send_code(&challenge, &code, test_code.is_some(), texts).await
        };
        if let Err(error) = sent.await {
            self.release(&challenge, &reserved, now).await;
            if let Err(error) = self.store.delete_challenge(id).await {
                tracing::warn!(%error, "a challenge that was not sent stays until it expires");
            }
            return Err(error);
        }
        Ok(self.view(&challenge, reserved.resend_in, now))
    }

    /// Sends a challenge's code again.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] where the challenge is unknown, too old, replaced or used,
    /// [`Error::OtpLocked`] where it has no tries left; otherwise as [`Self::open`].
    pub async fn resend(&self, id: Uuid, ip: Option<&str>, texts: &Texts) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let challenge = self.store.challenge(id).await?.ok_or(Error::OtpExpired)?;
        let identity = self.store.identity(&challenge.identifier).await?;
        match challenge.status(identity.throttle().newest(challenge.purpose), now) {
            ChallengeStatus::Pending => {}
            ChallengeStatus::Locked => return Err(self.no_tries_left(&challenge, &identity, now)),
            ChallengeStatus::Verified | ChallengeStatus::Expired => return Err(Error::OtpExpired),
        }
        let code = self.hash_keys.open_code(id, &challenge.sealed_code)?;
        let code = OneTimeCode::parse(&code).ok_or_else(|| Error::Internal("a sealed code is no code".into()))?;
        let is_test = self.test_code(&challenge.address, now).is_some();
        let reserved = self.reserve(&challenge, is_test, ip, now).await?;
        if let Err(error) = self.send_code(&challenge, &code, is_test, texts).await {
            self.release(&challenge, &reserved, now).await;
            return Err(error);
        }
        Ok(self.view(&challenge, reserved.resend_in, now))
    }

    /// Where a challenge stands. An id that nobody was given reads as expired.
    pub async fn status(&self, id: Uuid) -> Result<ChallengeStatusView, Error> {
        let now = self.clock.now();
        let Some(challenge) = self.store.challenge(id).await? else {
            return Ok(ChallengeStatusView {
                challenge_id: id,
                status: ChallengeStatus::Expired,
                channel: Channel::Sms,
                expires_in: 0,
                resend_in: 0,
                attempts_left: 0,
            });
        };
        let identity = self.store.identity(&challenge.identifier).await?;
        let status = challenge.status(identity.throttle().newest(challenge.purpose), now);
        let pending = status == ChallengeStatus::Pending;
        let open_for = if pending { seconds_until(challenge.expires_at, now) } else { 0 };
        Ok(ChallengeStatusView {
            challenge_id: id,
            status,
            channel: challenge.address.channel(),
            expires_in: open_for,
            resend_in: identity.throttle().resend_in(&self.settings.limits, now),
            attempts_left: if pending { challenge.attempts.left() } else { 0 },
        })
    }

    /// Proves a challenge with its code. The try is spent before anything is compared; a code proves
    /// once, however many requests arrive together.
    ///
    /// # Errors
    /// [`Error::OtpIncorrect`], [`Error::OtpLocked`], [`Error::OtpExpired`].
    pub async fn prove(&self, id: Uuid, code: &OneTimeCode) -> Result<Proven, Error> {
        let now = self.clock.now();
        let limits = &self.settings.limits;
        let guess = self.hash_keys.code(id, code.as_str());
        let challenge = match self.store.spend_attempt(id, &guess, now).await? {
            Spent::Counted(challenge) => challenge,
            Spent::NoneLeft(challenge) => {
                let identity = self.store.identity(&challenge.identifier).await?;
                return Err(self.no_tries_left(&challenge, &identity, now));
            }
        };
        let identity = self.store.identity(&challenge.identifier).await?;
        let throttle = identity.throttle();
        let is_test = self.test_code(&challenge.address, now).is_some();
        if !is_test {
            throttle.check(limits, now)?;
        }
        if throttle.newest(challenge.purpose) != Some(id) {
            return Err(Error::OtpExpired);
        }
        let owner = identity.owner;
        if !challenge.is_used() {
            if !is_test {
                let record = |throttle: &mut crate::throttle::Throttle| throttle.record_failure(limits, now);
                self.store.change_throttle(&challenge.identifier, identity, now, record).await?;
            }
            return Err(Error::OtpIncorrect { attempts_left: challenge.attempts.left() });
        }
        if throttle.has_row() {
            let record = |throttle: &mut crate::throttle::Throttle| {
                throttle.record_success();
                Ok(())
            };
            self.store.change_throttle(&challenge.identifier, identity, now, record).await?;
        }
        metrics::count(Metric::CodesVerified);
        Ok(Proven { challenge, owner })
    }

    /// The refusal of a challenge without tries. It tells the wait, where the phone itself has to wait.
    fn no_tries_left(&self, challenge: &Challenge, identity: &Identity, now: Timestamp) -> Error {
        let is_test = self.test_code(&challenge.address, now).is_some();
        let waits = if is_test { Ok(()) } else { identity.throttle().check(&self.settings.limits, now) };
        waits.err().unwrap_or(Error::OtpLocked { retry_after: None })
    }

    fn test_code(&self, address: &Address, now: Timestamp) -> Option<OneTimeCode> {
        match address {
            Address::Sms(phone) => self.settings.test_phones.code(phone, now).cloned(),
        }
    }

    /// Counts the message against its source and its address.
    async fn reserve(
        &self,
        challenge: &Challenge,
        is_test: bool,
        ip: Option<&str>,
        now: Timestamp,
    ) -> Result<Reserved, Error> {
        let source =
            if is_test { None } else { Some(self.hash_keys.identifier("ip", &network(ip.unwrap_or_default()))) };
        if let Some(source) = &source {
            self.store.count_send_from(source, self.settings.sends_per_ip_per_hour, now).await?;
        }
        let identity = self.store.identity(&challenge.identifier).await;
        let limits = &self.settings.limits;
        let changed = match identity {
            Ok(identity) => {
                let reserve = |throttle: &mut crate::throttle::Throttle| {
                    let replaced = throttle.newest(challenge.purpose);
                    if is_test {
                        throttle.replace_newest(challenge.purpose, challenge.id);
                        return Ok((replaced, 0));
                    }
                    throttle.reserve_send(challenge.purpose, challenge.id, limits, now)?;
                    Ok((replaced, throttle.resend_in(limits, now)))
                };
                self.store.change_throttle(&challenge.identifier, identity, now, reserve).await
            }
            Err(error) => Err(error),
        };
        match changed {
            Ok((replaced, resend_in)) => Ok(Reserved { source, replaced, resend_in }),
            Err(error) => {
                self.release_source(source.as_ref(), now).await;
                Err(error)
            }
        }
    }

    /// Takes back what [`Self::reserve`] counted. Where that fails too, the limits are too strict for
    /// a while, never too lax.
    async fn release(&self, challenge: &Challenge, reserved: &Reserved, now: Timestamp) {
        self.release_source(reserved.source.as_ref(), now).await;
        let release = |throttle: &mut crate::throttle::Throttle| {
            throttle.release_send(challenge.purpose, challenge.id, reserved.replaced, now);
            Ok(())
        };
        let released = match self.store.identity(&challenge.identifier).await {
            Ok(identity) => self.store.change_throttle(&challenge.identifier, identity, now, release).await,
            Err(error) => Err(error),
        };
        if let Err(error) = released {
            tracing::warn!(%error, "a message that was not sent stays counted");
        }
    }

    async fn release_source(&self, source: Option<&IdentifierHash>, now: Timestamp) {
        if let Some(source) = source
            && let Err(error) = self.store.release_send_from(source, now).await
        {
            tracing::warn!(%error, "a message that was not sent stays counted for its source");
        }
    }

    async fn send_code(
        &self,
        challenge: &Challenge,
        code: &OneTimeCode,
        is_test: bool,
        texts: &Texts,
    ) -> Result<(), Error> {
        if is_test {
            return Ok(());
        }
        let Address::Sms(phone) = &challenge.address;
        let text = CodeText {
            app_name: &self.settings.app_name,
            code: code.as_str(),
            valid_minutes: self.settings.otp_ttl_seconds.unsigned_abs().div_ceil(60),
            web_otp_host: self.settings.sms.web_otp_host.as_deref(),
        };
        let language = language(challenge.locale.as_deref(), phone.country().as_deref());
        texts.send(phone, &text.compose(language)?).await
    }

    fn view(&self, challenge: &Challenge, resend_in: i64, now: Timestamp) -> ChallengeView {
        ChallengeView {
            challenge_id: challenge.id,
            channel: challenge.address.channel(),
            to: challenge.address.masked(),
            code_length: challenge.code_digits,
            expires_in: seconds_until(challenge.expires_at, now),
            resend_in,
            attempts_left: challenge.attempts.left(),
        }
    }

    /// The phone that a request named: a test phone, or one that texts can reach.
    ///
    /// # Errors
    /// [`Error::InvalidPhone`], [`Error::CountryNotAllowed`].
    pub fn phone(&self, input: &str) -> Result<PhoneNumber, Error> {
        match PhoneNumber::from_e164(input) {
            Ok(phone) if self.settings.test_phones.code(&phone, self.clock.now()).is_some() => Ok(phone),
            _ => PhoneNumber::parse(input, self.settings.default_region, &self.settings.allowed_countries),
        }
    }
}

/// What a message was counted against.
struct Reserved {
    source: Option<IdentifierHash>,
    replaced: Option<Uuid>,
    resend_in: i64,
}

/// What counts as one source: an IPv4 address, or the /64 that an IPv6 address lies in.
fn network(ip: &str) -> String {
    match ip.parse::<std::net::IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(std::net::IpAddr::V6(ip)) => {
            ipnet::Ipv6Net::new(ip, 64).map_or_else(|_| ip.to_string(), |net| net.trunc().to_string())
        }
        Ok(ip) => ip.to_string(),
        // API Gateway always tells the address; who comes without one shares one budget.
        Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn an_ipv6_customer_is_one_source() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
