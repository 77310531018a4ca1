//! The device that a request comes from.

use serde::{Deserialize, Serialize};

/// The device that a request comes from, as API Gateway saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The `User-Agent`, cut to 256 characters.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The source IP address.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The id of the request; not stored with a session.
    #[serde(skip)]
    pub request_id: Option<String>,
}
