//! Sessions: signing in, refreshing, signing out.

mod establishing;
mod hosted;
mod live;
mod lockouts;
mod machine;
mod signing_up;
mod table;

pub(crate) use self::hosted::Entering;
pub use self::{
    establishing::{Established, Establishing},
    hosted::Browser,
    live::LiveSessions,
    table::{Begun, Rotation},
};

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    accounts::UserView,
    apps::{Apps, SessionTerms, TokenClaims},
    audit::{Action, Activity, Audit, Outcome, Recorder, user_subject},
    avatars::AvatarUrls,
    base::{
        Clock, Device, Error, Random,
        metrics::{self, Metric},
        seconds_until,
    },
    challenges::{ChallengeSettings, Proven},
    crypto::HashKeys,
    roles::Roles,
    second_factors::MfaRequired,
    table::Store,
    tokens::{Claims, PersonClaims, RefreshToken, Signer},
    users::{MetadataObject, Recognised, Size, User, UserSettings},
};

/// The tokens of a session (RFC 6749 §5.1, plus the lifetime of the refresh token).
#[derive(Serialize, ToSchema)]
pub struct TokenPair {
    /// A JWT as in RFC 9068.
    pub access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    pub expires_in: i64,
    /// An opaque text, which works once.
    #[schema(example = "lkr_…")]
    pub refresh_token: String,
    /// Seconds until the refresh token expires if it is not used.
    #[schema(example = 1_209_600)]
    pub refresh_expires_in: i64,
    /// An ID token, if the session began on the hosted page with the scope `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// The scopes that were granted, and the user's permissions, separated by spaces. The access token has them as `scope`, unless it
    /// would be longer than 6 KiB with them.
    #[schema(example = "")]
    pub scope: String,
}

/// How a sign-in goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignedInStatus {
    /// The user is signed in.
    SignedIn,
}

/// A sign-in that succeeded.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// Always `signed_in`.
    status: SignedInStatus,
    /// The tokens.
    #[serde(flatten)]
    pub tokens: TokenPair,
    /// The token of the device. Send it with the next sign-in on this device. It opens nothing; it
    /// keeps strangers from using up this person's limits. It is absent if the deployment knows no
    /// devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "lkd_…")]
    pub device_token: Option<String>,
    /// Seconds until the token of the device expires.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 15_552_000)]
    pub device_expires_in: Option<i64>,
    /// Whether this sign-in created the account.
    is_new_user: bool,
    user: UserView,
    /// The user who had the phone before, if nobody has used that account for long. They are told.
    #[serde(skip)]
    pub detached_from: Option<Box<User>>,
}

/// The result of a sign-in with a correct first factor.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SignIn {
    /// The user is signed in.
    Done(Box<SignedIn>),
    /// The second factor is required.
    MfaRequired(MfaRequired),
}

