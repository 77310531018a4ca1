//! Passkeys: adding, naming and removing them, and signing in with one.
//!
//! A passkey is a WebAuthn credential that its keeper finds by the site, and that is only used after
//! the person was verified. So it stands for two factors, and needs no identifier
//! (NIST SP 800-63B-4 §3.1.7, multi-factor cryptographic authentication).

mod challenge;
mod keepers;
mod options;
mod passkey;
mod settings;
mod signing_in;
mod table;

pub use self::{
    options::{CreationOptions, RequestOptions},
    passkey::{Passkey, PasskeyView, parse_passkey_name, passkey_id},
    settings::PasskeySettings,
    signing_in::PasskeyProof,
};

use std::sync::Arc;

use uuid::Uuid;

use self::challenge::{CHALLENGE_SECONDS, Challenge, Purpose};
use crate::{
    apps::{App, Apps},
    audit::Event,
    base::{Clock, Error, Random, whole_seconds},
    crypto::HashKeys,
    table::Store,
    users::User,
    webauthn::{self, Expected, Fault, RegistrationResponse},
};

/// The most passkeys of a user.
pub const MAX_PASSKEYS: usize = 10;

/// A passkey that was added.
pub struct Added {
    /// The passkey.
    pub passkey: Passkey,
    /// Its user; `None` if an earlier request of the same kind has added it.
    pub user: Option<User>,
}

/// The passkeys of users.
#[derive(Clone)]
pub struct Passkeys {
    pub(crate) store: Store,
    pub(crate) apps: Apps,
    pub(crate) settings: Arc<PasskeySettings>,
    pub(crate) hash_keys: Arc<HashKeys>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
}

