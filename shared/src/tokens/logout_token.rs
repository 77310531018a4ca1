//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4): they tell an app that a session of it
//! has ended.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// The `typ` of logout tokens, and only of these, so that none passes for another token (§2.4).
pub(super) const TYPE: &str = "logout+jwt";
/// The event that the token tells.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// How long a token is valid. §2.4 recommends two minutes at most, since nothing but its end limits
/// how long a stolen one can be sent again.
const TTL_SECONDS: i64 = 120;

/// The claims of a logout token. It must have no `nonce`, so that it never passes for an ID token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogoutClaims {
    /// The issuer: the setting `ISSUER`.
    iss: String,
    /// The user's id.
    sub: Uuid,
    /// The app.
    aud: String,
    /// When the token was issued, in seconds since 1970.
    iat: i64,
    /// When the token expires, in seconds since 1970.
    exp: i64,
    /// The token's own id, by which an app recognises one that it got before.
    jti: Uuid,
    /// The session that has ended: the `sid` of its ID tokens.
    sid: Uuid,
    /// The event.
    events: BTreeMap<&'static str, BTreeMap<(), ()>>,
}

impl LogoutClaims {
    /// The claims of a token that tells the app `client_id` of the end of a user's session.
    pub fn new(
        issuer: &str,
        client_id: &str,
        (sub, sid): (Uuid, Uuid),
        jti: Uuid,
        now: Timestamp,
    ) -> Self {
        Self {
            iss: issuer.to_owned(),
            sub,
            aud: client_id.to_owned(),
            iat: now.as_second(),
            exp: now.as_second() + TTL_SECONDS,
            jti,
            sid,
            events: BTreeMap::from([(EVENT, BTreeMap::new())]),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_logout_token_has_the_claims_of_the_specification_and_no_nonce() {
        let id = Uuid::from_u128;
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let claims =
            LogoutClaims::new("https://id.example.com", "shop", (id(1), id(2)), id(3), now);
        assert_eq!(
            serde_json::to_value(claims).unwrap(),
            json!({
                "iss": "https://id.example.com", "sub": id(1), "aud": "shop", "iat": 1_800_000_000,
                "exp": 1_800_000_120, "jti": id(3), "sid": id(2),
                "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
            })
        );
    }
}
