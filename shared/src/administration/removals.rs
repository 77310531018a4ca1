//! Removals from a user by administrators: of the second factor, a session, the picture.

use uuid::Uuid;

use super::{Reach, Users, check_if_match, gone_meanwhile};
use crate::{
    audit::Event,
    avatars::Avatars,
    base::{EntityTags, Error, whole_seconds},
    roles::Permissions,
    users::User,
};

impl Users {
    /// Removes a user's second factor and passkeys. Returns the user, or `None` if they had none.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`] if `seen` is not the current entity tag;
    /// [`Error::Forbidden`] if the user has rights that the granter lacks.
    pub async fn remove_second_factor(
        &self,
        id: Uuid,
        seen: Option<&EntityTags>,
        granter: &Permissions,
    ) -> Result<Option<User>, Error> {
        let now = whole_seconds(self.clock.now());
        let before = self.get(id).await?;
        let reach = Reach::check(&before, granter, &self.roles).await?;

        let has_any = before.totp || !before.passkeys.is_empty();
        let change = |user: &mut User| {
            reach.check_unchanged(user)?;
            check_if_match(user, seen)?;
            if has_any {
                user.totp = false;
                user.passkeys.retain(|id| !before.passkeys.contains(id));
                // Sign-ins with one of them that have begun fail.
                user.sign_in_epoch += 1;
                user.updated_at = now;
            }
            Ok(())
        };
        let mut items = self.store.delete_factor_items(id)?;
        items.extend(self.store.without_passkeys(&before.passkeys)?);
        let changed = self.store.change_user_and(id, &self.hash_keys, change, items).await;
        Ok(Some(changed.map_err(gone_meanwhile)?).filter(|_| has_any))
    }

    /// Ends one of a user's sessions.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown user or session; [`Error::PreconditionFailed`] if `seen`
    /// is not the current entity tag; [`Error::Forbidden`] if the user has rights that the granter
    /// lacks.
    pub async fn end_session(
        &self,
        (id, session_id): (Uuid, Uuid),
        seen: Option<&EntityTags>,
        granter: &Permissions,
    ) -> Result<(), Error> {
        let reach = self.reach(id, granter).await?;
        let ended = self.store.change_user(id, &self.hash_keys, |user| {
            reach.check_unchanged(user)?;
            check_if_match(user, seen)?;
            for entered in user.entered_from(session_id) {
                user.sessions.remove(&entered);
            }
            user.sessions.remove(&session_id).map(drop).ok_or(Error::NotFound)
        });
        ended.await.map(drop).map_err(gone_meanwhile)
    }

    /// Removes a user's picture, if there is one, and records `event`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::PreconditionFailed`] if `seen` is not the current entity tag;
    /// [`Error::Forbidden`] if the user has rights that the granter lacks; [`Error::Unavailable`].
    pub async fn remove_avatar(
        &self,
        id: Uuid,
        seen: Option<&EntityTags>,
        granter: &Permissions,
        (avatars, event): (&Avatars, Event),
    ) -> Result<(), Error> {
        let reach = self.reach(id, granter).await?;
        let check = |user: &User| {
            reach.check_unchanged(user)?;
            check_if_match(user, seen)
        };
        // A picture that takes the place of the one that was checked stays.
        avatars.remove(id, event, check).await
    }
}
