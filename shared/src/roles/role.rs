//! Roles: names for sets of permissions.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    audit::Fields,
    base::{Error, api_time, epoch_seconds},
    roles::RoleSettings,
};

/// The role that has every built-in permission.
pub const ADMIN_ROLE: &str = "Admin";
/// The permissions that the service itself checks.
pub const BUILT_IN_PERMISSIONS: [&str; 9] = [
    "users:read",
    "users:write",
    "users:import",
    "roles:read",
    "roles:write",
    "roles:assign",
    "apps:read",
    "apps:write",
    "audit:read",
];

/// The last segment of `/v1/roles/permissions`. A role of this name would have the same path.
const RESERVED_NAME: &str = "permissions";
/// The most permissions of one role.
const MAX_PERMISSIONS: usize = 100;
/// The longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 500;
/// The longest word of a permission, in characters.
const MAX_WORD_CHARS: usize = 32;

/// A role as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name, as it was written when the role was created.
    #[serde(rename = "role_name")]
    pub name: String,
    /// Its purpose.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its permissions.
    #[serde(default)]
    pub permissions: BTreeSet<String>,
    /// Whether it permits anything.
    pub active: bool,
    /// Whether it is deleted. It stays in the table, so that a role of the setting `ROLES` does not
    /// come back.
    #[serde(default)]
    pub deleted: bool,
    /// The number of writes, for optimistic locking.
    #[serde(default)]
    pub version: u64,
    /// The mark of the last write.
    #[serde(default)]
    pub written_by: Uuid,
    /// When it was created.
    #[serde(with = "epoch_seconds")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(with = "epoch_seconds")]
    pub updated_at: Timestamp,
}

/// The fields of a role in the audit trail.
pub(super) const ROLE_FIELDS: Fields = Fields {
    shown: &["permissions", "active", "deleted"],
    ignored: &["role_name", "version", "written_by", "created_at", "updated_at"],
};

/// A change of a role.
#[derive(Clone, Debug, Default)]
pub struct RoleChange {
    /// Its purpose.
    pub description: Option<String>,
    /// Its permissions.
    pub permissions: Option<BTreeSet<String>>,
    /// Whether it permits anything.
    pub active: Option<bool>,
}

impl Role {
    /// A new role without permissions.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for an invalid name; [`Error::Conflict`] for a name that looks
    /// like the name of a system role.
    pub fn new(name: &str, now: Timestamp) -> Result<Self, Error> {
        let name = role_name(name).ok_or_else(|| {
            Error::field("name", "must be a letter, then up to 63 letters, digits, '_' or '-'")
        })?;
        if is_reserved(&name) {
            return Err(Error::field(
                "name",
                "is reserved for the path /v1/roles/permissions; choose another",
            ));
        }
        if looks_like_system(&name) {
            return Err(Error::conflict(
                "name",
                "looks like the name of a system role; choose another",
            ));
        }
        Ok(Self::named(name, now))
    }

    fn named(name: String, now: Timestamp) -> Self {
        Self {
            name,
            description: String::new(),
            permissions: BTreeSet::new(),
            active: true,
            deleted: false,
            version: 0,
            written_by: Uuid::nil(),
            created_at: now,
            updated_at: now,
        }
    }

    /// A role that exists without being created: the administrators' role, or one of the setting
    /// `ROLES`, of which `DEFAULT_ROLE` is one. `None` for other names.
    pub fn seed(name: &str, settings: &RoleSettings) -> Option<Self> {
        let canonical = canonical(name);
        if canonical == super::canonical(ADMIN_ROLE) {
            let permissions = BUILT_IN_PERMISSIONS.map(str::to_owned).into();
            let admin = Self::named(ADMIN_ROLE.to_owned(), Timestamp::UNIX_EPOCH);
            return Some(Self {
                permissions,
                description: "May do everything".to_owned(),
                ..admin
            });
        }

        let seed = settings.seeds.iter().find(|seed| super::canonical(seed) == canonical)?;
        Some(Self::named(seed.clone(), Timestamp::UNIX_EPOCH))
    }

