//! Beginning sessions: for people who proved an address or gave their password, and for new accounts.

use futures_util::future::OptionFuture;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Begun, Sessions, table::NewSession};
use crate::{
    apps::SessionTerms,
    audit::{Action, Activity, Event, Outcome},
    authorization::AuthorizationCode,
    base::{Device, Error, seconds, seconds_until, whole_seconds},
    challenges::{Attempts, Proven},
    crypto::IdentifierHash,
    identifiers::Address,
    second_factors::{MfaRequired, MfaStatus, MfaToken, PendingSignIn, SecondFactorMethod},
    tokens::RefreshToken,
    users::{
        AuthenticationMethod, KnownDevice, Recognised, Session, SessionKind, TextAlone, User,
        idle_since,
    },
};

/// How many seconds a sign-in waits for its second factor.
const MFA_SECONDS: i64 = 300;

/// A session that has begun. No tokens are made yet.
pub struct Established {
    /// The user, with the session.
    pub user: User,
    /// The first refresh token. For a browser, the content of its cookie.
    pub refresh: RefreshToken,
    /// The token of the device, and in how many seconds it expires.
    pub device: Option<(String, i64)>,
    /// The user who had the phone before, as [`SignedIn::detached_from`].
    pub detached_from: Option<Box<User>>,
    /// A code for the app that is entered, if [`Sessions::entering`] named one.
    pub code: Option<String>,
    pub(super) is_new_user: bool,
}

/// The result of a right first factor, before any tokens are made.
pub enum Establishing {
    /// The session has begun.
    Done(Box<Established>),
    /// The second factor is required.
    MfaRequired(MfaRequired),
}

/// The session that waits for a code, with its id.
fn waiting(code: &Option<(AuthorizationCode, Session)>) -> Option<(Uuid, &Session)> {
    code.as_ref().map(|(code, session)| (code.session_id, session))
}

/// The two sign-ins before the sign-in `id` of a user, as they were before it or as they are after it.
fn sign_ins_before(user: &User, id: Uuid) -> Vec<Uuid> {
    let mut before = user.last_sign_ins();
    before.retain(|other| *other != id);
    before.truncate(2);
    before
}

impl Sessions {
    /// As [`Self::sign_in`], without tokens.
    ///
    /// # Errors
    /// As [`Self::sign_in`].
    pub async fn establish_proven(
        &self,
        proven: Proven,
        device: Device,
    ) -> Result<Establishing, Error> {
        let now = self.clock.now();
        let method = match proven.content.address {
            Address::Sms(_) => AuthenticationMethod::Sms,
            Address::Email(_) => AuthenticationMethod::Email,
        };

        let owner = match proven.owner {
            Some(owner) => owner,
            None => match self.sign_up(&proven, method, device.clone(), now).await? {
                Some(established) => return Ok(Establishing::Done(Box::new(established))),
                // Another request proved the address first, so the address has an owner now.
                None => {
                    let identifier = self.hash_keys.address(&proven.content.address);
                    self.store.owner(&identifier).await?.ok_or(Error::OtpExpired)?
                }
            },
        };

        let as_read = proven.owner_as_read.as_deref().filter(|user| user.id == owner);
        // Between the code and the session, the address may have been taken from the user, and all
        // their sessions ended.
        let is_theirs = |user: &User| match &proven.content.address {
            Address::Sms(phone) => user.phone.as_ref() == Some(phone),
            Address::Email(email) => user.email.as_ref() == Some(email),
        };
        let known = proven.challenge.asker.device();
        let terms = proven.content.terms.clone();
        let recognised = |user: Option<&User>| Recognised {
            amr: vec![method],
            password_count: None,
            device: known,
            sign_in_epoch: user.map(|user| user.sign_in_epoch),
        };
        let begun = match as_read {
            Some(user) if !is_theirs(user) => Err(Error::OtpExpired),
            user => {
                let recognised = recognised(user);
                self.establish((owner, user), terms.clone(), recognised, device.clone()).await
            }
        };
        let begun = match begun {
            // The user has changed since they were read, or was read too early. The code is still good,
            // if the address is theirs now.
            Err(Error::OtpExpired) if as_read.is_some() => {
                let user = self.store.user(owner).await?.filter(is_theirs);
                let user = user.ok_or(Error::OtpExpired)?;
                let (who, recognised) = ((owner, Some(&user)), recognised(Some(&user)));
                self.establish(who, terms, recognised, device.clone()).await
            }
            begun => begun,
        };
        match begun {
            Err(Error::PhoneIdle) => self.sign_up_beside(owner, &proven, device, now).await,
            begun => begun?.ok_or(Error::OtpExpired),
        }
    }

