//! Roles: reading, creating, changing and deleting them, and what they permit.

mod role;
mod settings;
mod table;

pub(crate) use self::role::check_grant;
pub use self::{
    role::{
        ADMIN_ROLE, BUILT_IN_PERMISSIONS, Permissions, Role, RoleChange, RoleView, canonical,
        role_name,
    },
    settings::RoleSettings,
};

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;

use crate::{
    audit::Event,
    base::{Clock, Error, whole_seconds},
    table::Store,
};

/// How many seconds a remembered role may be used for new tokens. A token itself soon gets older
/// than that.
const TOKEN_ROLES_MAX_AGE_SECONDS: i64 = 300;
/// The most roles that one request may create or change. A DynamoDB transaction has at most 100
/// items.
pub const MAX_AT_ONCE: usize = 50;

/// Roles by canonical name: when each was read, and the role, if it exists.
type Remembered = BTreeMap<String, (Timestamp, Option<Role>)>;

/// The roles.
#[derive(Clone)]
pub struct Roles {
    store: Store,
    settings: Arc<RoleSettings>,
    clock: Clock,
    remembered: Arc<RwLock<Remembered>>,
}

impl Roles {
    pub(crate) fn new(store: Store, settings: Arc<RoleSettings>, clock: Clock) -> Self {
        Self { store, settings, clock, remembered: Arc::default() }
    }