    /// The canonical names of all roles that exist without being created.
    pub fn seeds(settings: &RoleSettings) -> BTreeSet<String> {
        settings.seeds.iter().map(String::as_str).chain([ADMIN_ROLE]).map(canonical).collect()
    }

    /// The form of its name that must be unique.
    pub fn canonical(&self) -> String {
        canonical(&self.name)
    }

    /// Whether it is a system role, which nobody can change.
    pub fn is_system(&self) -> bool {
        self.name == ADMIN_ROLE
    }

    /// Changes what `change` names.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a value out of bounds; [`Error::Conflict`] for a system role.
    pub fn apply(&mut self, change: RoleChange) -> Result<(), Error> {
        if self.is_system() {
            return Err(Error::conflict("role", "is a system role, which cannot be changed"));
        }
        if let Some(description) = change.description {
            self.description = parse_description(description)?;
        }
        if let Some(permissions) = change.permissions {
            check_permissions(&permissions)?;
            self.permissions = permissions;
        }
        self.active = change.active.unwrap_or(self.active);
        Ok(())
    }
}

/// A role's name: a letter, then up to 63 letters, digits, `_` and `-`.
pub fn role_name(text: &str) -> Option<String> {
    let fits = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    fits.then(|| text.to_owned())
}

/// The name of a role of the setting `ROLES`, by the rules of [`Role::new`], but `Admin` may be
/// among them.
pub(super) fn seed_name(text: &str) -> Option<String> {
    let name = role_name(text)?;
    let is_free = !is_reserved(&name) && !looks_like_system(&name);
    (is_free || name.eq_ignore_ascii_case(ADMIN_ROLE)).then_some(name)
}

fn is_reserved(name: &str) -> bool {
    name.eq_ignore_ascii_case(RESERVED_NAME)
}

fn looks_like_system(name: &str) -> bool {
    skeleton(name) == skeleton(ADMIN_ROLE)
}

/// The form of a role's name that must be unique: lower case.
pub fn canonical(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// The look of a name: names with the same skeleton are confusable (UTS #39 §4, for the
/// characters that names may have).
fn skeleton(name: &str) -> String {
    let looks = |c: char| match c.to_ascii_lowercase() {
        '0' => 'o',
        '1' | 'l' => 'i',
        c => c,
    };
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .map(looks)
        .collect::<String>()
        .replace("rn", "m")
}

fn parse_description(input: String) -> Result<String, Error> {
    let fits =
        input.chars().count() <= MAX_DESCRIPTION_CHARS && !input.chars().any(char::is_control);
    if fits {
        Ok(input)
    } else {
        Err(Error::field(
            "description",
            format!("must be up to {MAX_DESCRIPTION_CHARS} characters on one line"),
        ))
    }
}

fn check_permissions(permissions: &BTreeSet<String>) -> Result<(), Error> {
    if permissions.len() > MAX_PERMISSIONS {
        return Err(Error::field(
            "permissions",
            format!("must be at most {MAX_PERMISSIONS} permissions"),
        ));
    }
    let is_word = |word: &str| {
        word.len() <= MAX_WORD_CHARS
            && word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte)
            })
    };
    let is_permission = |text: &String| {
        text.split_once(':').is_some_and(|(resource, verb)| is_word(resource) && is_word(verb))
    };

    if permissions.iter().all(is_permission) {
        Ok(())
    } else {
        Err(Error::field(
            "permissions",
            format!(
                "must each be two words like users:read, each a lower-case letter, then up to {} \
                 lower-case letters, digits, '_' or '-'",
                MAX_WORD_CHARS - 1
            ),
        ))
    }
}

