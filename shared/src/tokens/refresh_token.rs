//! Refresh tokens: opaque, bound to one session, and each good for one use.
//!
//! A token is `lkr_` and the base64url of: user id, session id, the session's absolute end, a
//! secret, a branch, the app's client id, and a tag that shows that we made it. Because of the tag,
//! junk is refused without a read, and only a real, older token counts as a replay (RFC 9700
//! §4.14.2).
//!
//! Each secret is derived from the token before it, so a client that lost the response can use that
//! token again, although only hashes are stored. Every response has its own branch, and the
//! next secret is derived from both. Two holders of one token therefore get tokens of the same
//! secret but of different branches: both tokens work until one of them is used, which makes the
//! other one a replay. With a single successor, a thief and the owner could take turns unnoticed.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use uuid::Uuid;
use zeroize::ZeroizeOnDrop;

use crate::{
    base::{Error, Random},
    crypto::{HashKeys, TAG_BYTES, encode_tagged, secret_hash},
};

/// The prefix of every refresh token, by which secret scanners recognise it.
pub const PREFIX: &str = "lkr_";

/// A refresh token. It has no `Debug` and no `Serialize`.
#[derive(Clone, ZeroizeOnDrop)]
pub struct RefreshToken {
    /// The user it belongs to.
    #[zeroize(skip)]
    pub user_id: Uuid,
    /// The session it refreshes.
    #[zeroize(skip)]
    pub session_id: Uuid,
    /// When the session ends, however often it is refreshed.
    #[zeroize(skip)]
    pub ends_at: Timestamp,
    /// The app it was issued to.
    #[zeroize(skip)]
    pub client_id: String,
    secret: [u8; 32],
    branch: [u8; 8],
    /// The version of the root that made it. All tokens of a session have the same: if two instances
    /// make a successor, both make the same one.
    #[zeroize(skip)]
    version: u32,
}

impl RefreshToken {
    /// The first token of a session.
    pub fn first(
        (user_id, session_id): (Uuid, Uuid),
        client_id: String,
        ends_at: Timestamp,
        (keys, random): (&HashKeys, &Random),
    ) -> Result<Self, Error> {
        let (secret, branch, version) = (random.bytes()?, random.bytes()?, keys.version());
        Ok(Self { user_id, session_id, ends_at, client_id, secret, branch, version })
    }

    /// A token that replaces this one, on a new branch.
    pub fn successor(&self, keys: &HashKeys, random: &Random) -> Result<Self, Error> {
        let mut successor = self.clone();
        successor.secret = keys.refresh_successor(
            self.version,
            self.session_id.as_bytes(),
            (&self.secret, &self.branch),
        );
        successor.branch = random.bytes()?;
        Ok(successor)
    }

    /// Reads a token that a client sent.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] unless [`Self::encode`] made it with the same keys.
    pub fn decode(text: &str, keys: &HashKeys) -> Result<Self, Error> {
        Self::untagged(text, PREFIX, |bytes, tag| keys.refresh_version(bytes, tag))
    }

    /// Reads a text of [`Self::tagged`]. `version_of` finds the version of the root by the tag.
    pub(super) fn untagged(
        text: &str,
        prefix: &str,
        version_of: impl Fn(&[u8], &[u8]) -> Option<u32>,
    ) -> Result<Self, Error> {
        let encoded = text.strip_prefix(prefix).ok_or(Error::TokenInvalid)?;
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| Error::TokenInvalid)?;
        let (tagged, tag) = bytes.split_last_chunk::<TAG_BYTES>().ok_or(Error::TokenInvalid)?;

        let version = version_of(tagged, tag).ok_or(Error::TokenInvalid)?;
        Self::from_bytes(tagged, version).ok_or(Error::TokenInvalid)
    }

    fn from_bytes(bytes: &[u8], version: u32) -> Option<Self> {
        let (user_id, bytes) = bytes.split_first_chunk()?;
        let (session_id, bytes) = bytes.split_first_chunk()?;
        let (ends_at, bytes) = bytes.split_first_chunk()?;
        let (secret, bytes) = bytes.split_first_chunk()?;
        let (branch, client_id) = bytes.split_first_chunk()?;
        Some(Self {
            user_id: Uuid::from_bytes(*user_id),
            session_id: Uuid::from_bytes(*session_id),
            ends_at: Timestamp::from_second(i64::from_be_bytes(*ends_at)).ok()?,
            client_id: String::from_utf8(client_id.to_vec()).ok()?,
            secret: *secret,
            branch: *branch,
            version,
        })
    }

    /// The token as it is sent to a client.
    pub fn encode(&self, keys: &HashKeys) -> String {
        self.tagged(PREFIX, |version, bytes| keys.refresh_tag(version, bytes))
    }

    /// The token with a prefix and a tag.
    pub(super) fn tagged(
        &self,
        prefix: &str,
        tag: impl Fn(u32, &[u8]) -> [u8; TAG_BYTES],
    ) -> String {
        let bytes = [
            self.user_id.as_bytes().as_slice(),
            self.session_id.as_bytes(),
            &self.ends_at.as_second().to_be_bytes(),
            &self.secret,
            &self.branch,
            self.client_id.as_bytes(),
        ]
        .concat();
        format!("{prefix}{}", encode_tagged(bytes, |bytes| tag(self.version, bytes)))
    }

    /// The hash that is stored: the same for every branch.
    pub fn hash(&self) -> Vec<u8> {
        secret_hash(&self.secret)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(keys: &HashKeys) -> (RefreshToken, String) {
        let ends_at = Timestamp::from_second(1_900_000_000).unwrap();
        let token = RefreshToken::first(
            (Uuid::from_u128(1), Uuid::from_u128(2)),
            "default".into(),
            ends_at,
            (keys, &Random::system()),
        )
        .unwrap();
        let text = token.encode(keys);
        (token, text)
    }

    #[test]
    fn a_decoded_token_is_the_same_and_its_successors_share_a_hash() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let (token, text) = token(&keys);

        let back = RefreshToken::decode(&text, &keys).ok().unwrap();
        assert_eq!(
            (back.user_id, back.session_id, back.ends_at),
            (token.user_id, token.session_id, token.ends_at)
        );
        assert_eq!(back.client_id, "default");
        assert_eq!(back.hash(), token.hash());

        let next = |token: &RefreshToken| token.successor(&keys, &Random::system()).ok().unwrap();
        let (one, other) = (next(&back), next(&token));
        assert_eq!(one.hash(), other.hash());
        assert_ne!(one.hash(), token.hash());
        assert_ne!(one.encode(&keys), other.encode(&keys));
        assert_ne!(next(&one).hash(), next(&other).hash());

        assert!(RefreshToken::decode(&text, &HashKeys::derive(&[8; 32]).unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn a_changed_token_is_refused(position in 0_usize..128, byte in any::<u8>()) {
            let keys = HashKeys::derive(&[7; 32]).unwrap();
            let text = token(&keys).1;
            let mut bytes = text.clone().into_bytes();
            bytes[position] = byte;
            if bytes != text.as_bytes() {
                prop_assert!(RefreshToken::decode(&String::from_utf8_lossy(&bytes), &keys).is_err());
            }
        }
    }
}