    /// Returns a copy that writes `event` to the audit trail in the same transaction as its next
    /// change.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        Self { store: self.store.recording(event), ..self.clone() }
    }

    /// A role, if it exists.
    pub async fn get(&self, name: &str) -> Result<Option<Role>, Error> {
        let canonical = canonical(name);
        let roles = self.read(&BTreeSet::from([canonical.clone()])).await?;
        Ok(roles.get(&canonical).cloned())
    }

    /// Those of these roles that existed and were deleted.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for more than [`MAX_AT_ONCE`] names.
    pub async fn deleted(&self, names: &[&str]) -> Result<Vec<Role>, Error> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        check_count(names.len())?;
        let stored =
            self.store.roles_named(&names.iter().map(|name| canonical(name)).collect()).await?;
        Ok(stored.into_values().filter(|role| role.deleted).collect())
    }

    /// The names of roles in the spelling that they were created with, also of deleted ones. Names
    /// of unknown roles stay as they are.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for no names or more than [`MAX_AT_ONCE`].
    pub async fn as_written(&self, names: &[&str]) -> Result<Vec<String>, Error> {
        check_count(names.len())?;
        let canonical_names = names.iter().map(|name| canonical(name)).collect();
        let stored = self.store.roles_named(&canonical_names).await?;
        let written = |name: &&str| {
            let role = stored.get(&canonical(name)).cloned();
            let role = role.or_else(|| Role::seed(name, &self.settings));
            role.map_or_else(|| (*name).to_owned(), |role| role.name)
        };
        Ok(names.iter().map(written).collect())
    }

    /// The current roles with these canonical names, by canonical name.
    async fn read(&self, names: &BTreeSet<String>) -> Result<BTreeMap<String, Role>, Error> {
        let stored = self.store.roles_named(names).await?;
        let with_seeds = names.iter().filter_map(|name| {
            let role = stored.get(name).cloned().or_else(|| Role::seed(name, &self.settings));
            role.filter(|role| !role.deleted).map(|role| (name.clone(), role))
        });
        Ok(with_seeds.collect())
    }

    /// Checks that `granter` may make a role the default role of an app.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if the role permits something that the granter lacks.
    /// [`Error::InvalidRequest`] if there is no such role. It could be created later with any
    /// permissions.
    pub async fn check_default(&self, name: &str, granter: &Permissions) -> Result<(), Error> {
        match self.get(name).await? {
            Some(role) => check_grant(&role, granter),
            None => Err(Error::field(
                "default_role",
                "is not the name of a role that exists; create the role first",
            )),
        }
    }

    /// Whether a role is the `DEFAULT_ROLE` of the deployment, which apps have that do not name one.
    pub fn is_default(&self, role: &Role) -> bool {
        role.canonical() == canonical(&self.settings.default_role)
    }

    /// The permissions that these roles give now.
    pub async fn permissions(&self, roles: &[String]) -> Result<Permissions, Error> {
        // No read is needed for administrators, or for users without roles.
        if roles.is_empty() || roles.iter().any(|role| role == ADMIN_ROLE) {
            return Ok(permissions(roles, std::iter::empty()));
        }
        let read = self.read(&roles.iter().map(|role| canonical(role)).collect()).await?;
        Ok(permissions(roles, read.values()))
    }

    /// The permissions that these roles give, for a new token. The roles may have been read up to five minutes
    /// ago.
    pub async fn token_permissions(&self, roles: &[String]) -> Result<Permissions, Error> {
        let now = self.clock.now();
        let oldest = now.as_second() - TOKEN_ROLES_MAX_AGE_SECONDS;
        let mut known = self.remembered.read().map(|known| known.clone()).unwrap_or_default();
        known.retain(|_, (read_at, _)| read_at.as_second() > oldest);

        let unknown: BTreeSet<String> = roles
            .iter()
            .filter(|role| *role != ADMIN_ROLE)
            .map(|role| canonical(role))
            .filter(|role| !known.contains_key(role))
            .collect();
        if !unknown.is_empty() {
            let mut read = self.read(&unknown).await?;
            known.extend(unknown.into_iter().map(|name| (name.clone(), (now, read.remove(&name)))));
            if let Ok(mut remembered) = self.remembered.write() {
                remembered.clone_from(&known);
            }
        }

        let roles_held = roles.iter().filter_map(|role| known.get(&canonical(role))?.1.as_ref());
        Ok(permissions(roles, roles_held))
    }

    fn forget_remembered(&self) {
        if let Ok(mut remembered) = self.remembered.write() {
            remembered.clear();
        }
    }

    /// Up to `limit` roles after the place `after`, in the order of their canonical names; and the
    /// place of the last one, if more follow. Inactive roles are left out unless `all`.
    pub async fn list(
        &self,
        after: Option<&str>,
        limit: usize,
        all: bool,
    ) -> Result<(Vec<Role>, Option<String>), Error> {
        let is_after = |name: &String| after.is_none_or(|after| name.as_str() > after);
        let seeds: BTreeSet<String> =
            Role::seeds(&self.settings).into_iter().filter(is_after).collect();
        let mut roles = self.read(&seeds).await?;

        let listed = self.store.roles(after, limit).await?;
        roles.extend(
            listed
                .items
                .into_iter()
                .filter(|role| !role.deleted)
                .map(|role| (role.canonical(), role)),
        );

        // Seeds beyond the end of this page would overtake stored roles of the next page.
        let mut end = listed.end;
        if let Some(end) = &end {
            roles.retain(|name, _| name <= end);
        }
        if roles.len() > limit {
            end = roles.keys().nth(limit - 1).cloned();
            roles = roles.into_iter().take(limit).collect();
        }
        Ok((roles.into_values().filter(|role| all || role.active).collect(), end))
    }

    /// Creates roles, all or none. Nobody can grant permissions that they lack. An error comes with the
    /// place of its role in `new`.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`], [`Error::Forbidden`]; [`Error::Conflict`] for a name that is
    /// taken.
    pub async fn create(
        &self,
        new: Vec<(String, RoleChange)>,
        granter: &Permissions,
    ) -> Result<Vec<Role>, (usize, Error)> {
        let now = whole_seconds(self.clock.now());
        check_count(new.len()).map_err(|error| (0, error))?;

        let mut roles: Vec<Role> = Vec::new();
        for (place, (name, change)) in new.into_iter().enumerate() {
            let role = new_role(&name, change, (&roles, granter), now);
            roles.push(role.map_err(|error| (place, error))?);
        }

        self.check_free(&roles).await?;
        let created = self.store.create_roles(&roles).await;
        self.forget_remembered();
        if !created.map_err(|error| (0, error))? {
            // Another request has just taken a name.
            self.check_free(&roles).await?;
            return Err((0, Error::taken("name")));
        }
        Ok(roles)
    }

    /// Checks that no role has the name of one of the `new` ones.
    ///
    /// # Errors
    /// [`Error::Conflict`] for the role at this place; [`Error::Unavailable`].
    async fn check_free(&self, new: &[Role]) -> Result<(), (usize, Error)> {
        let names: BTreeSet<String> = new.iter().map(Role::canonical).collect();
        let existing = self.read(&names).await.map_err(|error| (0, error))?;
        let Some((name, taken)) = existing.into_iter().next() else { return Ok(()) };
        let place = new.iter().position(|role| role.canonical() == name).unwrap_or_default();
        let text = format!("is already taken by the role {}", taken.name);
        Err((place, Error::conflict("name", text)))
    }

    /// Changes roles, all or none. Nobody can grant permissions that they lack. An error comes with
    /// the place of its role in `changes`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidRequest`], [`Error::Forbidden`]; [`Error::Conflict`]
    /// for a system role, and for a role that is named twice.
    pub async fn change(
        &self,
        changes: Vec<(String, RoleChange)>,
        granter: &Permissions,
    ) -> Result<Vec<Role>, (usize, Error)> {
        let now = whole_seconds(self.clock.now());
        check_count(changes.len()).map_err(|error| (0, error))?;
        let mut by_name = BTreeMap::new();
        for (place, (name, change)) in changes.into_iter().enumerate() {
            if by_name.insert(canonical(&name), (place, change)).is_some() {
                let text = "is used twice in this request; name each role only once";
                return Err((place, Error::conflict("name", text)));
            }
        }

        let names = by_name.keys().cloned().collect();
        // The place of the role that is being changed.
        let current = AtomicUsize::new(0);
        let change = |name: &str, before: Option<Role>| {
            let (place, change) = by_name.get(name).cloned().unwrap_or_default();
            current.store(place, Ordering::Relaxed);
            let before = before.ok_or(Error::NotFound)?;
            let mut role = before.clone();
            role.apply(change)?;
            let added: Vec<_> = role.permissions.difference(&before.permissions).cloned().collect();
            granter.check_grant(&added)?;
            // A reactivated role grants all its permissions again.
            if role.active && !before.active {
                granter.check_grant(&role.permissions)?;
            }
            if role != before {
                role.updated_at = now;
            }
            Ok(role)
        };

        let changed =
            self.store.change_roles(&names, |name| Role::seed(name, &self.settings), change).await;
        self.forget_remembered();
        changed.map_err(|error| (current.load(Ordering::Relaxed), error))
    }

    /// Deletes a role. It does not check whether users have it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for a system role.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let change = |_: &str, role: Option<Role>| {
            let mut role = role.ok_or(Error::NotFound)?;
            role.apply(RoleChange::default())?;
            role.deleted = true;
            Ok(role)
        };
        let names = BTreeSet::from([canonical(name)]);
        let deleted =
            self.store.change_roles(&names, |name| Role::seed(name, &self.settings), change).await;
        self.forget_remembered();
        deleted.map(drop)
    }
}