    /// As [`Self::begin`], without tokens.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn establish(
        &self,
        (user_id, as_read): (Uuid, Option<&User>),
        terms: SessionTerms,
        recognised: Recognised,
        device: Device,
    ) -> Result<Option<Establishing>, Error> {
        let now = self.clock.now();
        let (session, refresh) =
            self.new_session(user_id, &terms, recognised.amr.clone(), device, now)?;
        let code = self.first_code(user_id, (refresh.session_id, &session))?;
        let is_text_alone =
            recognised.amr == [AuthenticationMethod::Sms] && recognised.device.is_none();
        let new = NewSession {
            id: refresh.session_id,
            session: &session,
            code: waiting(&code),
            default_role: terms.default_role.as_deref(),
            password_count: recognised.password_count,
            sign_in_epoch: recognised.sign_in_epoch,
            idle_since: idle_since(self.user_settings.phone_idle_days, now)
                .filter(|_| is_text_alone),
        };

        let (begun, became_admin) = self.begin_recorded((user_id, as_read), new, now).await?;
        Ok(match begun {
            Begun::Yes(user) => {
                if became_admin {
                    self.record_admin_by_phone(user_id, &session).await?;
                }
                self.end_lockout(&user, &recognised, &session, now).await;
                self.move_owners(user_id).await;
                let device = self.device(&user, recognised.device, now)?;
                Some(Establishing::Done(Box::new(Established {
                    user: *user,
                    refresh,
                    device,
                    detached_from: None,
                    code: self.encoded(code)?,
                    is_new_user: false,
                })))
            }
            Begun::SecondFactorDue { sign_in_epoch, has_passkeys } => {
                let recognised = Recognised { sign_in_epoch: Some(sign_in_epoch), ..recognised };
                let who = (user_id, has_passkeys);
                let asked = self.ask_for_second_factor(who, terms, recognised, now).await?;
                Some(Establishing::MfaRequired(asked))
            }
            Begun::Disabled => return Err(Error::UserDisabled),
            Begun::Outdated if recognised.amr.contains(&AuthenticationMethod::Mfa) => {
                return Err(Error::TokenInvalid);
            }
            Begun::Outdated if recognised.password_count.is_none() => {
                return Err(Error::OtpExpired);
            }
            Begun::Outdated => return Err(Error::InvalidCredentials),
            Begun::NoUser | Begun::Unproven | Begun::ToBeErased | Begun::Idle => None,
        })
    }

    /// Begins a session, and records that. If nothing refuses it for the user `as_read` a moment ago,
    /// both are written at the same time; if the user has changed since, the event is written again
    /// as it happened. Returns also whether the user became an administrator.
    ///
    /// # Errors
    /// As [`Self::establish`].
    async fn begin_recorded(
        &self,
        (user_id, as_read): (Uuid, Option<&User>),
        new: NewSession<'_>,
        now: Timestamp,
    ) -> Result<(Begun, bool), Error> {
        let expected = as_read.filter(|user| new.refusal(user).is_none());
        let expected =
            expected.map(|user| self.sign_in_event(user, new.id, new.session)).transpose()?;
        let recorded = OptionFuture::from(expected.as_ref().map(|event| self.store.record(event)));
        let (begun, recorded) = tokio::join!(self.store.begin_session(user_id, &new), recorded);

        match (&begun, expected) {
            (Ok(Begun::Yes(user)), Some(expected))
                if expected.previous == sign_ins_before(user, new.id) =>
            {
                recorded.unwrap_or(Ok(()))?;
                return Ok((begun?, false));
            }
            (Ok(Begun::Yes(_)), _) | (_, None) => {}
            (_, Some(expected)) => {
                let failed = Event { result: Outcome::Failure, previous: Vec::new(), ..expected };
                self.store.record(&failed).await?;
            }
        }
        self.begin_despite(begun?, user_id, new, now).await
    }

    /// Records a session that has begun. If it was refused, it begins once more after what refused it
    /// was taken out of the way, if that is possible. Returns also whether the user became an administrator.
    async fn begin_despite(
        &self,
        mut begun: Begun,
        user_id: Uuid,
        mut new: NewSession<'_>,
        now: Timestamp,
    ) -> Result<(Begun, bool), Error> {
        let mut became_admin = false;
        if matches!(begun, Begun::Unproven) {
            let before = self.store.user(user_id).await?;
            // Somebody else may have set the credentials and begun the sessions that exist before
            // this proof (account pre-hijacking).
            let proven = self
                .store
                .prove_user(user_id, &self.hash_keys, self.user_settings.admin_phone.as_ref())
                .await?;
            became_admin =
                proven.is_active_admin() && !before.is_some_and(|user| user.is_active_admin());
            new.sign_in_epoch = new.sign_in_epoch.map(|_| proven.sign_in_epoch);
            begun = self.store.begin_session(user_id, &new).await?;
        }

        if matches!(begun, Begun::Idle) {
            let user = self.store.user(user_id).await?;
            if user.is_some_and(|it| self.user_settings.text_alone(&it, now) != TextAlone::SignsIn)
            {
                return Err(Error::PhoneIdle);
            }
            // A session was refreshed since the last sign-in.
            new.idle_since = None;
            begun = self.store.begin_session(user_id, &new).await?;
        }
        if matches!(begun, Begun::ToBeErased) {
            let keep = Activity::own(Action::ErasureTakeBack, user_id, &new.session.client_id);
            let event = self.audit.event(keep, &new.session.device)?;
            self.store.recording(event).keep_user(user_id, &self.hash_keys, now).await?;
            begun = self.store.begin_session(user_id, &new).await?;
        }

        if let Begun::Yes(user) = &begun {
            self.store.record(&self.sign_in_event(user, new.id, new.session)?).await?;
        }
        Ok((begun, became_admin))
    }

    /// The code that the browser takes to the app.
    pub(super) fn encoded(
        &self,
        code: Option<(AuthorizationCode, Session)>,
    ) -> Result<Option<String>, Error> {
        code.map(|(code, _)| code.encode(&self.hash_keys, &self.random)).transpose()
    }

    /// Moves the user's identifiers to the current root, if it has a previous one.
    async fn move_owners(&self, user_id: Uuid) {
        if let Err(error) = self.store.move_owners(user_id, &self.hash_keys).await {
            tracing::warn!(%error, "a user's identifiers move at the next sign-in");
        }
    }

    /// The token of the device of a sign-in, the `known` one or a new one, and in how many seconds
    /// it expires. `None` if the deployment knows no devices.
    pub(super) fn device(
        &self,
        user: &User,
        known: Option<Uuid>,
        now: Timestamp,
    ) -> Result<Option<(String, i64)>, Error> {
        let expires_in = self.user_settings.device_token_ttl_days * 24 * 3600;
        if expires_in == 0 {
            return Ok(None);
        }

        let device = KnownDevice {
            user_id: user.id,
            id: known.map_or_else(|| self.random.bytes().map(Uuid::from_bytes), Ok)?,
            epoch: user.device_epoch,
            expires_at: now + seconds(expires_in),
        };
        Ok(Some((device.encode(&self.hash_keys), expires_in)))
    }

    /// Keeps a sign-in that waits for its second factor, and returns the token for it.
    async fn ask_for_second_factor(
        &self,
        (user_id, has_passkeys): (Uuid, bool),
        terms: SessionTerms,
        recognised: Recognised,
        now: Timestamp,
    ) -> Result<MfaRequired, Error> {
        let token = MfaToken::draw(&terms.client_id, &self.random)?;
        let pending = PendingSignIn {
            user_id,
            terms,
            recognised,
            attempts: Attempts { used: 0, max: self.challenge_settings.max_attempts },
            expires_at: now + seconds(MFA_SECONDS),
            used_by: None,
        };
        self.store
            .put_pending_sign_in(&IdentifierHash::of_random("mfa token", token.as_str()), &pending)
            .await?;
        Ok(MfaRequired {
            status: MfaStatus::MfaRequired,
            mfa_required: true,
            mfa_token: token,
            methods: SecondFactorMethod::of(has_passkeys),
            expires_in: seconds_until(pending.expires_at, now),
        })
    }

    /// A new session of a user, and its first refresh token.
    pub(super) fn new_session(
        &self,
        user_id: Uuid,
        terms: &SessionTerms,
        amr: Vec<AuthenticationMethod>,
        device: Device,
        now: Timestamp,
    ) -> Result<(Session, RefreshToken), Error> {
        let id = self.random.uuid(now)?;
        let ends_at = whole_seconds(now) + seconds(terms.refresh_token_ttl);
        let refresh = RefreshToken::first(
            (user_id, id),
            terms.client_id.clone(),
            ends_at,
            (&self.hash_keys, &self.random),
        )?;

        let session = Session {
            client_id: terms.client_id.clone(),
            access_token_ttl: terms.access_token_ttl,
            device,
            amr,
            created_at: whole_seconds(now),
            last_used_at: now,
            ends_at,
            refresh_hash: refresh.hash(),
            kind: if terms.browser { SessionKind::Browser } else { SessionKind::App },
            grant: None,
        };
        Ok((session, refresh))
    }

    /// The event of a sign-in of `user`, as they were before it or as they are after it.
    pub(super) fn sign_in_event(
        &self,
        user: &User,
        id: Uuid,
        session: &Session,
    ) -> Result<Event, Error> {
        let previous = sign_ins_before(user, id);
        self.audit.sign_in((user.id, id), &session.client_id, previous, &session.device)
    }
}
