//! Known devices: the token by which a device is recognised on which a user has signed in before.
//!
//! A token is `lkd_` and the base64url of: user id, device id, the user's
//! [`super::User::device_epoch`], when it expires, and a tag that shows that we made it. It opens
//! nothing. It only gives requests separate counters, which strangers cannot use up (OWASP,
//! "device cookies").

use jiff::Timestamp;
use uuid::Uuid;

use super::User;
use crate::crypto::{HashKeys, decode_tagged, encode_tagged};

/// The prefix of every device token, by which secret scanners recognise it.
const PREFIX: &str = "lkd_";
/// The most characters of a device token.
pub const MAX_DEVICE_TOKEN_CHARS: usize = 200;

/// A device on which a user has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownDevice {
    /// The user.
    pub user_id: Uuid,
    /// The device: a random id that it keeps from one sign-in to the next.
    pub id: Uuid,
    /// [`super::User::device_epoch`] at the last sign-in. If it has changed, the device is not
    /// known any more.
    pub epoch: u64,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

impl KnownDevice {
    /// Reads the token of a request. `None` if it was not made here or has expired at `now`.
    pub fn decode(token: &str, keys: &HashKeys, now: Timestamp) -> Option<Self> {
        let encoded =
            token.strip_prefix(PREFIX).filter(|_| token.len() <= MAX_DEVICE_TOKEN_CHARS)?;
        let bytes = decode_tagged(encoded, |bytes, tag| keys.is_device_tag(bytes, tag))?;
        Self::from_bytes(&bytes).filter(|device| device.expires_at > now)
    }

    /// Whether it is known to be the device of `user`.
    pub fn is_of(&self, user: &User) -> bool {
        user.id == self.user_id && user.device_epoch == self.epoch
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (user_id, bytes) = bytes.split_first_chunk()?;
        let (id, bytes) = bytes.split_first_chunk()?;
        let (epoch, expires_at) = bytes.split_first_chunk()?;
        Some(Self {
            user_id: Uuid::from_bytes(*user_id),
            id: Uuid::from_bytes(*id),
            epoch: u64::from_be_bytes(*epoch),
            expires_at: Timestamp::from_second(i64::from_be_bytes(expires_at.try_into().ok()?))
                .ok()?,
        })
    }

    /// The token as its client gets it.
    pub fn encode(&self, keys: &HashKeys) -> String {
        let bytes = [
            self.user_id.as_bytes().as_slice(),
            self.id.as_bytes(),
            &self.epoch.to_be_bytes(),
            &self.expires_at.as_second().to_be_bytes(),
        ]
        .concat();
        format!("{PREFIX}{}", encode_tagged(bytes, |bytes| keys.device_tag(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> KnownDevice {
        KnownDevice {
            user_id: Uuid::from_u128(1),
            id: Uuid::from_u128(2),
            epoch: 3,
            expires_at: Timestamp::from_second(1_800_000_000).unwrap(),
        }
    }

    #[test]
    fn a_token_is_read_until_it_expires() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let token = device().encode(&keys);
        assert!(token.len() <= MAX_DEVICE_TOKEN_CHARS, "{token}");
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(KnownDevice::decode(&token, &keys, at(1_799_999_999)), Some(device()));
        assert_eq!(KnownDevice::decode(&token, &keys, at(1_800_000_000)), None);
    }

    #[test]
    fn a_token_of_others_is_not_read() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let token = device().encode(&HashKeys::derive(&[8; 32]).unwrap());
        let own = device().encode(&keys);
        let longer = format!("{own}{}", "A".repeat(300));
        for token in [token.as_str(), "", "lkd_", "lkr_AAAA", &own[1..], &longer] {
            assert_eq!(KnownDevice::decode(token, &keys, Timestamp::UNIX_EPOCH), None, "{token}");
        }
    }
}
