//! Access tokens of machines (RFC 9068 §2.2): apps that act for themselves, without a user.

use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access_token::{LEEWAY_SECONDS, TYPE, decoded};
use crate::base::Error;

/// The claims of a machine's access token. Its `sub` is the app, which never looks like the id of a
/// user, so no endpoint of ours takes it for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineClaims {
    /// The issuer: the setting `ISSUER`.
    pub iss: String,
    /// The app.
    pub sub: String,
    /// The app that the token is for: the same as `client_id`.
    pub aud: String,
    /// The app.
    pub client_id: String,
    /// When the token was issued, in seconds since 1970.
    pub iat: i64,
    /// When the token expires, in seconds since 1970.
    pub exp: i64,
    /// The token's own id.
    pub jti: Uuid,
    /// The scopes that were granted, separated by spaces.
    pub scope: String,
}

impl MachineClaims {
    /// The claims of a token that an app gets at `now`.
    pub fn new(
        issuer: &str,
        client_id: &str,
        scope: String,
        (jti, now, ttl_seconds): (Uuid, Timestamp, i64),
    ) -> Self {
        let client_id = client_id.to_owned();
        Self {
            iss: issuer.to_owned(),
            sub: client_id.clone(),
            aud: client_id.clone(),
            client_id,
            iat: now.as_second(),
            exp: now.as_second() + ttl_seconds,
            jti,
            scope,
        }
    }

    /// The scopes, one by one.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.split(' ').filter(|scope| !scope.is_empty())
    }
}

/// Verifies a machine's token with the published keys. It does not check whether the app is on.
///
/// # Errors
/// [`Error::TokenExpired`] for a token of ours that has expired; [`Error::TokenInvalid`] for every
/// other one, also for that of a user.
pub(super) fn verify(
    token: &str,
    keys: &JwkSet,
    issuer: &str,
    now: Timestamp,
) -> Result<MachineClaims, Error> {
    let claims: MachineClaims = decoded(token, TYPE, keys, issuer)?;
    if claims.iss != issuer
        || claims.aud != claims.client_id
        || claims.sub != claims.client_id
        || claims.iat > now.as_second() + LEEWAY_SECONDS
    {
        return Err(Error::TokenInvalid);
    }
    if claims.exp <= now.as_second() { Err(Error::TokenExpired) } else { Ok(claims) }
}
