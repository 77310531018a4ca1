//! The apps of the service: identifying them, and managing them as an administrator.

pub mod app;
mod back_channel;
mod branding;
mod grants;
mod hosted;
mod origin;
mod own_mails;
mod secret;
mod sender;
mod session_terms;
mod settings;
mod sms_text;
mod table;
mod text_plan;
mod token_claims;
mod view;

pub use self::{
    app::{App, AppChange, AppType, DEFAULT_CLIENT_ID, SignUp, is_client_id, parse_client_id},
    branding::{Branding, BrandingChange, Links, SignInMethod},
    grants::{GrantType, Grants, GrantsChange},
    hosted::{HostedChange, HostedSignIn, IdTokenAlgorithm, Pkce},
    origin::WebOrigin,
    own_mails::OwnMails,
    secret::{AppSecret, MAX_OLD_VALID_SECONDS, PREFIX, StoredSecret},
    sender::Sender,
    session_terms::SessionTerms,
    settings::{AppSettings, LAPTOP_ORIGINS},
    sms_text::{CODE_PLACEHOLDER, leads_elsewhere},
    text_plan::{SenderName, TextPlan},
    token_claims::TokenClaims,
    view::AppView,
};

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    audit::Event,
    base::{Clock, Error, Random, whole_seconds},
    identifiers::parse_name,
    roles::{ADMIN_ROLE, Permissions, Role, canonical},
    table::Store,
};

/// How many apps are read by one request to the table if all are looked at.
const APPS_AT_ONCE: usize = 100;

/// The credentials that a client sent: its id and, if it has one, its secret.
pub struct ClientCredentials {
    /// The app.
    pub client_id: String,
    /// Its secret; empty for a public app.
    pub secret: AppSecret,
}

/// A new app, as an administrator requests it.
#[derive(Debug, Default)]
pub struct NewApp {
    /// The public identifier. A random one is drawn if none is given.
    pub client_id: Option<String>,
    /// The name that people read in messages.
    pub name: String,
    /// Whether the app can keep a secret.
    pub kind: AppType,
    /// All other values that differ from the deployment's settings.
    pub settings: AppChange,
}

/// Finds, identifies and manages apps.
#[derive(Clone)]
pub struct Apps {
    pub(crate) store: Store,
    pub(crate) settings: Arc<AppSettings>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    /// The web page that the request comes from, if it comes from one.
    pub(crate) page: Option<WebOrigin>,
}

impl Apps {
    /// Returns a copy for a request from a web page. It refuses the page every app that is not
    /// its own.
    #[must_use]
    pub fn called_from(self, page: Option<WebOrigin>) -> Self {
        Self { page, ..self }
    }

    /// Returns a copy that writes `event` to the audit trail in the same transaction as its next
    /// change.
    #[must_use]
    pub fn recording(&self, event: Event) -> Self {
        Self { store: self.store.recording(event), ..self.clone() }
    }

    /// The settings that apps fall back on.
    pub fn settings(&self) -> &AppSettings {
        &self.settings
    }

    /// Whether the pages of an origin may get tokens of an app, or of the default app if there is none.
    pub fn may_be_used_from(&self, origin: &str, app: Option<&App>) -> bool {
        WebOrigin::new(origin).check(app, &self.settings).is_ok()
    }

    /// An app, whether it is on or off. `None` if it does not exist.
    pub async fn get(&self, client_id: &str) -> Result<Option<App>, Error> {
        let stored = self.store.app(client_id).await?;
        if client_id != DEFAULT_CLIENT_ID {
            return Ok(stored);
        }
        let app = stored.unwrap_or_else(|| App::default_app(&self.settings));
        Ok(Some(App { grants: app.grants.of_default_app(), ..app }))
    }

    /// An app that is on.
    ///
    /// # Errors
    /// [`Error::AppDisabled`] if it is off or does not exist.
    pub async fn active(&self, client_id: &str) -> Result<App, Error> {
        self.get(client_id).await?.filter(|app| app.active).ok_or(Error::AppDisabled)
    }

    /// The app of a session, if it is on; `None` for the default app, which always is.
    ///
    /// # Errors
    /// As [`Self::active`].
    pub async fn of_session(&self, client_id: &str) -> Result<Option<App>, Error> {
        if client_id == DEFAULT_CLIENT_ID {
            return Ok(None);
        }
        self.active(client_id).await.map(Some)
    }

    /// Checks that an app is on. The default app always is, so nothing is read for it.
    ///
    /// # Errors
    /// [`Error::AppDisabled`] if it is off or does not exist.
    pub async fn check(&self, client_id: &str) -> Result<(), Error> {
        self.of_session(client_id).await.map(drop)
    }

