//! Opening, repeating and proving challenges: the one way to send a code and to check one.

mod addresses;
mod sending;

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    address::{Address, Channel},
    app::{App, SignUp},
    apps::Apps,
    audit::{Deed, Recorder},
    challenge::{
        Challenge, ChallengeContent, ChallengeStatus, ChallengeStatusView, ChallengeView, Purpose, Registration,
    },
    clock::{Clock, seconds, seconds_until},
    config::Settings,
    error::Error,
    even::evenly,
    hash_keys::{HashKeys, IdentifierHash},
    messages::{Messenger, Subject},
    metrics::{self, Metric},
    one_time_code::{Attempts, OneTimeCode},
    random::Random,
    store::{Identity, Spent, Store},
    throttle::Throttle,
    user::User,
};

/// A challenge that was proven just now.
#[derive(Debug)]
pub struct Proven {
    /// The challenge.
    pub challenge: Challenge,
    /// What it kept to itself.
    pub content: ChallengeContent,
    /// The user who has the address, where there is one.
    pub owner: Option<Uuid>,
}

/// What a new challenge is opened for.
#[derive(Debug)]
pub struct NewChallenge {
    /// What proving it will be good for.
    pub purpose: Purpose,
    /// The app that asks.
    pub app: App,
    /// Where the code goes.
    pub address: Address,
    /// The language of the message (BCP 47).
    pub locale: Option<String>,
    /// The source address of the request.
    pub ip: Option<String>,
    /// The user who asks, where only he may prove it.
    pub user_id: Option<Uuid>,
    /// What a new account is to have.
    pub registration: Option<Registration>,
    /// The link that goes with the code.
    pub link: Option<String>,
    /// Whether nothing is to be sent: there is nobody to prove anything.
    pub decoy: bool,
}

impl NewChallenge {
    /// A challenge for `purpose`, asked for from `ip`, with nothing beside the code.
    pub fn new(purpose: Purpose, app: App, address: Address, locale: Option<String>, ip: Option<String>) -> Self {
        Self { purpose, app, address, locale, ip, user_id: None, registration: None, link: None, decoy: false }
    }

    /// Whether only who has an account is sent something: then neither the time nor a failure may tell
    /// who has one.
    fn hides_strangers(&self) -> bool {
        match self.purpose {
            Purpose::PasswordReset => true,
            Purpose::SignIn => self.app.sign_up == SignUp::Closed,
            Purpose::NewAddress => false,
        }
    }
}

