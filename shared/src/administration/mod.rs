//! What administrators do with people.

pub mod guards;

pub(crate) use self::guards::{check_if_match, check_may_change};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use uuid::Uuid;

use crate::{
    apps::{Apps, DEFAULT_CLIENT_ID},
    audit::Event,
    avatars::{AvatarUrls, Avatars},
    base::{Clock, Error, Random, whole_seconds},
    crypto::HashKeys,
    identifiers::{Address, Email, Username},
    limits::Throttle,
    roles::{Permissions, Roles, check_grant},
    table::Store,
    users::{
        Created, Password, PasswordHasher, ProfileChange, User, UserFilter, UserSettings,
        UserStatus,
    },
};

/// How often roles are set again over those that another request gave meanwhile.
const SET_ROLES_TRIES: usize = 25;

/// The most roles that somebody may have in one app.
const MAX_ROLES: usize = 20;

/// A new user, as an administrator wants him.
pub struct NewUser {
    /// Where he is reached; he has yet to prove it.
    pub address: Address,
    /// An e-mail address beside the phone.
    pub email: Option<Email>,
    /// The username.
    pub username: Option<Username>,
    /// The display name.
    pub name: Option<String>,
    /// The password.
    pub password: Option<Password>,
    /// The names of his roles in the default app; the default role where they are not given.
    pub roles: Option<Vec<String>>,
}