    /// The app of a request: the one of its `credentials`, else the `named` one (its `client_id`
    /// field), else the default app. A confidential app must authenticate, and a web page must be
    /// of the app's origins.
    ///
    /// # Errors
    /// [`Error::UnknownApp`] if the `named` app does not exist; [`Error::InvalidRequest`] if
    /// `named` and `credentials` differ; [`Error::InvalidClient`] for wrong or missing credentials;
    /// [`Error::ForeignOrigin`]; [`Error::AppDisabled`].
    pub async fn identify(
        &self,
        named: Option<&str>,
        credentials: Option<&ClientCredentials>,
    ) -> Result<App, Error> {
        if let (Some(named), Some(credentials)) = (named, credentials)
            && named != credentials.client_id
        {
            return Err(Error::field("client_id", "must be the app that authenticated"));
        }

        let client_id = credentials.map(|credentials| credentials.client_id.as_str()).or(named);
        let app =
            self.get(client_id.unwrap_or(DEFAULT_CLIENT_ID)).await?.ok_or(match credentials {
                Some(_) => Error::InvalidClient,
                None => Error::UnknownApp,
            })?;

        self.authenticate(&app, credentials)?;
        self.check_page(Some(&app))?;
        if app.active { Ok(app) } else { Err(Error::AppDisabled) }
    }

    /// Checks that a request may use an app. As [`Self::identify`], but nothing is read for the
    /// default app, and `None` is returned for it.
    ///
    /// # Errors
    /// As [`Self::identify`].
    pub async fn authorize(
        &self,
        client_id: &str,
        credentials: Option<&ClientCredentials>,
    ) -> Result<Option<App>, Error> {
        if client_id == DEFAULT_CLIENT_ID && credentials.is_none() {
            return self.check_page(None).map(|()| None);
        }
        self.identify(Some(client_id), credentials).await.map(Some)
    }

    /// Checks that a request may go on with what an app began: a challenge, a sign-in that waits
    /// for its second factor, or a session. As [`Self::authorize`], but the request does not name
    /// the app.
    ///
    /// # Errors
    /// As [`Self::authorize`]; [`Error::InvalidClient`] also for the credentials of another app,
    /// [`Error::AppDisabled`] also for an app that was deleted.
    pub async fn resume(
        &self,
        client_id: &str,
        credentials: Option<&ClientCredentials>,
    ) -> Result<Option<App>, Error> {
        if credentials.is_some_and(|credentials| credentials.client_id != client_id) {
            return Err(Error::InvalidClient);
        }
        self.authorize(client_id, credentials).await.map_err(|error| match error {
            Error::UnknownApp => Error::AppDisabled,
            error => error,
        })
    }

    fn check_page(&self, app: Option<&App>) -> Result<(), Error> {
        self.page.as_ref().map_or(Ok(()), |page| page.check(app, &self.settings))
    }

    fn authenticate(
        &self,
        app: &App,
        credentials: Option<&ClientCredentials>,
    ) -> Result<(), Error> {
        let authentic = match (app.kind, credentials) {
            (AppType::Confidential, Some(credentials)) => {
                app.has_secret(&credentials.secret, self.clock.now())
            }
            (AppType::Confidential, None) => false,
            // A public app has no secret, so it must not send one.
            (AppType::Public, credentials) => {
                credentials.is_none_or(|credentials| credentials.secret.is_empty())
            }
        };
        if authentic { Ok(()) } else { Err(Error::InvalidClient) }
    }

    /// Only administrators may change the default app, since they sign in through it.
    ///
    /// # Errors
    /// [`Error::Forbidden`] if `client_id` is the default app and `changer` is no administrator.
    pub fn check_may_change(client_id: &str, changer: &Permissions) -> Result<(), Error> {
        if client_id == DEFAULT_CLIENT_ID && !changer.all {
            Err(Error::Forbidden(format!("role {ADMIN_ROLE}")))
        } else {
            Ok(())
        }
    }

    /// Checks that `granter` may give these scopes to a machine: nobody can grant what they lack. An
    /// API may take a scope for a permission.
    ///
    /// # Errors
    /// [`Error::Forbidden`] for the first scope that `granter` lacks.
    pub fn check_may_grant(
        scopes: Option<&BTreeSet<String>>,
        granter: &Permissions,
    ) -> Result<(), Error> {
        match granter.lacks(scopes.into_iter().flatten()) {
            Some(scope) => Err(Error::Forbidden(scope.clone())),
            None => Ok(()),
        }
    }

    /// A page of apps: the default one first, then by client id. Returns up to `limit` apps after
    /// the position `after`, and the position of the last one if more follow.
    pub async fn list(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<App>, Option<String>), Error> {
        // This position sorts before every client id.
        const AFTER_DEFAULT: &str = " ";
        if let Some(after) = after {
            let listed = self.store.apps(Some(after), limit).await?;
            return Ok((listed.items, listed.end));
        }

        let default_app = self.get(DEFAULT_CLIENT_ID).await?;
        let listed = self.store.apps(None, limit.saturating_sub(1).max(1)).await?;
        if limit == 1 {
            let more = !listed.items.is_empty();
            return Ok((default_app.into_iter().collect(), more.then(|| AFTER_DEFAULT.to_owned())));
        }
        Ok((default_app.into_iter().chain(listed.items).collect(), listed.end))
    }

