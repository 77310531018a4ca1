//! Links to set a new password.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    base::Error,
    crypto::{HashKeys, decode_tagged, encode_tagged},
};

/// A link by which a user can set a new password. Its token is the base64url of its fields and a tag
/// that shows that we made it. It works once, since the new password changes the count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResetLink {
    /// The user whose password it sets.
    pub(super) user_id: Uuid,
    /// [`crate::users::User::password_count`] when the link was made. The link works only while the
    /// count is the same.
    pub(super) password_count: u64,
    /// When it expires.
    pub(super) expires_at: Timestamp,
}

impl ResetLink {
    /// The token.
    pub(super) fn encode(&self, keys: &HashKeys) -> String {
        let bytes = [
            self.user_id.as_bytes().as_slice(),
            &self.password_count.to_be_bytes(),
            &self.expires_at.as_second().to_be_bytes(),
        ]
        .concat();
        encode_tagged(bytes, |bytes| keys.reset_link_tag(bytes))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] if it was not made here, or has expired at `now`.
    pub(super) fn decode(token: &str, keys: &HashKeys, now: Timestamp) -> Result<Self, Error> {
        decode_tagged(token, |bytes, tag| keys.is_reset_link_tag(bytes, tag))
            .and_then(|bytes| Self::from_bytes(&bytes))
            .filter(|link| link.expires_at > now)
            .ok_or(Error::TokenInvalid)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (user_id, bytes) = bytes.split_first_chunk()?;
        let (password_count, expires_at) = bytes.split_first_chunk()?;
        let expires_at = i64::from_be_bytes(expires_at.try_into().ok()?);
        Some(Self {
            user_id: Uuid::from_bytes(*user_id),
            password_count: u64::from_be_bytes(*password_count),
            expires_at: Timestamp::from_second(expires_at).ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_until_it_expires_and_only_if_it_is_ours() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let link = ResetLink {
            user_id: Uuid::from_u128(1),
            password_count: 2,
            expires_at: Timestamp::from_second(1_800_000_000).unwrap(),
        };
        let before = Timestamp::from_second(1_799_999_999).unwrap();
        let token = link.encode(&keys);
        assert_eq!(ResetLink::decode(&token, &keys, before), Ok(link.clone()));
        assert_eq!(ResetLink::decode(&token, &keys, link.expires_at), Err(Error::TokenInvalid));

        let others = link.encode(&HashKeys::derive(&[8; 32]).unwrap());
        for token in [others.as_str(), "", "AAAA", &token[1..], "ü"] {
            assert_eq!(ResetLink::decode(token, &keys, before), Err(Error::TokenInvalid));
        }
    }
}
