//! The audit trail: who did what.
//!
//! An event is one item, in one of sixteen partitions, in the order of time. Events are also found
//! by their *subjects*, their actor and their target. How, depends on how often they happen:
//!
//! - Each event of somebody's own sign-in names the two sign-ins of this person before it, and the
//!   user's item names the last three. So the sign-ins of a person are a chain, which costs no
//!   write.
//! - Every other event has a mark for each of its subjects: an item without content under the
//!   subject's key.
//!
//! Failures of people who were not recognised are not separate events: they are counted by
//! source, hour, action and app, in one item each.
//!
//! A change of what is stored becomes evident by the anchors ([`anchors`]).

pub mod anchors;
mod changes;
mod codes;
mod query;
mod table;
mod view;

pub use self::{
    changes::{Change, Changes, Fields},
    codes::{CodesTried, RightCodes},
    query::{EventFilter, Position},
    view::{ActivityView, By, EventView},
};

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    base::{Clock, Device, Error, Random, epoch_millis, seconds},
    crypto::{network, sha256},
    table::Store,
};

/// The target of events about somebody who is not known.
pub const ANYBODY: &str = "anybody";
/// The longest part of a `User-Agent` that an event keeps, in characters.
const MAX_USER_AGENT_CHARS: usize = 120;

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
    PhoneDetach,
    ChangesUndo,
    AddressRestore,
    AddressTake,
    PasswordRemove,
    SecondFactorRestore,
    ProfileChange,
    AvatarChange,
    AvatarRemove,
    AccountDelete,
    ErasureRequest,
    ErasureTakeBack,
    AdminByPhone,
    Lockout,
    LockoutEnd,
    MessagesStop,
    MessagesResume,
    RefreshReplay,
    CodeReplay,
    TokenRevoke,
    ConsentGive,
    DeviceAllow,
    ConsentWithdraw,
    SecondFactorAdd,
    SecondFactorRemove,
    RecoveryCodesRenew,
    PasskeyAdd,
    PasskeyRename,
    PasskeyRemove,
    PasskeyCounter,
    UsersList,
    UserLookup,
    UserRead,
    UserCreate,
    UserImport,
    UserUpdate,
    UserUnlock,
    UserSessionsRead,
    UserSessionEnd,
    AddressUnlock,
    UserDelete,
    UserRolesChange,
    UserSecondFactorRemove,
    UserPhoneMove,
    UserAvatarRemove,
    RoleCreate,
    RoleUpdate,
    RoleDelete,
    AppCreate,
    AppUpdate,
    AppDelete,
    AppSecretRotate,
    AppMessageChange,
    AppMessageDelete,
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
    /// To whom or to what: `user:<id>`, `role:<name>`, `app:<client id>`, a masked address, or
    /// `anybody` for failures that are counted together.
    pub target: String,
    /// The address or username that was typed, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
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
    /// The beginning of the `User-Agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The changed fields.
    #[serde(default, skip_serializing_if = "Changes::is_empty")]
    pub changes: Changes,
    /// How many failures this item counts; `None` for a separate event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The sign-ins of the same user before this one, the latest first: for a sign-in, and for the
    /// end of an account.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub previous: Vec<Uuid>,
    /// When it is deleted (epoch seconds).
    pub expires_at: i64,
}

impl Event {
    /// Whether it is a user's own sign-in, which is found by the chain of sign-ins.
    fn is_own_sign_in(&self) -> bool {
        self.action == Action::SignIn && self.result == Outcome::Success
    }

    /// Whether nobody was recognised, neither as its actor nor as its target.
    fn is_anonymous(&self) -> bool {
        self.actor.is_none() && !self.target.starts_with(USER_PREFIX)
    }

    /// The subjects under whose keys it has a mark.
    fn subjects(&self) -> BTreeSet<String> {
        if self.is_own_sign_in() {
            return BTreeSet::new();
        }
        let mut subjects: BTreeSet<String> = self.actor.map(user_subject).into_iter().collect();
        match self.target.strip_prefix(ROLE_PREFIX) {
            Some(names) => subjects.extend(names.split(',').map(|name| format!("role:{name}"))),
            None => drop(subjects.insert(self.target.clone())),
        }
        subjects
    }

    /// Whether it is about `target`.
    fn is_about(&self, target: &str) -> bool {
        match (self.target.strip_prefix(ROLE_PREFIX), target.strip_prefix(ROLE_PREFIX)) {
            (Some(names), Some(name)) => {
                self.target == target || names.split(',').any(|one| one == name)
            }
            _ => self.target == target,
        }
    }

    /// This failure as one of many: the item that counts the failures of a source in an hour, with
    /// an id that all of them share.
    fn counted(self) -> Result<Self, Error> {
        let hour = codes::hour(self.at) * 3600;
        let at =
            Timestamp::from_second(hour).map_err(|error| Error::Internal(error.to_string()))?;
        let source = self.ip.as_deref().map(network);
        let same = format!("{source:?} {hour} {:?} {}", self.action, self.client_id);
        let random = sha256(same.as_bytes()).first_chunk().copied().unwrap_or_default();
        let millis = u64::try_from(at.as_millisecond()).unwrap_or_default();
        Ok(Self {
            id: uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid(),
            at,
            target: ANYBODY.to_owned(),
            address: None,
            ip: source,
            request_id: None,
            user_agent: None,
            ..self
        })
    }
}

