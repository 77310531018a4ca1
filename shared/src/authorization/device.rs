//! Sign-in of devices that have no browser (RFC 8628): a device shows a short *user code*, which a
//! person types into the page `/device` in a browser. Meanwhile, the device polls the token endpoint
//! with its *device code*.
//!
//! When the person allows it, an authorization code waits for the device's next poll. The device code
//! is the verifier of its code challenge, so the table has nothing that begins a session.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AuthorizationRequest, verifies};
use crate::{
    base::{Clock, Device, Error, Random, epoch_seconds, seconds},
    crypto::{HashKeys, IdentifierHash, sha256},
    limits::{Destination, Window},
    table::Store,
};

/// The characters of user codes: no vowels, so that there are no words, and nothing that looks like
/// something else (RFC 8628 §6.1). Eight of them have 34.5 bits.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
/// The number of characters of a user code.
const USER_CODE_CHARS: usize = 8;
/// The most characters that are read of what somebody typed as a user code.
const MAX_TYPED_CHARS: usize = 64;
/// The prefix of every device code, by which secret scanners recognise it.
const PREFIX: &str = "lkdc_";
/// The seconds that a device waits between two polls (RFC 8628 §3.2).
pub const POLL_SECONDS: i64 = 5;
/// How much earlier than that a poll may arrive: networks deliver late, and clocks are rounded.
const EARLY_SECONDS: i64 = 1;
/// The most wrong user codes of a user in an hour. They are counted for the user who is signed in,
/// so nobody can use up the tries of somebody else.
const GUESSES_PER_HOUR: u32 = 20;
/// How often a user code is drawn again if another device has it.
const DRAWS: usize = 4;

/// A user code, in the form in which it is compared: eight letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    fn draw(random: &Random) -> Result<Self, Error> {
        let mut code = String::new();
        while code.len() < USER_CODE_CHARS {
            let drawn = random.bytes::<32>()?;
            // 240 is a multiple of 20, so every letter is equally likely.
            let fair = drawn.iter().filter(|byte| **byte < 240);
            let letters = fair.filter_map(|byte| ALPHABET.get(usize::from(byte % 20)));
            code.extend(
                letters.map(|letter| char::from(*letter)).take(USER_CODE_CHARS - code.len()),
            );
        }
        Ok(Self(code))
    }

    /// Reads what a person typed: case, hyphens and spaces do not matter. `None` if no device can have
    /// this code.
    pub fn parse(typed: &str) -> Option<Self> {
        let letters = typed.chars().take(MAX_TYPED_CHARS).filter(|c| c.is_alphanumeric());
        let code: String = letters.map(|letter| letter.to_ascii_uppercase()).collect();
        let is_code =
            code.len() == USER_CODE_CHARS && code.bytes().all(|letter| ALPHABET.contains(&letter));
        is_code.then_some(Self(code))
    }

    /// The code as people read it, like `WDJB-MJHT`.
    pub fn shown(&self) -> String {
        let (first, last) = self.0.split_at(USER_CODE_CHARS / 2);
        format!("{first}-{last}")
    }
}

/// A device that waits for a person, as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingDevice {
    /// The request of the app on the device. Its code challenge is that of the device code.
    #[serde(rename = "asked")]
    pub request: AuthorizationRequest,
    /// Where the device's request came from.
    pub device: Device,
    /// The decision; `None` until the person has decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) decision: Option<Decision>,
    /// When the device has polled, in seconds since 1970.
    #[serde(default)]
    pub(super) polled_at: i64,
    /// When the codes expire.
    #[serde(with = "epoch_seconds")]
    pub expires_at: Timestamp,
}

/// The decision of a person about a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The device gets this authorization code.
    Allow(String),
    /// The device gets nothing.
    Deny,
}

/// The codes of a device that begins a sign-in.
pub struct DeviceCodes {
    /// The secret with which the device polls.
    pub device_code: String,
    /// The code that a person types.
    pub user_code: UserCode,
    /// Seconds until both expire.
    pub expires_in: i64,
}

/// The sign-ins of devices.
#[derive(Clone)]
pub struct Devices {
    pub(crate) store: Store,
    pub(crate) hash_keys: Arc<HashKeys>,
    /// `DEVICE_CODE_TTL_SECONDS`.
    pub(crate) ttl_seconds: i64,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Devices {
    /// Begins the sign-in of a device. It costs one write.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin(
        &self,
        request: AuthorizationRequest,
        device: Device,
    ) -> Result<DeviceCodes, Error> {
        let secret = BASE64URL_NOPAD.encode(&self.random.bytes::<32>()?);
        let now = self.clock.now();
        for _ in 0..DRAWS {
            let user_code = UserCode::draw(&self.random)?;
            let device_code = format!("{PREFIX}{}{secret}", user_code.0);
            let challenge = BASE64URL_NOPAD.encode(&sha256(device_code.as_bytes()));
            let waiting = WaitingDevice {
                request: AuthorizationRequest {
                    code_challenge: Some(challenge),
                    ..request.clone()
                },
                device: device.clone(),
                decision: None,
                polled_at: 0,
                expires_at: now + seconds(self.ttl_seconds),
            };
            if self.store.put_device(&self.key(&user_code), &waiting, now).await? {
                let expires_in = self.ttl_seconds;
                return Ok(DeviceCodes { device_code, user_code, expires_in });
            }
        }
        Err(Error::Unavailable("no user code was free".into()))
    }

