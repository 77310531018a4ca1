//! The effects of a record.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_dynamodb::types::TransactWriteItem;
use uuid::Uuid;

use super::{
    ImportRecord, ImportedPassword,
    record::{Taken, is_untouched, left_out},
};
use crate::{
    administration::{ROLES_ASSIGN, Reach, Users, created, gone_meanwhile},
    apps::DEFAULT_CLIENT_ID,
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
    /// A user was as the record says, or has signed in since they were imported.
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

impl Users {
    /// Creates or changes the user of a record, as the table of this wing says, and records the `event` for
    /// it. Nothing is sent. An address that the other service has proven counts as proven.
    ///
    /// # Errors
    /// The refusal of the record, after which nothing has changed: [`Error::Conflict`] if an identifier
    /// is somebody else's; [`Error::InvalidRequest`] for an unknown role, or for metadata that is too
    /// long or nests too deep; [`Error::Forbidden`] for a role that the granter may not give, or for a
    /// user with rights that the granter lacks; [`Error::OwnAccount`] for the user who imports.
    /// [`Error::Unavailable`] if AWS fails.
    pub async fn import(
        &self,
        record: &ImportRecord,
        (granter, caller): (&Permissions, Uuid),
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Result<Imported, Error> {
        for _ in 0..TRIES {
            let imported = match self.of_record(record).await? {
                None => self.import_new(record, granter, &event).await,
                Some(user) if user.id == caller => Err(Error::OwnAccount),
                Some(user) => self.import_over(&user, record, granter, &event).await,
            };
            match imported {
                // The user has come, gone or changed since they were looked up.
                Err(Error::PreconditionFailed | Error::NotFound) => {}
                imported => return imported,
            }
        }
        Err(Error::Unavailable("a user changed too often while they were imported".into()))
    }

    /// The user of a record: by the id elsewhere, else by an address. An address that was not proven
    /// there leads only to somebody who was imported and has not signed in yet.
    async fn of_record(&self, record: &ImportRecord) -> Result<Option<User>, Error> {
        if let Some(id) = &record.external_id
            && let Some(user) = self.with_external_id(id).await?
        {
            return Ok(Some(user));
        }
        for (address, is_verified) in record.addresses() {
            let Some(user) = self.with_address(&address).await? else { continue };
            let is_waiting = user.imported_at.is_some() && is_untouched(&user);
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
    async fn import_new(
        &self,
        record: &ImportRecord,
        granter: &Permissions,
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Result<Imported, Error> {
        let now = self.clock.now();
        let mut user = User::new(self.random.uuid(now)?, whole_seconds(now));
        let roles = self.imported_roles(record, &BTreeSet::new(), granter).await?;
        let granted = roles.clone().unwrap_or_default();
        let by_default = match roles {
            Some(_) => None,
            None => self.apps.active(DEFAULT_CLIENT_ID).await?.default_role,
        };
        let roles = granted.iter().cloned().chain(by_default).collect();

        let (password, factor) = self.imported_secrets(record, &user).await?;
        let taken = Taken {
            record,
            roles: Some(roles),
            password,
            has_totp: factor.is_some(),
            now: whole_seconds(now),
        };
        taken.replace(&mut user);
        let metadata = Metadata::new(&self.within_tokens(record.metadata.clone()).await?)?;
        user.note_metadata(&Metadata::default(), &metadata);

        let writes = self.factor_write(user.id, factor.as_ref())?;
        let event = Event { changes: created(&user)?, ..event(user.id)? };
        let store = self.store.recording(event);
        let new = (&user, &metadata);
        match store.create_user_and(new, &granted, &self.hash_keys, writes).await? {
            Created::Yes => Ok(Imported {
                outcome: ImportOutcome::Created,
                user_id: user.id,
                left_out: left_out(record, &user),
            }),
            Created::Taken(_) if self.of_record(record).await?.is_some() => {
                Err(Error::PreconditionFailed)
            }
            Created::Taken(identifier) => {
                Err(Error::taken(user.field_of(&identifier, &self.hash_keys)))
            }
        }
    }

    /// # Errors
    /// As [`Self::import`]; [`Error::PreconditionFailed`] if somebody has signed in meanwhile.
    async fn import_over(
        &self,
        user: &User,
        record: &ImportRecord,
        granter: &Permissions,
        event: impl Fn(Uuid) -> Result<Event, Error>,
    ) -> Result<Imported, Error> {
        let reach = Reach::check(user, granter, &self.roles).await?;
        let (user_id, is_untouched) = (user.id, is_untouched(user));
        if !is_untouched && user.imported_at.is_some() {
            let outcome = ImportOutcome::Unchanged;
            return Ok(Imported { outcome, user_id, left_out: Vec::new() });
        }

        let held = user.roles.get(DEFAULT_CLIENT_ID).cloned().unwrap_or_default();
        let (password, factor) = match is_untouched {
            true => self.imported_secrets(record, user).await?,
            false => (None, None),
        };
        let taken = Taken {
            record,
            roles: self.imported_roles(record, &held, granter).await?,
            password,
            has_totp: factor.is_some(),
            now: whole_seconds(self.clock.now()),
        };
        let own_metadata = record.metadata.metadata.clone();
        let patch = MetadataPatch {
            metadata: own_metadata.filter(|_| is_untouched || user.metadata.is_none()),
            ..record.metadata.clone()
        };
        let patch = self.within_tokens(patch).await?;

        let change = |current: &mut User| {
            reach.check_unchanged(current)?;
            if super::record::is_untouched(current) != is_untouched {
                return Err(Error::PreconditionFailed);
            }
            match is_untouched {
                true => taken.replace(current),
                false => taken.fill(current),
            }
            Ok(())
        };
        let (writes, keys) = (self.factor_write(user_id, factor.as_ref())?, &self.hash_keys);
        let store = self.store.recording(event(user_id)?);
        let changed =
            store.change_user_with_metadata_and((user_id, writes), keys, &patch, change).await;
        let (changed, _) = changed.map_err(gone_meanwhile)?;
        let outcome = match changed.version == user.version {
            true => ImportOutcome::Unchanged,
            false => ImportOutcome::Updated,
        };
        Ok(Imported { outcome, user_id, left_out: left_out(record, &changed) })
    }

    /// The roles of a record, if it names any.
    async fn imported_roles(
        &self,
        record: &ImportRecord,
        held: &BTreeSet<String>,
        granter: &Permissions,
    ) -> Result<Option<BTreeSet<String>>, Error> {
        let Some(names) = &record.roles else { return Ok(None) };
        if !names.is_empty() && !granter.contains(ROLES_ASSIGN) {
            return Err(Error::Forbidden(ROLES_ASSIGN.to_owned()));
        }
        self.grantable(names, held, granter).await.map(Some)
    }

    /// The password and the authenticator app of a record, each only if it is another one than the
    /// user has.
    async fn imported_secrets(
        &self,
        record: &ImportRecord,
        user: &User,
    ) -> Result<(Option<PasswordHash>, Option<SecondFactor>), Error> {
        let password = match &record.password {
            None => None,
            Some(ImportedPassword::Ours(hash)) => Some(hash.clone()),
            Some(ImportedPassword::Foreign(hash)) => {
                if self.hasher.keeps((user.id, user.password.as_ref()), hash) {
                    None
                } else {
                    self.allow_time_for(hash).await?;
                    Some(self.hasher.keep_foreign(hash, user.id, &self.random)?)
                }
            }
        };
        let factor = match &record.totp {
            Some(secret) if !self.has_totp(user, secret).await? => {
                let sealed = (secret.as_bytes(), &self.random);
                let sealed = self.hash_keys.seal_second_factor(user.id, sealed.0, sealed.1)?;
                Some(SecondFactor {
                    sealed_secret: sealed,
                    last_step: 0,
                    recovery_codes: BTreeSet::new(),
                    created_at: whole_seconds(self.clock.now()),
                })
            }
            _ => None,
        };
        Ok((password, factor))
    }

    /// Makes all refusals of passwords take as long as this hash does, before somebody has it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if it takes too long here; [`Error::Unavailable`].
    async fn allow_time_for(&self, hash: &ForeignHash) -> Result<(), Error> {
        let (time, is_new) = self.hasher.time_of(hash).await?;
        if time > SLOWEST_HASH {
            let (class, took, most) = (hash.class(), time.as_millis(), SLOWEST_HASH.as_millis());
            let text = format!("takes too long ({class}): {took} ms here, and {most} are accepted");
            return Err(Error::field("password_hash", text));
        }
        if is_new { self.store.raise_refusal_time(step_for(time)).await } else { Ok(()) }
    }

    /// Whether the authenticator app of `user` has this secret.
    async fn has_totp(&self, user: &User, secret: &TotpSecret) -> Result<bool, Error> {
        if !user.totp {
            return Ok(false);
        }
        let Some(factor) = self.store.second_factor(user.id).await? else { return Ok(false) };
        let (opened, _) = self.hash_keys.open_second_factor(user.id, &factor.sealed_secret)?;
        let opened = zeroize::Zeroizing::new(opened);
        Ok(subtle::ConstantTimeEq::ct_eq(opened.as_slice(), secret.as_bytes()).into())
    }

    fn factor_write(
        &self,
        user_id: Uuid,
        factor: Option<&SecondFactor>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        factor.map(|factor| self.store.factor_write(user_id, factor)).into_iter().collect()
    }
}
