//! Signing in, refreshing, signing out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    access_token::{Claims, Signer},
    address::Address,
    app::{ADMIN_ROLE, App, DEFAULT_CLIENT_ID, SessionTerms, SignUp},
    apps::Apps,
    challenge::ChallengeContent,
    challenges::Proven,
    clock::{Clock, seconds, seconds_until, whole_seconds},
    config::Settings,
    error::Error,
    hash_keys::HashKeys,
    metrics::{self, Metric},
    random::Random,
    refresh_token::RefreshToken,
    session::{AuthenticationMethod, Device, Session, idle_end},
    store::{Created, Rotation, Store},
    user::{User, UserStatus, UserView},
};

/// The tokens of a session (RFC 6749 §5.1, plus the end of the refresh token).
#[derive(Serialize, ToSchema)]
pub struct TokenPair {
    /// A JWT after RFC 9068.
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token ends.
    #[schema(example = 900)]
    expires_in: i64,
    /// Opaque, good for one use.
    #[schema(example = "lkr_…")]
    refresh_token: String,
    /// Seconds until the refresh token ends, if it is not used.
    #[schema(example = 1_209_600)]
    refresh_expires_in: i64,
    /// The permissions, separated by spaces.
    #[schema(example = "")]
    scope: String,
}

/// A sign-in that succeeded.
#[derive(Serialize, ToSchema)]
pub struct SignedIn {
    /// The tokens.
    #[serde(flatten)]
    pub tokens: TokenPair,
    /// Whether this sign-in made the account.
    is_new_user: bool,
    user: UserView,
}

/// The app that a session begins in.
#[derive(Clone, Debug)]
pub struct Join {
    client_id: String,
    terms: SessionTerms,
}

impl Join {
    /// A session in `app` as it is now.
    pub fn new(app: &App, settings: &Settings) -> Self {
        Self { client_id: app.client_id.clone(), terms: app.session_terms(settings) }
    }
}

