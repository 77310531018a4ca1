//! Moving a user to a new phone, to which two administrators have to agree.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Reach, Users, check_if_match, gone_meanwhile};
use crate::{
    base::{Clock, EntityTags, Error, api_time, epoch_seconds, seconds, whole_seconds},
    identifiers::PhoneNumber,
    roles::Permissions,
    table::Store,
    users::User,
};

/// How long the first administrator's request waits for the second, in seconds.
const WAIT_SECONDS: i64 = 24 * 3600;

/// A move that waits, as the store keeps it beside the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PendingMove {
    phone: PhoneNumber,
    /// The administrator who asked for it.
    pub(super) asked_by: Uuid,
    #[serde(with = "epoch_seconds")]
    expires_at: Timestamp,
}

/// A move that waits, as an export shows it. It does not name the administrator.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = WaitingPhoneMove)]
pub struct WaitingMoveView {
    /// The new phone, masked: a thief of the old one can export the account, too.
    #[schema(example = "+1•••••••199")]
    phone: String,
    /// Until when it waits for a second administrator (RFC 3339, UTC).
    #[serde(with = "api_time")]
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// The moves that wait.
#[derive(Clone)]
pub struct WaitingMoves {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
}

impl WaitingMoves {
    /// The move of a user that waits, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn of(&self, user_id: Uuid) -> Result<Option<WaitingMoveView>, Error> {
        let now = self.clock.now();
        let waiting = self.store.pending_move(user_id).await?.filter(|it| it.expires_at > now);
        Ok(waiting.map(|PendingMove { phone, expires_at, .. }| WaitingMoveView {
            phone: phone.masked(),
            expires_at,
        }))
    }
}

/// The outcome of asking for a move.
#[derive(Debug)]
pub enum PhoneMove {
    /// It waits for a second administrator.
    Waits {
        /// Until when.
        expires_at: Timestamp,
    },
    /// The user had the phone already, so nothing changes: a repeated request gets the same answer.
    Unchanged(Box<User>),
    /// The user has the new phone.
    Done {
        /// The user.
        user: Box<User>,
        /// The phone before it.
        old: Option<PhoneNumber>,
    },
}

impl Users {
    /// Moves a user to a new phone if another administrator than `caller` has asked for the same
    /// within a day. Otherwise keeps the request. All sessions and known devices of the user end.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`] if `seen` is not the current entity tag;
    /// [`Error::Forbidden`] if the user has rights that the granter lacks;
    /// [`Error::Conflict`] if somebody has the phone, if the user has no proven address, or if
    /// another request came first.
    pub async fn move_phone(
        &self,
        (id, seen): (Uuid, Option<&EntityTags>),
        phone: &PhoneNumber,
        caller: Uuid,
        granter: &Permissions,
    ) -> Result<PhoneMove, Error> {
        let now = whole_seconds(self.clock.now());
        let user = self.get(id).await?;
        user.check_proven()?;
        let reach = Reach::check(&user, granter, &self.roles).await?;
        check_if_match(&user, seen)?;
        if user.phone.as_ref() == Some(phone) {
            return Ok(PhoneMove::Unchanged(Box::new(user)));
        }

        let pending = self.store.pending_move(id).await?.filter(|it| it.expires_at > now);
        let agreed = pending.filter(|it| it.phone == *phone && it.asked_by != caller);
        let Some(agreed) = agreed else {
            let expires_at = now + seconds(WAIT_SECONDS);
            let asked = PendingMove { phone: phone.clone(), asked_by: caller, expires_at };
            self.store.put_pending_move(id, &asked).await?;
            return Ok(PhoneMove::Waits { expires_at });
        };

        let (mut old, mut is_stale) = (None, false);
        let change = |user: &mut User| {
            reach.check_unchanged(user)?;
            check_if_match(user, seen).inspect_err(|_| is_stale = true)?;
            old = user.phone.replace(phone.clone()).filter(|old| old != phone);
            user.updated_at = now;
            user.sign_out_everywhere();
            Ok(())
        };
        let moved = self.store.finish_move(id, &self.hash_keys, &agreed, change).await;
        let user = moved.map_err(|error| match error {
            Error::PreconditionFailed if !is_stale => {
                Error::conflict("phone", "was moved by another request")
            }
            error => gone_meanwhile(error),
        })?;
        Ok(PhoneMove::Done { user: Box::new(user), old })
    }
}
