//! The service, put together. Each part is made when an endpoint first asks for it, and a Lambda
//! links only the parts that its endpoint asks for.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use tokio::sync::{Mutex, OnceCell};

use crate::{
    accounts::Accounts,
    administration::{Users, WaitingMoves},
    apps::Apps,
    audit::{Audit, RightCodes, anchors::Anchors},
    authorization::{Devices, PushedRequests},
    avatars::{AvatarUrls, Avatars, Objects},
    aws::Aws,
    back_channel::{EndedSessions, LogoutNotices, Queue},
    base::{Clock, Environment, Error, Random, Stage, seconds},
    challenges::Challenges,
    crypto::{HashKeys, READ_AGAIN_SECONDS, Roots, Secrets, USED_SECONDS},
    messages::{
        Credentials, DeliveryCounts, DeliveryEvents, MailTemplates, Messenger, ReportLinks, Reports,
    },
    migration::{Elsewhere, PasswordSignIns},
    passkeys::Passkeys,
    roles::Roles,
    second_factors::{Inventory, SecondFactors},
    sessions::{LiveSessions, Sessions},
    settings::Settings,
    spending::Spending,
    table::Store,
    tokens::{AccessTokens, Signer},
    users::{Directory, PasswordHasher},
};

/// The time after which roots are read again that could not be read.
const RETRY_SECONDS: i64 = 60;

/// The service. Cloning is cheap, and clones share the parts that were made.
#[derive(Clone)]
pub struct Latchkey(Arc<Inner>);

struct Inner {
    environment: Environment,
    settings: Arc<Settings>,
    clock: Clock,
    random: Random,
    aws: OnceLock<Aws>,
    store: OnceLock<Store>,
    secrets: OnceLock<Secrets>,
    credentials: OnceCell<Arc<Credentials>>,
    messenger: OnceCell<Messenger>,
    hasher: OnceLock<PasswordHasher>,
    access_tokens: OnceLock<AccessTokens>,
    roles: OnceLock<Roles>,
    avatar_urls: OnceLock<AvatarUrls>,
    avatar_objects: OnceLock<Objects>,
    right_codes: Arc<RightCodes>,
    hash_keys: Mutex<Option<ReadKeys>>,
    signer: OnceCell<Arc<Signer>>,
    logout_notices: OnceCell<LogoutNotices>,
    elsewhere: OnceLock<Arc<Elsewhere>>,
}

/// The hash keys, and when their roots were read.
struct ReadKeys {
    keys: Arc<HashKeys>,
    read_at: Timestamp,
    read_again_at: Timestamp,
}

impl ReadKeys {
    fn of(roots: &Roots, now: Timestamp) -> Result<Self, Error> {
        let read_again_at = now + seconds(READ_AGAIN_SECONDS);
        Ok(Self { keys: Arc::new(HashKeys::of(roots)?), read_at: now, read_again_at })
    }
}

impl Latchkey {
    /// Latchkey with the settings of an environment.
    ///
    /// # Errors
    /// One line for each bad setting.
    pub fn new(
        environment: Environment,
        clock: Clock,
        random: Random,
    ) -> Result<Self, Vec<String>> {
        let settings = Arc::new(Settings::parse(&environment, clock.now())?);
        Ok(Self(Arc::new(Inner {
            environment,
            settings,
            clock,
            random,
            aws: OnceLock::new(),
            store: OnceLock::new(),
            secrets: OnceLock::new(),
            credentials: OnceCell::new(),
            messenger: OnceCell::new(),
            hasher: OnceLock::new(),
            access_tokens: OnceLock::new(),
            roles: OnceLock::new(),
            avatar_urls: OnceLock::new(),
            avatar_objects: OnceLock::new(),
            right_codes: Arc::default(),
            hash_keys: Mutex::default(),
            signer: OnceCell::new(),
            logout_notices: OnceCell::new(),
            elsewhere: OnceLock::new(),
        })))
    }

    /// The settings.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.0.settings
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The source of random bytes.
    pub fn random(&self) -> &Random {
        &self.0.random
    }

    fn aws(&self) -> &Aws {
        self.0.aws.get_or_init(|| Aws::new(&self.0.environment))
    }

    /// The table.
    pub fn store(&self) -> &Store {
        let inner = &self.0;
        inner.store.get_or_init(|| {
            Store::new(self.aws(), &inner.settings.table_name, inner.random.clone())
        })
    }

    /// The (read, write) request units of the table used so far.
    pub fn used_units(&self) -> (f64, f64) {
        self.0.store.get().map_or((0.0, 0.0), Store::consumed_units)
    }

