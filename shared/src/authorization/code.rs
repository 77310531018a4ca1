//! Authorization codes (RFC 6749 §4.1.2): opaque, bound to an app, an address and a code challenge,
//! and good for one use within a minute by default.
//!
//! All that the app must prove is sealed in the code, so a wrong request costs no write. The code's
//! session waits in the item of its user until the code is used ([`crate::sessions`]).

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::{
    base::{Error, Random},
    crypto::{HashKeys, secret_hash, sha256},
};

/// The prefix of every code, by which secret scanners recognise it.
const PREFIX: &str = "lkc_";

/// An authorization code.
#[derive(Clone, Serialize, Deserialize)]
pub struct AuthorizationCode {
    /// The session that begins when the code is used.
    #[serde(skip)]
    pub session_id: Uuid,
    /// The user.
    pub user_id: Uuid,
    /// The session of the browser in which the user signed in.
    pub browser: Uuid,
    /// The app.
    pub client_id: String,
    /// The address that the code was sent to.
    pub redirect_uri: String,
    /// Whether the app did not name this address, since it lists only one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_only_address: bool,
    /// The SHA-256 of the code verifier (RFC 7636 §4.2).
    pub code_challenge: Option<String>,
    /// The nonce, which the ID token carries back.
    pub nonce: Option<String>,
    /// When the code expires, in seconds since 1970.
    pub ends_at: i64,
    pub(crate) secret: [u8; 16],
}

impl AuthorizationCode {
    /// A code with a new secret, from a draft that has everything else.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn draw(random: &Random) -> Result<Self, Error> {
        Ok(Self {
            session_id: Uuid::nil(),
            user_id: Uuid::nil(),
            browser: Uuid::nil(),
            client_id: String::new(),
            redirect_uri: String::new(),
            is_only_address: false,
            code_challenge: None,
            nonce: None,
            ends_at: 0,
            secret: random.bytes()?,
        })
    }

    /// The code as an app gets it.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn encode(&self, keys: &HashKeys, random: &Random) -> Result<String, Error> {
        let content =
            serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string()))?;
        let sealed = keys.seal_code(self.session_id, &content, random)?;
        let bytes = [self.session_id.as_bytes().as_slice(), &sealed].concat();
        Ok(format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes)))
    }

    /// Reads a code that an app sent. `None` unless it was made here and has not expired at `now`.
    pub fn decode(text: &str, keys: &HashKeys, now: Timestamp) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.strip_prefix(PREFIX)?.as_bytes()).ok()?;
        let (session_id, sealed) = bytes.split_first_chunk()?;
        let session_id = Uuid::from_bytes(*session_id);
        let content = keys.open_code(session_id, sealed).ok()?;
        let code: Self = serde_json::from_slice(&content).ok()?;
        Some(Self { session_id, ..code })
            // A code that has expired is still read for a while, so that its late reuse is seen.
            .filter(|code| code.ends_at + REUSE_SEEN_SECONDS > now.as_second())
    }

    /// The hash that is stored while the code can be used.
    pub fn hash(&self) -> Vec<u8> {
        secret_hash(&self.secret)
    }

    /// Whether a request may use the code: it is of the same app, names the same address, and
    /// brings the verifier of the code challenge. A verifier without a challenge is refused (RFC
    /// 9700 §4.8.2).
    ///
    /// The address may be missing if it was missing in the request for the code, too (RFC 6749
    /// §4.1.3).
    pub fn is_for(
        &self,
        client_id: &str,
        redirect_uri: Option<&str>,
        verifier: Option<&str>,
    ) -> bool {
        let is_address = match redirect_uri {
            Some(named) => named == self.redirect_uri,
            None => self.is_only_address,
        };
        let is_verified = match (&self.code_challenge, verifier) {
            (Some(challenge), Some(verifier)) => verifies(challenge, verifier),
            (None, None) => true,
            _ => false,
        };
        self.client_id == client_id && is_address && is_verified
    }
}

/// How long after its end the reuse of a code still ends its session.
const REUSE_SEEN_SECONDS: i64 = 24 * 3600;

/// Whether `verifier` is the one of an S256 code challenge (RFC 7636 §4.6).
pub fn verifies(challenge: &str, verifier: &str) -> bool {
    let expected = BASE64URL_NOPAD.encode(&sha256(verifier.as_bytes()));
    (43..=128).contains(&verifier.len()) && expected.as_bytes().ct_eq(challenge.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> AuthorizationCode {
        AuthorizationCode {
            session_id: Uuid::from_u128(1),
            user_id: Uuid::from_u128(2),
            browser: Uuid::from_u128(3),
            client_id: "shop".into(),
            redirect_uri: "https://shop.example.com/cb".into(),
            // The example of RFC 7636, appendix B.
            code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into()),
            nonce: Some("n".into()),
            ends_at: 1_800_000_060,
            ..AuthorizationCode::draw(&Random::system()).unwrap()
        }
    }

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    #[test]
    fn a_code_is_read_with_the_keys_that_made_it() {
        let keys = HashKeys::derive(&[7; 32]).unwrap();
        let (code, now) = (code(), Timestamp::from_second(1_800_000_000).unwrap());
        let text = code.encode(&keys, &Random::system()).unwrap();
        let read = AuthorizationCode::decode(&text, &keys, now).unwrap();
        assert_eq!((read.session_id, read.user_id), (code.session_id, code.user_id));
        assert_eq!(read.hash(), code.hash());

        let other = HashKeys::derive(&[8; 32]).unwrap();
        assert!(AuthorizationCode::decode(&text, &other, now).is_none());
        for text in ["", "lkc_", "lkc_AAAA", &text[1..], &text[..text.len() - 4]] {
            assert!(AuthorizationCode::decode(text, &keys, now).is_none(), "{text}");
        }
    }

    #[test]
    fn a_code_is_for_its_app_its_address_and_its_verifier() {
        let code = code();
        let at = Some("https://shop.example.com/cb");
        assert!(code.is_for("shop", at, Some(VERIFIER)));
        assert!(!code.is_for("other", at, Some(VERIFIER)));
        assert!(!code.is_for("shop", Some("https://shop.example.com/cb/"), Some(VERIFIER)));
        assert!(!code.is_for("shop", None, Some(VERIFIER)));
        assert!(!code.is_for("shop", at, None));
        assert!(!code.is_for("shop", at, Some(&VERIFIER[1..])));
        // An app that named no address need not name it now.
        let only = AuthorizationCode { is_only_address: true, ..code.clone() };
        assert!(
            only.is_for("shop", None, Some(VERIFIER)) && only.is_for("shop", at, Some(VERIFIER))
        );
        assert!(!only.is_for("shop", Some("https://evil.example"), Some(VERIFIER)));
        // PKCE cannot be taken out of a request.
        let plain = AuthorizationCode { code_challenge: None, ..code };
        assert!(plain.is_for("shop", at, None));
        assert!(!plain.is_for("shop", at, Some(VERIFIER)));
    }
}
