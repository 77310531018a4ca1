//! Who did what: the audit trail.

mod table;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    base::{Clock, Device, Error, Random, epoch_millis, seconds},
    table::Store,
};

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Action {
    SignIn,
    SignOut,
    PasswordChange,
    PasswordReset,
    AddressChange,
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
    /// It was refused: a wrong code or password.
    Failure,
}

/// An event as the store keeps it. It names no phone and no e-mail address but masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its id, a version 7 UUID.
    pub id: Uuid,
    /// When it happened.
    #[serde(with = "epoch_millis")]
    pub at: Timestamp,
    /// The user who did it, where one was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Uuid>,
    /// What was done.
    pub action: Action,
    /// To whom or what: `user:<id>`, `role:<name>`, `app:<client id>`, or a masked address.
    pub target: String,
    /// The app that it was done with.
    pub client_id: String,
    /// The source address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// How it ended.
    pub result: Outcome,
    /// The request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// When it is forgotten (epoch seconds).
    pub expires_at: i64,
    /// Whether it came of a code that was sent, right or wrong.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_code: bool,
}

/// What an event is about.
#[derive(Clone, Debug)]
pub struct Activity {
    /// The user who did it, where one was recognised.
    pub actor: Option<Uuid>,
    /// What was done.
    pub action: Action,
    /// To whom or what.
    pub target: String,
    /// The app that it was done with.
    pub client_id: String,
    /// How it ended.
    pub result: Outcome,
    /// Whether it came of a code that was sent, right or wrong.
    pub by_code: bool,
}

impl Activity {
    /// The same activity, that came of a code that was sent, or did not.
    #[must_use]
    pub fn by_code(self, by_code: bool) -> Self {
        Self { by_code, ..self }
    }

    /// What a user did to himself.
    pub fn own(action: Action, user_id: Uuid, client_id: &str) -> Self {
        Self::to(action, user_id, format!("user:{user_id}"), client_id)
    }

    /// What somebody did to something.
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

    /// What somebody unknown tried in vain.
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
    /// The trail in `store`, of events that are kept for so many days.
    pub fn new(store: Store, retention_days: i64, clock: Clock, random: Random) -> Self {
        Self { store, retention_days, clock, random }
    }

    /// The event of a activity that a request of `device` does now.
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

    /// Up to `limit` events, newest first, before the place `before`; and the place to go on from.
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
    /// For a request of `device`.
    pub fn new(audit: Audit, device: Device) -> Self {
        Self { audit, device }
    }

    /// The device that asks.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The event of a activity that happens now.
    pub fn event(&self, activity: Activity) -> Result<Event, Error> {
        self.audit.event(activity, &self.device)
    }

    /// Records a activity that happened.
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
    /// The user who did it, where one was recognised.
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
