//! The settings of roles.

use super::{ADMIN_ROLE, role::seed_name, role_name};
use crate::base::{Reader, list};

/// The roles that exist from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSettings {
    /// `ROLES`: roles that exist from the start.
    pub seeds: Vec<String>,
    /// `DEFAULT_ROLE`: the role of new users.
    pub default_role: String,
}

impl RoleSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let seeds: Vec<String> = reader.parsed(
            "ROLES",
            "Visitors,Guest,User,Admin",
            "names of roles separated by commas: each a letter, then up to 63 letters, digits, _ and \
             -; not permissions, which is the path of an endpoint, and no name that looks like Admin",
            |text| list(text).map(seed_name).collect(),
        );
        let default_role =
            reader.parsed("DEFAULT_ROLE", "User", "one of the roles in ROLES, not Admin", |text| {
                default_role(text, &seeds)
            });
        Self { seeds, default_role }
    }
}

/// The default role in the spelling of `ROLES`. An empty `seeds` is a `ROLES` that was refused, so
/// that the default role is not refused as well.
fn default_role(text: &str, seeds: &[String]) -> Option<String> {
    let named = seeds.iter().find(|seed| seed.eq_ignore_ascii_case(text));
    let role = if seeds.is_empty() { role_name(text) } else { named.cloned() };
    role.filter(|name| !name.eq_ignore_ascii_case(ADMIN_ROLE))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::{base::Environment, roles::Role};

    #[test]
    fn roles_takes_the_names_that_a_request_takes_and_admin() {
        let takes = |name: &str| {
            let environment = Environment::from_iter([("ROLES", format!("{name},User"))]);
            let mut reader = Reader::new(&environment);
            RoleSettings::read(&mut reader);
            reader.finish().1.is_empty()
        };
        for name in [
            "Editor",
            "a",
            "A-1_b",
            "Administrator",
            "permissions",
            "Permissions",
            "Adm1n",
            "Ad-min",
            "adrnin",
            "1a",
            "a b",
            "é",
        ] {
            let is_created = Role::new(name, Timestamp::UNIX_EPOCH).is_ok();
            assert_eq!(takes(name), is_created, "{name}");
        }
        assert!(takes("Admin") && takes("admin"));
    }
}