/// The people of the service.
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
    /// The same, whose next change is recorded as `event`, in one transaction with it.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        Self { store: self.store.recording(event), ..self.clone() }
    }

    /// The URLs of the pictures in what is shown of users.
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

    /// The user who has an address; nothing where nobody has it.
    pub async fn with_address(&self, address: &Address) -> Result<Option<User>, Error> {
        match self.store.owner(&self.hash_keys.address(address)).await? {
            Some(owner) => self.store.user(owner).await,
            None => Ok(None),
        }
    }

    /// The name of a role as it is written; the same where there is no such role.
    pub async fn role_name(&self, name: String) -> Result<String, Error> {
        Ok(self.roles.get(&name).await?.map_or(name, |role| role.name))
    }

    /// Users, oldest first: up to `limit` after the place `after`, and the place to go on from.
    pub async fn list(
        &self,
        filter: &UserFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<User>, Option<String>), Error> {
        let listed = self.store.users(filter, after, limit).await?;
        Ok((listed.items, listed.end))
    }

    /// Makes a user, and records the `event` of it. He is sent nothing; once he proves the address, what was written down for him that
    /// could sign somebody else in is gone.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], [`Error::WeakPassword`], [`Error::Forbidden`]; [`Error::Conflict`] for a
    /// phone, e-mail address or username that is taken.
    pub async fn create(
        &self,
        new: NewUser,
        granter: &Permissions,
        event: impl FnOnce(&User) -> Result<Event, Error>,
    ) -> Result<User, Error> {
        let now = whole_seconds(self.clock.now());
        let granted = match &new.roles {
            Some(names) => self.grantable(names, &BTreeSet::new(), granter).await?,
            None => BTreeSet::new(),
        };
        let by_default = match new.roles {
            Some(_) => None,
            None => self.apps.active(DEFAULT_CLIENT_ID).await?.default_role,
        };
        let roles = granted.iter().cloned().chain(by_default).collect();
        let (phone, email, email_verified) = match new.address {
            Address::Sms(phone) => (Some(phone), new.email, false),
            Address::Email(email) => (None, Some(email), true),
        };
        // Its id has the part of a second, too: lists go by ids.
        let mut user = User {
            phone,
            email,
            email_verified,
            username: new.username,
            name: new.name,
            unproven: true,
            roles: BTreeMap::from([(DEFAULT_CLIENT_ID.to_owned(), roles)]),
            ..User::new(self.random.uuid(self.clock.now())?, now)
        };
        if let Some(password) = new.password {
            password.check_strength(&self.settings, &user.personal_words())?;
            user.password = Some(self.hasher.hash(&password, &self.random).await?);
        }
        match self
            .store
            .recording(event(&user)?)
            .create_user(&user, &granted, &self.hash_keys)
            .await?
        {
            Created::Yes => Ok(user),
            Created::Taken(identifier) => Err(Error::taken(self.field_of(&user, &identifier))),
        }
    }

    /// Which field of a user has this identifier.
    fn field_of(&self, user: &User, identifier: &crate::crypto::IdentifierHash) -> &'static str {
        let is = |address: Option<Address>| {
            address.is_some_and(|address| self.hash_keys.address(&address) == *identifier)
        };
        if is(user.phone.clone().map(Address::Sms)) {
            "phone"
        } else if is(user.email.clone().map(Address::Email)) {
            "email"
        } else {
            "username"
        }
    }

    /// Changes a user's profile or status. Disabling ends all his sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`] where `seen` is not his entity tag;
    /// [`Error::Forbidden`] for an administrator, unless by one; [`Error::Conflict`] for the last of them,
    /// and for a username that is taken.
    pub async fn change(
        &self,
        id: Uuid,
        (profile, status): (&ProfileChange, Option<UserStatus>),
        seen: Option<&str>,
        granter: &Permissions,
    ) -> Result<User, Error> {
        let now = whole_seconds(self.clock.now());
        self.get(id).await?;
        let changed = self.store.change_user(id, &self.hash_keys, |user| {
            check_may_change(user, granter)?;
            check_if_match(user, seen)?;
            let before = user.clone();
            profile.apply(user);
            user.status = status.unwrap_or(user.status);
            if user.status == UserStatus::Disabled {
                user.sessions = BTreeMap::new();
            }
            if *user != before {
                user.updated_at = now;
            }
            Ok(())
        });
        changed.await.map_err(|error| match error {
            Error::Conflict(field) if field.field == "address" => Error::taken("username"),
            error => gone_meanwhile(error),
        })
    }

    /// Ends every wait of a user for wrong codes and passwords, and records the `event` of it where there was one.
    pub async fn unlock(&self, user: &User, event: &Event) -> Result<(), Error> {
        let now = self.clock.now();
        let mut had_failures = false;
        for identifier in user.identifiers(&self.hash_keys) {
            let identity = self.store.identity(&identifier).await?;
            if identity.throttle().clone().forget_failures() {
                let forget = |throttle: &mut Throttle| Ok(throttle.forget_failures());
                had_failures |=
                    self.store.change_throttle(&identifier, identity, now, forget).await?;
            }
        }
        if had_failures { self.store.record(event).await } else { Ok(()) }
    }

    /// Gives a user these roles in an app, in the place of those he has there.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InvalidRequest`] for what is no role or no app; [`Error::Forbidden`] for
    /// a role that permits what the granter may not do; [`Error::Conflict`] for the last administrator.
    pub async fn set_roles(
        &self,
        id: Uuid,
        client_id: &str,
        names: &[String],
        seen: Option<&str>,
        granter: &Permissions,
    ) -> Result<User, Error> {
        for _ in 0..SET_ROLES_TRIES {
            match self.set_roles_over(id, client_id, names, seen, granter).await {
                // Who has not said what he has seen means the roles, whatever they were.
                Err(Error::PreconditionFailed) if seen.is_none() => {}
                set => return set,
            }
        }
        Err(Error::Unavailable("the roles of a user are changed too often at once".into()))
    }

    async fn set_roles_over(
        &self,
        id: Uuid,
        client_id: &str,
        names: &[String],
        seen: Option<&str>,
        granter: &Permissions,
    ) -> Result<User, Error> {
        let now = whole_seconds(self.clock.now());
        self.apps
            .get(client_id)
            .await?
            .ok_or_else(|| Error::field("client_id", "is no app that is known here"))?;
        let held = self.get(id).await?.roles.remove(client_id).unwrap_or_default();
        let roles = self.grantable(names, &held, granter).await?;
        self.store
            .change_user(id, &self.hash_keys, |user| {
                check_may_change(user, granter)?;
                check_if_match(user, seen)?;
                // Roles that another request gave in the meantime were not looked at above.
                if user.roles.get(client_id).cloned().unwrap_or_default() != held {
                    return Err(Error::PreconditionFailed);
                }
                if roles != held {
                    user.updated_at = now;
                }
                user.roles.insert(client_id.to_owned(), roles.clone());
                Ok(())
            })
            .await
            .map_err(gone_meanwhile)
    }

    /// The roles of these names, as they are written; those that are not `held` have to be the granter's
    /// to give.
    async fn grantable(
        &self,
        names: &[String],
        held: &BTreeSet<String>,
        granter: &Permissions,
    ) -> Result<BTreeSet<String>, Error> {
        if names.len() > MAX_ROLES {
            return Err(Error::field("roles", format!("may be at most {MAX_ROLES}")));
        }
        let mut roles = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let role = self.roles.get(name).await?;
            let role = role.ok_or_else(|| Error::field(format!("roles[{index}]"), "is no role"))?;
            if !held.contains(&role.name) {
                check_grant(&role, granter)?;
            }
            roles.insert(role.name);
        }
        Ok(roles)
    }

    /// Deletes a user and everything of him.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for an administrator, unless by one; [`Error::Conflict`]
    /// for the last of them; [`Error::PreconditionFailed`].
    pub async fn delete(
        &self,
        id: Uuid,
        seen: Option<&str>,
        granter: &Permissions,
        avatars: &Avatars,
    ) -> Result<(), Error> {
        self.get(id).await?;
        let check = |user: &User| {
            check_may_change(user, granter)?;
            check_if_match(user, seen)
        };
        avatars.delete_user(&self.store, id, check).await
    }

    /// Removes a user's second factor; answers the user, where there was one.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for an administrator, unless by one.
    pub async fn remove_second_factor(
        &self,
        id: Uuid,
        granter: &Permissions,
    ) -> Result<Option<User>, Error> {
        let now = whole_seconds(self.clock.now());
        let before = self.get(id).await?;
        check_may_change(&before, granter)?;
        let user = self.store.delete_second_factor(id, &self.hash_keys, |user| {
            check_may_change(user, granter)?;
            if user.totp {
                user.totp = false;
                user.updated_at = now;
            }
            Ok(())
        });
        let user = user.await.map_err(gone_meanwhile)?;
        Ok(Some(user).filter(|_| before.totp))
    }

    /// Removes a user's picture, where there is one.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Forbidden`] for an administrator, unless by one; [`Error::Unavailable`].
    pub async fn remove_avatar(
        &self,
        id: Uuid,
        granter: &Permissions,
        avatars: &Avatars,
        event: Event,
    ) -> Result<(), Error> {
        avatars.remove(id, event, |user| check_may_change(user, granter)).await
    }

    /// Takes a role from everybody, in every app; for each of them the `event` of it is recorded. A request
    /// that is cut off can be sent again.
    pub async fn take_role_from_everybody(
        &self,
        role: &str,
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Result<(), Error> {
        const USERS_AT_ONCE: usize = 100;
        loop {
            let holders = self.with_role(role, USERS_AT_ONCE).await?;
            if holders.is_empty() {
                return Ok(());
            }
            self.take_role(role, &holders, &event).await?;
        }
    }

    async fn take_role(
        &self,
        role: &str,
        users: &[Uuid],
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Result<(), Error> {
        let now = whole_seconds(self.clock.now());
        for id in users {
            let store = self.store.recording(event(*id)?);
            let taken = store.change_user(*id, &self.hash_keys, |user| {
                let mut had = false;
                for roles in user.roles.values_mut() {
                    had |= roles.remove(role);
                }
                if had {
                    user.updated_at = now;
                }
                Ok(())
            });
            match taken.await {
                // Whoever is gone has no role.
                Ok(_) | Err(Error::TokenInvalid) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Up to `limit` users who have a role, in whatever app.
    pub async fn with_role(&self, role: &str, limit: usize) -> Result<Vec<Uuid>, Error> {
        // As many apps as a filter may name.
        const APPS_AT_ONCE: usize = 100;
        let (mut found, mut after_app) = (Vec::new(), None);
        loop {
            let (apps, next_app) = self.apps.list(after_app.as_deref(), APPS_AT_ONCE).await?;
            let client_ids = apps.into_iter().map(|app| app.client_id).collect();
            let filter =
                UserFilter { role: Some((role.to_owned(), client_ids)), ..UserFilter::default() };
            let mut after = None;
            loop {
                let listed = self.store.users(&filter, after.as_deref(), limit).await?;
                found.extend(listed.items.into_iter().map(|user| user.id));
                after = listed.end;
                if found.len() >= limit || after.is_none() {
                    break;
                }
            }
            after_app = next_app;
            if found.len() >= limit || after_app.is_none() {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }
}

/// A user who is deleted while an administrator changes him is not found; it is not the caller who is gone.
fn gone_meanwhile(error: Error) -> Error {
    if error == Error::TokenInvalid { Error::NotFound } else { error }
}
