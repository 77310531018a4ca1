//! The settings of sign-in on the hosted page.

use crate::base::Reader;

/// The default of `SIGN_IN_TTL_SECONDS`.
const SIGN_IN_SECONDS: i64 = 1800;
/// The default of `AUTHORIZATION_CODE_TTL_SECONDS`.
const CODE_SECONDS: i64 = 60;
/// The default of `DEVICE_CODE_TTL_SECONDS`.
const DEVICE_CODE_SECONDS: i64 = 600;

/// The lifetimes of sign-in on the hosted page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorizationSettings {
    /// `SIGN_IN_TTL_SECONDS`: how long a page can be used after it was shown.
    pub sign_in_ttl_seconds: i64,
    /// `AUTHORIZATION_CODE_TTL_SECONDS`: how long a code can be used. RFC 6749 §4.1.2 allows ten
    /// minutes.
    pub code_ttl_seconds: i64,
    /// `DEVICE_CODE_TTL_SECONDS`: how long the codes of a device can be used.
    pub device_code_ttl_seconds: i64,
}

impl AuthorizationSettings {
    /// Reads the section.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            sign_in_ttl_seconds: reader.number("SIGN_IN_TTL_SECONDS", SIGN_IN_SECONDS, 60, 3600),
            code_ttl_seconds: reader.number(
                "AUTHORIZATION_CODE_TTL_SECONDS",
                CODE_SECONDS,
                10,
                600,
            ),
            device_code_ttl_seconds: reader.number(
                "DEVICE_CODE_TTL_SECONDS",
                DEVICE_CODE_SECONDS,
                60,
                1800,
            ),
        }
    }
}
