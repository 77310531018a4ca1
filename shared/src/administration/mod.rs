//! Users, as administrators manage them.

pub mod guards;
mod phone_move;
mod removals;
mod settings;
mod table;
mod user_roles;

pub(crate) use self::guards::{check_if_match, check_not_admin};
pub use self::{
    guards::{Reach, check_is_other},
    phone_move::{PhoneMove, WaitingMoveView, WaitingMoves},
    settings::AdministrationSettings,
};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    apps::{Apps, DEFAULT_CLIENT_ID},
    audit::{Changes, Event},
    avatars::{AvatarUrls, Avatars},
    base::{Clock, EntityTags, Error, Random, whole_seconds},
    crypto::{HashKeys, IdentifierHash},
    identifiers::{Address, Email, ExternalId, Username},
    roles::{Permissions, Roles},
    table::Store,
    users::{
        Created, Metadata, MetadataPatch, Password, PasswordHash, PasswordHasher, ProfileChange,
        USER_FIELDS, User, UserFilter, UserSettings, UserStatus,
    },
};

/// A new user, as an administrator creates them.
pub struct NewUser {
    /// The first address, which the user still has to prove.
    pub address: Address,
    /// An e-mail address in addition to a phone.
    pub email: Option<Email>,
    /// The username.
    pub username: Option<Username>,
    /// The id elsewhere.
    pub external_id: Option<ExternalId>,
    /// The display name.
    pub name: Option<String>,
    /// The metadata.
    pub metadata: MetadataPatch,
    /// The password.
    pub password: Option<Password>,
    /// The names of the user's roles in the default app; `None` for the default role.
    pub roles: Option<Vec<String>>,
}

/// The users of the service.
#[derive(Clone)]
pub struct Users {
    pub(crate) store: Store,
    pub(crate) hash_keys: Arc<HashKeys>,
    pub(crate) apps: Apps,
    pub(crate) roles: Roles,
    pub(crate) hasher: PasswordHasher,
    pub(crate) avatar_urls: AvatarUrls,
    pub(crate) settings: Arc<UserSettings>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Users {
    /// Returns a copy that writes `event` to the audit trail in the same transaction as its next
    /// change.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        Self { store: self.store.recording(event), ..self.clone() }
    }

    /// Makes the URLs of users' pictures.
    pub fn avatar_urls(&self) -> &AvatarUrls {
        &self.avatar_urls
    }

