//! ID tokens (OpenID Connect Core 1.0 §2): who signed in, for the app that asked.

use aws_lc_rs::digest::{SHA256, SHA512, digest};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    crypto::Algorithm,
    users::{AuthenticationMethod, User},
};

/// The `typ` of ID tokens.
pub(super) const TYPE: &str = "JWT";

/// The claims of an ID token. Its own claims come after those about the person and those of the app,
/// so that none of these can replace one.
#[derive(Clone, Debug, Serialize)]
pub struct IdClaims {
    /// The claims of the granted scopes.
    #[serde(flatten)]
    pub person: PersonClaims,
    /// The claims that the app takes from the user's metadata.
    #[serde(flatten)]
    pub of_app: Map<String, Value>,
    /// The issuer: the setting `ISSUER`.
    pub iss: String,
    /// The user's id.
    pub sub: Uuid,
    /// The app.
    pub aud: String,
    /// When the token was issued, in seconds since 1970.
    pub iat: i64,
    /// When the token expires, in seconds since 1970.
    pub exp: i64,
    /// When the user signed in, in seconds since 1970.
    pub auth_time: i64,
    /// The `nonce` of the app's request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// The assurance level of the sign-in: `aal1` or `aal2`.
    pub acr: String,
    /// How the user signed in.
    pub amr: Vec<AuthenticationMethod>,
    /// The id of the session.
    pub sid: Uuid,
    /// The left half of the access token's hash (§3.1.3.6).
    pub at_hash: String,
}

/// The claims about a person that the scopes `profile`, `email` and `phone` grant (§5.4). A claim
/// without a value is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the specification's names")]
pub struct PersonClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_verified: Option<bool>,
}

impl PersonClaims {
    /// The claims about `user` that `scope` grants, with the URL of their `picture`.
    pub fn of(user: &User, scope: &str, picture: Option<String>) -> Self {
        let grants = |wanted: &str| scope.split(' ').any(|scope| scope == wanted);
        let mut claims = Self::default();
        if grants("profile") {
            claims.name = user.name.clone();
            claims.preferred_username =
                user.username.as_ref().map(|username| username.as_str().to_owned());
            claims.picture = picture;
            claims.locale = user.locale.clone();
            claims.updated_at = Some(user.updated_at.as_second());
        }
        if let Some(email) = user.email.as_ref().filter(|_| grants("email")) {
            claims.email = Some(email.as_str().to_owned());
            claims.email_verified = Some(user.email_is_verified());
        }
        if let Some(phone) = user.phone.as_ref().filter(|_| grants("phone")) {
            claims.phone_number = Some(phone.as_str().to_owned());
            claims.phone_number_verified = Some(user.phone_is_verified());
        }
        claims
    }
}

/// The content of an ID token that comes back as `id_token_hint`. It may have expired.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IdTokenHint {
    /// The issuer.
    pub(super) iss: String,
    /// The user.
    pub sub: Uuid,
    /// The app.
    pub aud: String,
    /// The session of the app.
    pub sid: Uuid,
}

/// The `at_hash` of an access token: the left half of its hash, by the hash function of the
/// algorithm.
pub(super) fn at_hash(algorithm: Algorithm, access_token: &str) -> String {
    // Ed25519 hashes with SHA-512.
    let function = if algorithm == Algorithm::EdDSA { &SHA512 } else { &SHA256 };
    let hash = digest(function, access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    BASE64URL_NOPAD.encode(left)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::identifiers::PhoneNumber;

    #[test]
    fn each_scope_grants_its_claims_and_no_others() {
        let mut user =
            User::new(Uuid::from_u128(1), Timestamp::from_second(1_800_000_000).unwrap());
        user.phone = Some(PhoneNumber::from_e164("+14155550123").unwrap());
        user.name = Some("Ann".to_owned());
        let names = |scope: &str| {
            let claims = serde_json::to_value(PersonClaims::of(&user, scope, None)).unwrap();
            claims.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("openid"), "");
        assert_eq!(names("openid profile"), "name updated_at");
        assert_eq!(names("openid phone"), "phone_number phone_number_verified");
        assert_eq!(names("openid email phones"), "");
    }

    #[test]
    fn at_hash_is_the_left_half_of_the_hash() {
        // The example of OpenID Connect Core 1.0, appendix A.3.
        let token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
        assert_eq!(at_hash(Algorithm::RS256, token), "77QmUPtjPfzWtF2AnpK9RQ");
    }
}
