//! Sessions of the hosted page: that of the browser, and those of the apps that people enter from it.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Sessions, TokenPair};
use crate::{
    apps::App,
    audit::{Action, Activity, Outcome, Recorder, user_subject},
    authorization::{AuthorizationCode, AuthorizationRequest},
    base::{Device, Error, seconds, whole_seconds},
    sessions::table::{Exchange, NewCode},
    tokens::RefreshToken,
    users::{Grant, KnownDevice, Session, SessionKind, User},
};

/// How many sessions of one app a browser keeps. Beyond it the oldest ones end: an app that signs in
/// again at each visit must not use up the sessions of its user.
const SESSIONS_OF_AN_APP: usize = 5;
/// How many sessions of one app a user keeps on devices without a browser.
const DEVICES_OF_AN_APP: usize = 10;
/// The session of the browser of an app on a device: none. Signing out of the browser in which
/// somebody allowed a device does not sign out the device.
const NO_BROWSER: Uuid = Uuid::nil();
/// For how long the repeated use of a code is taken for a retry. Later, it ends the session.
const RETRY_SECONDS: i64 = 10;

/// A browser in which a user is signed in.
pub struct Browser {
    /// The user.
    pub user: User,
    /// The session of the browser.
    pub session: Session,
    /// The content of its cookie.
    pub token: RefreshToken,
}

impl Browser {
    /// The id of its session.
    pub fn id(&self) -> Uuid {
        self.token.session_id
    }
}

/// The app that a person enters by a sign-in on the hosted page.
pub(crate) struct Entering {
    request: AuthorizationRequest,
    app: App,
}

impl Sessions {
    /// Returns a copy that writes a code for `app` together with the session of the browser, when
    /// the next sign-in begins it.
    #[must_use]
    pub fn entering(&self, request: &AuthorizationRequest, app: &App) -> Self {
        let entering = Entering { request: request.clone(), app: app.clone() };
        Self { entering: Some(Arc::new(entering)), ..self.clone() }
    }

    /// A code for the app that is entered, whose session is under the new one of the browser.
    pub(super) fn first_code(
        &self,
        user_id: Uuid,
        (browser_id, browser): (Uuid, &Session),
    ) -> Result<Option<(AuthorizationCode, Session)>, Error> {
        let Some(entering) = &self.entering else { return Ok(None) };
        let whose = (user_id, (browser_id, browser), browser_id);
        let ends_at = self.clock.now().as_second() + self.code_ttl_seconds;
        let asked = (&entering.request, &entering.app);
        self.draw_code(whose, asked, browser.device.clone(), ends_at).map(Some)
    }

