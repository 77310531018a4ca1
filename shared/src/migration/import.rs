//! The effects of a record.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use uuid::Uuid;

use super::{
    ImportRecord, ImportedPassword,
    record::{Taken, is_untouched, left_out},
};
use crate::{
    administration::{Reach, Users, created, gone_meanwhile},
    apps::{DEFAULT_CLIENT_ID, TokenClaims},
    audit::Event,
    base::{Error, whole_seconds},
    identifiers::Address,
    roles::Permissions,
    second_factors::{SecondFactor, TotpSecret},
    users::{Created, ForeignHash, Metadata, MetadataPatch, PasswordHash, User},
};

/// The shortest time of a refusal once there are hashes of other services. Our hash takes less.
const SHORTEST_STEP: Duration = Duration::from_millis(250);
/// The longest time of a hash. All refusals of passwords wait for it, and a request has eight seconds.
const SLOWEST_HASH: Duration = Duration::from_millis(2_400);

/// How many records are worked on at the same time.
const AT_ONCE: usize = 5;
/// How often a record is tried, if its user changes meanwhile.
const TRIES: usize = 5;

/// The time of a refusal, if one hash takes `time`: twice that, since a password may be compared in two
/// forms, and some more.
fn step_for(time: Duration) -> Duration {
    (time * 5 / 2).max(SHORTEST_STEP)
}

/// The result of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportOutcome {
    /// There is a new user.
    Created,
    /// A user has changed.
    Updated,
    /// A user was as the record says, or the account has been theirs since they were imported.
    Unchanged,
}

/// A record that was not refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Its effect.
    pub outcome: ImportOutcome,
    /// The user.
    pub user_id: Uuid,
    /// The fields that the user does not have, though the record does.
    pub left_out: Vec<&'static str>,
}

/// Somebody by whose word records are believed.
enum Importer {
    /// An administrator: their id and their permissions.
    Administrator(Uuid, Permissions),
    /// The person themselves, whom the other service has just recognised.
    Person,
}

/// The places of records, in groups of which no two records share an address or a name.
fn waves(records: &[&ImportRecord]) -> Vec<Vec<usize>> {
    let (mut waves, mut last): (Vec<Vec<usize>>, _) = (Vec::new(), HashMap::new());
    for (place, record) in records.iter().enumerate() {
        let names = record.names();
        let wave = names.iter().filter_map(|name| last.get(name)).max().map_or(0, |it| it + 1);
        last.extend(names.into_iter().map(|name| (name, wave)));
        waves.resize(waves.len().max(wave + 1), Vec::new());
        if let Some(wave) = waves.get_mut(wave) {
            wave.push(place);
        }
    }
    waves
}

/// Imports records.
pub struct Import<'a> {
    users: &'a Users,
    importer: Importer,
    /// The claims of apps, which must have room in tokens.
    token_claims: Vec<(String, TokenClaims)>,
}

