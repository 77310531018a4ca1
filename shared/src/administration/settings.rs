//! The settings of administration.

use crate::base::{Reader, Stage};

/// The default of `ADMIN_MAX_AGE_SECONDS`.
const MAX_AGE_SECONDS: i64 = 900;

/// The demands on the sign-ins of administrators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdministrationSettings {
    /// `ADMIN_MAX_AGE_SECONDS`: the greatest age of the sign-in behind an administrator's change.
    pub max_age_seconds: i64,
    /// `ADMIN_REQUIRES_MFA`: whether administrators without a second factor are refused.
    pub requires_mfa: bool,
}

impl Default for AdministrationSettings {
    fn default() -> Self {
        Self { max_age_seconds: MAX_AGE_SECONDS, requires_mfa: false }
    }
}

impl AdministrationSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        let is_prod = reader.stage == Stage::Prod;
        Self {
            max_age_seconds: reader.number("ADMIN_MAX_AGE_SECONDS", MAX_AGE_SECONDS, 60, 3_600),
            requires_mfa: reader.parsed(
                "ADMIN_REQUIRES_MFA",
                if is_prod { "true" } else { "false" },
                "true or false",
                |text| text.parse().ok(),
            ),
        }
    }
}