impl Passkeys {
    /// Returns a copy that writes `event` to the audit trail in the same transaction as its next
    /// change.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        Self { store: self.store.recording(event), ..self.clone() }
    }

    /// The RP ID.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the deployment has no passkeys.
    pub fn rp_id(&self) -> Result<&str, Error> {
        self.settings.rp_id.as_deref().ok_or(Error::NotFound)
    }

    /// The passkeys of a user, in the order in which they were added.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the deployment has no passkeys; [`Error::Unavailable`].
    pub async fn of(&self, user: &User) -> Result<Vec<Passkey>, Error> {
        self.rp_id()?;
        self.store.passkeys_of(user).await
    }

    /// The options with which a browser makes a passkey for a user.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the deployment has no passkeys; [`Error::Conflict`] if the user has
    /// proven no address, or has [`MAX_PASSKEYS`] already.
    pub async fn creation_options(&self, user: &User) -> Result<CreationOptions, Error> {
        let rp_id = self.rp_id()?;
        user.check_proven()?;
        check_room(user)?;
        let challenge = Challenge::draw(&self.random, self.clock.now())?;
        let (purpose, handle) = match &user.passkey_handle {
            Some(handle) => (Purpose::Add(user.id), handle.clone()),
            None => (Purpose::AddFirst(user.id), challenge.handle()),
        };
        let sealed = challenge.seal(purpose, &self.hash_keys);
        let passkeys = self.store.passkeys_of(user).await?;
        let app_name = &self.apps.settings().app_name;
        Ok(CreationOptions::new((rp_id, app_name), (user, handle), passkeys, sealed))
    }

    /// Adds a passkey to a user who made it on a page of `app` (the default one if it is `None`), or in
    /// it, in this session. One that was added before by the same request is returned again.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the deployment has no passkeys; [`Error::InvalidRequest`] if the
    /// credential is not acceptable, or its options have expired; [`Error::Conflict`] if somebody has
    /// it already, if the user has [`MAX_PASSKEYS`], or if another first one was added meanwhile;
    /// [`Error::TokenInvalid`] if the session has ended.
    pub async fn add(
        &self,
        (user, session_id, app): (&User, Uuid, Option<&App>),
        response: &RegistrationResponse,
        name: Option<String>,
    ) -> Result<Added, Error> {
        let now = whole_seconds(self.clock.now());
        let (credential, challenge) =
            webauthn::register(response, &self.expected(app)?).map_err(refused_credential)?;
        let open =
            |purpose| Challenge::open(&challenge, purpose, &self.hash_keys, self.clock.now());
        let first = open(Purpose::AddFirst(user.id));
        let first_handle = first.as_ref().map(Challenge::handle);
        let Some(challenge) = first.or_else(|| open(Purpose::Add(user.id))) else {
            let text = "is not for the options of the last 5 minutes; get new ones";
            return Err(Error::field("credential", text));
        };

        let transports = &response.response.transports;
        let passkey = Passkey::new(user.id, credential, (name, transports), now);
        let id = passkey.id();
        let change = |user: &mut User| {
            user.check_session(session_id, now)?;
            user.check_proven()?;
            check_room(user)?;
            // The keeper of the passkey knows the user by the handle of its options.
            if let Some(handle) = &first_handle
                && user.passkey_handle.get_or_insert_with(|| handle.clone()) != handle
            {
                let text = "is not for this account's options: another was added; get new ones";
                return Err(Error::conflict("credential", text));
            }
            user.passkeys.insert(id);
            user.updated_at = now;
            Ok(())
        };
        let items = vec![self.store.new_passkey(&passkey)?, self.store.used_challenge(&challenge)?];
        let added = self.store.change_user_and(user.id, &self.hash_keys, change, items).await;
        match added {
            Ok(user) => Ok(Added { passkey, user: Some(user) }),
            Err(Error::PreconditionFailed) => {
                let passkey = self.added_before(user.id, id).await?;
                Ok(Added { passkey, user: None })
            }
            Err(error) => Err(error),
        }
    }

    /// The passkey that a user has added before.
    ///
    /// # Errors
    /// [`Error::Conflict`] if it is not the user's, or was not added because its options were used.
    async fn added_before(&self, user_id: Uuid, id: Uuid) -> Result<Passkey, Error> {
        let (passkey, user) = tokio::try_join!(self.store.passkey(id), self.store.user(user_id))?;
        let is_named = user.is_some_and(|user| user.passkeys.contains(&id));
        passkey.filter(|passkey| is_named && passkey.user_id == user_id).ok_or_else(|| {
            let text = "was already added by somebody, or its options were used; get new ones";
            Error::conflict("credential", text)
        })
    }

    /// Gives a passkey of a user another name. Returns the passkey.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user has no such passkey, or the deployment has none.
    pub async fn rename(&self, user: &User, id: Uuid, name: String) -> Result<Passkey, Error> {
        self.check_has(user, id)?;
        let renamed = self.store.rename_passkey((user.id, id), &name).await?;
        let passkey = if renamed { self.store.passkey(id).await? } else { None };
        passkey.ok_or(Error::NotFound)
    }

    /// Removes a passkey of a user, by a request of this session. Sign-ins with it that have begun fail.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the user has no such passkey, or the deployment has none;
    /// [`Error::TokenInvalid`] if the session has ended.
    pub async fn remove(&self, (user, session_id): (&User, Uuid), id: Uuid) -> Result<(), Error> {
        self.check_has(user, id)?;
        let now = whole_seconds(self.clock.now());
        let change = |user: &mut User| {
            user.check_session(session_id, now)?;
            if user.passkeys.remove(&id) {
                user.sign_in_epoch += 1;
                user.updated_at = now;
            }
            Ok(())
        };
        let items = self.store.without_passkeys([&id])?;
        self.store.change_user_and(user.id, &self.hash_keys, change, items).await.map(drop)
    }

    fn check_has(&self, user: &User, id: Uuid) -> Result<(), Error> {
        self.rp_id()?;
        if user.passkeys.contains(&id) { Ok(()) } else { Err(Error::NotFound) }
    }

    /// The expectations of a ceremony that somebody begins in `app`.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the deployment has no passkeys.
    fn expected(&self, app: Option<&App>) -> Result<Expected<'_, impl Fn(&str) -> bool>, Error> {
        let rp_id = self.rp_id()?;
        Ok(Expected { rp_id, is_origin: move |origin: &str| self.accepts_origin(origin, app) })
    }

    /// Whether pages of an origin, or an app with it, may ask for passkeys to enter `app`: the RP ID
    /// itself, which is also the origin of iOS apps; what `PASSKEY_ORIGINS` lists; and the pages
    /// below the RP ID that may use the app.
    fn accepts_origin(&self, origin: &str, app: Option<&App>) -> bool {
        let Some(rp_id) = self.settings.rp_id.as_deref() else { return false };
        origin.strip_prefix("https://") == Some(rp_id)
            || self.settings.origins.iter().any(|listed| listed == origin)
            || settings::is_within(origin, rp_id) && self.apps.may_be_used_from(origin, app)
    }
}

/// Checks that a user may have another passkey.
fn check_room(user: &User) -> Result<(), Error> {
    if user.passkeys.len() < MAX_PASSKEYS {
        return Ok(());
    }
    Err(Error::conflict("passkeys", "are 10 already; remove one first"))
}

fn refused_credential(fault: Fault) -> Error {
    Error::field("credential", fault.text())
}
