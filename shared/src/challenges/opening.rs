//! Opening a challenge, and sending its code again. What limits apply to is counted before anything is sent, and
//! given back where nothing could be.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Attempts, Challenge, ChallengeContent, ChallengeStatus, ChallengeView, Challenges, Identity,
    OneTimeCode, Purpose, Registration, Watched,
    sending::{Counters, Message},
};
use crate::{
    apps::{App, SignUp},
    base::{Error, seconds},
    crypto::Place,
    identifiers::Address,
    limits::FraudMode,
    messages::{Messenger, Prepared, Subject},
    users::User,
};

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
    /// Whose password it resets, and the count of the one that there is.
    pub resets: Option<(Uuid, u64)>,
    /// Whether nothing is to be sent: there is nobody to prove anything.
    pub decoy: bool,
}

impl NewChallenge {
    /// A challenge for `purpose`, asked for from `ip`, with nothing beside the code.
    pub fn new(
        purpose: Purpose,
        app: App,
        address: Address,
        locale: Option<String>,
        ip: Option<String>,
    ) -> Self {
        Self {
            purpose,
            app,
            address,
            locale,
            ip,
            user_id: None,
            registration: None,
            link: None,
            resets: None,
            decoy: false,
        }
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

impl Challenges {
    /// Opens a challenge and sends its code. It replaces an open one of the same address and purpose.
    ///
    /// # Errors
    /// [`Error::OtpLocked`], [`Error::ResendTooSoon`], [`Error::SmsLimitReached`] where the address or
    /// the source has to wait; [`Error::Unavailable`] where the code cannot be sent: then nothing counts.
    pub async fn open(
        &self,
        new: NewChallenge,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let (address, ip) = (new.address.clone(), new.ip.clone());
        let message = Message { address: &address, ip: ip.as_deref(), is_first: true };
        let hides = self.hides(new.hides_strangers());

        let open =
            async |counters: Counters<'_>| self.open_paid(new, counters, messenger, now).await;
        self.counted_for_source(message, hides, now, async |source| {
            self.counted_for_prefix(message, source, now, open).await
        })
        .await
    }

    /// Whether the time must not tell if anything was sent: nothing is to strangers where nobody signs up, and to
    /// whom fraud is quietly refused.
    fn hides(&self, hides_strangers: bool) -> bool {
        hides_strangers || self.limits.fraud_mode == FraudMode::Quiet
    }

    /// Opens a challenge that makes an address its user's, for him alone to prove.
    ///
    /// # Errors
    /// As [`Self::open`]; [`Error::AppDisabled`]; [`Error::Conflict`] for who has proven no address yet.
    pub async fn open_new_address(
        &self,
        user: &User,
        client_id: &str,
        address: Address,
        ip: Option<String>,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        user.check_proven()?;
        let app = self.apps.active(client_id).await?;
        let new = NewChallenge::new(Purpose::NewAddress, app, address, user.locale.clone(), ip);
        self.open(NewChallenge { user_id: Some(user.id), ..new }, messenger).await
    }

    /// As [`Self::open`], but a wait of the address reads as if a code had been sent: as the one that was, where that is
    /// still good.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] where the source has to wait; [`Error::Unavailable`].
    pub async fn open_quietly(
        &self,
        new: NewChallenge,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let (address, purpose, ip) = (new.address.clone(), new.purpose, new.ip.clone());
        let message = Message { address: &address, ip: ip.as_deref(), is_first: true };

        let open =
            async |counters: Counters<'_>| self.open_paid(new, counters, messenger, now).await;
        self.counted_for_source(message, false, now, async |source| {
            match self.counted_for_prefix(message, source, now, open).await {
                Err(
                    Error::OtpLocked { .. }
                    | Error::ResendTooSoon { .. }
                    | Error::SmsLimitReached { .. }
                    | Error::FraudSuspected,
                ) => self.as_if_opened(&address, purpose, now).await,
                opened => opened,
            }
        })
        .await
    }

    /// What is told where nothing was sent: the challenge that is open, or one that nobody has.
    async fn as_if_opened(
        &self,
        address: &Address,
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let identity = self.store.identity(&self.hash_keys.address(address)).await?;
        if let Some(sent) = identity.pending(purpose, now) {
            let resend_in = identity.throttle().resend_in(&self.limits.per_address, now);
            return Ok(self.view(sent, address, resend_in, now));
        }

        Ok(ChallengeView {
            challenge_id: self.random.uuid(now)?,
            channel: address.channel(),
            to: address.masked(),
            code_length: self.settings.code_digits,
            expires_in: self.settings.ttl_seconds,
            resend_in: self.limits.per_address.cooldown_seconds,
            attempts_left: self.settings.max_attempts,
        })
    }

    /// Prepares the message, opens the challenge in the write that counts it against its address, and sends.
    async fn open_paid(
        &self,
        new: NewChallenge,
        counters: Counters<'_>,
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let (limits, is_test) = (&self.limits.per_address, counters.are_of_a_test());
        let identifier = self.hash_keys.address(&new.address);
        let identity = self.store.identity(&identifier).await?;
        // Who has to wait is told so before anything is paid.
        if !is_test {
            identity.throttle().clone().reserve_send(limits, now)?;
        }
        let id = self.hash_keys.challenge_id(&identifier, now, &self.random)?;
        let code = match self.test_code(&new.address, now) {
            Some(code) => code,
            None => OneTimeCode::draw(self.settings.code_digits, &self.random)?,
        };
        let (purpose, user_id) = (new.purpose, new.user_id);
        let mut content = self.new_content(new, &code, identity.owner(&identifier).is_some());
        let stop_link = self.stop_link(&identity, &identifier.place(), now)?;
        let message =
            self.prepare(id, &mut content, counters, stop_link.as_deref(), messenger, now).await?;
        let challenge = match self.seal(id, (purpose, user_id), &code, &content, now) {
            Ok(challenge) => challenge,
            Err(error) => return self.give_up(message, messenger, error).await,
        };
        let (place, mut replaced) = (identifier.place(), None);
        let open = |identity: &mut Identity| {
            // Our own write, whose answer was lost before another one came.
            if identity.challenge(id).is_none() {
                if !is_test {
                    identity.throttle_mut().reserve_send(limits, now)?;
                }
                replaced = identity.open(challenge.clone());
            }
            Ok(if is_test { 0 } else { identity.throttle().resend_in(limits, now) })
        };
        let opened = self.store.change_identity(&place, identity, now, open).await;
        // Where the table did not answer it may have been opened all the same.
        let may_be_open = matches!(opened, Ok(_) | Err(Error::Unavailable(_)));
        let sent = match opened {
            Ok(resend_in) => self.send(message, &content, messenger).await.map(|()| resend_in),
            Err(error) => self.give_up(message, messenger, error).await,
        };
        if sent.is_err() && may_be_open {
            self.withdraw(&place, &challenge, replaced, now).await;
        }
        Ok(self.view(&challenge, &content.address, sent?, now))
    }

    fn new_content(&self, new: NewChallenge, code: &OneTimeCode, owned: bool) -> ChallengeContent {
        let hides_strangers = new.hides_strangers();
        ChallengeContent {
            subject: match new.purpose {
                Purpose::SignIn if new.registration.is_some() && owned => Subject::AccountExists,
                Purpose::SignIn => Subject::SignIn,
                Purpose::NewAddress => Subject::NewAddress,
                Purpose::PasswordReset => Subject::PasswordReset,
            },
            address: new.address,
            terms: new.app.session_terms(self.apps.settings()),
            code: code.as_str().to_owned(),
            locale: new.locale,
            link: new.link,
            registration: new.registration,
            resets: new.resets,
            sender: new.app.sender(self.apps.settings()),
            decoy: new.decoy || hides_strangers && !owned,
            hides_failure: hides_strangers,
            watched: Watched::default(),
        }
    }

    fn seal(
        &self,
        id: Uuid,
        (purpose, user_id): (Purpose, Option<Uuid>),
        code: &OneTimeCode,
        content: &ChallengeContent,
        now: Timestamp,
    ) -> Result<Challenge, Error> {
        let sealed =
            serde_json::to_vec(content).map_err(|error| Error::Internal(error.to_string()))?;
        // A decoy's hash is of no code at all.
        let code_hash = self.hash_keys.code(id, if content.decoy { "" } else { code.as_str() });
        Ok(Challenge {
            id,
            purpose,
            user_id,
            expires_at: now + seconds(self.settings.ttl_seconds),
            attempts: Attempts { used: 0, max: self.settings.max_attempts },
            code_digits: code.digits(),
            code_hash: code_hash.to_vec(),
            sealed: self.hash_keys.seal_challenge(id, &sealed, &self.random)?,
            used_by: None,
        })
    }

    /// Takes back a message that was not sent: the challenge that it opened, and what it counted.
    async fn withdraw(
        &self,
        place: &Place,
        challenge: &Challenge,
        replaced: Option<Challenge>,
        now: Timestamp,
    ) {
        let withdraw = |identity: &mut Identity| {
            // Another one in its place has its own message.
            if identity.challenge(challenge.id).is_some() {
                identity.throttle_mut().release_send(now);
                identity.close(challenge.purpose);
                if let Some(replaced) = replaced.clone() {
                    identity.open(replaced);
                }
            }
        };
        self.take_back(place, withdraw, now).await;
    }

    /// Sends a challenge's code again.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] where the challenge is unknown, too old, replaced or used,
    /// [`Error::OtpLocked`] where it has no tries left; otherwise as [`Self::open`].
    pub async fn resend(
        &self,
        id: Uuid,
        ip: Option<&str>,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let identity = self.store.identity_at(&self.hash_keys.challenge_place(id)).await?;
        let challenge = identity.challenge(id).ok_or(Error::OtpExpired)?;
        let content = self.content(challenge)?;
        self.check_pending(&identity, id, &content.address, now)?;
        self.apps.check(&content.terms.client_id).await?;
        let (address, hides) = (content.address.clone(), self.hides(content.hides_failure));
        let message = Message { address: &address, ip, is_first: false };

        let resend = async |counters: Counters<'_>| {
            self.resend_paid((identity, id), content, counters, messenger, now).await
        };
        self.counted_for_source(message, hides, now, async |source| {
            self.counted_for_prefix(message, source, now, resend).await
        })
        .await
    }

    async fn resend_paid(
        &self,
        (identity, id): (Identity, Uuid),
        mut content: ChallengeContent,
        counters: Counters<'_>,
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let (limits, is_test) = (&self.limits.per_address, counters.are_of_a_test());
        if !is_test {
            identity.throttle().clone().reserve_send(limits, now)?;
        }
        let place = self.hash_keys.challenge_place(id);
        let stop_link = self.stop_link(&identity, &place, now)?;
        let message =
            self.prepare(id, &mut content, counters, stop_link.as_deref(), messenger, now).await?;
        let count = |identity: &mut Identity| {
            self.check_pending(identity, id, &content.address, now)?;
            if !is_test {
                identity.throttle_mut().reserve_send(limits, now)?;
            }
            let resend_in = if is_test { 0 } else { identity.throttle().resend_in(limits, now) };
            let challenge = identity.challenge(id).ok_or(Error::OtpExpired)?;
            Ok(self.view(challenge, &content.address, resend_in, now))
        };
        let counted = self.store.change_identity(&place, identity, now, count).await;
        // What is not known to be counted is nobody's to take back: it may be another one's.
        let is_counted = counted.is_ok();
        let sent = match counted {
            Ok(view) => self.send(message, &content, messenger).await.map(|()| view),
            Err(error) => self.give_up(message, messenger, error).await,
        };
        if sent.is_err() && is_counted {
            self.take_back(&place, |identity| identity.throttle_mut().release_send(now), now).await;
        }
        sent
    }

    /// Takes back what a message that was not sent left at its address. Where that fails, the limits are too strict for a
    /// while, never too lax.
    async fn take_back(&self, place: &Place, change: impl Fn(&mut Identity), now: Timestamp) {
        let change = |identity: &mut Identity| {
            change(identity);
            Ok(())
        };
        let taken_back = match self.store.identity_at(place).await {
            Ok(identity) => self.store.change_identity(place, identity, now, change).await,
            Err(error) => Err(error),
        };
        if let Err(error) = taken_back {
            tracing::warn!(%error, "a message that was not sent stays counted");
        }
    }

    /// Gives the price of a message back that is not sent for this error.
    async fn give_up<T>(
        &self,
        message: Option<Prepared>,
        messenger: &Messenger,
        error: Error,
    ) -> Result<T, Error> {
        if let Some(message) = message {
            messenger.cancel(message).await;
        }
        Err(error)
    }

    /// # Errors
    /// [`Error::OtpExpired`], [`Error::OtpLocked`] where a challenge waits for its code no more; the latter tells the
    /// wait, where the address itself has to wait.
    pub(super) fn check_pending(
        &self,
        identity: &Identity,
        id: Uuid,
        address: &Address,
        now: Timestamp,
    ) -> Result<(), Error> {
        match identity.challenge(id).map(|challenge| challenge.status(now)) {
            Some(ChallengeStatus::Pending) => Ok(()),
            Some(ChallengeStatus::Locked) => {
                let is_test = self.test_code(address, now).is_some();
                let waits = if is_test {
                    Ok(())
                } else {
                    identity.throttle().check(&self.limits.per_address, now)
                };
                Err(waits.err().unwrap_or(Error::OtpLocked { retry_after: None }))
            }
            Some(ChallengeStatus::Verified | ChallengeStatus::Expired) | None => {
                Err(Error::OtpExpired)
            }
        }
    }
}
