//! Moves to new phones that wait for a second administrator, in the table.

use uuid::Uuid;

use super::phone_move::PendingMove;
use crate::{
    base::Error,
    crypto::HashKeys,
    table::{CHANGE_TRIES, Key, Outcome, Store, text, to_item},
    users::User,
};

impl Store {
    /// The move of a user that waits.
    pub(super) async fn pending_move(&self, user_id: Uuid) -> Result<Option<PendingMove>, Error> {
        self.get(Key::phone_move(user_id)).await
    }

    /// Keeps a move that waits, in place of any other.
    pub(super) async fn put_pending_move(
        &self,
        user_id: Uuid,
        asked: &PendingMove,
    ) -> Result<(), Error> {
        let item = to_item(Key::phone_move(user_id), asked)?;
        for _ in 0..CHANGE_TRIES {
            if let Outcome::Done = self.transact(vec![self.put_always(item.clone())?]).await? {
                return Ok(());
            }
        }
        Err(Error::Unavailable("too many requests moved a user at the same time".into()))
    }

    /// Makes the `change` of a user, and removes the move that waited, together.
    ///
    /// # Errors
    /// As [`Self::change_user`]; [`Error::PreconditionFailed`] if that move waits no more.
    pub(super) async fn finish_move(
        &self,
        user_id: Uuid,
        keys: &HashKeys,
        agreed: &PendingMove,
        change: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<User, Error> {
        let key = Key::phone_move(user_id);
        let done = self.delete_where(key, "asked_by", text(agreed.asked_by))?;
        self.change_user_and(user_id, keys, change, vec![done]).await
    }
}