    /// Checks that the table can be read, and that a key is published, so that tokens can be signed.
    ///
    /// # Errors
    /// [`Error::NotReady`] before the first key is published; [`Error::Unavailable`].
    pub async fn check_ready(&self) -> Result<(), Error> {
        match self.store().public_keys().await?.keys.is_empty() {
            true => Err(Error::NotReady),
            false => Ok(()),
        }
    }

    /// The secrets of Secrets Manager.
    pub fn secrets(&self) -> &Secrets {
        self.0.secrets.get_or_init(|| Secrets::new(self.aws()))
    }

    /// The credentials of vendors, which are read once in a process. Without a secret, there are
    /// none.
    async fn credentials(&self) -> Result<Arc<Credentials>, Error> {
        let read = || async {
            let credentials = match &self.0.settings.messages.senders_secret {
                Some(secret) => Credentials::parse(&self.secrets().read(secret).await?),
                None => Credentials::default(),
            };
            Ok(Arc::new(credentials))
        };
        self.0.credentials.get_or_try_init(read).await.cloned()
    }

    /// The sender of messages.
    ///
    /// # Errors
    /// [`Error::Internal`] if a client of AWS cannot be made; [`Error::Unavailable`].
    pub async fn messenger(&self) -> Result<Messenger, Error> {
        let inner = &self.0;
        let make = || async {
            let settings = &inner.settings;
            let credentials = match settings.messages.needs_credentials() {
                true => self.credentials().await?,
                false => Arc::default(),
            };
            let (store, budget) = (self.store().clone(), settings.budget.clone());
            let spending =
                Spending::new(store.clone(), budget, inner.clock.clone(), inner.random.clone());
            Messenger::new(
                (self.aws(), &inner.environment),
                &settings.messages,
                &credentials,
                (store, spending),
                (&inner.clock, &inner.random),
            )
        };
        let messenger = inner.messenger.get_or_try_init(make).await?.clone();
        match inner.settings.messages.senders_secret.is_some() {
            true => Ok(messenger.reported_to(self.report_links().await?)),
            false => Ok(messenger),
        }
    }

    async fn report_links(&self) -> Result<ReportLinks, Error> {
        let (issuer, keys) = (self.0.settings.issuer.clone(), self.hash_keys().await?);
        Ok(ReportLinks::new(issuer, keys, self.0.clock.clone()))
    }

    /// The delivery reports of senders.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the credentials of senders cannot be read.
    pub async fn reports(&self) -> Result<Reports, Error> {
        let (credentials, links) = (self.credentials().await?, self.report_links().await?);
        Ok(Reports::new(self.store().clone(), credentials, links))
    }

    /// The templates of e-mails.
    pub fn mail_templates(&self) -> MailTemplates {
        MailTemplates { apps: self.apps() }
    }

    /// The events of AWS End User Messaging.
    pub fn delivery_events(&self) -> DeliveryEvents {
        DeliveryEvents { store: self.store().clone() }
    }

    /// How many texts were delivered.
    pub fn delivery_counts(&self) -> DeliveryCounts {
        DeliveryCounts { store: self.store().clone(), clock: self.0.clock.clone() }
    }

    /// The verifier of access tokens.
    pub fn access_tokens(&self) -> AccessTokens {
        let make = || {
            AccessTokens::new(
                self.store().clone(),
                self.apps(),
                self.0.settings.issuer.clone(),
                self.0.clock.clone(),
            )
        };
        self.0.access_tokens.get_or_init(make).clone()
    }

    /// The apps.
    pub fn apps(&self) -> Apps {
        Apps {
            store: self.store().clone(),
            settings: self.0.settings.apps.clone(),
            clock: self.0.clock.clone(),
            random: self.0.random.clone(),
            page: None,
        }
    }

    /// The audit trail.
    pub fn audit(&self) -> Audit {
        Audit::new(
            self.store().clone(),
            self.0.settings.audit_retention_days,
            self.0.clock.clone(),
            self.0.random.clone(),
        )
    }

    /// The anchors of the audit trail. A Lambda that asks for them links S3.
    ///
    /// # Errors
    /// [`Error::Internal`] if the environment names no bucket for them.
    pub fn anchors(&self) -> Result<Anchors, Error> {
        Anchors::new(self.store().clone(), &self.0.environment, self.0.clock.clone())
    }

    /// The roles.
    pub fn roles(&self) -> Roles {
        let make = || {
            Roles::new(self.store().clone(), self.0.settings.roles.clone(), self.0.clock.clone())
        };
        self.0.roles.get_or_init(make).clone()
    }

    /// The URLs of avatars.
    pub fn avatar_urls(&self) -> AvatarUrls {
        let inner = &self.0;
        let make =
            || AvatarUrls::new(&inner.environment, &inner.settings.avatars, inner.clock.clone());
        inner.avatar_urls.get_or_init(make).clone()
    }

