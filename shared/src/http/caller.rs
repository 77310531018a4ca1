//! Who may call: an extractor that cannot be built for anyone else.

use std::sync::{Arc, RwLock};

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use http::{header, request::Parts as RequestParts};
use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;

use crate::{
    access_token::{self, Claims},
    clock::Clock,
    error::Error,
    parts::Parts,
    session::FRESH_SECONDS,
    store::Store,
    user::{User, UserStatus},
};

/// The key set is read again for a key that it lacks, but not more often than this.
const UNKNOWN_KEY_MIN_AGE_SECONDS: i64 = 10;
/// How old a key set may be when it is published.
const PUBLISHED_MAX_AGE_SECONDS: i64 = 60;

/// Verifies access tokens with the published keys, which it remembers.
#[derive(Clone)]
pub struct AccessTokens {
    store: Store,
    issuer: String,
    clock: Clock,
    keys: Arc<RwLock<Option<Published>>>,
}

#[derive(Clone)]
struct Published {
    keys: Arc<JwkSet>,
    read_at: Timestamp,
}

impl AccessTokens {
    pub(crate) fn new(store: Store, issuer: String, clock: Clock) -> Self {
        Self { store, issuer, clock, keys: Arc::default() }
    }

    /// Checks a token and tells what it says. Whether its session still lives is another question.
    ///
    /// # Errors
    /// As [`access_token::verify`].
    pub async fn verify(&self, token: &str) -> Result<Claims, Error> {
        let keys = self.keys_with(&access_token::key_id(token)?).await?;
        access_token::verify(token, &keys, &self.issuer, self.clock.now())
    }

    /// The published keys, read again when they are older than a minute.
    pub async fn published_keys(&self) -> Result<Arc<JwkSet>, Error> {
        self.keys_where(|_, age_seconds| age_seconds < PUBLISHED_MAX_AGE_SECONDS).await
    }

    async fn keys_with(&self, kid: &str) -> Result<Arc<JwkSet>, Error> {
        self.keys_where(|keys, age_seconds| keys.find(kid).is_some() || age_seconds < UNKNOWN_KEY_MIN_AGE_SECONDS).await
    }

    /// The keys as remembered where they are `good` at their age; otherwise read anew.
    async fn keys_where(&self, good: impl Fn(&JwkSet, i64) -> bool) -> Result<Arc<JwkSet>, Error> {
        let now = self.clock.now();
        let remembered = self.keys.read().ok().and_then(|keys| keys.clone());
        if let Some(Published { keys, read_at }) = remembered
            && good(&keys, now.as_second() - read_at.as_second())
        {
            return Ok(keys);
        }
        let keys = Arc::new(self.store.public_keys().await?);
        if let Ok(mut remembered) = self.keys.write() {
            *remembered = Some(Published { keys: keys.clone(), read_at: now });
        }
        Ok(keys)
    }
}

/// A signed-in user, whose session lives and who is not disabled: read from the store at this request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: User,
    /// What the token says.
    pub claims: Claims,
}

impl FromRequestParts<Parts> for Caller {
    type Rejection = Error;

    async fn from_request_parts(request: &mut RequestParts, parts: &Parts) -> Result<Self, Error> {
        let claims = parts.access_tokens().verify(bearer(request)?).await?;
        let user = parts.store().user(claims.sub).await?.ok_or(Error::TokenInvalid)?;
        if user.status == UserStatus::Disabled {
            return Err(Error::UserDisabled);
        }
        if !user.has_session(claims.sid, parts.clock().now()) {
            return Err(Error::TokenInvalid);
        }
        Ok(Self { user, claims })
    }
}

impl Caller {
    /// For what only a fresh sign-in may do (RFC 9470).
    ///
    /// # Errors
    /// [`Error::FreshSignInNeeded`] where the sign-in is older than ten minutes.
    pub fn require_fresh_sign_in(&self, now: Timestamp) -> Result<(), Error> {
        if self.claims.auth_time + FRESH_SECONDS > now.as_second() { Ok(()) } else { Err(Error::FreshSignInNeeded) }
    }
}

/// Whoever has no access token is nobody; whoever sends a bad one is refused.
impl OptionalFromRequestParts<Parts> for Caller {
    type Rejection = Error;

    async fn from_request_parts(request: &mut RequestParts, parts: &Parts) -> Result<Option<Self>, Error> {
        if !request.headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        <Self as FromRequestParts<Parts>>::from_request_parts(request, parts).await.map(Some)
    }
}

/// The token of the one `Authorization` header (RFC 6750 §2.1).
fn bearer(request: &RequestParts) -> Result<&str, Error> {
    let mut values = request.headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Error::TokenMissing)?;
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(Error::TokenInvalid)?;
    if values.next().is_some() || !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(Error::TokenInvalid);
    }
    Ok(token.trim())
}