    /// The device with a user code that `user_id` typed. `None` if no device waits with it. A try is
    /// counted before it is compared, and given back if it was right.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] after [`GUESSES_PER_HOUR`] wrong ones; [`Error::Unavailable`].
    pub async fn guess(
        &self,
        user_id: Uuid,
        code: &UserCode,
    ) -> Result<Option<WaitingDevice>, Error> {
        let now = self.clock.now();
        let counter = self.hash_keys.short_lived("user code tries", &user_id.to_string());
        let (window, nothing) = (Window::Hour, Destination::Nothing);
        let counted = self.store.count_send(&counter, window, nothing, GUESSES_PER_HOUR, now).await;
        let counted = counted.map_err(|error| match error {
            Error::SmsLimitReached { retry_after } => {
                Error::TooManyAttempts { retry_after: Some(retry_after) }
            }
            error => error,
        })?;

        let waiting = self.waiting(code).await?;
        if waiting.is_some()
            && let Err(error) = self.store.release_send(&counted).await
        {
            tracing::warn!(%error, "a right user code stays counted as a try");
        }
        Ok(waiting)
    }

    /// The device that waits with a user code.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn waiting(&self, code: &UserCode) -> Result<Option<WaitingDevice>, Error> {
        let now = self.clock.now();
        let device = self.store.device(&self.key(code)).await?;
        Ok(device.filter(|device| device.decision.is_none() && device.expires_at > now))
    }

    /// Decides about a device that waits. Returns whether nobody had decided before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn decide(&self, code: &UserCode, decision: &Decision) -> Result<bool, Error> {
        self.store.decide_device(&self.key(code), decision, self.clock.now()).await
    }

    /// The authorization code for a poll of an app (RFC 8628 §3.4). It costs one read, and one write
    /// if the device is still waiting and may poll.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`] for a device code that was not issued to the app;
    /// [`Error::RequestRefused`] with the codes of RFC 8628 §3.5; [`Error::Unavailable`].
    pub async fn poll(&self, device_code: &str, client_id: &str) -> Result<String, Error> {
        let now = self.clock.now();
        let secret = device_code.strip_prefix(PREFIX).ok_or(Error::CodeInvalid)?;
        let user_code = secret.get(..USER_CODE_CHARS).and_then(UserCode::parse);
        let key = self.key(&user_code.ok_or(Error::CodeInvalid)?);
        let device = self.store.device(&key).await?;
        let device = device.filter(|device| device.is_of(client_id, device_code));
        let device = device.ok_or(Error::CodeInvalid)?;

        match device.decision {
            _ if device.expires_at <= now => Err(refused("expired_token")),
            Some(Decision::Allow(code)) => Ok(code),
            Some(Decision::Deny) => Err(refused("access_denied")),
            None => {
                let before = now.as_second() - POLL_SECONDS + EARLY_SECONDS;
                let is_early = device.polled_at > before
                    || !self.store.count_poll(&key, now.as_second(), before).await?;
                Err(refused(if is_early { "slow_down" } else { "authorization_pending" }))
            }
        }
    }

    fn key(&self, code: &UserCode) -> IdentifierHash {
        self.hash_keys.short_lived("user code", &code.0)
    }
}

impl WaitingDevice {
    /// Whether it began with this device code, which was issued to this app.
    fn is_of(&self, client_id: &str, device_code: &str) -> bool {
        let challenge = self.request.code_challenge.as_deref().unwrap_or_default();
        self.request.client_id == client_id && verifies(challenge, device_code)
    }
}

/// The refusal of a poll (RFC 8628 §3.5).
fn refused(code: &'static str) -> Error {
    let description = match code {
        "expired_token" => "The device code has expired. Begin again.",
        "access_denied" => "The person has refused the device.",
        "slow_down" => "The device polls too often. Wait 5 seconds longer between two polls.",
        _ => "Nobody has allowed the device yet. Poll again after the interval.",
    };
    Error::RequestRefused(code, description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_code_is_read_however_it_is_typed() {
        let code = UserCode("WDJBMJHT".to_owned());
        assert_eq!(code.shown(), "WDJB-MJHT");
        for typed in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "WD-JB\u{2013}MJ\u{2011}HT"] {
            assert_eq!(UserCode::parse(typed), Some(code.clone()), "{typed}");
        }
        let long = "W".repeat(4096);
        for typed in ["", "WDJB-MJH", "WDJB-MJHTT", "WDJB-MJHA", "WDJB-MJH0", "WDJB-MJHİ", &long] {
            assert_eq!(UserCode::parse(typed), None, "{typed}");
        }
    }

    #[test]
    fn a_drawn_user_code_can_be_read_again() {
        for _ in 0..100 {
            let code = UserCode::draw(&Random::system()).unwrap();
            assert_eq!(UserCode::parse(&code.shown()), Some(code));
        }
    }
}
