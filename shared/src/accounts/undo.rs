//! Links by which the owner of an account undoes what somebody changed in it.

use uuid::Uuid;

use super::Accounts;
use crate::{
    audit::Recorder,
    base::Error,
    crypto::{HashKeys, decode_tagged, encode_tagged},
    users::User,
};

/// The change that a link undoes. Its token is the base64url of its fields and a tag that shows that
/// we made it; texts are short, so it has only 48 characters. When it expires is kept with the
/// change.
#[derive(Clone, Debug, PartialEq, Eq)]
struct UndoLink {
    user_id: Uuid,
    /// [`User::version`] after the change.
    change: u32,
}

impl UndoLink {
    fn encode(&self, keys: &HashKeys) -> String {
        let bytes = [self.user_id.as_bytes().as_slice(), &self.change.to_be_bytes()].concat();
        encode_tagged(bytes, |bytes| keys.undo_link_tag(bytes))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was not made here.
    fn decode(token: &str, keys: &HashKeys) -> Result<Self, Error> {
        let read = || {
            let bytes = decode_tagged(token, |bytes, tag| keys.is_undo_link_tag(bytes, tag))?;
            let (user_id, change) = bytes.split_first_chunk()?;
            let change = u32::from_be_bytes(change.try_into().ok()?);
            Some(Self { user_id: Uuid::from_bytes(*user_id), change })
        };
        read().ok_or(Error::NotFound)
    }
}

impl Accounts {
    /// The link that undoes the last change of `user`, which the store has just written.
    pub(super) fn undo_link(&self, user: &User) -> String {
        let change = u32::try_from(user.version).unwrap_or(u32::MAX);
        let token = UndoLink { user_id: user.id, change }.encode(&self.hash_keys);
        format!("{}/undo/{token}", self.challenge_settings.issuer)
    }

    /// Checks that the token of a link can still undo something.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it was not made here, was used, or is older than 72 hours.
    pub async fn check_undo_link(&self, token: &str) -> Result<(), Error> {
        let link = UndoLink::decode(token, &self.hash_keys)?;
        let past = self.store.past(link.user_id).await?;
        let can_undo = past.restoration(link.change.into(), self.clock.now()).is_some();
        if can_undo { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Restores an account as it was before the first change of the last 72 hours: its addresses,
    /// also if somebody else has them now, and a second factor that was removed. Removes a password
    /// that was set and a second factor that was added since, and ends all sessions, known devices
    /// and sign-ins that wait. Each link works once, and using one ends the others.
    ///
    /// # Errors
    /// [`Error::NotFound`] as [`Self::check_undo_link`]; [`Error::Unavailable`].
    pub async fn undo(&self, token: &str, recorder: &Recorder) -> Result<User, Error> {
        let link = UndoLink::decode(token, &self.hash_keys)?;
        let (change, now) = ((link.user_id, link.change.into()), self.clock.now());
        let undone = self.store.undo(change, &self.hash_keys, recorder, now).await?;
        let user = undone.ok_or(Error::NotFound)?;
        if let Err(error) = self.end_lockouts(&user).await {
            tracing::warn!(%error, "an identifier stays locked after changes were undone");
        }
        Ok(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_only_if_it_is_ours() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let link = UndoLink { user_id: Uuid::from_u128(1), change: 2 };
        let token = link.encode(&keys);
        assert_eq!(token.len(), 48);
        assert_eq!(UndoLink::decode(&token, &keys), Ok(link.clone()));

        let others = link.encode(&HashKeys::derive(&[8; 32]).unwrap());
        for token in [others.as_str(), "", "AAAA", &token[1..], "ü"] {
            assert_eq!(UndoLink::decode(token, &keys), Err(Error::NotFound));
        }
    }
}