    /// A user.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, id: Uuid) -> Result<User, Error> {
        self.store.user(id).await?.ok_or(Error::NotFound)
    }

    /// The reach of `granter` to a user.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] as [`Reach::check`].
    async fn reach(&self, id: Uuid, granter: &Permissions) -> Result<Reach, Error> {
        Reach::check(&self.get(id).await?, granter, &self.roles).await
    }

    /// The user who has an address, if there is one.
    pub async fn with_address(&self, address: &Address) -> Result<Option<User>, Error> {
        self.owner_of(&self.hash_keys.address(address)).await
    }

    /// The name of a role in its own spelling; `name` itself if there is no such role.
    pub async fn role_name(&self, name: String) -> Result<String, Error> {
        Ok(self.roles.get(&name).await?.map_or(name, |role| role.name))
    }

    /// Users, oldest first: up to `limit` that come after the key `after`, and the key after which
    /// the next page begins, if there is one.
    pub async fn list(
        &self,
        filter: &UserFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<User>, Option<String>), Error> {
        let listed = self.store.users(filter, after, limit).await?;
        Ok((listed.items, listed.end))
    }

    /// Creates a user, and records the `event` for it. The user is not notified. When they prove
    /// the address, everything from before that could sign somebody else in is removed.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for unknown or too many roles, and for metadata that is too long or
    /// nests too deep; [`Error::WeakPassword`];
    /// [`Error::Forbidden`] for a role that the granter may not give, or if the granter may not
    /// give roles (`roles:assign`); [`Error::Conflict`] if the
    /// phone, the e-mail address, the username or the id elsewhere is taken.
    pub async fn create(
        &self,
        new: NewUser,
        granter: &Permissions,
        event: impl FnOnce(&User) -> Result<Event, Error>,
    ) -> Result<(User, Metadata), Error> {
        let now = whole_seconds(self.clock.now());
        let granted = match &new.roles {
            Some(names) => Some(self.given(names, &BTreeSet::new(), granter).await?),
            None => None,
        };
        let (granted, roles) = self.first_roles(granted).await?;
        let (phone, email, email_verified) = match new.address {
            Address::Sms(phone) => (Some(phone), new.email, false),
            Address::Email(email) => (None, Some(email), true),
        };

        // The id has the fraction of a second, too, because lists are ordered by ids.
        let mut user = User {
            phone,
            email,
            email_verified,
            username: new.username,
            external_id: new.external_id,
            name: new.name,
            unproven: true,
            roles: BTreeMap::from([(DEFAULT_CLIENT_ID.to_owned(), roles)]),
            ..User::new(self.random.uuid(self.clock.now())?, now)
        };
        if let Some(password) = new.password {
            password.check_new(&self.settings, &user.personal_words()).await?;
            user.password = Some(self.hasher.hash(&password, &self.random).await?);
        }

        let patch = self.within_tokens(new.metadata).await?;
        let metadata = Metadata::new(&patch)?;
        user.note_metadata(&Metadata::default(), &metadata);

        match self
            .store
            .recording(Event { changes: created(&user)?, ..event(&user)? })
            .create_user((&user, &metadata), &granted, &self.hash_keys)
            .await?
        {
            Created::Yes => Ok((user, metadata)),
            Created::Taken(identifier) => {
                Err(Error::taken(user.field_of(&identifier, &self.hash_keys)))
            }
        }
    }

    /// Changes a user's profile, metadata or status. Disabling a user revokes all their sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`] if `seen` is not the current entity tag;
    /// [`Error::Forbidden`] if the user has rights that the granter lacks;
    /// [`Error::Conflict`] for the last administrator, or if the username or the id elsewhere is
    /// taken; [`Error::InvalidRequest`] for metadata that would be too long or nest too deep.
    pub async fn change(
        &self,
        id: Uuid,
        (profile, status): (&ProfileChange, Option<UserStatus>),
        seen: Option<&EntityTags>,
        granter: &Permissions,
    ) -> Result<(User, Metadata), Error> {
        let now = whole_seconds(self.clock.now());
        let reach = self.reach(id, granter).await?;

        let change = |user: &mut User| {
            reach.check_unchanged(user)?;
            check_if_match(user, seen)?;
            let before = user.clone();
            profile.apply(user);
            user.status = status.unwrap_or(user.status);
            if user.status == UserStatus::Disabled {
                user.sign_out_everywhere();
            }
            if status == Some(UserStatus::Active) {
                user.erase_at = None;
            }
            if *user != before {
                user.updated_at = now;
            }
            Ok(())
        };
        let metadata = self.within_tokens(profile.metadata.clone()).await?;
        let keys = &self.hash_keys;
        let changed = self.store.change_user_with_metadata(id, keys, &metadata, change).await;
        changed.map_err(gone_meanwhile)
    }

    /// A change of metadata with the claims of apps that must have room in tokens after it.
    async fn within_tokens(&self, patch: MetadataPatch) -> Result<MetadataPatch, Error> {
        let token_claims = match patch.app_metadata {
            Some(_) => self.apps.token_claims().await?,
            None => Vec::new(),
        };
        Ok(MetadataPatch { token_claims, ..patch })
    }

    /// The user who has an id elsewhere, if there is one.
    pub async fn with_external_id(&self, id: &ExternalId) -> Result<Option<User>, Error> {
        self.owner_of(&self.hash_keys.external_id(id)).await
    }

    async fn owner_of(&self, hash: &IdentifierHash) -> Result<Option<User>, Error> {
        match self.store.owner(hash).await? {
            Some(owner) => self.store.user(owner).await,
            None => Ok(None),
        }
    }

    /// Whether a user has this password.
    pub(crate) async fn has_password(
        &self,
        user: &User,
        password: &Password,
    ) -> Result<bool, Error> {
        let hash = user.password.as_ref().map(|hash| (user.id, hash));
        self.hasher.matches(password, hash).await
    }

    /// Our hash of a password.
    pub(crate) async fn hash_password(&self, password: &Password) -> Result<PasswordHash, Error> {
        self.hasher.hash(password, &self.random).await
    }

    /// The metadata of a user.
    pub async fn metadata(&self, user: &User) -> Result<Metadata, Error> {
        self.store.metadata(user).await
    }

    /// The metadata of several users, in their order.
    pub async fn all_metadata(&self, users: &[User]) -> Result<Vec<Metadata>, Error> {
        self.store.all_metadata(users).await
    }

    /// Ends every failure, wait and stop of a user, and forgets the messages that they were sent.
    /// Records the `event` if there was anything.
    pub async fn unlock(&self, user: &User, event: &Event) -> Result<(), Error> {
        let now = self.clock.now();
        let mut had_failures = false;
        for identifier in user.counted(&self.hash_keys) {
            had_failures |= self.store.unlock(&identifier, now).await?;
        }
        if user.locked_out {
            self.store.end_lockout(user.id).await?;
        }
        if had_failures { self.store.record(event).await } else { Ok(()) }
    }

    /// Ends every failure, wait and stop of a phone or an e-mail address, whether or not somebody
    /// owns it, forgets the messages that it was sent, and records the `event`.
    pub async fn unlock_address(&self, address: &Address, event: &Event) -> Result<(), Error> {
        let now = self.clock.now();
        let hashes = [self.hash_keys.recipient(address), self.hash_keys.address(address)];
        for identifier in BTreeSet::from(hashes) {
            self.store.unlock(&identifier, now).await?;
        }
        self.store.record(event).await
    }

    /// Deletes a user and all their data.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`] if `seen` is not the current entity tag;
    /// [`Error::Forbidden`] if the user has rights that the granter lacks;
    /// [`Error::Conflict`] for the last administrator.
    pub async fn delete(
        &self,
        id: Uuid,
        seen: Option<&EntityTags>,
        granter: &Permissions,
        avatars: &Avatars,
    ) -> Result<(), Error> {
        let reach = self.reach(id, granter).await?;
        let check = |user: &User| {
            reach.check_unchanged(user)?;
            check_if_match(user, seen)
        };
        avatars.delete_user(&self.store, id, check).await
    }
}

/// The fields of a new user, for the audit trail.
pub(crate) fn created(user: &User) -> Result<Changes, Error> {
    USER_FIELDS.changes(None, Some(user))
}

/// The error if a user is deleted while an administrator changes them: the store's `TokenInvalid`
/// would mean that the caller was deleted.
pub(crate) fn gone_meanwhile(error: Error) -> Error {
    if error == Error::TokenInvalid { Error::NotFound } else { error }
}