/// The challenges of the service.
#[derive(Clone)]
pub struct Challenges {
    pub(crate) store: Store,
    pub(crate) apps: Apps,
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
    pub async fn open(&self, new: NewChallenge, messenger: &Messenger) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let source = self.count_source(&new.address, new.ip.as_deref(), now).await?;
        // Where nobody signs up, nothing is sent to strangers: the time must not tell who is one.
        let hides_strangers = new.hides_strangers();
        let open = self.open_counted(new, source.as_ref(), messenger, now);
        match if hides_strangers { evenly(open).await } else { open.await } {
            Err(error) => {
                self.release_counted(source.as_ref(), now).await;
                Err(error)
            }
            opened => opened,
        }
    }

    /// Opens a challenge that makes an address its user's, for him alone to prove.
    ///
    /// # Errors
    /// As [`Self::open`]; [`Error::AppDisabled`].
    pub async fn open_new_address(
        &self,
        user: &User,
        client_id: &str,
        address: Address,
        ip: Option<String>,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let app = self.apps.active(client_id).await?;
        let new = NewChallenge::new(Purpose::NewAddress, app, address, user.locale.clone(), ip);
        self.open(NewChallenge { user_id: Some(user.id), ..new }, messenger).await
    }

    /// As [`Self::open`], but a wait of the address reads as if a code had been sent.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] where the source has to wait; [`Error::Unavailable`].
    pub async fn open_quietly(&self, new: NewChallenge, messenger: &Messenger) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let source = self.count_source(&new.address, new.ip.as_deref(), now).await?;
        let address = new.address.clone();
        match self.open_counted(new, source.as_ref(), messenger, now).await {
            Err(Error::OtpLocked { .. } | Error::ResendTooSoon { .. } | Error::SmsLimitReached { .. }) => {
                Ok(ChallengeView {
                    challenge_id: self.random.uuid(now)?,
                    channel: address.channel(),
                    to: address.masked(),
                    code_length: self.settings.otp_digits,
                    expires_in: self.settings.otp_ttl_seconds,
                    resend_in: self.settings.limits.cooldown_seconds,
                    attempts_left: self.settings.otp_max_attempts,
                })
            }
            Err(error) => {
                self.release_counted(source.as_ref(), now).await;
                Err(error)
            }
            opened => opened,
        }
    }

    async fn open_counted(
        &self,
        new: NewChallenge,
        source: Option<&IdentifierHash>,
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let prefix = self.count_prefix(&new.address, source.is_none(), now).await?;
        let opened = self.open_reserved(new, source.is_none(), messenger, now).await;
        if opened.is_err() {
            self.release_counted(prefix.as_ref(), now).await;
        }
        opened
    }

    async fn open_reserved(
        &self,
        new: NewChallenge,
        is_test: bool,
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let id = self.random.uuid(now)?;
        let code = match self.test_code(&new.address, now) {
            Some(code) => code,
            None => OneTimeCode::draw(self.settings.otp_digits, &self.random)?,
        };
        let identifier = self.hash_keys.address(&new.address);
        let reserved = self.reserve(&identifier, new.purpose, id, is_test, now).await?;
        let hides_strangers = new.hides_strangers();
        let content = ChallengeContent {
            subject: match new.purpose {
                Purpose::SignIn if new.registration.is_some() && reserved.owned => Subject::AccountExists,
                Purpose::SignIn => Subject::SignIn,
                Purpose::NewAddress => Subject::NewAddress,
                Purpose::PasswordReset => Subject::PasswordReset,
            },
            address: new.address,
            code: code.as_str().to_owned(),
            locale: new.locale,
            link: new.link,
            registration: new.registration,
            sender: new.app.sender(&self.settings),
            decoy: new.decoy || hides_strangers && !reserved.owned,
            hides_failure: hides_strangers,
        };
        let sealed = serde_json::to_vec(&content).map_err(|error| Error::Internal(error.to_string()))?;
        // A decoy's hash is of no code at all.
        let code_hash = self.hash_keys.code(id, if content.decoy { "" } else { code.as_str() });
        let challenge = Challenge {
            id,
            purpose: new.purpose,
            channel: content.address.channel(),
            identifier,
            terms: new.app.session_terms(&self.settings),
            user_id: new.user_id,
            expires_at: now + seconds(self.settings.otp_ttl_seconds),
            attempts: Attempts { used: 0, max: self.settings.otp_max_attempts },
            code_digits: code.digits(),
            code_hash: code_hash.to_vec(),
            sealed: self.hash_keys.seal_challenge(id, &sealed, &self.random)?,
            guess: None,
            guess_by: None,
        };
        let sent = async {
            self.store.put_challenge(&challenge).await?;
            self.send_code(&content, is_test, messenger).await
        };
        if let Err(error) = sent.await {
            self.release(&challenge.identifier, (challenge.purpose, id), reserved.replaced, now).await;
            if let Err(error) = self.store.delete_challenge(id).await {
                tracing::warn!(%error, "a challenge that was not sent stays until it expires");
            }
            return Err(error);
        }
        Ok(self.view(&challenge, &content.address, reserved.resend_in, now))
    }

    /// Sends a challenge's code again.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] where the challenge is unknown, too old, replaced or used,
    /// [`Error::OtpLocked`] where it has no tries left; otherwise as [`Self::open`].
    pub async fn resend(&self, id: Uuid, ip: Option<&str>, messenger: &Messenger) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let challenge = self.store.challenge(id).await?.ok_or(Error::OtpExpired)?;
        let identity = self.store.identity(&challenge.identifier).await?;
        match challenge.status(identity.throttle().newest(challenge.purpose), now) {
            ChallengeStatus::Pending => {}
            ChallengeStatus::Locked => return Err(self.no_tries_left(&challenge, &identity, now)?),
            ChallengeStatus::Verified | ChallengeStatus::Expired => return Err(Error::OtpExpired),
        }
        self.apps.check(&challenge.terms.client_id).await?;
        let content = self.content(&challenge)?;
        let source = self.count_source(&content.address, ip, now).await?;
        let is_test = source.is_none();
        let again = async {
            let prefix = self.count_prefix(&content.address, is_test, now).await?;
            let sent = self.send_again(&challenge, &content, is_test, messenger, now).await;
            if sent.is_err() {
                self.release_counted(prefix.as_ref(), now).await;
            }
            sent
        };
        // Nothing is sent to whom there is nobody to prove anything: the time must not tell.
        let sent = if content.hides_failure { evenly(again).await } else { again.await };
        if sent.is_err() {
            self.release_counted(source.as_ref(), now).await;
        }
        sent
    }

    async fn send_again(
        &self,
        challenge: &Challenge,
        content: &ChallengeContent,
        is_test: bool,
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let reserved = self.reserve(&challenge.identifier, challenge.purpose, challenge.id, is_test, now).await?;
        if let Err(error) = self.send_code(content, is_test, messenger).await {
            let counted = (challenge.purpose, challenge.id);
            self.release(&challenge.identifier, counted, reserved.replaced, now).await;
            return Err(error);
        }
        Ok(self.view(challenge, &content.address, reserved.resend_in, now))
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
            channel: challenge.channel,
            expires_in: open_for,
            resend_in: identity.throttle().resend_in(&self.settings.limits, now),
            attempts_left: if pending { challenge.attempts.left() } else { 0 },
        })
    }

    /// Proves a challenge with its code. The try is spent before anything is compared; a code proves
    /// once, however many requests arrive together; a wrong one is recorded. `caller` is the signed-in user, if there is one;
    /// a challenge of a purpose that is not `accepted` is left alone.
    ///
    /// # Errors
    /// [`Error::OtpIncorrect`], [`Error::OtpLocked`], [`Error::OtpExpired`]; [`Error::TokenMissing`] for
    /// a challenge that only a signed-in user may prove.
    pub async fn prove(
        &self,
        id: Uuid,
        code: &OneTimeCode,
        caller: Option<Uuid>,
        accepted: &[Purpose],
        recorder: &Recorder,
    ) -> Result<Proven, Error> {
        let now = self.clock.now();
        let guess = self.hash_keys.code(id, code.as_str());
        let challenge = match self.store.spend_attempt(id, &guess, caller, accepted, now).await? {
            Spent::Counted(challenge) => challenge,
            Spent::NoneLeft(challenge) => {
                let identity = self.store.identity(&challenge.identifier).await?;
                return Err(self.no_tries_left(&challenge, &identity, now)?);
            }
        };
        self.redeem(&challenge, self.judge(challenge.clone(), recorder, now)).await
    }

    /// Does what a challenge was proven for. Where that is unavailable the code is given back: who sends the
    /// request again is not told that it was used.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn redeem<T>(
        &self,
        challenge: &Challenge,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let result = work.await;
        if matches!(result, Err(Error::Unavailable(_)))
            && challenge.is_used()
            && let Err(error) = self.store.reopen_challenge(challenge).await
        {
            tracing::warn!(%error, "a code that came to nothing stays used up");
        }
        result
    }

    /// Judges a try that was spent.
    async fn judge(&self, challenge: Challenge, recorder: &Recorder, now: Timestamp) -> Result<Proven, Error> {
        let (id, limits) = (challenge.id, &self.settings.limits);
        let content = self.content(&challenge)?;
        let identity = self.store.identity(&challenge.identifier).await?;
        let throttle = identity.throttle();
        let is_test = self.test_code(&content.address, now).is_some();
        if !is_test {
            throttle.check(limits, now)?;
        }
        if throttle.newest(challenge.purpose) != Some(id) {
            return Err(Error::OtpExpired);
        }
        let owner = identity.owner;
        if !challenge.is_used() {
            if !is_test {
                let record = |throttle: &mut Throttle| throttle.record_failure(limits, now);
                self.store.change_throttle(&challenge.identifier, identity, now, record).await?;
            }
            let deed = Deed::failed(challenge.purpose.action(), content.address.masked(), &challenge.terms.client_id);
            self.store.record(&recorder.event(deed)?).await?;
            return Err(Error::OtpIncorrect { attempts_left: Some(challenge.attempts.left()) });
        }
        if throttle.has_row() {
            let record = |throttle: &mut Throttle| {
                throttle.record_success();
                Ok(())
            };
            self.store.change_throttle(&challenge.identifier, identity, now, record).await?;
        }
        metrics::count(Metric::CodesVerified);
        Ok(Proven { challenge, content, owner })
    }

    fn content(&self, challenge: &Challenge) -> Result<ChallengeContent, Error> {
        serde_json::from_slice(&self.hash_keys.open_challenge(challenge.id, &challenge.sealed)?)
            .map_err(|error| Error::Internal(format!("a challenge cannot be read: {error}")))
    }

    /// The refusal of a challenge without tries. It tells the wait, where the phone itself has to wait.
    fn no_tries_left(&self, challenge: &Challenge, identity: &Identity, now: Timestamp) -> Result<Error, Error> {
        let is_test = self.test_code(&self.content(challenge)?.address, now).is_some();
        let waits = if is_test { Ok(()) } else { identity.throttle().check(&self.settings.limits, now) };
        Ok(waits.err().unwrap_or(Error::OtpLocked { retry_after: None }))
    }

    fn test_code(&self, address: &Address, now: Timestamp) -> Option<OneTimeCode> {
        match address {
            Address::Sms(phone) => self.settings.test_phones.code(phone, now).cloned(),
            Address::Email(_) => None,
        }
    }

    fn view(&self, challenge: &Challenge, address: &Address, resend_in: i64, now: Timestamp) -> ChallengeView {
        ChallengeView {
            challenge_id: challenge.id,
            channel: challenge.channel,
            to: address.masked(),
            code_length: challenge.code_digits,
            expires_in: seconds_until(challenge.expires_at, now),
            resend_in,
            attempts_left: challenge.attempts.left(),
        }
    }
}
