//! Recognising people by their passwords.

use futures_util::future::OptionFuture;
use uuid::Uuid;

use super::{
    Accounts,
    source::{SourceOfFailures, SourceTry},
};
use crate::{
    audit::{Action, Activity, Recorder, user_subject},
    base::Error,
    challenges::Identity,
    crypto::IdentifierHash,
    identifiers::Identifier,
    limits::Throttle,
    users::{KnownDevice, Password, PasswordHash, Recognised, User, UserStatus},
};

/// An identifier as it was read, and the failures of the source that asks. Both are read together,
/// before a password is tried.
pub struct NameLookup {
    typed: IdentifierHash,
    identity: Identity,
    source: SourceOfFailures,
}

/// A user whose password was right.
pub struct RecognisedUser {
    /// The user, as read while the try was counted.
    pub user: User,
    /// How they were recognised.
    pub recognised: Recognised,
    /// The try, which is still counted.
    pub right: RightPassword,
}

/// The try of a password that was right. It is still counted; see [`Accounts::refunding`].
pub struct RightPassword(SpentTry);

/// A try of a password that was counted before the password is compared.
pub(super) struct SpentTry {
    counted: IdentifierHash,
    /// The identifier as the count left it.
    identity: Identity,
    device: Option<Uuid>,
    /// Whether strangers get no more tries after it.
    is_last: bool,
    /// The same try as its source counts it, if it is a stranger's.
    of_source: Option<SourceTry>,
}

impl SpentTry {
    /// The password was right.
    pub(super) fn right(self) -> RightPassword {
        RightPassword(self)
    }
}