/// Starts and refreshes sessions.
#[derive(Clone)]
pub struct Sessions {
    pub(crate) store: Store,
    pub(crate) apps: Apps,
    pub(crate) roles: Roles,
    pub(crate) audit: Audit,
    pub(crate) avatar_urls: AvatarUrls,
    pub(crate) hash_keys: Arc<HashKeys>,
    /// `None` in Lambdas that make no tokens, which do not get the key.
    pub(crate) signer: Option<Arc<Signer>>,
    pub(crate) issuer: String,
    pub(crate) user_settings: Arc<UserSettings>,
    pub(crate) challenge_settings: Arc<ChallengeSettings>,
    /// The app that the next sign-in enters, if it is on the hosted page.
    pub(crate) entering: Option<Arc<Entering>>,
    /// The `scope` that the next sign-in asks for, if it is not on the hosted page.
    pub(crate) asked_scope: Option<String>,
    /// How long an authorization code can be used.
    pub(crate) code_ttl_seconds: i64,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Sessions {
    /// Signs in the user who proved an address. Creates the account if there is none. The app was
    /// checked before the challenge was proven.
    ///
    /// # Errors
    /// [`Error::UserDisabled`], [`Error::AppDisabled`]; [`Error::PhoneIdle`] as
    /// [`Self::sign_up_beside`]; [`Error::OtpExpired`] for a new user if the
    /// app has closed its sign-up in the meantime, or if the user was deleted.
    pub async fn sign_in(&self, proven: Proven, device: Device) -> Result<SignIn, Error> {
        self.finish(self.establish_proven(proven, device).await?).await
    }

    /// Starts a session of a user who was `recognised`, or asks for the second factor if it is
    /// required. Returns `None` if the user was deleted. `as_read` is the user if they were just read;
    /// then it takes less time.
    ///
    /// # Errors
    /// [`Error::UserDisabled`]; [`Error::PhoneIdle`] if a text alone does not open the account;
    /// [`Error::InvalidCredentials`], or [`Error::TokenInvalid`] after the
    /// second factor, if the password has changed since it was compared, or if the user has signed
    /// out everywhere or changed an address or a factor since.
    pub async fn begin(
        &self,
        (user_id, as_read): (Uuid, Option<&User>),
        terms: SessionTerms,
        recognised: Recognised,
        device: Device,
    ) -> Result<Option<SignIn>, Error> {
        match self.establish((user_id, as_read), terms, recognised, device).await? {
            Some(established) => self.finish(established).await.map(Some),
            None => Ok(None),
        }
    }

    /// Makes the tokens of a session that has begun.
    async fn finish(&self, established: Establishing) -> Result<SignIn, Error> {
        Ok(match established {
            Establishing::Done(done) => {
                let signed_in = self.signed_in(*done, self.clock.now()).await?;
                SignIn::Done(Box::new(signed_in))
            }
            Establishing::MfaRequired(asked) => SignIn::MfaRequired(asked),
        })
    }

    /// Reads the refresh token that a client sent. It does not check whether the session has ended.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`].
    pub fn refresh_token(&self, token: &str) -> Result<RefreshToken, Error> {
        let token = RefreshToken::decode(token, &self.hash_keys)?;
        if token.ends_at <= self.clock.now() { Err(Error::TokenExpired) } else { Ok(token) }
    }

    /// Exchanges a refresh token for a new pair, whose tokens have the scopes in `asked` alone, or all
    /// if it is `None`. The caller must have checked the app.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`], [`Error::UserDisabled`];
    /// [`Error::RefreshTokenReused`] for a token whose successor, or another branch of it, was
    /// already used. Its session is then revoked (RFC 9700 §4.14.2). [`Error::InvalidScope`] for a
    /// scope that was not granted; the client can use the token again then.
    pub async fn refresh(
        &self,
        token: &RefreshToken,
        asked: Option<&str>,
        recorder: &Recorder,
    ) -> Result<TokenPair, Error> {
        let now = self.clock.now();
        let next = token.successor(&self.hash_keys, &self.random)?;
        let ids = (token.user_id, token.session_id);

        match self.store.rotate_refresh(ids, &token.hash(), &next.hash(), now).await? {
            Rotation::Rotated(user) => {
                let of_app = self.claims_of_app(&user, &next.client_id).await?;
                self.tokens((&user, of_app), &next, (None, asked), now).await
            }
            Rotation::Disabled => Err(Error::UserDisabled),
            Rotation::Expired => Err(Error::TokenExpired),
            Rotation::Ended => Err(Error::TokenInvalid),
            Rotation::Replayed => {
                // Recorded first: at a retry, the session has ended already.
                let target = user_subject(token.user_id);
                recorder
                    .record(Activity {
                        result: Outcome::Failure,
                        ..Activity::happened(Action::RefreshReplay, target, &token.client_id)
                    })
                    .await?;
                self.store.end_sessions(token.user_id, &[token.session_id]).await?;
                Err(Error::RefreshTokenReused)
            }
        }
    }

    /// Returns a copy whose next sign-in gets the permissions in `scope` alone, if there are any in it.
    /// A refresh returns all.
    #[must_use]
    pub fn asking(&self, scope: Option<&str>) -> Self {
        Self { asked_scope: scope.map(str::to_owned), ..self.clone() }
    }

    async fn signed_in(&self, done: Established, now: Timestamp) -> Result<SignedIn, Error> {
        metrics::count(Metric::SignIns);
        let Established { user, refresh, device, detached_from, is_new_user, .. } = done;
        let (device_token, device_expires_in) = device.unzip();
        let client_id = &refresh.client_id;
        let (metadata, token_claims) =
            tokio::try_join!(self.store.metadata(&user), self.token_claims(&user, client_id))?;
        let of_app = token_claims.of(&metadata.app_metadata);
        Ok(SignedIn {
            status: SignedInStatus::SignedIn,
            device_token,
            device_expires_in,
            tokens: self.tokens((&user, of_app), &refresh, (None, None), now).await?,
            is_new_user,
            user: UserView::new(&user, metadata, client_id, &self.avatar_urls),
            detached_from,
        })
    }

    /// The claims that an app takes from the metadata of a user. Nothing is read for a user who has
    /// none.
    async fn claims_of_app(&self, user: &User, client_id: &str) -> Result<MetadataObject, Error> {
        if user.app_metadata.is_none() {
            return Ok(MetadataObject::new());
        }
        let (token_claims, metadata) =
            tokio::try_join!(self.token_claims(user, client_id), self.store.metadata(user))?;
        Ok(token_claims.of(&metadata.app_metadata))
    }

    /// The names of the claims that an app takes from the metadata of a user. Nothing is read for a
    /// user who has none.
    async fn token_claims(&self, user: &User, client_id: &str) -> Result<TokenClaims, Error> {
        if user.app_metadata.is_none() {
            return Ok(TokenClaims::default());
        }
        Ok(self.apps.get(client_id).await?.map(|app| app.token_claims).unwrap_or_default())
    }

    /// A new access token for the session of `refresh`, together with `refresh` itself, and an ID
    /// token with `nonce` if the app was granted one. They have the claims `of_app` from the user's
    /// metadata, and the scopes in `asked` alone.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] if the session has ended, or is that of a browser;
    /// [`Error::InvalidScope`] for a scope that was not granted.
    async fn tokens(
        &self,
        (user, of_app): (&User, MetadataObject),
        refresh: &RefreshToken,
        (nonce, asked): (Option<&str>, Option<&str>),
        now: Timestamp,
    ) -> Result<TokenPair, Error> {
        let sid = refresh.session_id;
        let session = user.live_session(sid, now).ok_or(Error::TokenInvalid)?;

        // An access token does not outlive its session.
        let expires_in = session.access_token_ttl.min(seconds_until(refresh.ends_at, now));
        let claims = Claims::new(
            &self.issuer,
            user,
            (sid, session),
            self.random.uuid(now)?,
            now,
            expires_in,
        );
        let permissions = self.roles.token_permissions(&claims.roles).await?;
        let claims = claims.permitting(&permissions, session.grant.as_ref());
        let claims = claims.asking(self.asked_scope.as_deref()).narrowed(asked)?;
        let claims = Claims { of_app, ..claims };
        let signer = self.signer.as_ref();
        let signer = signer.ok_or_else(|| Error::Internal("no key to sign with".into()))?;
        let access_token = signer.sign(&claims)?;
        let granted = session.grant.as_ref().map(|grant| claims.left_of(grant));
        let is_rs256 = session.grant.as_ref().is_some_and(|grant| grant.rs256);
        let id_token = match granted.filter(|scope| scope.split(' ').any(|one| one == "openid")) {
            Some(scope) => {
                let picture = user.avatar.as_ref();
                let picture = picture.and_then(|key| self.avatar_urls.url(key, Size::Full));
                let person = PersonClaims::of(user, &scope, picture);
                Some(signer.sign_id(person, (&claims, &access_token), (nonce, is_rs256))?)
            }
            None => None,
        };

        Ok(TokenPair {
            access_token,
            id_token,
            scope: claims.scope.unwrap_or_default(),
            token_type: "Bearer",
            expires_in,
            refresh_token: refresh.encode(&self.hash_keys),
            refresh_expires_in: seconds_until(session.expires_at(), now),
        })
    }
}
