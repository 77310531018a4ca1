//! Whose access token it is.

use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;

use super::{Claims, access_token};
use crate::{
    apps::Apps,
    base::{Clock, Error},
    table::Store,
    users::{User, UserStatus},
};

/// The key set is read again for a key that it lacks, but not more often than this.
const UNKNOWN_KEY_MIN_AGE_SECONDS: i64 = 10;
/// How old a key set may be when it is published.
const PUBLISHED_MAX_AGE_SECONDS: i64 = 60;

/// Verifies access tokens with the published keys, which it remembers.
#[derive(Clone)]
pub struct AccessTokens {
    store: Store,
    apps: Apps,
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
    pub(crate) fn new(store: Store, apps: Apps, issuer: String, clock: Clock) -> Self {
        Self { store, apps, issuer, clock, keys: Arc::default() }
    }

    /// The time that tokens are checked against.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The issuer of the tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Checks a token and tells what it says. Whether its session still lives is another question.
    ///
    /// # Errors
    /// As [`access_token::verify`].
    pub async fn verify(&self, token: &str) -> Result<Claims, Error> {
        let keys = self.keys_with(&access_token::key_id(token)?).await?;
        access_token::verify(token, &keys, &self.issuer, self.clock.now())
    }

    /// The user whom a token names, and what it says: the user is not disabled, the session lives, the
    /// app is on, as the store has it now.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`], [`Error::UserDisabled`].
    pub async fn caller(&self, token: &str) -> Result<(User, Claims), Error> {
        let claims = self.verify(token).await?;
        let user = self.store.user(claims.sub).await?.ok_or(Error::TokenInvalid)?;
        if user.status == UserStatus::Disabled {
            return Err(Error::UserDisabled);
        }
        if user.live_session(claims.sid, self.clock.now()).is_none() {
            return Err(Error::TokenInvalid);
        }
        match self.apps.check(&claims.client_id).await {
            Err(Error::AppDisabled) => Err(Error::TokenInvalid),
            checked => checked.map(|()| (user, claims)),
        }
    }

    /// The published keys, read again when they are older than a minute.
    pub async fn published_keys(&self) -> Result<Arc<JwkSet>, Error> {
        self.keys_where(|_, age_seconds| age_seconds < PUBLISHED_MAX_AGE_SECONDS).await
    }

    /// The keys that are published now.
    pub async fn stored_keys(&self) -> Result<JwkSet, Error> {
        self.store.public_keys().await
    }

    /// Publishes the keys that tokens verify with.
    pub async fn publish(&self, keys: &JwkSet) -> Result<(), Error> {
        self.store.put_public_keys(keys).await
    }

    async fn keys_with(&self, kid: &str) -> Result<Arc<JwkSet>, Error> {
        self.keys_where(|keys, age_seconds| {
            keys.find(kid).is_some() || age_seconds < UNKNOWN_KEY_MIN_AGE_SECONDS
        })
        .await
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
