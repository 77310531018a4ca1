//! Opening a challenge, and sending its code again. Every rate limit and budget is charged before a
//! message is sent, and refunded if sending fails.

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

/// A challenge to be opened.
#[derive(Debug)]
pub struct NewChallenge {
    /// The purpose of the challenge.
    pub purpose: Purpose,
    /// The app of the request.
    pub app: App,
    /// The address that the code is sent to.
    pub address: Address,
    /// The language of the message (BCP 47).
    pub locale: Option<String>,
    /// The IP address that the request came from.
    pub ip: Option<String>,
    /// The only user who may prove the challenge; `None` if anybody may.
    pub user_id: Option<Uuid>,
    /// The data for the account, if this is a sign-up.
    pub registration: Option<Registration>,
    /// The link that an e-mail carries beside the code, if there is one.
    pub link: Option<String>,
    /// For a password reset: the user, and their [`User::password_count`].
    pub resets: Option<(Uuid, u64)>,
    /// Whether the challenge is a decoy: the address has no account, and nothing is sent.
    pub decoy: bool,
}

impl NewChallenge {
    /// A challenge for `purpose`, requested from `ip`. All other fields are empty.
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

    /// Whether messages are sent only to people who have an account. If so, neither the duration of
    /// the request nor a failure may reveal who has an account.
    fn hides_accounts(&self) -> bool {
        match self.purpose {
            Purpose::PasswordReset => true,
            Purpose::SignIn => self.app.sign_up == SignUp::Closed,
            Purpose::NewAddress => false,
        }
    }
}

impl Challenges {
    /// Opens a challenge and sends its code. The new challenge replaces an open one for the same
    /// address and purpose.
    ///
    /// # Errors
    /// [`Error::OtpLocked`], [`Error::ResendTooSoon`] or [`Error::SmsLimitReached`] if the address,
    /// its number range or the source of the request has to wait, or if a budget is used up;
    /// [`Error::FraudSuspected`] for signs of SMS pumping; [`Error::Unavailable`] if the code
    /// cannot be sent (everything that was charged is then refunded).
    pub async fn open(
        &self,
        new: NewChallenge,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let (address, ip) = (new.address.clone(), new.ip.clone());
        let message = Message { address: &address, ip: ip.as_deref(), is_first: true };
        let hides = self.hides(new.hides_accounts());

        let open =
            async |counters: Counters<'_>| self.open_counted(new, counters, messenger, now).await;
        self.counted_for_source(message, hides, now, async |source| {
            self.counted_for_prefix(message, source, now, open).await
        })
        .await
    }

    /// Whether the duration of the request must be the same with and without a message. This is
    /// required if messages are sent only to people who have an account, or if suspected SMS
    /// pumping is dropped quietly.
    fn hides(&self, hides_accounts: bool) -> bool {
        hides_accounts || self.limits.fraud_mode == FraudMode::Quiet
    }

    /// Opens a challenge that gives a new address to `user`. Only this user can prove it.
    ///
    /// # Errors
    /// As [`Self::open`]; [`Error::AppDisabled`]; [`Error::Conflict`] if the user has not proven
    /// any address yet.
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

    /// As [`Self::open`], but if the address has to wait, the response looks as if a code had been
    /// sent. If there is an open challenge, the response shows that one.
    ///
    /// # Errors
    /// [`Error::SmsLimitReached`] if the source has to wait; [`Error::Unavailable`].
    pub async fn open_quietly(
        &self,
        new: NewChallenge,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let now = self.clock.now();
        let (address, purpose, ip) = (new.address.clone(), new.purpose, new.ip.clone());
        let message = Message { address: &address, ip: ip.as_deref(), is_first: true };

        let open =
            async |counters: Counters<'_>| self.open_counted(new, counters, messenger, now).await;
        self.counted_for_source(message, false, now, async |source| {
            match self.counted_for_prefix(message, source, now, open).await {
                Err(
                    Error::OtpLocked { .. }
                    | Error::ResendTooSoon { .. }
                    | Error::SmsLimitReached { .. }
                    | Error::FraudSuspected,
                ) => self.view_as_if_sent(&address, purpose, now).await,
                opened => opened,
            }
        })
        .await
    }

