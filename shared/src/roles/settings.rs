//! The settings of roles.

use super::{ADMIN_ROLE, role_name};
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
        Self {
            seeds: reader.parsed(
                "ROLES",
                "Visitors,Guest,User,Admin",
                "names of roles separated by commas: a letter, then up to 63 letters, digits, _ and -",
                |text| list(text).map(role_name).collect(),
            ),
            default_role: reader.parsed(
                "DEFAULT_ROLE",
                "User",
                "the name of a role, not Admin: a letter, then up to 63 letters, digits, _ and -",
                |text| role_name(text).filter(|name| !name.eq_ignore_ascii_case(ADMIN_ROLE)),
            ),
        }
    }
}