    /// The browser of a cookie. `None` if its session has ended, or the user is disabled.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn browser(&self, cookie: &str) -> Result<Option<Browser>, Error> {
        let Ok(token) = RefreshToken::of_cookie(cookie, &self.hash_keys) else { return Ok(None) };
        if token.ends_at <= self.clock.now() {
            return Ok(None);
        }
        Ok(self.store.user(token.user_id).await?.and_then(|user| self.as_browser(user, token)))
    }

    /// The browser in which `user` has just signed in, or is signed in.
    pub fn as_browser(&self, user: User, token: RefreshToken) -> Option<Browser> {
        let session = user.browser_session(token.session_id, self.clock.now())?.clone();
        (session.refresh_hash == token.hash()).then_some(Browser { user, session, token })
    }

    /// Ends the session that a browser had before somebody signed in to it again. If it is the same
    /// user, their apps stay signed in; signing out of the browser ends them as before. Otherwise
    /// they end with the session.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn replace(&self, former: &Browser, next: &Browser) -> Result<(), Error> {
        let user = &former.user;
        if user.id == next.user.id
            && self.store.replace_browser(&next.user, former.id(), next.id()).await?
        {
            return Ok(());
        }
        self.store.end_sessions(user.id, &user.ending_with(former.id())).await.map(drop)
    }

    /// A code with which `app` begins a session of the user of `browser`. It costs one write. `None`
    /// if the session of the browser has just ended, or the user was disabled.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn authorize(
        &self,
        browser: &Browser,
        request: &AuthorizationRequest,
        app: &App,
        device: Device,
    ) -> Result<Option<String>, Error> {
        let ends_at = self.clock.now().as_second() + self.code_ttl_seconds;
        self.write_code(browser, (request, app), device, (browser.id(), ends_at)).await
    }

    /// A code with which an app on a device without a browser begins a session of the user of `browser`,
    /// as [`Self::authorize`]. It can be used until `ends_at`, in seconds since 1970.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn authorize_device(
        &self,
        browser: &Browser,
        (request, app): (&AuthorizationRequest, &App),
        device: Device,
        ends_at: i64,
    ) -> Result<Option<String>, Error> {
        self.write_code(browser, (request, app), device, (NO_BROWSER, ends_at)).await
    }

    /// Writes a code whose session is under `parent`.
    async fn write_code(
        &self,
        browser: &Browser,
        (request, app): (&AuthorizationRequest, &App),
        device: Device,
        (parent, ends_at): (Uuid, i64),
    ) -> Result<Option<String>, Error> {
        let now = self.clock.now();
        let user = &browser.user;
        let whose = (user.id, (browser.id(), &browser.session), parent);
        let (code, session) = self.draw_code(whose, (request, app), device, ends_at)?;
        let terms = app.session_terms(self.apps.settings());
        let new = NewCode {
            id: code.session_id,
            session: &session,
            browser: (browser.id(), &browser.session.refresh_hash),
            default_role: terms.default_role.as_deref(),
            replaced: surplus(user, parent, &app.client_id, now),
        };
        let is_written = self.store.add_code(user.id, new, now).await?;
        if is_written { code.encode(&self.hash_keys, &self.random).map(Some) } else { Ok(None) }
    }

    /// A new code for a user, drawn in the session of a browser, and the session under `parent` that
    /// waits for it until `ends_at`, in seconds since 1970.
    fn draw_code(
        &self,
        (user_id, (browser_id, browser), parent): (Uuid, (Uuid, &Session), Uuid),
        (request, app): (&AuthorizationRequest, &App),
        device: Device,
        ends_at: i64,
    ) -> Result<(AuthorizationCode, Session), Error> {
        let now = self.clock.now();
        let code = AuthorizationCode {
            session_id: self.random.uuid(now)?,
            user_id,
            browser: browser_id,
            client_id: app.client_id.clone(),
            redirect_uri: request.to.redirect_uri.clone(),
            is_only_address: request.to.is_only_address,
            code_challenge: request.code_challenge.clone(),
            nonce: request.nonce.clone(),
            ends_at,
            ..AuthorizationCode::draw(&self.random)?
        };

        let terms = app.session_terms(self.apps.settings());
        let session = Session {
            client_id: terms.client_id,
            access_token_ttl: terms.access_token_ttl,
            device,
            amr: browser.amr.clone(),
            created_at: whole_seconds(now),
            last_used_at: now,
            ends_at: whole_seconds(now) + seconds(ends_at - now.as_second()),
            refresh_hash: code.hash(),
            kind: SessionKind::Code,
            grant: Some(Grant {
                browser: parent,
                scope: request.scope.clone(),
                third_party: !app.is_first_party(),
                rs256: app.hosted.id_token_signed_response_alg.is_some(),
                signed_in_at: browser.created_at,
            }),
        };
        Ok((code, session))
    }

    /// The tokens for an authorization code. Of many requests with one code, one gets them. If a
    /// code is used again later, the session that it began is revoked (RFC 6749 §4.1.2). If the request
    /// is unavailable after that, the code works again. With them
    /// comes the token of the device, and in how many seconds it expires: the device of `device_token`
    /// if the user has signed in on it before, or else a new one.
    ///
    /// # Errors
    /// [`Error::CodeInvalid`] for a code that is wrong, was used or has expired, or is not for this
    /// request; [`Error::UserDisabled`].
    pub async fn exchange(
        &self,
        code: &str,
        (app, redirect_uri, verifier): (&App, Option<&str>, Option<&str>),
        device_token: Option<&str>,
        recorder: &Recorder,
    ) -> Result<(TokenPair, Option<(String, i64)>), Error> {
        let now = self.clock.now();
        let code = AuthorizationCode::decode(code, &self.hash_keys, now)
            .filter(|code| code.is_for(&app.client_id, redirect_uri, verifier))
            .ok_or(Error::CodeInvalid)?;

        let terms = app.session_terms(self.apps.settings());
        let ends_at = whole_seconds(now) + seconds(terms.refresh_token_ttl);
        let refresh = RefreshToken::first(
            (code.user_id, code.session_id),
            app.client_id.clone(),
            ends_at,
            (&self.hash_keys, &self.random),
        )?;
        let exchanged = self.exchange_for(&code, &refresh, device_token, recorder).await;
        if let Err(Error::Unavailable(_)) = exchanged
            && let Err(error) = self.store.give_back_code(&code, &refresh.hash()).await
        {
            tracing::warn!(%error, "the authorization code of a failed request was not refunded");
        }
        exchanged
    }

    /// Begins the session of a code with `refresh` as its first refresh token.
    async fn exchange_for(
        &self,
        code: &AuthorizationCode,
        refresh: &RefreshToken,
        device_token: Option<&str>,
        recorder: &Recorder,
    ) -> Result<(TokenPair, Option<(String, i64)>), Error> {
        let now = self.clock.now();
        let ids = (code.user_id, code.session_id);
        let hashes = (code.hash(), refresh.hash());
        match self.store.exchange_code(ids, code.browser, hashes, refresh.ends_at, now).await? {
            Exchange::Begun(user) => {
                let of_app = self.claims_of_app(&user, &refresh.client_id).await?;
                let asked = (code.nonce.as_deref(), None);
                let tokens = self.tokens((&user, of_app), refresh, asked, now).await?;

                let known = device_token
                    .and_then(|token| KnownDevice::decode(token, &self.hash_keys, now))
                    .filter(|device| device.is_of(&user));
                let device = self.device(&user, known.map(|device| device.id), now)?;
                Ok((tokens, device))
            }
            Exchange::Disabled => Err(Error::UserDisabled),
            Exchange::Ended => Err(Error::CodeInvalid),
            Exchange::Used { at } => {
                if now.as_second() > at.as_second() + RETRY_SECONDS {
                    // Recorded first: at a retry, the session has ended already.
                    let target = user_subject(ids.0);
                    let activity = Activity::happened(Action::CodeReplay, target, &code.client_id);
                    recorder.record(Activity { result: Outcome::Failure, ..activity }).await?;
                    self.store.end_sessions(ids.0, &[ids.1]).await?;
                }
                Err(Error::CodeInvalid)
            }
        }
    }
}

/// The sessions of an app that give way to a new one of the same browser: the oldest ones, and codes
/// that nobody used.
fn surplus(user: &User, parent: Uuid, client_id: &str, now: Timestamp) -> Vec<Uuid> {
    let most = if parent == NO_BROWSER { DEVICES_OF_AN_APP } else { SESSIONS_OF_AN_APP };
    let is_same = |session: &Session| session.client_id == client_id && session.is_of(parent);
    let (over, live): (Vec<_>, Vec<_>) = user
        .sessions
        .iter()
        .filter(|(_, session)| is_same(session))
        .partition(|(_, session)| session.expires_at() <= now);
    let too_many = (live.len() + 1).saturating_sub(most);
    let oldest = live.into_iter().take(too_many);
    over.into_iter().chain(oldest).map(|(id, _)| *id).collect()
}