impl Accounts {
    /// Reads what a try of a password for `identifier` is weighed by, which comes from `ip`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn look_up_name(
        &self,
        identifier: &Identifier,
        ip: Option<&str>,
    ) -> Result<NameLookup, Error> {
        let typed = match identifier {
            Identifier::Address(address) => self.hash_keys.address(address),
            Identifier::Username(username) => self.hash_keys.username(username),
        };
        let source = SourceOfFailures::read(self, ip);
        let (identity, source) = tokio::try_join!(self.store.identity(&typed), source)?;
        Ok(NameLookup { typed, identity, source })
    }

    /// The user with this identifier and password, on a known device if `device_token` is of one that
    /// is theirs. The try is counted before anything is compared, and the work is the same if there
    /// is no such user. It counts only for the identifier that was typed: if it counted for all
    /// identifiers of a user, a lockout would reveal which ones belong together. A wrong try of a
    /// stranger also counts for its source, and is recorded in the audit trail.
    ///
    /// If the password is not right here, `elsewhere` may return the user whose password it is after all.
    /// It gets the user with this identifier, if there is one.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`]; [`Error::TooManyAttempts`] during a lockout of the identifier
    /// or the source; [`Error::UserDisabled`] for the right password of a disabled user.
    pub async fn recognise(
        &self,
        (identifier, lookup): (&Identifier, NameLookup),
        password: &Password,
        (client_id, device_token): (&str, Option<&str>),
        recorder: &Recorder,
        elsewhere: impl AsyncFnOnce(Option<&User>) -> Result<Option<User>, Error>,
    ) -> Result<RecognisedUser, Error> {
        let NameLookup { typed, identity, source } = lookup;
        let source = source.of(self, recorder.device().ip.as_deref()).await?;
        // Makes the same reads whether or not the identifier belongs to a user.
        let read = self.store.user(identity.owner(&typed).unwrap_or_default());
        let (user, spent) = if device_token.is_some() {
            let user = read.await?;
            let spent = match self.known_device(user.as_ref(), device_token) {
                None => self.spend_strangers_try(&source, typed, identity).await?,
                device => self.spend_try(typed, identity, device).await?,
            };
            (user, spent)
        } else {
            tokio::try_join!(read, self.spend_strangers_try(&source, typed, identity))?
        };

        let hash = user.as_ref().and_then(|user| user.password.clone());
        let of_user = user.as_ref().map(|user| user.id).zip(hash.as_ref());
        let is_right = self.hasher.matches(password, of_user).await?;
        let (user, hash) = match (user, hash) {
            (Some(user), Some(hash)) if is_right => (user, Some(hash)),
            (owner, _) => match elsewhere(owner.as_ref()).await? {
                Some(user) => (user, None),
                None => {
                    let owner = owner.map(|user| user.id);
                    if let Some(owner) = owner.filter(|_| spent.is_last) {
                        self.shut_out(owner, client_id, recorder).await?;
                    }
                    let masked = identifier.masked();
                    let activity = Activity::failed(Action::SignIn, owner, masked, client_id);
                    recorder.record_failure(activity).await?;
                    return Err(Error::InvalidCredentials);
                }
            },
        };

        let device = spent.device;
        let right = spent.right();
        if let Err(error) = self.welcome(&user, hash, password).await {
            self.refund(right).await;
            return Err(error);
        }
        let recognised = user.recognised_by_password(device);
        Ok(RecognisedUser { user, recognised, right })
    }

    /// Does the `work` that a right password opens, and refunds its try at the same time.
    ///
    /// # Errors
    /// The errors of `work`.
    pub async fn refunding<T>(
        &self,
        right: RightPassword,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::join!(work, self.refund(right)).0
    }

    /// Counts a try of a password for the identifier `counted`, in the row of the known device or of
    /// strangers.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] during a lockout.
    pub(super) async fn spend_try(
        &self,
        counted: IdentifierHash,
        mut identity: Identity,
        device: Option<Uuid>,
    ) -> Result<SpentTry, Error> {
        let (now, first) = (self.clock.now(), self.limits.login_max_failures);
        let spend = |throttle: &mut Throttle| {
            throttle.spend_password(device, first, now)?;
            Ok(device.is_none() && throttle.passwords_are_off())
        };
        let is_last = self.store.change_throttle(&counted, &mut identity, now, spend).await?;
        Ok(SpentTry { counted, identity, device, is_last, of_source: None })
    }

    /// Counts a try of a stranger's password for its source, and for the identifier `counted`. One that is
    /// refused for the identifier is given back to the source. One that is refused for a source without
    /// much room does not count for the identifier; if other tries used up the room at the same time, it does.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] during a lockout.
    async fn spend_strangers_try(
        &self,
        source: &SourceOfFailures,
        counted: IdentifierHash,
        identity: Identity,
    ) -> Result<SpentTry, Error> {
        self.note_last_try(&counted, &identity).await?;
        let spend = self.spend_try(counted, identity, None);
        let (of_source, spent) = if source.has_room {
            tokio::join!(source.spend(self), spend)
        } else {
            (Ok(source.spend(self).await?), spend.await)
        };
        match (of_source, spent) {
            (Ok(of_source), Ok(spent)) => Ok(SpentTry { of_source: Some(of_source), ..spent }),
            (Ok(of_source), Err(error)) => {
                of_source.refund(self).await;
                Err(error)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Refunds the try of a right password. If that fails, the limits are too strict for a while,
    /// but never too lax.
    pub(super) async fn refund(&self, right: RightPassword) {
        let RightPassword(SpentTry { counted, mut identity, device, of_source, .. }) = right;
        let pass = |throttle: &mut Throttle| {
            throttle.pass_password(device);
            Ok(())
        };
        let now = self.clock.now();
        let refund = self.store.change_throttle(&counted, &mut identity, now, pass);
        let of_source = OptionFuture::from(of_source.map(|of_source| of_source.refund(self)));
        let (refunded, _) = tokio::join!(refund, of_source);
        if let Err(error) = refunded {
            tracing::warn!(%error, "a right password stays counted for its identifier");
        }
    }

    /// Checks that a user whose password was right may sign in, and renews an outdated hash.
    async fn welcome(
        &self,
        user: &User,
        hash: Option<PasswordHash>,
        password: &Password,
    ) -> Result<(), Error> {
        if user.status == UserStatus::Disabled {
            return Err(Error::UserDisabled);
        }
        let Some(hash) = hash.filter(|hash| self.hasher.is_outdated(hash)) else { return Ok(()) };

        let renewed = self.hasher.hash(password, &self.random).await?;
        let renew = |user: &mut User| {
            // The user may have changed the password in the meantime.
            if user.password.as_ref() == Some(&hash) {
                user.password = Some(renewed.clone());
            }
            Ok(())
        };
        self.store.change_user(user.id, &self.hash_keys, renew).await.map(drop)
    }

    /// The known device of `user` that a request came from. A token that is invalid, old, or of
    /// somebody else reads as none.
    fn known_device(&self, user: Option<&User>, token: Option<&str>) -> Option<Uuid> {
        let device = KnownDevice::decode(token?, &self.hash_keys, self.clock.now())?;
        user.is_some_and(|user| device.is_of(user)).then_some(device.id)
    }

    /// Notes in the owner of an identifier that strangers are shut out, if the next try of one does
    /// that, so that any other sign-in ends it. It is noted before the try is counted: a failure in
    /// between would otherwise leave the owner without the note. A note without a stop does no harm:
    /// the next sign-in that ends stops takes it away.
    async fn note_last_try(
        &self,
        typed: &IdentifierHash,
        identity: &Identity,
    ) -> Result<(), Error> {
        let (now, mut throttle) = (self.clock.now(), identity.throttle().clone());
        let spent = throttle.spend_password(None, self.limits.login_max_failures, now);
        match identity.owner(typed).filter(|_| spent.is_ok() && throttle.passwords_are_off()) {
            Some(owner) => self.store.note_lockout(owner).await,
            None => Ok(()),
        }
    }

    /// Records that strangers are shut out now, and notes it again in case that other tries came
    /// before this one was counted.
    async fn shut_out(
        &self,
        user_id: Uuid,
        client_id: &str,
        recorder: &Recorder,
    ) -> Result<(), Error> {
        self.store.note_lockout(user_id).await?;
        let target = user_subject(user_id);
        recorder.record(Activity::happened(Action::Lockout, target, client_id)).await
    }
}
