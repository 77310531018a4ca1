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
    crypto::{HashKeys, TAG_BYTES, sha256},
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
}

impl RefreshToken {
    /// The first token of a session.
    pub fn first(
        (user_id, session_id): (Uuid, Uuid),
        client_id: String,
        ends_at: Timestamp,
        random: &Random,
    ) -> Result<Self, Error> {
        let (secret, branch) = (random.bytes()?, random.bytes()?);
        Ok(Self { user_id, session_id, ends_at, client_id, secret, branch })
    }

    /// A token that replaces this one, on a new branch.
    pub fn successor(&self, keys: &HashKeys, random: &Random) -> Result<Self, Error> {
        let mut successor = self.clone();
        successor.secret =
            keys.refresh_successor(self.session_id.as_bytes(), &self.secret, &self.branch);
        successor.branch = random.bytes()?;
        Ok(successor)
    }

    /// Reads a token that a client sent.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] unless [`Self::encode`] made it with the same keys.
    pub fn decode(text: &str, keys: &HashKeys) -> Result<Self, Error> {
        let encoded = text.strip_prefix(PREFIX).ok_or(Error::TokenInvalid)?;
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| Error::TokenInvalid)?;
        let (tagged, tag) = bytes.split_last_chunk::<TAG_BYTES>().ok_or(Error::TokenInvalid)?;

        if !keys.refresh_tag_matches(tagged, tag) {
            return Err(Error::TokenInvalid);
        }
        Self::from_bytes(tagged).ok_or(Error::TokenInvalid)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
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
        })
    }

    /// The token as it is sent to a client.
    pub fn encode(&self, keys: &HashKeys) -> String {
        let mut bytes = [
            self.user_id.as_bytes().as_slice(),
            self.session_id.as_bytes(),
            &self.ends_at.as_second().to_be_bytes(),
            &self.secret,
            &self.branch,
            self.client_id.as_bytes(),
        ]
        .concat();
        bytes.extend(keys.refresh_tag(&bytes));
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// The hash that is stored: the same for every branch. The secret has 256 random bits, so a plain SHA-256 protects it.
    pub fn hash(&self) -> Vec<u8> {
        sha256(&self.secret).to_vec()
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
            &Random::system(),
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