    /// The response if nothing was sent: the open challenge or, if there is none, a made-up one.
    async fn view_as_if_sent(
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

    /// Prepares the message, opens the challenge, and sends the message. One write both opens the
    /// challenge and counts the message against its address. The message has already been counted
    /// in `counters`.
    async fn open_counted(
        &self,
        new: NewChallenge,
        counters: Counters<'_>,
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let (limits, is_test) = (&self.limits.per_address, counters.are_of_a_test_phone());
        let identifier = self.hash_keys.address(&new.address);
        let identity = self.store.identity(&identifier).await?;
        // Check the throttle before the message's price is reserved.
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
            Err(error) => return self.cancel(message, messenger, error).await,
        };

        let (place, mut replaced) = (identifier.place(), None);
        let open = |identity: &mut Identity| {
            // If the challenge is already there, our own write opened it, but the response of that
            // write was lost.
            if identity.challenge(id).is_none() {
                if !is_test {
                    identity.throttle_mut().reserve_send(limits, now)?;
                }
                replaced = identity.open(challenge.clone());
            }
            Ok(if is_test { 0 } else { identity.throttle().resend_in(limits, now) })
        };
        let opened = self.store.change_identity(&place, identity, now, open).await;
        // If the table did not respond, the challenge may still have been opened.
        let may_be_open = matches!(opened, Ok(_) | Err(Error::Unavailable(_)));
        let sent = match opened {
            Ok(resend_in) => self.send(message, &content, messenger).await.map(|()| resend_in),
            Err(error) => self.cancel(message, messenger, error).await,
        };

        if sent.is_err() && may_be_open {
            self.withdraw(&place, &challenge, replaced, now).await;
        }
        Ok(self.view(&challenge, &content.address, sent?, now))
    }

    fn new_content(&self, new: NewChallenge, code: &OneTimeCode, owned: bool) -> ChallengeContent {
        let hides_accounts = new.hides_accounts();
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
            decoy: new.decoy || hides_accounts && !owned,
            hides_failure: hides_accounts,
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
        // A decoy has the hash of an empty text, so no code matches it.
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

    /// Closes the challenge of a message that was not sent, opens the one that it `replaced`, and
    /// refunds the count of the address.
    async fn withdraw(
        &self,
        place: &Place,
        challenge: &Challenge,
        replaced: Option<Challenge>,
        now: Timestamp,
    ) {
        let withdraw = |identity: &mut Identity| {
            // If a later challenge has replaced this one, change nothing: the later one has its own
            // message.
            if identity.challenge(challenge.id).is_some() {
                identity.throttle_mut().release_send(now);
                identity.close(challenge.purpose);
                if let Some(replaced) = replaced.clone() {
                    identity.open(replaced);
                }
            }
        };
        self.refund(place, withdraw, now).await;
    }

    /// Sends a challenge's code again.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] if the challenge is unknown, expired, replaced or used;
    /// [`Error::OtpLocked`] if it has no tries left; otherwise as [`Self::open`].
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
            self.resend_counted((identity, id), content, counters, messenger, now).await
        };
        self.counted_for_source(message, hides, now, async |source| {
            self.counted_for_prefix(message, source, now, resend).await
        })
        .await
    }

    /// Prepares the message, counts it against its address, and sends it. The message has already
    /// been counted in `counters`.
    async fn resend_counted(
        &self,
        (identity, id): (Identity, Uuid),
        mut content: ChallengeContent,
        counters: Counters<'_>,
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let (limits, is_test) = (&self.limits.per_address, counters.are_of_a_test_phone());
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
        // Refund only a count that is certainly ours: otherwise we could refund another message.
        let is_counted = counted.is_ok();
        let sent = match counted {
            Ok(view) => self.send(message, &content, messenger).await.map(|()| view),
            Err(error) => self.cancel(message, messenger, error).await,
        };

        if sent.is_err() && is_counted {
            self.refund(&place, |identity| identity.throttle_mut().release_send(now), now).await;
        }
        sent
    }

    /// Undoes what a message changed at its address, because the message was not sent. If the
    /// refund fails, the limits are too strict for a while, but never too lax.
    async fn refund(&self, place: &Place, change: impl Fn(&mut Identity), now: Timestamp) {
        let change = |identity: &mut Identity| {
            change(identity);
            Ok(())
        };
        let refunded = match self.store.identity_at(place).await {
            Ok(identity) => self.store.change_identity(place, identity, now, change).await,
            Err(error) => Err(error),
        };
        if let Err(error) = refunded {
            tracing::warn!(%error, "a message that was not sent stays counted for its address");
        }
    }

    /// Refunds the price of a message that is not sent, and fails with `error`.
    async fn cancel<T>(
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

    /// Checks that a challenge is waiting for its code.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] if it is unknown, expired, replaced or used; [`Error::OtpLocked`] if
    /// it has no tries left, with the wait if the address itself is locked.
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
                let checked = if is_test {
                    Ok(())
                } else {
                    identity.throttle().check(&self.limits.per_address, now)
                };
                Err(checked.err().unwrap_or(Error::OtpLocked { retry_after: None }))
            }
            Some(ChallengeStatus::Verified | ChallengeStatus::Expired) | None => {
                Err(Error::OtpExpired)
            }
        }
    }
}
