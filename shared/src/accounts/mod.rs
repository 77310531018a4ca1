//! What people change about their accounts: profile, password, addresses; and leaving.

mod settings;
mod table;
mod view;

pub use self::{
    settings::AccountSettings,
    table::ResetLink,
    view::{UserView, entity_tag},
};

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    apps::{Apps, DEFAULT_CLIENT_ID},
    audit::{Action, Activity, Event, Recorder},
    avatars::{AvatarUrls, Avatars},
    base::{Clock, Error, Random, seconds, whole_seconds},
    challenges::{ChallengeSettings, Identity, Proven, Registration},
    crypto::{HashKeys, IdentifierHash},
    identifiers::{Address, Identifier},
    limits::{Destination, LimitSettings, Throttle},
    messages::{Content, Messenger, Subject},
    table::Store,
    users::{
        Password, PasswordHash, PasswordHasher, ProfileChange, User, UserSettings, UserStatus,
        personal_words,
    },
};

/// How long a reset link is good.
const RESET_LINK_SECONDS: i64 = 30 * 60;

/// How often somebody is told of changes by text in an hour.
const MAX_NOTICES_PER_HOUR: u32 = 5;

/// The accounts of the service.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) store: Store,
    pub(crate) apps: Apps,
    pub(crate) hash_keys: Arc<HashKeys>,
    pub(crate) hasher: PasswordHasher,
    pub(crate) avatar_urls: AvatarUrls,
    pub(crate) settings: Arc<AccountSettings>,
    pub(crate) user_settings: Arc<UserSettings>,
    pub(crate) limits: Arc<LimitSettings>,
    pub(crate) challenge_settings: Arc<ChallengeSettings>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Accounts {
    /// The same, whose next change is recorded as `event`, in one transaction with it.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        Self { store: self.store.recording(event), ..self.clone() }
    }

    /// The URLs of the pictures in what is shown of users.
    pub fn avatar_urls(&self) -> &AvatarUrls {
        &self.avatar_urls
    }

    /// What a sign-up keeps until its address is proven.
    ///
    /// # Errors
    /// [`Error::WeakPassword`]; [`Error::Conflict`] for a username that is taken: usernames are public.
    pub async fn registration(
        &self,
        address: &Address,
        password: Option<Password>,
        mut registration: Registration,
    ) -> Result<Registration, Error> {
        if let Some(password) = password {
            let (phone, email) = match address {
                Address::Sms(phone) => (Some(phone), registration.unverified_email.as_ref()),
                Address::Email(email) => (None, Some(email)),
            };
            let words = personal_words(
                phone,
                email,
                registration.username.as_ref(),
                registration.name.as_deref(),
            );
            password.check_strength(&self.user_settings, &words)?;
            registration.password = Some(self.hasher.hash(&password, &self.random).await?);
        }
        if let Some(username) = &registration.username
            && self.store.owner(&self.hash_keys.username(username)).await?.is_some()
        {
            return Err(Error::taken("username"));
        }
        Ok(registration)
    }

    /// The user whom an identifier and a password name. The try is counted before anything is compared,
    /// and the work is the same where there is no such user; a wrong one is recorded.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`], [`Error::TooManyAttempts`]; [`Error::UserDisabled`] for the right
    /// password of a disabled user.
    pub async fn recognise(
        &self,
        identifier: &Identifier,
        password: &Password,
        client_id: &str,
        recorder: &Recorder,
    ) -> Result<User, Error> {
        let typed = match identifier {
            Identifier::Address(address) => self.hash_keys.address(address),
            Identifier::Username(username) => self.hash_keys.username(username),
        };
        let identity = self.store.identity(&typed).await?;
        // The same reads for somebody and for nobody.
        let user = self.store.user(identity.owner(&typed).unwrap_or_default()).await?;
        let hash = user.as_ref().and_then(|user| user.password.clone());
        // Counted for this name alone, be it somebody's or nobody's: that a name has to wait must not tell with which others
        // it shares a person.
        let matches = self.try_password((&typed, identity), password, hash.as_ref()).await?;
        let Some(user) = user.filter(|_| matches) else {
            let activity = Activity::failed(Action::SignIn, identifier.masked(), client_id);
            self.store.record(&recorder.event(activity)?).await?;
            return Err(Error::InvalidCredentials);
        };
        if user.status == UserStatus::Disabled {
            return Err(Error::UserDisabled);
        }
        if hash.as_ref().is_some_and(PasswordHash::is_outdated) {
            let renewed = self.hasher.hash(password, &self.random).await?;
            self.store
                .change_user(user.id, &self.hash_keys, |user| {
                    // A new password may have come meanwhile.
                    if user.password == hash {
                        user.password = Some(renewed.clone());
                    }
                    Ok(())
                })
                .await?;
        }
        Ok(user)
    }

    async fn try_password(
        &self,
        (counted, identity): (&IdentifierHash, Identity),
        password: &Password,
        hash: Option<&PasswordHash>,
    ) -> Result<bool, Error> {
        let (now, limits) = (self.clock.now(), &self.limits.per_address);
        let max_failures = self.limits.login_max_failures;
        self.store
            .change_throttle(counted, identity, now, |throttle| {
                throttle.spend_password(max_failures, limits, now)
            })
            .await?;
        let matches = self.hasher.matches(password, hash).await?;
        if matches {
            let take_back = |throttle: &mut Throttle| {
                throttle.take_back_failure(now);
                Ok(())
            };
            self.store.throttle(counted, now, take_back).await?;
        }
        Ok(matches)
    }

    /// Gives a signed-in user a new password and ends the other sessions. `old` must be the one that there is, and nothing
    /// where there is none.
    ///
    /// # Errors
    /// [`Error::WrongPassword`], [`Error::TooManyAttempts`], [`Error::WeakPassword`].
    pub async fn change_password(
        &self,
        user: &User,
        session_id: Uuid,
        old: Option<Password>,
        new: Password,
    ) -> Result<User, Error> {
        if let Some(hash) = &user.password {
            let old = old.ok_or_else(|| Error::field("old_password", "is missing"))?;
            let counted = user
                .addresses()
                .next()
                .ok_or_else(|| Error::Internal("a user without an address".into()))?;
            let counted = self.hash_keys.address(&counted);
            let identity = self.store.identity(&counted).await?;
            if !self.try_password((&counted, identity), &old, Some(hash)).await? {
                return Err(Error::WrongPassword);
            }
        } else if old.is_some() {
            return Err(Error::WrongPassword);
        }
        new.check_strength(&self.user_settings, &user.personal_words())?;
        let (hash, now) =
            (self.hasher.hash(&new, &self.random).await?, whole_seconds(self.clock.now()));
        self.store
            .change_user(user.id, &self.hash_keys, |current| {
                // Another change came first: the old password is no longer the one that was given.
                if current.password_count != user.password_count {
                    return Err(Error::WrongPassword);
                }
                current.sessions.retain(|id, _| *id == session_id);
                set_password(current, hash.clone(), now);
                Ok(())
            })
            .await
    }

    /// The user whose password `address` may reset, if there is one.
    pub async fn resettable(&self, address: &Address) -> Result<Option<User>, Error> {
        let owner = self.store.owner(&self.hash_keys.address(address)).await?;
        let user = self.store.user(owner.unwrap_or_default()).await?;
        Ok(user.filter(|user| user.status == UserStatus::Active))
    }

    /// A link by which `user` can set a password, where the deployment has a page for it.
    pub async fn reset_link(&self, user: &User) -> Result<Option<String>, Error> {
        let Some(page) = &self.settings.password_reset_url else { return Ok(None) };
        let token = data_encoding::BASE64URL_NOPAD.encode(&self.random.bytes::<32>()?);
        let link = ResetLink {
            user_id: user.id,
            password_count: user.password_count,
            expires_at: self.clock.now() + seconds(RESET_LINK_SECONDS),
        };
        self.store.put_reset_link(&self.hash_keys.identifier("reset link", &token), &link).await?;
        Ok(Some(format!("{page}#{token}")))
    }

    /// Sets the password of the user who proved an address, and ends all sessions.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] for a challenge of another purpose, and where the password is another one by now;
    /// [`Error::WeakPassword`].
    pub async fn reset_by_code(
        &self,
        proven: &Proven,
        new: &Password,
        recorder: &Recorder,
    ) -> Result<User, Error> {
        let resets = proven.content.resets.filter(|(user_id, _)| proven.owner == Some(*user_id));
        let (user_id, password_count) = resets.ok_or(Error::OtpExpired)?;
        self.reset(user_id, password_count, new, recorder).await.map_err(|error| match error {
            Error::TokenInvalid => Error::OtpExpired,
            error => error,
        })
    }

    /// Sets the password by the token of a link, once, and ends all sessions.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] for a token that is unknown, used or too old; [`Error::WeakPassword`].
    pub async fn reset_by_link(
        &self,
        token: &str,
        new: &Password,
        recorder: &Recorder,
    ) -> Result<User, Error> {
        let token_hash = self.hash_keys.identifier("reset link", token);
        let link = self
            .store
            .reset_link(&token_hash, self.clock.now())
            .await?
            .ok_or(Error::TokenInvalid)?;
        let user = self.reset(link.user_id, link.password_count, new, recorder).await?;
        // It is dead already: the count of passwords is another.
        if let Err(error) = self.store.delete_reset_link(&token_hash).await {
            tracing::warn!(%error, "a reset link that was used stays until it expires");
        }
        Ok(user)
    }

    async fn reset(
        &self,
        user_id: Uuid,
        password_count: u64,
        new: &Password,
        recorder: &Recorder,
    ) -> Result<User, Error> {
        let user = self.store.user(user_id).await?.ok_or(Error::TokenInvalid)?;
        new.check_strength(&self.user_settings, &user.personal_words())?;
        let (hash, now) =
            (self.hasher.hash(new, &self.random).await?, whole_seconds(self.clock.now()));
        let set = |user: &mut User| {
            if user.status == UserStatus::Disabled || password_count != user.password_count {
                return Err(Error::TokenInvalid);
            }
            user.prove(self.user_settings.admin_phone.as_ref());
            user.sessions = BTreeMap::new();
            set_password(user, hash.clone(), now);
            Ok(())
        };
        let store = self.store.recording(recorder.event(Activity::own(
            Action::PasswordReset,
            user_id,
            DEFAULT_CLIENT_ID,
        ))?);
        let user = if user.unproven {
            // Code and link went to the address alone: whoever used one has proven it, and what was there before is
            // somebody else's.
            store.delete_second_factor(user_id, &self.hash_keys, set).await?
        } else {
            store.change_user(user_id, &self.hash_keys, set).await?
        };
        if let Err(error) = self.end_waits(&user).await {
            tracing::warn!(%error, "a name still has to wait for wrong passwords of before a reset");
        }
        Ok(user)
    }

    /// Ends the rows of failures of all names of a user who has shown by a code or a link who he is. Those of his second
    /// factor stay.
    async fn end_waits(&self, user: &User) -> Result<(), Error> {
        let now = self.clock.now();
        for identifier in user.identifiers(&self.hash_keys) {
            let identity = self.store.identity(&identifier).await?;
            if identity.throttle().has_failed() {
                let end = |throttle: &mut Throttle| {
                    throttle.record_success();
                    Ok(())
                };
                self.store.change_throttle(&identifier, identity, now, end).await?;
            }
        }
        Ok(())
    }

    /// Tells a user what has changed, by e-mail or by text, whichever was not used for it. That it
    /// cannot be told does not undo it.
    pub async fn tell(
        &self,
        user: &User,
        subject: Subject,
        not_by: Option<&Address>,
        messenger: &Messenger,
    ) {
        let mut addresses: Vec<_> = user.addresses().collect();
        addresses.reverse();
        let other = addresses.iter().find(|address| Some(*address) != not_by).or(addresses.first());
        if let Some(address) = other {
            self.tell_at(address, subject, user.locale.as_deref(), messenger).await;
        }
    }

    /// Tells whoever reads `address` what has changed. By text no more than a few times an hour: who changes something
    /// again and again may be somebody who earns by texts. A test phone is sent nothing.
    pub async fn tell_at(
        &self,
        address: &Address,
        subject: Subject,
        locale: Option<&str>,
        messenger: &Messenger,
    ) {
        let now = self.clock.now();
        if address
            .phone()
            .is_some_and(|phone| self.challenge_settings.test_phones.code(phone, now).is_some())
        {
            return;
        }
        let prefix = address.phone().map(|phone| self.hash_keys.prefix(phone));
        let told = async {
            let sender = self.apps.active(DEFAULT_CLIENT_ID).await?.sender(self.apps.settings());
            let content = Content {
                subject,
                sender: &sender,
                code: "",
                valid_minutes: 0,
                link: None,
                stop_link: None,
            };
            if let Some(prefix) = &prefix {
                let (notices, most) =
                    (self.hash_keys.notices(address), self.limits.sends_per_prefix_per_hour);
                self.store
                    .count_send(&notices, Destination::Nothing, MAX_NOTICES_PER_HOUR, now)
                    .await?;
                self.store.count_send(prefix, Destination::Nothing, most, now).await?;
            }
            let sent = async {
                messenger
                    .send(messenger.prepare(address, prefix.as_ref(), &content, locale).await?)
                    .await
            };
            let sent = sent.await;
            if let (Err(_), Some(prefix)) = (&sent, &prefix) {
                // Others text to such numbers, too.
                self.store.release_send(prefix, now).await?;
            }
            sent
        };
        if let Err(error) = told.await {
            tracing::warn!(%error, "a user could not be told of a change");
        }
    }

    /// Changes the profile.
    ///
    /// # Errors
    /// [`Error::Conflict`] for a username that is taken.
    pub async fn change_profile(
        &self,
        user_id: Uuid,
        change: &ProfileChange,
    ) -> Result<User, Error> {
        let now = whole_seconds(self.clock.now());
        let changed = self.store.change_user(user_id, &self.hash_keys, |user| {
            let before = user.clone();
            change.apply(user);
            if *user != before {
                user.updated_at = now;
            }
            Ok(())
        });
        changed.await.map_err(|error| match error {
            Error::Conflict(_) => Error::taken("username"),
            error => error,
        })
    }

    /// Gives a user the address that he proved. Answers him, and the address that he had before.
    ///
    /// # Errors
    /// [`Error::Conflict`] where it is somebody else's, and for who has proven none of his own yet.
    pub async fn change_address(
        &self,
        user_id: Uuid,
        address: &Address,
    ) -> Result<(User, Option<Address>), Error> {
        let (now, mut before) = (whole_seconds(self.clock.now()), None);
        let user = self
            .store
            .change_user(user_id, &self.hash_keys, |user| {
                user.check_proven()?;
                match address {
                    Address::Sms(phone) => {
                        before = user.phone.replace(phone.clone()).map(Address::Sms);
                        // Who proves again what was his has proven nothing new.
                        if before.as_ref() != Some(address) {
                            user.become_admin_with(self.user_settings.admin_phone.as_ref());
                        }
                    }
                    Address::Email(email) => {
                        let old = user.email.replace(email.clone()).filter(|_| user.email_verified);
                        // A reset link that went to the old address ends.
                        if old.as_ref().is_some_and(|old| old != email) {
                            user.password_count += 1;
                        }
                        before = old.map(Address::Email);
                        user.email_verified = true;
                    }
                }
                user.updated_at = now;
                Ok(())
            })
            .await
            .map_err(|error| match (error, address) {
                (Error::Conflict(_), Address::Sms(_)) => Error::taken("phone"),
                (Error::Conflict(_), Address::Email(_)) => Error::taken("email"),
                (error, _) => error,
            })?;
        Ok((user, before.filter(|before| before != address)))
    }

    /// Erases a user.
    pub async fn delete(&self, user_id: Uuid, avatars: &Avatars) -> Result<(), Error> {
        avatars.delete_user(&self.store, user_id, |_| Ok(())).await
    }
}

fn set_password(user: &mut User, hash: PasswordHash, now: Timestamp) {
    user.password = Some(hash);
    user.password_count += 1;
    user.updated_at = now;
}