/// The permissions of a user in an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Whether everything is permitted: the user is an administrator.
    pub all: bool,
    /// The permissions by name.
    pub names: BTreeSet<String>,
    /// The canonical names of the user's inactive roles. It is empty for an administrator, whose
    /// roles are not read.
    pub inactive: BTreeSet<String>,
}

impl Permissions {
    /// Everything: for what the service does itself.
    pub(crate) fn all() -> Self {
        Self { all: true, ..Self::default() }
    }

    /// Whether this is permitted.
    pub fn contains(&self, permission: &str) -> bool {
        self.all || self.names.contains(permission)
    }

    /// The permissions as a `scope` (RFC 6749 §3.3).
    pub fn scope(&self) -> String {
        self.names.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// `roles` without the inactive ones, so that apps that check the names of roles also grant
    /// nothing for them.
    pub fn active_roles(&self, roles: Vec<String>) -> Vec<String> {
        roles.into_iter().filter(|role| !self.inactive.contains(&canonical(role))).collect()
    }

    /// Checks that a user with these permissions may grant `permissions`: nobody can grant what
    /// they lack.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for the first of `permissions` that is not permitted.
    pub(crate) fn check_grant<'a>(
        &self,
        permissions: impl IntoIterator<Item = &'a String>,
    ) -> Result<(), Error> {
        match self.lacks(permissions) {
            None => Ok(()),
            Some(permission) => Err(Error::Forbidden(permission.clone())),
        }
    }

    /// The first of `permissions` that is not permitted.
    pub fn lacks<'a>(
        &self,
        permissions: impl IntoIterator<Item = &'a String>,
    ) -> Option<&'a String> {
        permissions.into_iter().find(|permission| !self.contains(permission))
    }
}

/// Checks that `granter` may grant a role: nobody can grant what they lack.
///
/// # Errors
/// [`Error::Forbidden`] with what is missing.
pub(crate) fn check_grant(role: &Role, granter: &Permissions) -> Result<(), Error> {
    if role.is_system() && !granter.all {
        return Err(Error::Forbidden(format!("role {ADMIN_ROLE}")));
    }
    granter.check_grant(&role.permissions)
}

/// A role as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub struct RoleView {
    #[schema(example = "Editor")]
    name: String,
    description: String,
    #[schema(example = json!(["users:read", "orders:write"]))]
    permissions: BTreeSet<String>,
    /// An inactive role grants nothing.
    active: bool,
    /// A system role cannot be changed.
    system: bool,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Role> for RoleView {
    fn from(role: Role) -> Self {
        Self {
            system: role.is_system(),
            name: role.name,
            description: role.description,
            permissions: role.permissions,
            active: role.active,
            created_at: role.created_at,
            updated_at: role.updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_like_admin_are_refused() {
        for name in
            ["Admin", "admin", "ADMIN", "Ad-min", "A_d_m_i_n", "Adm1n", "AdmIn", "adrnin", "Admln"]
        {
            assert!(
                matches!(Role::new(name, Timestamp::UNIX_EPOCH), Err(Error::Conflict(_))),
                "{name}"
            );
        }
        for name in ["Administrator", "Editor", "a", "A-1_b"] {
            assert!(Role::new(name, Timestamp::UNIX_EPOCH).is_ok(), "{name}");
        }

        for name in ["", "1a", "é", "a b", "аdmin", &"a".repeat(65)] {
            assert!(
                matches!(Role::new(name, Timestamp::UNIX_EPOCH), Err(Error::InvalidRequest(_))),
                "{name}"
            );
        }
    }

    #[test]
    fn permissions_are_two_words() {
        let check = |text: &str| check_permissions(&BTreeSet::from([text.to_owned()])).is_ok();
        assert!(check("users:read") && check("a:b-c_1"));
        for bad in [
            "",
            "users",
            "users:",
            ":read",
            "a:b:c",
            "A:b",
            "1a:b",
            "a: b",
            "*:*",
            &format!("a:{}", "b".repeat(33)),
        ] {
            assert!(!check(bad), "{bad}");
        }
    }
}
