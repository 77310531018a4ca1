//! The audit trail: who did what.

mod table;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    base::{Clock, Device, Error, Random, epoch_millis, seconds},
    table::Store,
};

/// The action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Action {
    SignIn,
    SignOut,
    PasswordChange,
    PasswordReset,
    AddressChange,
    ChangesUndo,
    ProfileChange,
    AvatarChange,
    AvatarRemove,
    AccountDelete,
    SecondFactorAdd,
    SecondFactorRemove,
    RecoveryCodesRenew,
    UsersList,
    UserRead,
    UserCreate,
    UserUpdate,
    AddressUnlock,
    UserDelete,
    UserRolesChange,
    UserSecondFactorRemove,
    UserAvatarRemove,
    RoleCreate,
    RoleUpdate,
    RoleDelete,
    AppCreate,
    AppUpdate,
    AppDelete,
    AppSecretRotate,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused, because of a wrong code or password.
    Failure,
}

/// An event as the store keeps it. Phones and e-mail addresses in it are masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its id, a version 7 UUID.
    pub id: Uuid,
    /// When it happened.
    #[serde(with = "epoch_millis")]
    pub at: Timestamp,
    /// The user who did it, if they were recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Uuid>,
    /// The action.
    pub action: Action,
    /// To whom or to what: `user:<id>`, `role:<name>`, `app:<client id>`, or a masked address.
    pub target: String,
    /// The app in which it was done.
    pub client_id: String,
    /// The source address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// How it ended.
    pub result: Outcome,
    /// The id of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When it is deleted (epoch seconds).
    pub expires_at: i64,
    /// Whether it came from checking a code that was sent, right or wrong.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_code: bool,
}

/// An activity, before it is recorded as an event.
#[derive(Clone, Debug)]
pub struct Activity {
    /// The user who did it, if they were recognised.
    pub actor: Option<Uuid>,
    /// The action.
    pub action: Action,
    /// To whom or to what.
    pub target: String,
    /// The app in which it was done.
    pub client_id: String,
    /// How it ended.
    pub result: Outcome,
    /// Whether it came from checking a code that was sent, right or wrong.
    pub by_code: bool,
}

impl Activity {
    /// Returns a copy with this `by_code`.
    #[must_use]
    pub fn by_code(self, by_code: bool) -> Self {
        Self { by_code, ..self }
    }

    /// A success: a user did something to their own account.
    pub fn own(action: Action, user_id: Uuid, client_id: &str) -> Self {
        Self::to(action, user_id, format!("user:{user_id}"), client_id)
    }

    /// A success: `actor` did something to `target`.
    pub fn to(action: Action, actor: Uuid, target: String, client_id: &str) -> Self {
        Self {
            actor: Some(actor),
            action,
            target,
            client_id: client_id.to_owned(),
            result: Outcome::Success,
            by_code: false,
        }
    }

    /// A failure: somebody who was not recognised tried something.
    pub fn failed(action: Action, target: String, client_id: &str) -> Self {
        Self {
            actor: None,
            action,
            target,
            client_id: client_id.to_owned(),
            result: Outcome::Failure,
            by_code: false,
        }
    }
}

/// The audit trail.
#[derive(Clone)]
pub struct Audit {
    pub(crate) store: Store,
    pub(crate) retention_days: i64,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Audit {
    /// The audit trail in `store`. Events are kept for `retention_days`.
    pub fn new(store: Store, retention_days: i64, clock: Clock, random: Random) -> Self {
        Self { store, retention_days, clock, random }
    }

    /// The event of an activity that happens now, in a request from `device`.
    pub fn event(&self, activity: Activity, device: &Device) -> Result<Event, Error> {
        let at = self.clock.now();
        Ok(Event {
            id: self.random.uuid(at)?,
            at,
            actor: activity.actor,
            action: activity.action,
            target: activity.target,
            client_id: activity.client_id,
            ip: device.ip.clone(),
            result: activity.result,
            request_id: device.request_id.clone(),
            expires_at: (at + seconds(self.retention_days * 24 * 3600)).as_second(),
            by_code: activity.by_code,
        })
    }

    /// Up to `limit` events, newest first, those before the event `before`; and the place to
    /// continue from, if there are more.
    pub async fn list(
        &self,
        before: Option<Uuid>,
        limit: usize,
    ) -> Result<(Vec<Event>, Option<String>), Error> {
        let listed = self.store.events(before, limit, self.clock.now()).await?;
        Ok((listed.items, listed.end))
    }
}

/// The audit trail of one request.
#[derive(Clone)]
pub struct Recorder {
    audit: Audit,
    device: Device,
}

impl Recorder {
    /// The audit trail for a request from `device`.
    pub fn new(audit: Audit, device: Device) -> Self {
        Self { audit, device }
    }

    /// The device that the request comes from.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The event of an activity that happens now.
    pub fn event(&self, activity: Activity) -> Result<Event, Error> {
        self.audit.event(activity, &self.device)
    }

    /// Records an activity that happened.
    pub async fn record(&self, activity: Activity) -> Result<(), Error> {
        self.audit.store.record(&self.event(activity)?).await
    }
}

/// An event as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub struct EventView {
    id: Uuid,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The user who did it, if they were recognised.
    actor: Option<Uuid>,
    action: Action,
    /// `user:<id>`, `role:<name>`, `app:<client id>`, or a masked address.
    #[schema(example = "user:01890000-0000-7000-8000-000000000000")]
    target: String,
    client_id: String,
    ip: Option<String>,
    result: Outcome,
    request_id: Option<String>,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        let Event {
            id,
            at,
            actor,
            action,
            target,
            client_id,
            ip,
            result,
            request_id,
            expires_at: _,
            by_code: _,
        } = event;
        Self { id, at, actor, action, target, client_id, ip, result, request_id }
    }
}
