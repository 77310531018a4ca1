//! Opening a challenge. Every rate limit and budget is charged before a message is sent, and
//! refunded if nothing is sent.

use jiff::Timestamp;
use uuid::Uuid;

use super::{
    Attempts, Challenge, ChallengeContent, ChallengeView, Challenges, Identity, OPEN_AT_ONCE,
    OneTimeCode, Purpose, Registration, Watched,
    asking::{Counters, Lookup, Recipient, Request, Room},
    sending::Weighed,
};
use crate::{
    apps::{App, SignUp},
    base::{Error, seconds, with_minimum_duration},
    crypto::{IdentifierHash, Place},
    identifiers::{Address, Channel},
    limits::{Asker, LONG_DIGITS, Messages},
    messages::{Messenger, Prepared, Subject},
    users::User,
};

/// How often an id that is taken is drawn again.
const ID_DRAWS: usize = 4;

/// A challenge to be opened.
#[derive(Debug)]
pub struct NewChallenge {
    /// The purpose of the challenge.
    pub purpose: Purpose,
    /// The app of the request.
    pub app: App,
    /// The address that the code is sent to.
    pub address: Address,
    /// The channel that the person has chosen, if they have.
    pub channel: Option<Channel>,
    /// The language of the message (BCP 47).
    pub locale: Option<String>,
    /// The IP address that the request came from.
    pub ip: Option<String>,
    /// The token of the device that it came from.
    pub device_token: Option<String>,
    /// The proof of work that it brings.
    pub proof: Option<String>,
    /// The user who requested it, if only they may prove it.
    pub user_id: Option<Uuid>,
    /// The data for the account, if this is a sign-up.
    pub registration: Option<Registration>,
    /// The link that an e-mail carries beside the code, if there is one.
    pub link: Option<String>,
    /// For a password reset: the user, and their [`User::password_count`].
    pub resets: Option<(Uuid, u64)>,
    /// Whether the challenge is a decoy: the address has no account, and nothing is sent.
    pub decoy: bool,
    /// The hosted page that it was requested on, by the id of its flow.
    pub page: Option<Uuid>,
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
            channel: None,
            locale,
            ip,
            device_token: None,
            proof: None,
            user_id: None,
            registration: None,
            link: None,
            resets: None,
            decoy: false,
            page: None,
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
    /// Opens a challenge and sends its code. Every limit is checked before anything is counted, and
    /// what was counted is refunded if nothing is sent.
    ///
    /// A password reset tells nobody that its address has to wait, since that would reveal what
    /// others asked for: it is answered as if a code had been sent.
    ///
    /// # Errors
    /// [`Error::OtpLocked`], [`Error::ResendTooSoon`] or [`Error::SmsLimitReached`] if the address,
    /// its block of numbers, its mail domain or the source of the request has to wait, or if a
    /// budget is used up; [`Error::FraudSuspected`] or [`Error::ProofRequired`] for signs of SMS
    /// pumping; [`Error::Undeliverable`] if the number refuses texts; [`Error::Unavailable`] if the
    /// code cannot be sent.
    pub async fn open(
        &self,
        new: NewChallenge,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let token = new.device_token.as_deref();
        let lookup = self.look_up(&new.address, token, new.ip.as_deref()).await?;
        self.open_with(new, lookup, messenger).await
    }

