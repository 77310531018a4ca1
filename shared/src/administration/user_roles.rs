//! The roles of users, as administrators give and take them.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{Users, check_if_match, check_not_admin, gone_meanwhile};
use crate::{
    apps::DEFAULT_CLIENT_ID,
    audit::Event,
    base::{EntityTags, Error, whole_seconds},
    roles::{Permissions, check_grant},
    users::{User, UserFilter},
};

/// How often setting roles is tried, if other requests change them at the same time.
const SET_ROLES_TRIES: usize = 25;
/// The permission to give roles.
const ROLES_ASSIGN: &str = "roles:assign";
/// The most roles that a user can have in one app.
const MAX_ROLES: usize = 20;

impl Users {
    /// Replaces a user's roles in an app.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::UnknownApp`]; [`Error::InvalidRequest`] for unknown or too
    /// many roles; [`Error::Forbidden`] for a role with permissions that the granter lacks, given or
    /// taken, and for an administrator;
    /// [`Error::PreconditionFailed`] if `seen` is not the current entity tag; [`Error::Conflict`]
    /// for the last administrator.
    pub async fn set_roles(
        &self,
        id: Uuid,
        client_id: &str,
        names: &[String],
        seen: Option<&EntityTags>,
        granter: &Permissions,
    ) -> Result<User, Error> {
        for _ in 0..SET_ROLES_TRIES {
            match self.try_set_roles(id, client_id, names, seen, granter).await {
                // A caller without `If-Match` wants these roles whatever the previous ones were.
                Err(Error::PreconditionFailed) if seen.is_none() => {}
                set => return set,
            }
        }
        Err(Error::Unavailable(
            "too many requests changed the roles of a user at the same time".into(),
        ))
    }

    /// One try of [`Self::set_roles`].
    ///
    /// # Errors
    /// Those of [`Self::set_roles`]; [`Error::PreconditionFailed`] also if another request has
    /// changed the roles in the meantime.
    async fn try_set_roles(
        &self,
        id: Uuid,
        client_id: &str,
        names: &[String],
        seen: Option<&EntityTags>,
        granter: &Permissions,
    ) -> Result<User, Error> {
        let now = whole_seconds(self.clock.now());
        self.apps.get(client_id).await?.ok_or(Error::UnknownApp)?;
        let held = self.get(id).await?.roles.remove(client_id).unwrap_or_default();
        let roles = self.grantable(names, &held, granter).await?;

        self.store
            .change_user(id, &self.hash_keys, |user| {
                check_not_admin(user, granter)?;
                check_if_match(user, seen)?;
                // Another request has changed the roles since they were checked above.
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

    /// The roles of a new user: those that were `granted`, as they are checked when the user is written,
    /// and all of them, which are the default role if none were named.
    ///
    /// # Errors
    /// [`Error::AppDisabled`], [`Error::Unavailable`].
    pub(crate) async fn first_roles(
        &self,
        granted: Option<BTreeSet<String>>,
    ) -> Result<(BTreeSet<String>, BTreeSet<String>), Error> {
        if let Some(granted) = granted {
            return Ok((granted.clone(), granted));
        }
        let by_default = self.apps.active(DEFAULT_CLIENT_ID).await?.default_role;
        Ok((BTreeSet::new(), by_default.into_iter().collect()))
    }

    /// As [`Self::grantable`], beside another change of the user: the granter must be allowed to give
    /// roles at all.
    ///
    /// # Errors
    /// As [`Self::grantable`].
    pub(crate) async fn given(
        &self,
        names: &[String],
        held: &BTreeSet<String>,
        granter: &Permissions,
    ) -> Result<BTreeSet<String>, Error> {
        if !names.is_empty() && !granter.contains(ROLES_ASSIGN) {
            return Err(Error::Forbidden(ROLES_ASSIGN.to_owned()));
        }
        self.grantable(names, held, granter).await
    }

    /// The roles with these names, in their own spelling. The granter must be allowed to give those
    /// that the user does not hold already, and to take those that the user loses.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for unknown or too many roles; [`Error::Forbidden`].
    async fn grantable(
        &self,
        names: &[String],
        held: &BTreeSet<String>,
        granter: &Permissions,
    ) -> Result<BTreeSet<String>, Error> {
        if names.len() > MAX_ROLES {
            return Err(Error::field("roles", format!("must be at most {MAX_ROLES} roles")));
        }

        let mut roles = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let role = self.roles.get(name).await?;
            let role =
                role.ok_or_else(|| Error::field(format!("roles[{index}]"), "unknown role"))?;
            if !held.contains(&role.name) {
                check_grant(&role, granter)?;
            }
            roles.insert(role.name);
        }

        // Nobody takes a role that they could not give. A deleted role can be taken by anybody.
        for taken in held.difference(&roles) {
            if let Some(role) = self.roles.get(taken).await? {
                check_grant(&role, granter)?;
            }
        }
        Ok(roles)
    }

    /// Takes a role from all users, in every app, and records an `event` for each of them. It is
    /// idempotent: an interrupted request can be sent again.
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

    /// Takes a role from `users`, in every app.
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
                // The user was deleted in the meantime.
                Ok(_) | Err(Error::TokenInvalid) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Up to `limit` users who have a role, in any app.
    pub async fn with_role(&self, role: &str, limit: usize) -> Result<Vec<Uuid>, Error> {
        // The most apps that a filter can name.
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
