//! The erasure of accounts: immediately, or after the days within which it can be taken back.

use jiff::Timestamp;
use uuid::Uuid;

use super::Accounts;
use crate::{
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Activity, Audit, user_subject},
    avatars::Avatars,
    base::{Device, Error, seconds, whole_seconds},
    users::{DueErasure, User},
};

/// The most accounts that one run erases. There is a run each hour.
const MAX_IN_A_RUN: i32 = 1_000;

impl Accounts {
    /// Erases a user and all their data, by a request of a session, or announces it, if the deployment has a delay: then all
    /// sessions end, and until the date a sign-in or the link in a notice takes it back. Returns the
    /// user who is to be erased later.
    ///
    /// # Errors
    /// [`Error::Conflict`] for the last administrator; [`Error::TokenInvalid`] if the session has ended;
    /// [`Error::Unavailable`].
    pub async fn erase(
        &self,
        (user_id, session_id): (Uuid, Uuid),
        avatars: &Avatars,
    ) -> Result<Option<User>, Error> {
        let now = whole_seconds(self.clock.now());
        let delay = seconds(self.settings.erasure_delay_days * 24 * 3600);
        if delay.is_zero() {
            let check = |user: &User| user.check_session(session_id, now);
            avatars.delete_user(&self.store, user_id, check).await?;
            return Ok(None);
        }

        self.store
            .plan_erasure((user_id, session_id), &self.hash_keys, (now, now + delay))
            .await
            .map(Some)
    }

    /// The name of erasing an account in the audit trail: done, or only asked for.
    pub fn erasure_action(&self) -> Action {
        if self.settings.erasure_delay_days == 0 {
            Action::AccountDelete
        } else {
            Action::ErasureRequest
        }
    }

    /// Erases the users who are due, at most [`MAX_IN_A_RUN`]. Each is recorded in the audit trail.
    /// Running it twice, or again after it was interrupted, does no harm. Returns how many it erased.
    ///
    /// # Errors
    /// The first error, if an account could not be erased. The others are erased nevertheless, and
    /// the next run tries this one again.
    pub async fn erase_due(&self, audit: &Audit, avatars: &Avatars) -> Result<usize, Error> {
        let now = self.clock.now();
        let (mut erased, mut failed) = (0, None);
        for due in self.store.due_erasures(now, MAX_IN_A_RUN).await? {
            match self.erase_if_due(&due, now, audit, avatars).await {
                Ok(is_erased) => erased += usize::from(is_erased),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(erased), Err)
    }

    /// Erases one user, unless this was taken back. Returns whether it was erased.
    async fn erase_if_due(
        &self,
        due: &DueErasure,
        now: Timestamp,
        audit: &Audit,
        avatars: &Avatars,
    ) -> Result<bool, Error> {
        let target = user_subject(due.user_id);
        let activity = Activity::happened(Action::AccountDelete, target, DEFAULT_CLIENT_ID);
        let store = self.store.recording(audit.event(activity, &Device::default())?);
        let is_due = |user: &User| match user.erase_at {
            Some(at) if at <= now => Ok(()),
            _ => Err(Error::PreconditionFailed),
        };

        let erased = match avatars.delete_user(&store, due.user_id, is_due).await {
            Ok(()) => true,
            // It was taken back, perhaps to be asked for again with another date.
            Err(Error::PreconditionFailed) => false,
            Err(error) => return Err(error),
        };
        self.store.forget_erasure(due).await?;
        Ok(erased)
    }
}
