//! The device that asks.

use serde::{Deserialize, Serialize};

/// The device that asks, as API Gateway saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The `User-Agent`, cut to 256 characters.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The source address.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// The request; not kept with a session.
    #[serde(skip)]
    pub request_id: Option<String>,
}
