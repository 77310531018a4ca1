//! The challenges of ceremonies: 32 random bytes, the time at which they expire, and a tag that shows
//! that they were made here. Asking for one writes nothing, since browsers that fill passkeys in do
//! so for each view of a page.

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    base::{Error, Random, seconds},
    crypto::{HashKeys, IdentifierHash, decode_tagged, encode_tagged, secret_hash},
};

/// How many seconds a ceremony may take. WebAuthn Level 3 §15.1 recommends 300 to 600.
pub(super) const CHALLENGE_SECONDS: i64 = 300;

/// The purpose of a ceremony. A challenge is good for one.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// A user adds their first passkey, whose keeper learns [`Challenge::handle`].
    AddFirst(Uuid),
    /// A user who has a handle adds a passkey.
    Add(Uuid),
    /// Somebody signs in to an app.
    SignIn(&'a str),
    /// Somebody gives the second factor of the sign-in with this token.
    SecondFactor(&'a str),
}

impl Purpose<'_> {
    fn context(self) -> String {
        match self {
            Self::AddFirst(user_id) => format!("add first {user_id}"),
            Self::Add(user_id) => format!("add {user_id}"),
            Self::SignIn(client_id) => format!("sign in {client_id}"),
            Self::SecondFactor(token) => format!("second factor {token}"),
        }
    }
}

/// A challenge.
pub(super) struct Challenge {
    random: [u8; 32],
    /// When it expires.
    pub(super) expires_at: Timestamp,
}

impl Challenge {
    pub(super) fn draw(random: &Random, now: Timestamp) -> Result<Self, Error> {
        Ok(Self { random: random.bytes()?, expires_at: now + seconds(CHALLENGE_SECONDS) })
    }

    fn bytes(&self) -> Vec<u8> {
        [self.random.as_slice(), &self.expires_at.as_second().to_be_bytes()].concat()
    }

    /// The challenge as the client gets it.
    pub(super) fn seal(&self, purpose: Purpose<'_>, keys: &HashKeys) -> String {
        let context = purpose.context();
        encode_tagged(self.bytes(), |bytes| keys.passkey_challenge_tag(&context, bytes))
    }

    /// Reads a challenge that was made here for this purpose and has not expired at `now`.
    pub(super) fn open(
        sealed: &str,
        purpose: Purpose<'_>,
        keys: &HashKeys,
        now: Timestamp,
    ) -> Option<Self> {
        let context = purpose.context();
        let bytes = decode_tagged(sealed, |bytes, tag| {
            keys.is_passkey_challenge_tag(&context, bytes, tag)
        })?;
        let (random, expires_at) = bytes.split_first_chunk()?;
        let expires_at = i64::from_be_bytes(expires_at.try_into().ok()?);
        let expires_at = Timestamp::from_second(expires_at).ok()?;
        Some(Self { random: *random, expires_at }).filter(|challenge| challenge.expires_at > now)
    }

    /// The user handle of somebody whose first passkey this challenge is for. It tells nothing about
    /// them (WebAuthn Level 3 §14.6.1), and asking for it writes nothing. It has 16 bytes, since it is in
    /// the user's item.
    pub(super) fn handle(&self) -> Vec<u8> {
        secret_hash(&[b"user handle".as_slice(), &self.random].concat())
    }

    /// The name under which its use is noted.
    pub(super) fn name(&self) -> IdentifierHash {
        let random = data_encoding::HEXLOWER.encode(&self.random);
        IdentifierHash::of_random("passkey challenge", &random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_good_for_its_purpose_until_it_expires() {
        let (keys, random) = (HashKeys::derive(&[7; 32]).unwrap(), Random::system());
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let challenge = Challenge::draw(&random, now).unwrap();
        let sealed = challenge.seal(Purpose::SignIn("shop"), &keys);
        let open = |purpose, second| {
            let at = Timestamp::from_second(second).unwrap();
            Challenge::open(&sealed, purpose, &keys, at).map(|it| it.handle())
        };
        let shop = Purpose::SignIn("shop");
        assert_eq!(open(shop, 1_800_000_299), Some(challenge.handle()));
        assert_eq!(open(shop, 1_800_000_300), None);
        let user = Uuid::from_u128(1);
        for other in [Purpose::SignIn("bank"), Purpose::Add(user), Purpose::SecondFactor("shop")] {
            assert_eq!(open(other, 1_800_000_000), None);
        }
        for place in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(Challenge::open(&changed, shop, &keys, now).is_none(), "character {place}");
        }
        let others = HashKeys::derive(&[8; 32]).unwrap();
        assert!(Challenge::open(&sealed, shop, &others, now).is_none());
        assert!(Challenge::open("", shop, &keys, now).is_none());
    }
}
