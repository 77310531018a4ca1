//! Events as the API shows them.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Action, Changes, Event, Outcome};
use crate::base::api_time;

/// An event as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub struct EventView {
    id: Uuid,
    /// When it happened. For failures that are counted together: the beginning of their hour.
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The user who did it, if they were recognised.
    actor: Option<Uuid>,
    action: Action,
    /// `user:<id>`, `role:<name>`, `app:<client id>`, a masked address, or `anybody` for failures
    /// that are counted together.
    #[schema(example = "user:01890000-0000-7000-8000-000000000000")]
    target: String,
    /// The address or username that was typed, masked.
    address: Option<String>,
    client_id: String,
    /// The source address. For failures that are counted together, an IPv6 network is one source.
    ip: Option<String>,
    user_agent: Option<String>,
    result: Outcome,
    request_id: Option<String>,
    /// How many failures of people who were not recognised this event stands for: those of one
    /// source, hour, action and app. It is 1 for every other event.
    #[schema(example = 1)]
    count: u64,
    /// The changed fields, with their values before and after. A personal or secret value is shown
    /// as `hidden`.
    changes: Changes,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let Event {
            id,
            at,
            actor,
            action,
            target,
            address,
            client_id,
            ip,
            result,
            request_id,
            user_agent,
            changes,
            count,
            previous: _,
            expires_at: _,
        } = event;
        let count = count.unwrap_or(1);
        Self {
            id,
            at,
            actor,
            action,
            target,
            address,
            client_id,
            ip,
            user_agent,
            result,
            request_id,
            count,
            changes,
        }
    }
}

/// The kind of person that caused an event of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The user.
    Me,
    /// An administrator.
    Administrator,
    /// Somebody who was not recognised: the user, or a stranger.
    Unknown,
}

/// An event of an account as its user sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActivityView {
    id: Uuid,
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    action: Action,
    result: Outcome,
    /// The kind of person that caused it.
    by: By,
    /// The app in which it was done.
    client_id: String,
    /// The beginning of the `User-Agent`; `null` for an administrator.
    #[schema(example = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)")]
    device: Option<String>,
    /// The masked source address; `null` for an administrator.
    #[schema(example = "192.0.2.•")]
    address: Option<String>,
}

impl ActivityView {
    /// An event as the user `user_id` sees it.
    pub fn new(event: Event, user_id: Uuid) -> Self {
        let by = match event.actor {
            Some(actor) if actor == user_id => By::Me,
            Some(_) => By::Administrator,
            None => By::Unknown,
        };
        let is_shown = by != By::Administrator;
        Self {
            id: event.id,
            at: event.at,
            action: event.action,
            result: event.result,
            by,
            client_id: event.client_id,
            device: event.user_agent.filter(|_| is_shown),
            address: event.ip.filter(|_| is_shown).map(|ip| masked(&ip)),
        }
    }
}

/// An IP address without the part that tells one connection from its neighbours: the last number of
/// an IPv4 address, all but the first three groups of an IPv6 address.
fn masked(ip: &str) -> String {
    match ip.parse() {
        Ok(IpAddr::V4(ip)) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.•")
        }
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:•")
        }
        Err(_) => "•".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn an_ip_address_loses_its_end() {
        assert_eq!(masked("203.0.113.77"), "203.0.113.•");
        assert_eq!(masked("2001:db8:1:2:3::4"), "2001:db8:1:•");
        assert_eq!(masked("x"), "•");
    }
}