    /// Avatars. A Lambda that asks for them links S3.
    pub async fn avatars(&self) -> Result<Avatars, Error> {
        let inner = &self.0;
        Ok(Avatars {
            store: self.store().clone(),
            objects: inner
                .avatar_objects
                .get_or_init(|| Objects::new(&inner.environment, &inner.settings.avatars))
                .clone(),
            hash_keys: self.hash_keys().await?,
            clock: inner.clock.clone(),
            random: inner.random.clone(),
        })
    }

    /// The hash keys. Their roots are read once an hour in a process, so that a process that is
    /// never restarted learns when one is replaced.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the roots could not be read for almost two hours.
    pub async fn hash_keys(&self) -> Result<Arc<HashKeys>, Error> {
        let (mut read, now) = (self.0.hash_keys.lock().await, self.0.clock.now());
        if let Some(read) = read.as_ref().filter(|read| now < read.read_again_at) {
            return Ok(read.keys.clone());
        }

        let roots = self.secrets().roots(&self.0.settings.keys.hash_keys_secret).await;
        match (roots, read.as_mut()) {
            (Ok(roots), _) => Ok(read.insert(ReadKeys::of(&roots, now)?).keys.clone()),
            (Err(error), Some(read)) if now < read.read_at + seconds(USED_SECONDS) => {
                tracing::warn!(%error, "the hash keys could not be read again");
                read.read_again_at = now + seconds(RETRY_SECONDS);
                Ok(read.keys.clone())
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The roots of the hash keys, as they are now. From now on, [`Self::hash_keys`] are of these.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn roots(&self) -> Result<Roots, Error> {
        let now = self.0.clock.now();
        let roots = self.secrets().roots(&self.0.settings.keys.hash_keys_secret).await?;
        *self.0.hash_keys.lock().await = Some(ReadKeys::of(&roots, now)?);
        Ok(roots)
    }

    /// Replaces the roots of the hash keys. Every instance knows them after two hours.
    ///
    /// # Errors
    /// [`Error::Conflict`] if another order was first; [`Error::Unavailable`].
    pub async fn put_roots(&self, roots: &Roots) -> Result<(), Error> {
        let secret = &self.0.settings.keys.hash_keys_secret;
        self.secrets().put_roots(secret, roots).await
    }

    /// Lets Secrets Manager delete the roots that [`Self::put_roots`] replaced.
    pub async fn forget_previous_roots(&self) -> Result<(), Error> {
        self.secrets().forget_previous(&self.0.settings.keys.hash_keys_secret).await
    }

    /// The signer of access tokens. Its key is read once in a process.
    pub async fn signer(&self) -> Result<Arc<Signer>, Error> {
        let read = || async {
            let keys =
                self.secrets().signing_keys(&self.0.settings.keys.signing_keys_secret).await?;
            Signer::of(keys).map(Arc::new)
        };
        self.0.signer.get_or_try_init(read).await.cloned()
    }

    /// Challenges: one-time codes.
    pub async fn challenges(&self) -> Result<Challenges, Error> {
        Ok(Challenges {
            store: self.store().clone(),
            apps: self.apps(),
            hash_keys: self.hash_keys().await?,
            settings: self.0.settings.challenges.clone(),
            limits: self.0.settings.limits.clone(),
            messages: self.0.settings.messages.clone(),
            right_codes: self.0.right_codes.clone(),
            clock: self.0.clock.clone(),
            random: self.0.random.clone(),
        })
    }

    /// Sessions: signing in, refreshing, signing out.
    pub async fn sessions(&self) -> Result<Sessions, Error> {
        let signer = Some(self.signer().await?);
        Ok(Sessions { signer, ..self.hosted_sessions().await? })
    }

    /// Sessions without the key that signs tokens, as the hosted page needs them.
    pub async fn hosted_sessions(&self) -> Result<Sessions, Error> {
        Ok(Sessions {
            entering: None,
            asked_scope: None,
            store: self.store().clone(),
            apps: self.apps(),
            roles: self.roles(),
            audit: self.audit(),
            avatar_urls: self.avatar_urls(),
            hash_keys: self.hash_keys().await?,
            signer: None,
            issuer: self.0.settings.issuer.clone(),
            user_settings: self.0.settings.users.clone(),
            challenge_settings: self.0.settings.challenges.clone(),
            code_ttl_seconds: self.0.settings.authorization.code_ttl_seconds,
            clock: self.0.clock.clone(),
            random: self.0.random.clone(),
        })
    }

    /// The requests that apps have pushed.
    pub fn pushed_requests(&self) -> PushedRequests {
        PushedRequests {
            store: self.store().clone(),
            clock: self.0.clock.clone(),
            random: self.0.random.clone(),
        }
    }

    /// The sign-ins of devices.
    pub async fn devices(&self) -> Result<Devices, Error> {
        Ok(Devices {
            store: self.store().clone(),
            hash_keys: self.hash_keys().await?,
            ttl_seconds: self.0.settings.authorization.device_code_ttl_seconds,
            clock: self.0.clock.clone(),
            random: self.0.random.clone(),
        })
    }

    /// The live sessions of users.
    pub fn live_sessions(&self) -> LiveSessions {
        LiveSessions { store: self.store().clone(), clock: self.0.clock.clone() }
    }

    /// The sessions of apps that have ended. A Lambda that asks for them links SQS.
    ///
    /// # Errors
    /// [`Error::Internal`] if the environment names no queue for them.
    pub fn ended_sessions(&self) -> Result<EndedSessions, Error> {
        let queue = Queue::new(&self.aws().config("SQS"), &self.0.environment)?;
        Ok(EndedSessions { apps: self.apps(), queue, clock: self.0.clock.clone() })
    }

    /// The notices that sessions of apps have ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the signing key cannot be read.
    pub async fn logout_notices(&self) -> Result<LogoutNotices, Error> {
        let inner = &self.0;
        let make = || async {
            let (settings, signer) = (&inner.settings, self.signer().await?);
            Ok(LogoutNotices::new(
                (self.apps(), signer),
                (settings.issuer.clone(), settings.stage == Stage::Prod),
                (inner.clock.clone(), inner.random.clone()),
            ))
        };
        inner.logout_notices.get_or_try_init(make).await.cloned()
    }

    /// Users by their ids.
    pub fn directory(&self) -> Directory {
        Directory { store: self.store().clone() }
    }

    /// The moves to new phones that wait for a second administrator.
    pub fn waiting_moves(&self) -> WaitingMoves {
        WaitingMoves { store: self.store().clone(), clock: self.0.clock.clone() }
    }

    /// The second factors that users have set up.
    pub fn inventory(&self) -> Inventory {
        Inventory { store: self.store().clone() }
    }

    /// Passkeys.
    pub async fn passkeys(&self) -> Result<Passkeys, Error> {
        Ok(Passkeys {
            store: self.store().clone(),
            apps: self.apps(),
            settings: self.0.settings.passkeys.clone(),
            hash_keys: self.hash_keys().await?,
            clock: self.0.clock.clone(),
            random: self.0.random.clone(),
        })
    }

    /// Second factors.
    pub async fn second_factors(&self) -> Result<SecondFactors, Error> {
        Ok(SecondFactors {
            store: self.store().clone(),
            hash_keys: self.hash_keys().await?,
            clock: self.0.clock.clone(),
            random: self.0.random.clone(),
        })
    }

    /// Users, as administrators see and change them.
    pub async fn users(&self) -> Result<Users, Error> {
        let hash_keys = self.hash_keys().await?;
        Ok(Users {
            store: self.store().clone(),
            hasher: self.hasher(&hash_keys),
            hash_keys,
            apps: self.apps(),
            roles: self.roles(),
            avatar_urls: self.avatar_urls(),
            settings: self.0.settings.users.clone(),
            clock: self.0.clock.clone(),
            random: self.0.random.clone(),
        })
    }

    /// Recognising people by their passwords.
    ///
    /// # Errors
    /// As [`Self::hash_keys`].
    pub async fn password_sign_ins(&self) -> Result<PasswordSignIns, Error> {
        let inner = &self.0;
        let make = || {
            let pool = inner.settings.migration.cognito.clone();
            Arc::new(Elsewhere::new(pool, &inner.environment))
        };
        Ok(PasswordSignIns {
            accounts: self.accounts().await?,
            users: self.users().await?,
            challenges: self.challenges().await?,
            elsewhere: inner.elsewhere.get_or_init(make).clone(),
        })
    }

    fn hasher(&self, hash_keys: &Arc<HashKeys>) -> PasswordHasher {
        let make =
            || PasswordHasher::new(hash_keys.clone(), self.0.settings.users.function_memory_mb);
        self.0.hasher.get_or_init(make).with(hash_keys.clone())
    }

    /// Accounts, as users change their own.
    pub async fn accounts(&self) -> Result<Accounts, Error> {
        let hash_keys = self.hash_keys().await?;
        Ok(Accounts {
            store: self.store().clone(),
            apps: self.apps(),
            hasher: self.hasher(&hash_keys),
            hash_keys,
            avatar_urls: self.avatar_urls(),
            settings: self.0.settings.accounts.clone(),
            user_settings: self.0.settings.users.clone(),
            limits: self.0.settings.limits.clone(),
            challenge_settings: self.0.settings.challenges.clone(),
            clock: self.0.clock.clone(),
            random: self.0.random.clone(),
        })
    }
}