/// A new role beside `others`.
///
/// # Errors
/// [`Error::InvalidRequest`]; [`Error::Forbidden`] for a permission that the granter lacks;
/// [`Error::Conflict`] for the name of one of the others.
fn new_role(
    name: &str,
    change: RoleChange,
    (others, granter): (&[Role], &Permissions),
    now: Timestamp,
) -> Result<Role, Error> {
    let mut role = Role::new(name, now)?;
    role.apply(change)?;
    granter.check_grant(&role.permissions)?;
    if others.iter().any(|other| other.canonical() == role.canonical()) {
        let text = "is used twice in this request; each role needs its own";
        return Err(Error::conflict("name", text));
    }
    Ok(role)
}

/// The permissions of the roles with these names. `existing` are those of them that exist.
fn permissions<'a>(names: &[String], existing: impl Iterator<Item = &'a Role>) -> Permissions {
    let (active, inactive): (Vec<_>, Vec<_>) = existing.partition(|role| role.active);
    let granted: BTreeSet<String> =
        active.into_iter().flat_map(|role| role.permissions.clone()).collect();
    let all = names.iter().any(|name| name == ADMIN_ROLE);
    let built_in = BUILT_IN_PERMISSIONS.into_iter().filter(|_| all).map(str::to_owned);
    let inactive = inactive.into_iter().map(Role::canonical).collect();
    Permissions { all, names: granted.into_iter().chain(built_in).collect(), inactive }
}

fn check_count(count: usize) -> Result<(), Error> {
    if (1..=MAX_AT_ONCE).contains(&count) {
        Ok(())
    } else {
        Err(Error::field("roles", format!("must be 1 to {MAX_AT_ONCE} roles")))
    }
}
