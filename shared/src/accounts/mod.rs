//! Users' own accounts: profile, password, addresses, and deletion.

mod consents;
mod erasure;
mod recognising;
mod reset_link;
mod settings;
mod source;
mod telling;
mod undo;
mod view;

use self::reset_link::ResetLink;
pub use self::{
    recognising::{NameLookup, RecognisedUser, RightPassword},
    settings::AccountSettings,
    view::{UserView, entity_tag},
};

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    apps::{Apps, DEFAULT_CLIENT_ID},
    audit::{Action, Activity, Event, Recorder},
    avatars::AvatarUrls,
    base::{Clock, Error, Random, seconds, whole_seconds},
    challenges::{ChallengeSettings, Proven, Registration},
    crypto::HashKeys,
    identifiers::Address,
    limits::LimitSettings,
    table::Store,
    users::{
        Metadata, Password, PasswordHash, PasswordHasher, ProfileChange, TextAlone, User,
        UserSettings, UserStatus, personal_words,
    },
};

/// How many seconds a reset link works.
const RESET_LINK_SECONDS: i64 = 30 * 60;

/// Changes users' own accounts.
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
    /// Returns a copy that writes `event` to the audit trail in the same transaction as its next
    /// change.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        Self { store: self.store.recording(event), ..self.clone() }
    }

    /// The name of the service.
    pub fn app_name(&self) -> &str {
        &self.apps.settings().app_name
    }

    /// Makes the URLs of users' pictures.
    pub fn avatar_urls(&self) -> &AvatarUrls {
        &self.avatar_urls
    }

    /// The metadata of a user.
    pub async fn metadata(&self, user: &User) -> Result<Metadata, Error> {
        self.store.metadata(user).await
    }

    /// The registration that is kept until the address is proven, with the hashed `password`.
    ///
    /// # Errors
    /// [`Error::WeakPassword`]; [`Error::Conflict`] if the username is taken, which is no secret:
    /// usernames are public.
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
            password.check_new(&self.user_settings, &words).await?;
            registration.password = Some(self.hasher.hash(&password, &self.random).await?);
        }

        if let Some(username) = &registration.username
            && self.store.owner(&self.hash_keys.username(username)).await?.is_some()
        {
            return Err(Error::taken("username"));
        }

        Ok(registration)
    }

    /// Gives a signed-in user a new password and revokes their other sessions. `old` must be the
    /// current password, or `None` if the user has none.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if `old` is missing; [`Error::WrongPassword`], also if the
    /// password was changed in the meantime; [`Error::TooManyAttempts`] during a lockout;
    /// [`Error::WeakPassword`]; [`Error::TokenInvalid`] if the session has ended.
    pub async fn change_password(
        &self,
        user: &User,
        session_id: Uuid,
        old: Option<Password>,
        new: Password,
    ) -> Result<User, Error> {
        if let Some(hash) = &user.password {
            let old = old.ok_or_else(|| Error::field("old_password", "is missing"))?;
            // Counted for the user, where only somebody who is signed in gets.
            let counted = self.hash_keys.user(user.id);
            let identity = self.store.identity(&counted).await?;
            let spent = self.spend_try(counted, identity, None).await?;
            if !self.hasher.matches(&old, Some((user.id, hash))).await? {
                return Err(Error::WrongPassword);
            }
            self.refund(spent.right()).await;
        } else if old.is_some() {
            return Err(Error::WrongPassword);
        }

        new.check_new(&self.user_settings, &user.personal_words()).await?;
        let (hash, now) =
            (self.hasher.hash(&new, &self.random).await?, whole_seconds(self.clock.now()));

        self.store
            .change_user(user.id, &self.hash_keys, |current| {
                current.check_session(session_id, now)?;
                // Another change came first, so `old` is no longer the current password.
                if current.password_count != user.password_count {
                    return Err(Error::WrongPassword);
                }
                current.sign_out_elsewhere(session_id);
                current.device_epoch += 1;
                set_password(current, hash.clone(), now);
                Ok(())
            })
            .await
    }

    /// The active user who owns `address` and can reset their password by it, if there is one. A
    /// phone that a text alone does not sign in with resets nothing either.
    pub async fn resettable(&self, address: &Address) -> Result<Option<User>, Error> {
        let owner = self.store.owner(&self.hash_keys.address(address)).await?;
        let user = self.store.user(owner.unwrap_or_default()).await?;
        let now = self.clock.now();
        let opens = |user: &User| {
            address.phone().is_none()
                || self.user_settings.text_alone(user, now) == TextAlone::SignsIn
        };
        Ok(user.filter(|user| user.status == UserStatus::Active && opens(user)))
    }

    /// A link by which `user` can set a new password within 30 minutes; `None` if the deployment
    /// has no page for it. Nothing is stored, so links that strangers ask for cost nothing and close
    /// no other link.
    pub fn reset_link(&self, user: &User) -> Option<String> {
        let page = self.settings.password_reset_url.as_ref()?;
        let link = ResetLink {
            user_id: user.id,
            password_count: user.password_count,
            expires_at: self.clock.now() + seconds(RESET_LINK_SECONDS),
        };
        Some(format!("{page}#{}", link.encode(&self.hash_keys)))
    }

    /// Sets the password of a user who proved their address by a code, and revokes all their
    /// sessions.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] for a challenge with another purpose, or if the password has changed
    /// since the code was sent; [`Error::WeakPassword`].
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

    /// Sets a user's password by the token of a reset link, once, and revokes all their sessions.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] for a token that is unknown, used or expired;
    /// [`Error::WeakPassword`].
    pub async fn reset_by_link(
        &self,
        token: &str,
        new: &Password,
        recorder: &Recorder,
    ) -> Result<User, Error> {
        let link = ResetLink::decode(token, &self.hash_keys, self.clock.now())?;
        self.reset(link.user_id, link.password_count, new, recorder).await
    }

    /// Sets the password of a user who is not disabled and whose password count is still
    /// `password_count`, revokes all their sessions, and ends their lockouts for wrong passwords.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] for any other user; [`Error::WeakPassword`].
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
            user.sign_out_everywhere();
            user.locked_out = false;
            set_password(user, hash.clone(), now);
            Ok(())
        };

        let store = self.store.recording(recorder.event(Activity::own(
            Action::PasswordReset,
            user_id,
            DEFAULT_CLIENT_ID,
        ))?);
        let before = user;
        let user = if before.unproven {
            // Only the owner of the address gets the code or link, so using it proves the address.
            // A second factor from before that is somebody else's.
            store.delete_second_factor(user_id, &self.hash_keys, set).await?
        } else {
            store.change_user(user_id, &self.hash_keys, set).await?
        };

        if let Err(error) = self.end_lockouts(&user).await {
            tracing::warn!(%error, "an identifier stays locked after a password reset");
        }
        // The password is set, so the request has succeeded.
        if let Err(error) = self.record_effects(&before, &user, recorder).await {
            tracing::warn!(%error, "an effect of a password reset was not recorded");
        }

        Ok(user)
    }

    /// Records what a reset of the password did besides.
    async fn record_effects(
        &self,
        before: &User,
        after: &User,
        recorder: &Recorder,
    ) -> Result<(), Error> {
        let became_admin = after.is_active_admin() && !before.is_active_admin();
        for (action, happened) in
            [(Action::LockoutEnd, before.locked_out), (Action::AdminByPhone, became_admin)]
        {
            if happened {
                recorder.record(Activity::own(action, after.id, DEFAULT_CLIENT_ID)).await?;
            }
        }
        Ok(())
    }

    /// Ends every failure and wait of a user who has proven an address by a code or a link.
    async fn end_lockouts(&self, user: &User) -> Result<(), Error> {
        let now = self.clock.now();
        for identifier in user.counted(&self.hash_keys) {
            self.store.recover(&identifier, now).await?;
        }
        Ok(())
    }

    /// Changes a user's profile and metadata, and returns both.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the username is taken; [`Error::InvalidRequest`] for metadata that
    /// would be too long or nest too deep.
    pub async fn change_profile(
        &self,
        user_id: Uuid,
        change: &ProfileChange,
    ) -> Result<(User, Metadata), Error> {
        let now = whole_seconds(self.clock.now());
        let (keys, metadata) = (&self.hash_keys, &change.metadata);
        let apply = |user: &mut User| {
            let before = user.clone();
            change.apply(user);
            if *user != before {
                user.updated_at = now;
            }
            Ok(())
        };
        self.store.change_user_with_metadata(user_id, keys, metadata, apply).await
    }

    /// Gives a user the address that they proved, and ends all sessions but the one that did it.
    /// Returns the user and the previous address, if it was a different one.
    ///
    /// # Errors
    /// [`Error::Conflict`] if somebody else has the address, or if the user has not proven any
    /// address yet; [`Error::TokenInvalid`] if the session has ended.
    pub async fn change_address(
        &self,
        (user_id, session_id): (Uuid, Uuid),
        address: &Address,
    ) -> Result<(User, Option<Address>), Error> {
        let (now, mut before) = (whole_seconds(self.clock.now()), None);
        let user = self
            .store
            .change_user(user_id, &self.hash_keys, |user| {
                user.check_session(session_id, now)?;
                user.check_proven()?;
                let had = user.addresses().any(|it| it == *address);
                match address {
                    Address::Sms(phone) => {
                        before = user.phone.replace(phone.clone()).map(Address::Sms);
                        // Proving the same phone again does not make anybody an admin.
                        if before.as_ref() != Some(address) {
                            user.become_admin_with(self.user_settings.admin_phone.as_ref());
                        }
                    }
                    Address::Email(email) => {
                        let old = user.email.replace(email.clone()).filter(|_| user.email_verified);
                        // A reset link that went to the old address must no longer work.
                        if old.as_ref().is_some_and(|old| old != email) {
                            user.password_count += 1;
                        }
                        before = old.map(Address::Email);
                        user.email_verified = true;
                    }
                }
                if !had {
                    user.sign_out_elsewhere(session_id);
                }
                user.updated_at = now;
                Ok(())
            })
            .await?;
        Ok((user, before.filter(|before| before != address)))
    }
}

fn set_password(user: &mut User, hash: PasswordHash, now: Timestamp) {
    user.password = Some(hash);
    user.password_count += 1;
    user.updated_at = now;
}