    /// The claims that tokens of each app take from `app_metadata`, of the apps that have any. The index
    /// may be a moment behind, so an app of the last second may be missing.
    pub async fn token_claims(&self) -> Result<Vec<(String, TokenClaims)>, Error> {
        let (mut claims, mut after) = (Vec::new(), None);
        loop {
            let (apps, end) = self.list(after.as_deref(), APPS_AT_ONCE).await?;
            let having = apps.into_iter().filter(|app| !app.token_claims.is_empty());
            claims.extend(having.map(|app| (app.client_id, app.token_claims)));
            match end {
                Some(end) => after = Some(end),
                None => return Ok(claims),
            }
        }
    }

    /// The `client_id` of an app that gives its newcomers a role, if there is one. The index may be a
    /// moment behind, so an app of the last second may be missing.
    pub async fn with_default_role(&self, role: &Role) -> Result<Option<String>, Error> {
        let gives = |app: &App| {
            app.default_role.as_deref().is_some_and(|name| canonical(name) == role.canonical())
        };
        let mut after = None;
        loop {
            let (apps, end) = self.list(after.as_deref(), APPS_AT_ONCE).await?;
            if let Some(app) = apps.into_iter().find(gives) {
                return Ok(Some(app.client_id));
            }
            match end {
                Some(end) => after = Some(end),
                None => return Ok(None),
            }
        }
    }

    /// Creates an app and records the `event` of it. A confidential app gets its first secret,
    /// which is returned with it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`]; [`Error::Conflict`] if the `client_id` is or was another app's.
    pub async fn create(
        &self,
        new: NewApp,
        event: impl FnOnce(&App) -> Result<Event, Error>,
    ) -> Result<(App, Option<AppSecret>), Error> {
        let now = whole_seconds(self.clock.now());
        let client_id = match new.client_id {
            Some(client_id) => app::parse_client_id(client_id)?,
            None => app::draw_client_id(&self.random)?,
        };
        let mut app = App::new(client_id, parse_name(&new.name)?, new.kind, &self.settings, now);
        app.apply(new.settings, &self.settings)?;

        let secret = match app.kind {
            AppType::Confidential => Some(AppSecret::draw(&self.random)?),
            AppType::Public => None,
        };
        app.secrets = secret.iter().map(StoredSecret::new).collect();

        if app.is_default() || !self.store.recording(event(&app)?).create_app(&app).await? {
            return Err(Error::taken("client_id"));
        }
        Ok((app, secret))
    }

    /// Changes an app. Returns it, and whether administrators are to be told: its origins, its
    /// text, its grants or where the hosted page sends people is not the same as before.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidRequest`]; [`Error::Conflict`] for switching the
    /// default app off.
    pub async fn change(&self, client_id: &str, change: &AppChange) -> Result<(App, bool), Error> {
        let now = whole_seconds(self.clock.now());
        let mut is_told = false;
        let app = self
            .store
            .change_app(client_id, &App::default_app(&self.settings), |app| {
                let before = app.clone();
                app.apply(change.clone(), &self.settings)?;
                if *app != before {
                    app.updated_at = now;
                }
                is_told = app.allowed_origins != before.allowed_origins
                    || app.hosted != before.hosted
                    || app.grants != before.grants
                    || app.branding != before.branding
                    || app.text_senders != before.text_senders
                    || app.sms_text != before.sms_text;
                Ok(())
            })
            .await?;
        Ok((app, is_told))
    }

    /// Gives a confidential app a new secret. The previous one stays valid for `old_valid_seconds`.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for a public app, which has none.
    pub async fn rotate_secret(
        &self,
        client_id: &str,
        old_valid_seconds: i64,
    ) -> Result<(App, AppSecret), Error> {
        let now = whole_seconds(self.clock.now());
        let secret = AppSecret::draw(&self.random)?;
        let app = self
            .store
            .change_app(client_id, &App::default_app(&self.settings), |app| {
                if app.kind == AppType::Public {
                    return Err(Error::conflict(
                        "client_id",
                        "is a public app, which has no secret",
                    ));
                }
                // Only one older secret stays. A second rotation revokes the one before it.
                app.secrets.truncate(1);
                for old in &mut app.secrets {
                    old.end_after(old_valid_seconds, now);
                }
                app.secrets.insert(0, StoredSecret::new(&secret));
                app.updated_at = now;
                Ok(())
            })
            .await?;
        Ok((app, secret))
    }

    /// Deletes an app. Its tokens stop working immediately, and its `client_id` is never given to
    /// another app.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for the default app.
    pub async fn delete(&self, client_id: &str) -> Result<(), Error> {
        if client_id == DEFAULT_CLIENT_ID {
            return Err(Error::conflict(
                "client_id",
                "is the default app, which cannot be deleted: administrators sign in through it",
            ));
        }
        self.store.delete_app(client_id).await
    }

    /// Whether a web origin belongs to the deployment or to an app that is on.
    pub async fn allows_origin(&self, origin: &str) -> Result<bool, Error> {
        if self.settings.allows_origin(origin) {
            return Ok(true);
        }
        self.store.is_origin_of_an_app(origin).await
    }
}
