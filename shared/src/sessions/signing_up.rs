//! Signing up: the first session of a new account.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Established, Establishing, Sessions};
use crate::{
    apps::{App, SessionTerms, SignUp},
    audit::{Action, Activity, Event, user_subject},
    authorization::AuthorizationCode,
    base::{Device, Error, whole_seconds},
    challenges::{ChallengeContent, Proven},
    identifiers::Address,
    tokens::RefreshToken,
    users::{AuthenticationMethod, Created, Metadata, Session, TextAlone, User},
};
use uuid::Uuid;

/// An account that a sign-up creates.
struct NewAccount {
    user: User,
    /// Its first session.
    session: Session,
    refresh: RefreshToken,
    /// The event of the sign-in.
    event: Event,
    /// The code for the app that is entered, with the session that waits for it.
    code: Option<(AuthorizationCode, Session)>,
}

impl Sessions {
    /// Creates the account of an address that was just proven, with the data of its sign-up.
    /// Returns `None` if the address has a user by now.
    ///
    /// # Errors
    /// [`Error::AppDisabled`]; [`Error::OtpExpired`] if the app's sign-up is closed.
    pub(super) async fn sign_up(
        &self,
        proven: &Proven,
        method: AuthenticationMethod,
        device: Device,
        now: Timestamp,
    ) -> Result<Option<Established>, Error> {
        let app = self.apps.active(&proven.content.terms.client_id).await?;
        if app.sign_up == SignUp::Closed {
            return Err(Error::OtpExpired);
        }

        let mut new = self.draw_account(proven, &app, method, device, now)?;
        let store = self.store.recording(new.event.clone());
        let identifier = self.hash_keys.address(&proven.content.address);
        loop {
            let user = (&new.user, &Metadata::default());
            match store.create_user(user, &BTreeSet::new(), &self.hash_keys).await? {
                Created::Yes => return self.signed_up(new, None, now).await.map(Some),
                Created::Taken(taken) if taken == identifier => return Ok(None),
                // Another user has taken the username in the meantime. The new user can choose
                // another later.
                Created::Taken(_) if new.user.username.is_some() => new.user.username = None,
                Created::Taken(_) => {
                    return Err(Error::Internal(
                        "an identifier that the user does not have".into(),
                    ));
                }
            }
        }
    }

    /// The account that a sign-up creates, with its first session. Nothing is written.
    fn draw_account(
        &self,
        proven: &Proven,
        app: &App,
        method: AuthenticationMethod,
        device: Device,
        now: Timestamp,
    ) -> Result<NewAccount, Error> {
        let terms = app.session_terms(self.apps.settings());
        let terms = if proven.content.terms.browser { terms.in_browser() } else { terms };
        let mut user = self.new_user(&proven.content, &terms, now)?;
        let (session, refresh) = self.new_session(user.id, &terms, vec![method], device, now)?;
        user.last_sign_in = Some(refresh.session_id);
        let event = self.sign_in_event(&user, refresh.session_id, &session)?;
        let code = self.first_code(user.id, (refresh.session_id, &session))?;
        user.sessions.insert(refresh.session_id, session.clone());
        user.sessions.extend(code.iter().map(|(code, session)| (code.session_id, session.clone())));
        Ok(NewAccount { user, session, refresh, event, code })
    }

    /// The session of an account that was created. Its phone may have been `detached_from` another.
    async fn signed_up(
        &self,
        new: NewAccount,
        detached_from: Option<Box<User>>,
        now: Timestamp,
    ) -> Result<Established, Error> {
        let NewAccount { user, session, refresh, code, .. } = new;
        if user.is_active_admin() {
            self.record_admin_by_phone(user.id, &session).await?;
        }
        let device = self.device(&user, None, now)?;
        let code = self.encoded(code)?;
        Ok(Established { user, refresh, device, detached_from, code, is_new_user: true })
    }

    /// The user that a sign-up creates.
    fn new_user(
        &self,
        content: &ChallengeContent,
        terms: &SessionTerms,
        now: Timestamp,
    ) -> Result<User, Error> {
        let registration = content.registration.clone().unwrap_or_default();
        let (phone, email) = match &content.address {
            Address::Sms(phone) => (Some(phone.clone()), None),
            Address::Email(email) => (None, Some(email.clone())),
        };
        let mut roles = BTreeMap::new();
        if let Some(role) = &terms.default_role {
            roles.insert(terms.client_id.clone(), BTreeSet::from([role.clone()]));
        }

        let begins_at = whole_seconds(now);
        let mut user = User {
            phone,
            email_verified: email.is_some(),
            email: email.or(registration.unverified_email),
            username: registration.username,
            name: registration.name,
            password: registration.password,
            locale: content.locale.clone(),
            roles,
            last_sign_in_at: Some(begins_at),
            ..User::new(self.random.uuid(now)?, begins_at)
        };
        user.become_admin_with(self.user_settings.admin_phone.as_ref());
        Ok(user)
    }

    /// Creates a new account for a phone whose account nobody has used for long, and takes the phone
    /// from that one, both in one transaction. Its owner can undo it for 30 days.
    ///
    /// # Errors
    /// [`Error::PhoneIdle`] if the phone may not pass to a new account, or the app's sign-up is
    /// closed; [`Error::OtpExpired`] if somebody has used the account meanwhile.
    pub(super) async fn sign_up_beside(
        &self,
        idle: Uuid,
        proven: &Proven,
        device: Device,
        now: Timestamp,
    ) -> Result<Establishing, Error> {
        let app = self.apps.active(&proven.content.terms.client_id).await?;
        let user = self.store.user(idle).await?.ok_or(Error::OtpExpired)?;
        let settings = &self.user_settings;
        let passes = |user: &User| settings.text_alone(user, now) == TextAlone::StartsNewAccount;
        if app.sign_up == SignUp::Closed || !passes(&user) {
            return Err(Error::PhoneIdle);
        }

        let target = user_subject(idle);
        let detached = Activity::happened(Action::PhoneDetach, target, &app.client_id);
        let store = self.store.recording(self.audit.event(detached, &device)?);
        let mut new = self.draw_account(proven, &app, AuthenticationMethod::Sms, device, now)?;
        let store = store.recording(new.event.clone());
        let former = loop {
            let (ids, at) = ((idle, &new.user), whole_seconds(now));
            match store.pass_phone_on(ids, &self.hash_keys, at, passes).await {
                // As in a sign-up, the username is taken.
                Err(Error::PreconditionFailed) if new.user.username.is_some() => {
                    new.user.username = None;
                }
                // Somebody else has the phone by now.
                Err(Error::Conflict(_)) => return Err(Error::OtpExpired),
                former => break Box::new(former?),
            }
        };
        let established = self.signed_up(new, Some(former), now).await?;
        Ok(Establishing::Done(Box::new(established)))
    }

    /// Records that a user got the role `Admin` because their phone is `ADMIN_PHONE`.
    pub(super) async fn record_admin_by_phone(
        &self,
        user_id: Uuid,
        session: &Session,
    ) -> Result<(), Error> {
        let activity = Activity::own(Action::AdminByPhone, user_id, &session.client_id);
        self.store.record(&self.audit.event(activity, &session.device)?).await
    }
}
