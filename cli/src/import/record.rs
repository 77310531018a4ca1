//! A user as `POST /v1/users/import` takes one.

use serde::Serialize;
use serde_json::{Map, Value};

/// A record of the request. There is no `Debug`, so that hashes and secrets cannot get into a log.
/// Absent fields are not sent.
#[derive(Clone, Default, Serialize)]
pub(crate) struct Record {
    /// The id at the service that the user comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    /// In E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) phone: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) phone_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) email: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) locale: Option<String>,
    /// Metadata that the user may change.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
    /// Metadata that only administrators may change.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) app_metadata: Map<String, Value>,
    /// Names of roles in the default app.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_hash: Option<String>,
    /// In base32, without padding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) totp_secret: Option<String>,
    /// In RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'static str>,
}

/// The status of a user who cannot sign in. Without a status, they can.
pub(crate) const DISABLED: &str = "disabled";

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}