/// The prefix of a target that is a user.
const USER_PREFIX: &str = "user:";
/// The prefix of a target that is a role, or several with commas between them.
const ROLE_PREFIX: &str = "role:";

/// A user as a subject of events.
pub fn user_subject(id: Uuid) -> String {
    format!("{USER_PREFIX}{id}")
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
    /// The address or username that was typed, masked.
    pub address: Option<String>,
    /// The app in which it was done.
    pub client_id: String,
    /// How it ended.
    pub result: Outcome,
}

impl Activity {
    /// A success: a user did something to their own account.
    pub fn own(action: Action, user_id: Uuid, client_id: &str) -> Self {
        Self::to(action, user_id, user_subject(user_id), client_id)
    }

    /// A success: `actor` did something to `target`.
    pub fn to(action: Action, actor: Uuid, target: String, client_id: &str) -> Self {
        Self { actor: Some(actor), ..Self::happened(action, target, client_id) }
    }

    /// A success: something happened to `target`, and nobody was recognised who did it.
    pub fn happened(action: Action, target: String, client_id: &str) -> Self {
        Self {
            actor: None,
            action,
            target,
            address: None,
            client_id: client_id.to_owned(),
            result: Outcome::Success,
        }
    }

    /// A failure: somebody who was not recognised tried something, with the masked `address`, which
    /// belongs to the user `owner`, if to anybody.
    pub fn failed(action: Action, owner: Option<Uuid>, address: String, client_id: &str) -> Self {
        let target = owner.map_or_else(|| address.clone(), user_subject);
        Self {
            address: owner.map(|_| address),
            result: Outcome::Failure,
            ..Self::happened(action, target, client_id)
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
            address: activity.address,
            client_id: activity.client_id,
            ip: device.ip.clone(),
            result: activity.result,
            request_id: device.request_id.clone(),
            user_agent: device
                .user_agent
                .as_deref()
                .map(|text| text.chars().take(MAX_USER_AGENT_CHARS).collect()),
            changes: Changes::new(),
            count: None,
            previous: Vec::new(),
            expires_at: (at + seconds(self.retention_days * 24 * 3600)).as_second(),
        })
    }

    /// A user's sign-in with a new session, whose id the event shares.
    pub fn sign_in(
        &self,
        (user_id, session_id): (Uuid, Uuid),
        client_id: &str,
        previous: Vec<Uuid>,
        device: &Device,
    ) -> Result<Event, Error> {
        let activity = Activity::own(Action::SignIn, user_id, client_id);
        Ok(Event { id: session_id, previous, ..self.event(activity, device)? })
    }

    /// A page of up to `limit` events that pass the filter, newest first, and where the next page
    /// begins, if there is one. A page can have fewer events than `limit` before the last one, and
    /// even none.
    ///
    /// `sign_ins` are the last sign-ins of the user that the filter asks for, the latest first. If
    /// there is no such user any more, they are found by the event of the account's end.
    pub async fn page(
        &self,
        filter: &EventFilter,
        sign_ins: Vec<Uuid>,
        from: Option<Position>,
        limit: usize,
    ) -> Result<(Vec<Event>, Option<Position>), Error> {
        let now = self.clock.now();
        match filter.subject() {
            Some(subject) => {
                let from = from.unwrap_or_else(|| Position::start(sign_ins));
                self.store.events_of(&subject, filter, from, limit, now).await
            }
            None => self.store.events(filter, from, limit, now).await,
        }
    }

    /// All events of a user that the trail still has, newest first, but not more than `limit`.
    pub async fn all_of(
        &self,
        user_id: Uuid,
        sign_ins: Vec<Uuid>,
        limit: usize,
    ) -> Result<Vec<Event>, Error> {
        let filter = EventFilter { of: Some(user_id), ..EventFilter::default() };
        let (mut events, mut from) = (Vec::new(), None);
        loop {
            let (page, next) = self.page(&filter, sign_ins.clone(), from, 100).await?;
            events.extend(page);
            from = next;
            if from.is_none() || events.len() >= limit {
                events.truncate(limit);
                return Ok(events);
            }
        }
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

    /// Records a failure, or counts it if nobody was recognised.
    pub async fn record_failure(&self, activity: Activity) -> Result<(), Error> {
        self.audit.store.record_failure(self.event(activity)?).await
    }

    /// Records that somebody failed to sign in as a user, whom their first factor or their passkey
    /// names.
    pub async fn record_failed_sign_in(&self, user_id: Uuid, client_id: &str) -> Result<(), Error> {
        let activity = Activity::happened(Action::SignIn, user_subject(user_id), client_id);
        self.record(Activity { result: Outcome::Failure, ..activity }).await
    }

    /// Records an activity that happened.
    pub async fn record(&self, activity: Activity) -> Result<(), Error> {
        self.audit.store.record(&self.event(activity)?).await
    }
}