    /// As [`Self::open`], with what was read ahead.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_with(
        &self,
        new: NewChallenge,
        lookup: Lookup,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let hides = self.hides(new.hides_accounts());
        // In a box, since its steps take much of the stack.
        let open = Box::pin(self.open_now(new, lookup, messenger));
        if hides { with_minimum_duration(messenger.minimum(), open).await } else { open.await }
    }

    async fn open_now(
        &self,
        new: NewChallenge,
        lookup: Lookup,
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        let (now, address, ip) = (self.clock.now(), new.address.clone(), new.ip.clone());
        // The same for everybody, and before anything is counted.
        let planned =
            self.messages.channel(&address, new.app.text_plan().as_ref(), (new.channel, 0))?;
        let asker = self.asker(&lookup, ip.as_deref());
        let Lookup { recipient, room, .. } = lookup;

        let is_quiet = new.purpose == Purpose::PasswordReset;
        let messages = new.purpose.messages();
        if self.test_code(&address, now).is_none() {
            let throttle = recipient.identity.throttle();
            match throttle.check_send((&asker, messages), &self.limits.per_address, now) {
                Err(_) if is_quiet => {
                    let identity = &recipient.identity;
                    let to = (&address, planned);
                    return self.as_if_sent(to, (&recipient.counted, identity), &asker, now);
                }
                checked => checked?,
            }
        }

        let request = Request {
            address: &address,
            asker: &asker,
            ip: ip.as_deref(),
            valid_seconds: self.settings.ttl_seconds,
            is_first: true,
            is_decoy: new.decoy || new.hides_accounts() && recipient.owner.is_none(),
            hides: new.hides_accounts(),
        };
        self.open_weighed((new, planned), recipient, (request, &room), messenger, now).await
    }

    /// Opens a challenge that gives a new address to `user`, who asks from `ip` and brings a `proof` of
    /// work if one was required. Only this user can prove it.
    ///
    /// # Errors
    /// As [`Self::open`]; [`Error::AppDisabled`]; [`Error::Conflict`] if the user has not proven
    /// any address yet.
    pub async fn open_new_address(
        &self,
        user: &User,
        client_id: &str,
        address: Address,
        (ip, proof): (Option<String>, Option<String>),
        messenger: &Messenger,
    ) -> Result<ChallengeView, Error> {
        user.check_proven()?;
        let app = self.apps.active(client_id).await?;
        let new = NewChallenge::new(Purpose::NewAddress, app, address, user.locale.clone(), ip);
        self.open(NewChallenge { user_id: Some(user.id), proof, ..new }, messenger).await
    }

    /// The answer to a password reset if nothing was sent and the caller is not told: a challenge that
    /// does not exist.
    fn as_if_sent(
        &self,
        (address, channel): (&Address, Channel),
        (counted, identity): (&IdentifierHash, &Identity),
        asker: &Asker,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let (throttle, limits) = (identity.throttle(), &self.limits.per_address);
        let resend_in = throttle.resend_in((asker, Messages::Resets), limits, now);
        Ok(ChallengeView {
            challenge_id: self.new_id(counted, identity, now)?,
            channel,
            to: address.masked(),
            code_length: self.digits(identity, asker, Purpose::PasswordReset, now),
            expires_in: self.settings.ttl_seconds,
            resend_in: if resend_in > 0 { resend_in } else { limits.cooldown_seconds },
            attempts_left: self.settings.max_attempts,
        })
    }

    /// How many digits the code of a new challenge has. Codes for strangers get longer after wrong
    /// codes. They are also longer if the tries that strangers used and have left would otherwise
    /// be more than those of [`OPEN_AT_ONCE`] challenges.
    fn digits(&self, identity: &Identity, asker: &Asker, purpose: Purpose, now: Timestamp) -> u32 {
        let usual = self.settings.digits(asker);
        let digits = identity.throttle().code_digits(asker, usual, now);
        if asker.device().is_some() {
            return digits;
        }

        let tries = identity.throttle().wrong_codes_lately(asker, now)
            + identity.tries_beside(asker, purpose, now)
            + self.settings.max_attempts;
        let at_most = u32::try_from(OPEN_AT_ONCE).unwrap_or(u32::MAX) * self.settings.max_attempts;
        if tries > at_most { digits.max(LONG_DIGITS) } else { digits }
    }

    /// Prepares the message, opens the challenge, and sends the message. One write both opens the
    /// challenge and counts the message against its address.
    async fn open_weighed(
        &self,
        (new, planned): (NewChallenge, Channel),
        recipient: Recipient,
        (request, room): (Request<'_>, &Room),
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let Recipient { counted, identity, owner } = recipient;
        let proof = new.proof.clone();
        let evidence = (owner, proof.as_deref());
        let (purpose, user_id) = (new.purpose, new.user_id);
        let id = self.new_id(&counted, &identity, now)?;
        let as_if_sent = match purpose {
            Purpose::PasswordReset => {
                let to = (request.address, planned);
                Some(self.as_if_sent(to, (&counted, &identity), request.asker, now)?)
            }
            Purpose::SignIn | Purpose::NewAddress => None,
        };

        let code = match self.test_code(&new.address, now) {
            Some(code) => code,
            None => {
                let digits = self.digits(&identity, request.asker, purpose, now);
                OneTimeCode::draw(digits, &self.random)?
            }
        };
        let mut content = self.new_content(new, &code, owner.is_some());
        let stop_link = self.stop_link((request.address, &identity), &counted.place(), now)?;
        let Weighed { mut counters, message, is_dropped } = self
            .weigh(
                (id, evidence),
                &mut content,
                (request, room),
                stop_link.as_deref(),
                messenger,
                now,
            )
            .await?;
        content.decoy |= is_dropped;

        let opened = match self.seal(id, (purpose, user_id), &code, (request, &content), now) {
            Ok(challenge) => {
                let (content, message) = ((&content, planned), (message, &mut counters));
                self.write_and_send((identity, challenge), content, message, messenger, now).await
            }
            Err(error) => self.cancel(message, messenger, error).await,
        };
        if opened.is_err() {
            self.release(&counters).await;
        }
        match (opened, as_if_sent) {
            // Requests that others made meanwhile are as little told as earlier ones.
            (
                Err(
                    Error::ResendTooSoon { .. }
                    | Error::SmsLimitReached { .. }
                    | Error::OtpLocked { .. },
                ),
                Some(as_if_sent),
            ) => Ok(as_if_sent),
            (opened, _) => opened,
        }
    }

    /// An id for a new challenge of an address. One in 8,192 is that of another challenge of the same
    /// millisecond, and is drawn again.
    fn new_id(
        &self,
        counted: &IdentifierHash,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Uuid, Error> {
        let mut id = self.hash_keys.challenge_id(counted, now, &self.random)?;
        for _ in 0..ID_DRAWS {
            if identity.challenge(id).is_none() {
                break;
            }
            id = self.hash_keys.challenge_id(counted, now, &self.random)?;
        }
        Ok(id)
    }

    /// Writes a new challenge and sends its message. If it is not sent, the challenge is withdrawn.
    async fn write_and_send(
        &self,
        (mut identity, challenge): (Identity, Challenge),
        (content, planned): (&ChallengeContent, Channel),
        (message, counters): (Option<Prepared>, &mut Counters),
        messenger: &Messenger,
        now: Timestamp,
    ) -> Result<ChallengeView, Error> {
        let (place, limits) =
            (self.hash_keys.challenge_place(challenge.id), &self.limits.per_address);
        let is_test = self.test_code(&content.address, now).is_some();
        let sender = (&challenge.asker, challenge.purpose.messages());
        let mut replaced = None;
        let open = |identity: &mut Identity| {
            if !identity.is_open(&challenge)? {
                if !is_test {
                    // Another request came first, after which this code would have to be longer.
                    let digits = self.digits(identity, sender.0, challenge.purpose, now);
                    if challenge.code_digits < digits {
                        return Err(Error::ResendTooSoon { retry_after: 1 });
                    }
                    identity.throttle_mut().reserve_send(sender, limits, now)?;
                }
                replaced = identity.open(challenge.clone(), now);
            }
            Ok(if is_test { 0 } else { identity.throttle().resend_in(sender, limits, now) })
        };
        let opened = self.store.change_identity(&place, &mut identity, now, open).await;

        // If the table did not respond, the challenge may still have been opened.
        let may_be_open = matches!(opened, Ok(_) | Err(Error::Unavailable(_)));
        let sent = match opened {
            Ok(resend_in) => {
                let sent = self.send(message, (content, planned), counters, messenger).await;
                sent.map(|sent| (resend_in, sent))
            }
            Err(error) => self.cancel(message, messenger, error).await,
        };
        if sent.is_err() && may_be_open {
            self.withdraw(&place, &challenge, replaced, now).await;
        }
        let (resend_in, sent) = sent?;
        self.note_wish(challenge.id, &sent, now).await;
        Ok(self.view(&challenge, (&content.address, sent.channel), resend_in, now))
    }

    fn new_content(&self, new: NewChallenge, code: &OneTimeCode, owned: bool) -> ChallengeContent {
        let hides_accounts = new.hides_accounts();
        let apps = self.apps.settings();
        let (terms, sender) = (new.app.session_terms(apps), new.app.sender(apps));
        let (terms, sender) = match new.page {
            Some(_) => (terms.in_browser(), sender.on_page(apps)),
            None => (terms, sender),
        };
        let subject = match new.purpose {
            Purpose::SignIn if new.registration.is_some() && owned => Subject::AccountExists,
            Purpose::SignIn => Subject::SignIn,
            Purpose::NewAddress => Subject::NewAddress,
            Purpose::PasswordReset => Subject::PasswordReset,
        };
        let country = new.address.country().unwrap_or_default();
        ChallengeContent {
            subject,
            channel: new.channel,
            sender: sender.of_kind(&subject.name()).to_country(&country),
            address: new.address,
            terms,
            code: code.as_str().to_owned(),
            locale: new.locale,
            link: new.link,
            registration: new.registration,
            resets: new.resets,
            decoy: new.decoy || hides_accounts && !owned,
            hides_failure: hides_accounts,
            page: new.page,
            watched: Watched::default(),
        }
    }

    fn seal(
        &self,
        id: Uuid,
        (purpose, user_id): (Purpose, Option<Uuid>),
        code: &OneTimeCode,
        (request, content): (Request<'_>, &ChallengeContent),
        now: Timestamp,
    ) -> Result<Challenge, Error> {
        // A decoy has the hash of an empty text, so no code matches it.
        let code_hash = self.hash_keys.code(id, if content.decoy { "" } else { code.as_str() });
        Ok(Challenge {
            id,
            purpose,
            user_id,
            asker: request.asker.clone(),
            sent_at: vec![now.as_millisecond()],
            expires_at: now + seconds(self.settings.ttl_seconds),
            attempts: Attempts { used: 0, max: self.settings.max_attempts },
            code_digits: code.digits(),
            code_hash: code_hash.to_vec(),
            sealed: self.sealed(id, content)?,
            wants_to_know: None,
            used_by: None,
            is_counted: false,
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
            // If a later challenge has replaced it, change nothing: that one has its own message.
            if identity.is_open(challenge) == Ok(true) && identity.remove(challenge.id).is_some() {
                let messages = challenge.purpose.messages();
                identity.throttle_mut().release_send(&challenge.asker, messages, now);
                if let Some(replaced) = replaced.clone() {
                    identity.open(replaced, now);
                }
            }
        };
        self.refund(place, withdraw, now).await;
    }

    /// Undoes what a message changed at its address, because it was not sent. If that fails, the
    /// limits are too strict for a while, but never too lax.
    pub(super) async fn refund(
        &self,
        place: &Place,
        change: impl Fn(&mut Identity),
        now: Timestamp,
    ) {
        let change = |identity: &mut Identity| {
            change(identity);
            Ok(())
        };
        let refunded = match self.store.identity_at(place).await {
            Ok(mut identity) => self.store.change_identity(place, &mut identity, now, change).await,
            Err(error) => Err(error),
        };
        if let Err(error) = refunded {
            tracing::warn!(%error, "a message that was not sent stays counted for its address");
        }
    }

    /// Refunds the price of a message that is not sent, and fails with `error`.
    pub(super) async fn cancel<T>(
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
}
