//! Verifies access tokens and finds the users they belong to.

use std::sync::{Arc, RwLock};

use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;

use super::{Claims, IdTokenHint, MachineClaims, access_token, machine_token};
use crate::{
    apps::{Apps, GrantType},
    base::{Clock, Error},
    table::Store,
    users::{User, UserStatus},
};

/// How old the remembered key set must be before an unknown key makes us read it again.
const UNKNOWN_KEY_MIN_AGE_SECONDS: i64 = 10;
/// How old a key set may be when we return it to others.
const PUBLISHED_MAX_AGE_SECONDS: i64 = 60;

/// Verifies access tokens with the published keys, which it remembers.
#[derive(Clone)]
pub struct AccessTokens {
    store: Store,
    apps: Apps,
    issuer: String,
    clock: Clock,
    remembered: Arc<RwLock<Option<Remembered>>>,
}

/// The published keys as they were read.
#[derive(Clone)]
struct Remembered {
    keys: Arc<JwkSet>,
    read_at: Timestamp,
}

impl AccessTokens {
    pub(crate) fn new(store: Store, apps: Apps, issuer: String, clock: Clock) -> Self {
        Self { store, apps, issuer, clock, remembered: Arc::default() }
    }

    /// The current time, against which the expiry of tokens is checked.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The issuer of the tokens.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Verifies a token and returns its claims. It does not check whether the session has ended.
    ///
    /// # Errors
    /// Those of [`access_token::verify`].
    pub async fn verify(&self, token: &str) -> Result<Claims, Error> {
        let keys = self.keys_with(&access_token::key_id(token)?).await?;
        access_token::verify(token, &keys, &self.issuer, self.clock.now())
    }

    /// The content of an ID token of ours that comes back as a hint. It may have expired.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`]; [`Error::Unavailable`].
    pub async fn hint(&self, token: &str) -> Result<IdTokenHint, Error> {
        let keys = self.keys_with(&access_token::id_key_id(token)?).await?;
        access_token::verify_hint(token, &keys, &self.issuer)
    }

    /// The user whom a token names, and its claims. The store is asked each time whether the user
    /// is disabled, the session has ended, or the app is switched off.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], also if the session has ended or the app is switched off;
    /// [`Error::TokenExpired`], [`Error::UserDisabled`].
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

    /// The claims of a machine's token, whose app is on and may still have such tokens. `None` for a
    /// token that does not work, and for that of a user.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Internal`].
    pub async fn machine(&self, token: &str) -> Result<Option<MachineClaims>, Error> {
        match self.live_machine(token).await {
            Ok(claims) => Ok(Some(claims)),
            Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => Err(error),
            Err(_) => Ok(None),
        }
    }

    async fn live_machine(&self, token: &str) -> Result<MachineClaims, Error> {
        let keys = self.keys_with(&access_token::key_id(token)?).await?;
        let claims = machine_token::verify(token, &keys, &self.issuer, self.clock.now())?;
        let app = self.apps.get(&claims.client_id).await?.filter(|app| app.active);
        let app = app.ok_or(Error::TokenInvalid)?;
        let is_allowed = app.grants.allow(GrantType::ClientCredentials);
        let keeps_scopes = claims.scopes().all(|scope| app.grants.scopes.contains(scope));
        if is_allowed && keeps_scopes { Ok(claims) } else { Err(Error::TokenInvalid) }
    }

    /// The published keys, at most a minute old.
    pub async fn published_keys(&self) -> Result<Arc<JwkSet>, Error> {
        self.keys_if(|_, age_seconds| age_seconds < PUBLISHED_MAX_AGE_SECONDS).await
    }

    /// The published keys, read from the store now.
    pub async fn stored_keys(&self) -> Result<JwkSet, Error> {
        self.store.public_keys().await
    }

    /// Publishes the keys with which tokens are verified.
    pub async fn publish(&self, keys: &JwkSet) -> Result<(), Error> {
        self.store.put_public_keys(keys).await
    }

    /// The published keys, read again if they lack `kid`, but at most every ten seconds.
    async fn keys_with(&self, kid: &str) -> Result<Arc<JwkSet>, Error> {
        self.keys_if(|keys, age_seconds| {
            keys.find(kid).is_some() || age_seconds < UNKNOWN_KEY_MIN_AGE_SECONDS
        })
        .await
    }

    /// The remembered keys if `is_fresh` accepts them at their age in seconds; otherwise reads them
    /// again.
    async fn keys_if(&self, is_fresh: impl Fn(&JwkSet, i64) -> bool) -> Result<Arc<JwkSet>, Error> {
        let now = self.clock.now();
        let remembered = self.remembered.read().ok().and_then(|keys| keys.clone());
        if let Some(Remembered { keys, read_at }) = remembered
            && is_fresh(&keys, now.as_second() - read_at.as_second())
        {
            return Ok(keys);
        }

        let keys = Arc::new(self.store.public_keys().await?);
        if let Ok(mut remembered) = self.remembered.write() {
            *remembered = Some(Remembered { keys: keys.clone(), read_at: now });
        }
        Ok(keys)
    }
}