/// The sessions of the service.
#[derive(Clone)]
pub struct Sessions {
    pub(crate) store: Store,
    pub(crate) apps: Apps,
    pub(crate) hash_keys: Arc<HashKeys>,
    pub(crate) signer: Arc<Signer>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Sessions {
    /// Signs in the user who proved an address; makes the account where there is none.
    ///
    /// # Errors
    /// [`Error::UserDisabled`], [`Error::AppDisabled`]; [`Error::OtpExpired`] for a stranger, where the
    /// app has closed its sign-up in the meantime.
    pub async fn sign_in(&self, proven: Proven, device: Device) -> Result<SignedIn, Error> {
        let now = self.clock.now();
        self.apps.check(&proven.challenge.client_id).await?;
        let method = match proven.content.address {
            Address::Sms(_) => AuthenticationMethod::Sms,
            Address::Email(_) => AuthenticationMethod::Email,
        };
        let owner = match proven.owner {
            Some(owner) => owner,
            None => match self.sign_up(&proven, method, device.clone(), now).await? {
                Some(signed_in) => return Ok(signed_in),
                // Somebody else's proof was faster: the address has its owner now.
                None => self.store.identity(&proven.challenge.identifier).await?.owner.ok_or(Error::OtpExpired)?,
            },
        };
        let join = Join { client_id: proven.challenge.client_id, terms: proven.challenge.terms };
        self.begin(owner, &join, method, device).await?.ok_or(Error::OtpExpired)
    }

    /// Starts a session of a user who was recognised by `method`; nothing where the user is gone.
    ///
    /// # Errors
    /// [`Error::UserDisabled`].
    pub async fn begin(
        &self,
        user_id: Uuid,
        join: &Join,
        method: AuthenticationMethod,
        device: Device,
    ) -> Result<Option<SignedIn>, Error> {
        let now = self.clock.now();
        let (session, refresh) = self.new_session(user_id, join, method, device, now)?;
        let default_role = join.terms.default_role.as_deref();
        match self.store.begin_session(&session, refresh.ends_at, default_role).await? {
            Some(user) => self.signed_in(&user, &session, &refresh, false, now).map(Some),
            None => Ok(None),
        }
    }

    /// Makes the account of an address that was just proven, with what its sign-up asked for. Nothing
    /// where the address has a user by now.
    async fn sign_up(
        &self,
        proven: &Proven,
        method: AuthenticationMethod,
        device: Device,
        now: Timestamp,
    ) -> Result<Option<SignedIn>, Error> {
        let app = self.apps.active(&proven.challenge.client_id).await?;
        if app.sign_up == SignUp::Closed {
            return Err(Error::OtpExpired);
        }
        let join = Join::new(&app, &self.settings);
        let mut user = self.new_user(&proven.content, &join, now)?;
        let (session, refresh) = self.new_session(user.id, &join, method, device, now)?;
        user.sessions.insert(session.id, refresh.ends_at.as_second());
        loop {
            match self.store.create_user(&user, &session, &self.hash_keys).await? {
                Created::Yes => return self.signed_in(&user, &session, &refresh, true, now).map(Some),
                Created::Taken(identifier) if identifier == proven.challenge.identifier => return Ok(None),
                // Whoever proved first has the username; this account can choose another.
                Created::Taken(_) if user.username.is_some() => user.username = None,
                Created::Taken(_) => return Err(Error::Internal("an identifier that the user does not have".into())),
            }
        }
    }

    /// The refresh token that a client sent.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`].
    pub fn refresh_token(&self, token: &str) -> Result<RefreshToken, Error> {
        let token = RefreshToken::decode(token, &self.hash_keys)?;
        if token.ends_at <= self.clock.now() { Err(Error::TokenExpired) } else { Ok(token) }
    }

    /// Exchanges a refresh token for a new pair. Whoever calls has checked the app.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`], [`Error::TokenExpired`], [`Error::UserDisabled`]; and
    /// [`Error::RefreshTokenReused`] for one that was used before, which ends its session
    /// (RFC 9700 §4.14.2).
    pub async fn refresh(&self, token: &RefreshToken) -> Result<TokenPair, Error> {
        let now = self.clock.now();
        // Before anything changes: a user who is enabled again can go on.
        let user = self.store.user(token.user_id).await?.ok_or(Error::TokenInvalid)?;
        if user.status == UserStatus::Disabled {
            return Err(Error::UserDisabled);
        }
        let next = token.successor(&self.hash_keys);
        let expires_at = idle_end(now, token.ends_at);
        let ids = (token.user_id, token.session_id);
        let rotation = self.store.rotate_refresh(ids, &token.hash(), &next.hash(), (now, expires_at)).await?;
        let session = match rotation {
            Rotation::Rotated(session) => session,
            Rotation::Expired => return Err(Error::TokenExpired),
            Rotation::Ended => return Err(Error::TokenInvalid),
            Rotation::Replayed => {
                self.store.end_sessions(token.user_id, &[token.session_id]).await?;
                return Err(Error::RefreshTokenReused);
            }
        };
        if !user.has_session(session.id, now) {
            return Err(Error::TokenInvalid);
        }
        self.tokens(&user, &session, &next, now)
    }

    fn new_user(&self, content: &ChallengeContent, join: &Join, now: Timestamp) -> Result<User, Error> {
        let registration = content.registration.clone().unwrap_or_default();
        let (phone, email) = match &content.address {
            Address::Sms(phone) => (Some(phone.clone()), None),
            Address::Email(email) => (None, Some(email.clone())),
        };
        let mut roles = BTreeMap::new();
        if let Some(role) = &join.terms.default_role {
            roles.insert(join.client_id.clone(), BTreeSet::from([role.clone()]));
        }
        if phone.is_some() && phone == self.settings.admin_phone {
            roles.entry(DEFAULT_CLIENT_ID.to_owned()).or_default().insert(ADMIN_ROLE.to_owned());
        }
        let begins_at = whole_seconds(now);
        Ok(User {
            id: self.random.uuid(now)?,
            phone,
            email_verified: email.is_some(),
            email: email.or(registration.unverified_email),
            username: registration.username,
            name: registration.name,
            password: registration.password,
            password_count: 0,
            version: 0,
            locale: content.locale.clone(),
            status: UserStatus::Active,
            roles,
            sessions: BTreeMap::new(),
            created_at: begins_at,
            updated_at: begins_at,
            last_sign_in_at: Some(begins_at),
        })
    }

    fn new_session(
        &self,
        user_id: Uuid,
        join: &Join,
        method: AuthenticationMethod,
        device: Device,
        now: Timestamp,
    ) -> Result<(Session, RefreshToken), Error> {
        let id = self.random.uuid(now)?;
        let ends_at = whole_seconds(now) + seconds(join.terms.refresh_token_ttl);
        let refresh = RefreshToken::first((user_id, id), join.client_id.clone(), ends_at, &self.random)?;
        let session = Session {
            id,
            user_id,
            client_id: join.client_id.clone(),
            access_token_ttl: join.terms.access_token_ttl,
            device,
            amr: vec![method],
            created_at: now,
            last_used_at: now,
            expires_at: idle_end(now, ends_at),
            refresh_hash: refresh.hash(),
            previous_refresh_hash: None,
        };
        Ok((session, refresh))
    }

    fn signed_in(
        &self,
        user: &User,
        session: &Session,
        refresh: &RefreshToken,
        is_new_user: bool,
        now: Timestamp,
    ) -> Result<SignedIn, Error> {
        metrics::count(Metric::SignIns);
        Ok(SignedIn {
            tokens: self.tokens(user, session, refresh, now)?,
            is_new_user,
            user: UserView::new(user, &session.client_id),
        })
    }

    fn tokens(
        &self,
        user: &User,
        session: &Session,
        refresh: &RefreshToken,
        now: Timestamp,
    ) -> Result<TokenPair, Error> {
        // An access token does not outlive its session.
        let expires_in = session.access_token_ttl.min(seconds_until(refresh.ends_at, now));
        let claims = Claims::new(&self.settings.issuer, user, session, self.random.uuid(now)?, now, expires_in);
        Ok(TokenPair {
            access_token: self.signer.sign(&claims)?,
            scope: claims.scope,
            token_type: "Bearer",
            expires_in,
            refresh_token: refresh.encode(&self.hash_keys),
            refresh_expires_in: seconds_until(session.expires_at, now),
        })
    }
}