impl<'a> Import<'a> {
    /// An import of `records` by the administrator `caller` with these permissions.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn by_administrator(
        users: &'a Users,
        (permissions, caller): (&Permissions, Uuid),
        records: &[&ImportRecord],
    ) -> Result<Self, Error> {
        let token_claims = match records.iter().any(|it| it.metadata.app_metadata.is_some()) {
            true => users.apps.token_claims().await?,
            false => Vec::new(),
        };
        let importer = Importer::Administrator(caller, permissions.clone());
        Ok(Self { users, importer, token_claims })
    }

    /// An import of a person by themselves. It changes nothing in accounts in use, or in those that were
    /// not imported.
    pub(super) fn by_person(users: &'a Users) -> Self {
        Self { users, importer: Importer::Person, token_claims: Vec::new() }
    }

    /// The effects of several records, or their refusals as [`Self::import`], in their order. Those that
    /// share an address or a name are imported one after another, the others at the same time.
    pub async fn import_all(
        &self,
        records: &[&ImportRecord],
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Vec<Result<Imported, Error>> {
        let mut results = BTreeMap::new();
        for wave in waves(records) {
            let import = async |place: usize| match records.get(place) {
                Some(record) => Some((place, self.import(record, &event).await)),
                None => None,
            };
            let imported = stream::iter(wave).map(import).buffer_unordered(AT_ONCE);
            results.extend(imported.filter_map(async |it| it).collect::<Vec<_>>().await);
        }
        results.into_values().collect()
    }

    /// Creates or changes the user of a record, as the table of this wing says, and records the `event`
    /// for it. Nothing is sent. An address that the other service has proven counts as proven.
    ///
    /// # Errors
    /// The refusal of the record, after which nothing has changed: [`Error::Conflict`] if an address or
    /// the id elsewhere is somebody else's; [`Error::InvalidRequest`] for an unknown role, or for metadata that
    /// is too long or nests too deep; [`Error::Forbidden`] for a role that the administrator may not give,
    /// or for a user with rights that they lack; [`Error::OwnAccount`] for themselves.
    /// [`Error::Unavailable`] if AWS fails.
    pub(super) async fn import(
        &self,
        record: &ImportRecord,
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Result<Imported, Error> {
        match self.import_whole(record, &event).await {
            // A person can do without a username.
            Err(Error::Conflict(field)) if field.field == "username" => {
                let record = ImportRecord { username: None, ..record.clone() };
                let mut imported = self.import_whole(&record, &event).await?;
                imported.left_out.push("username");
                Ok(imported)
            }
            imported => imported,
        }
    }

    async fn import_whole(
        &self,
        record: &ImportRecord,
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Result<Imported, Error> {
        for _ in 0..TRIES {
            let imported = match self.user_of(record).await? {
                None => self.create(record, &event).await,
                Some(user) => self.change(&user, record, &event).await,
            };
            match imported {
                // The user has come, gone or changed since they were looked up.
                Err(Error::PreconditionFailed | Error::NotFound) => {}
                imported => return imported,
            }
        }
        Err(Error::Unavailable("a user changed too often while they were imported".into()))
    }

    /// The user of a record: by the id elsewhere, else by an address that was proven there. If none
    /// was, an address leads only to an account that waits for its proof here as well.
    async fn user_of(&self, record: &ImportRecord) -> Result<Option<User>, Error> {
        if let Some(id) = &record.external_id
            && let Some(user) = self.users.with_external_id(id).await?
        {
            return Ok(Some(user));
        }
        for (address, is_verified) in record.claimed_addresses() {
            let Some(user) = self.users.with_address(&address).await? else { continue };
            let is_waiting = user.unproven && user.imported_at.is_some() && is_untouched(&user);
            if !record.can_be(&user) || !is_verified && !is_waiting {
                return Err(Error::taken(match address {
                    Address::Sms(_) => "phone",
                    Address::Email(_) => "email",
                }));
            }
            return Ok(Some(user));
        }
        Ok(None)
    }

    /// # Errors
    /// As [`Self::import`]; [`Error::PreconditionFailed`] if another request has just created the user
    /// of the record.
    async fn create(
        &self,
        record: &ImportRecord,
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Result<Imported, Error> {
        let users = self.users;
        let now = users.clock.now();
        let mut user = User::new(users.random.uuid(now)?, whole_seconds(now));
        let granted = self.roles(record.roles.clone(), &BTreeSet::new()).await?;
        let (granted, roles) = users.first_roles(granted).await?;

        let (password, factor) = self.secrets(record, &user).await?;
        let taken = Taken {
            record,
            roles: Some(roles),
            password,
            has_totp: factor.is_some(),
            now: whole_seconds(now),
        };
        taken.replace(&mut user);
        self.check_admin_phone(&User::new(user.id, now), &user)?;
        let metadata = Metadata::new(&self.metadata(record))?;
        user.note_metadata(&Metadata::default(), &metadata);

        let writes = users.store.factor_writes(user.id, factor.as_ref())?;
        let event = Event { changes: created(&user)?, ..event(user.id)? };
        let store = users.store.recording(event);
        let new = (&user, &metadata);
        match store.create_user_and(new, &granted, &users.hash_keys, writes).await? {
            Created::Yes => Ok(Imported {
                outcome: ImportOutcome::Created,
                user_id: user.id,
                left_out: left_out(record, &user),
            }),
            Created::Taken(_) if self.user_of(record).await?.is_some() => {
                Err(Error::PreconditionFailed)
            }
            Created::Taken(identifier) => {
                Err(Error::taken(user.field_of(&identifier, &users.hash_keys)))
            }
        }
    }

    /// # Errors
    /// As [`Self::import`]; [`Error::PreconditionFailed`] if somebody has signed in meanwhile.
    async fn change(
        &self,
        user: &User,
        record: &ImportRecord,
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Result<Imported, Error> {
        let (users, user_id, may_replace) = (self.users, user.id, is_untouched(user));
        let permissions = match &self.importer {
            Importer::Administrator(caller, _) if *caller == user_id => {
                return Err(Error::OwnAccount);
            }
            Importer::Administrator(_, permissions) => permissions.clone(),
            Importer::Person => Permissions::all(),
        };
        let reach = Reach::check(user, &permissions, &users.roles).await?;
        let may_change = match self.importer {
            Importer::Administrator(..) => may_replace || user.imported_at.is_none(),
            // An administrator needs more than the word of another service.
            Importer::Person => may_replace && user.imported_at.is_some() && !user.has_admin_role(),
        };
        if !may_change {
            let outcome = ImportOutcome::Unchanged;
            return Ok(Imported { outcome, user_id, left_out: Vec::new() });
        }

        let held = user.roles.get(DEFAULT_CLIENT_ID).cloned().unwrap_or_default();
        let mut names = record.roles.clone();
        if let Some(names) = names.as_mut().filter(|_| !may_replace) {
            names.extend(held.iter().cloned());
        }
        let (password, factor) = match may_replace {
            true => self.secrets(record, user).await?,
            false => (None, None),
        };
        let taken = Taken {
            record,
            roles: self.roles(names, &held).await?,
            password,
            has_totp: factor.is_some(),
            now: whole_seconds(users.clock.now()),
        };
        let (own, of_apps) = (user.metadata.is_some(), user.app_metadata.is_some());
        let patch = self.metadata(record);
        let patch = MetadataPatch {
            metadata: patch.metadata.filter(|_| may_replace || !own),
            app_metadata: patch.app_metadata.filter(|_| may_replace || !of_apps),
            ..patch
        };

        let change = |current: &mut User| {
            reach.check_unchanged(current)?;
            if is_untouched(current) != may_replace {
                return Err(Error::PreconditionFailed);
            }
            let before = current.clone();
            match may_replace {
                true => taken.replace(current),
                false => taken.fill(current),
            }
            self.check_admin_phone(&before, current)
        };
        let writes = users.store.factor_writes(user_id, factor.as_ref())?;
        let keys = &users.hash_keys;
        let store = users.store.recording(event(user_id)?);
        let changed =
            store.change_user_with_metadata_unnoted((user_id, writes), keys, &patch, change).await;
        let (changed, _) = changed.map_err(gone_meanwhile)?;
        let outcome = match changed.version == user.version {
            true => ImportOutcome::Unchanged,
            false => ImportOutcome::Updated,
        };
        Ok(Imported { outcome, user_id, left_out: left_out(record, &changed) })
    }

    /// The owner of `ADMIN_PHONE` becomes an administrator by proving it here, so it does not come in
    /// as proven.
    fn check_admin_phone(&self, before: &User, after: &User) -> Result<(), Error> {
        let admin_phone = self.users.settings.admin_phone.as_ref();
        let comes_in = after.phone_is_verified()
            && after.phone.as_ref() == admin_phone
            && !(before.phone_is_verified() && before.phone == after.phone);
        if comes_in {
            let text = "is that of ADMIN_PHONE, whose owner signs in with a code first";
            return Err(Error::field("phone", text));
        }
        Ok(())
    }

    /// The metadata of a record, in place of that which is there.
    fn metadata(&self, record: &ImportRecord) -> MetadataPatch {
        MetadataPatch {
            replaces: true,
            token_claims: self.token_claims.clone(),
            ..record.metadata.clone()
        }
    }

    /// The roles with these names, if the administrator may give those that the user does not hold.
    async fn roles(
        &self,
        names: Option<Vec<String>>,
        held: &BTreeSet<String>,
    ) -> Result<Option<BTreeSet<String>>, Error> {
        let (Some(names), Importer::Administrator(_, permissions)) = (names, &self.importer) else {
            return Ok(None);
        };
        self.users.given(&names, held, permissions).await.map(Some)
    }

    /// The password and the authenticator app of a record, each only if it is another one than the
    /// user has.
    async fn secrets(
        &self,
        record: &ImportRecord,
        user: &User,
    ) -> Result<(Option<PasswordHash>, Option<SecondFactor>), Error> {
        let users = self.users;
        let password = match &record.password {
            None => None,
            Some(ImportedPassword::Ours(hash)) => Some(hash.clone()),
            Some(ImportedPassword::Foreign(hash)) => {
                let is_kept = users.hasher.keeps((user.id, user.password.as_ref()), hash);
                match !is_kept && self.allow_time_for(hash).await? {
                    true => Some(users.hasher.keep_foreign(hash, user.id, &users.random)?),
                    false => None,
                }
            }
        };
        let factor = match &record.totp {
            Some(secret) if !self.has_totp(user, secret).await? => Some(SecondFactor {
                sealed_secret: users.hash_keys.seal_second_factor(
                    user.id,
                    secret.as_bytes(),
                    &users.random,
                )?,
                last_step: 0,
                recovery_codes: BTreeSet::new(),
                created_at: whole_seconds(users.clock.now()),
            }),
            _ => None,
        };
        Ok((password, factor))
    }

    /// Makes all refusals of passwords take as long as this hash does, before somebody has it. Returns
    /// `false` if that is too long.
    async fn allow_time_for(&self, hash: &ForeignHash) -> Result<bool, Error> {
        let hasher = &self.users.hasher;
        if let Some(time) = hasher.known_time(hash) {
            return Ok(time <= SLOWEST_HASH);
        }
        let time = hasher.measure(hash).await?;
        if time <= SLOWEST_HASH {
            self.users.store.raise_refusal_time(step_for(time)).await?;
        } else {
            let (class, took) = (hash.class(), time.as_millis());
            tracing::warn!(class, took, "hashes of passwords take too long, and are left out");
        }
        hasher.note_time(hash, time);
        Ok(time <= SLOWEST_HASH)
    }

    /// Whether the authenticator app of `user` has this secret.
    async fn has_totp(&self, user: &User, secret: &TotpSecret) -> Result<bool, Error> {
        if !user.totp {
            return Ok(false);
        }
        let Some(factor) = self.users.store.second_factor(user.id).await? else {
            return Ok(false);
        };
        let opened = self.users.hash_keys.open_second_factor(user.id, &factor.sealed_secret)?;
        let opened = zeroize::Zeroizing::new(opened.0);
        Ok(subtle::ConstantTimeEq::ct_eq(opened.as_slice(), secret.as_bytes()).into())
    }
}
