//! Recognising people by the passwords that they had in another service.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    CognitoPool, Import, ImportRecord, ImportedAddress, ImportedPassword,
    cognito::{Cognito, CognitoUser},
    record::is_untouched,
};
use crate::{
    accounts::{Accounts, NameLookup, RecognisedUser, RightPassword},
    administration::Users,
    audit::{Action, Activity, Recorder, user_subject},
    base::{Environment, Error, seconds, wait_for_step},
    challenges::Challenges,
    identifiers::{ExternalId, Identifier, Username, parse_name},
    messages::parse_locale,
    users::{Password, PasswordHash, User},
};

/// How long a process believes what it read about the time of refusals.
const KNOWN_SECONDS: i64 = 60;
/// The time of refusals while Cognito is asked: longer than it may take to answer.
const COGNITO_STEP: Duration = Duration::from_millis(1_500);

/// The state of a process: the client of Cognito, and the time that every refusal of a password takes.
/// Hashes of other services, and asking Cognito, take longer than our hash, so the time would tell who is here, or
/// came from there.
pub(crate) struct Elsewhere {
    cognito: Option<Cognito>,
    /// When the time for hashes was read, and what it was.
    for_hashes: Mutex<Option<(Timestamp, Option<Duration>)>>,
}

impl Elsewhere {
    /// For people of a user pool of Cognito, if there is one. No call is made.
    pub(crate) fn new(pool: Option<CognitoPool>, environment: &Environment) -> Self {
        let cognito = pool.map(|pool| Cognito::new(pool, environment));
        Self { cognito, for_hashes: Mutex::default() }
    }
}

/// Recognises people by their passwords, also by those that they had in another service.
#[derive(Clone)]
pub struct PasswordSignIns {
    pub(crate) accounts: Accounts,
    pub(crate) users: Users,
    pub(crate) challenges: Challenges,
    pub(crate) elsewhere: Arc<Elsewhere>,
}

impl PasswordSignIns {
    /// As [`Accounts::look_up_name`].
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn look_up_name(
        &self,
        identifier: &Identifier,
        ip: Option<&str>,
    ) -> Result<NameLookup, Error> {
        self.accounts.look_up_name(identifier, ip).await
    }

    /// As [`Accounts::refunding`].
    ///
    /// # Errors
    /// The errors of `work`.
    pub async fn refunding<T>(
        &self,
        right: RightPassword,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.accounts.refunding(right, work).await
    }

    /// As [`Accounts::recognise`]. A password of somebody who has none here is also tried in the user
    /// pool of Cognito, and taken over from there if it is right. All refusals take the same time.
    ///
    /// # Errors
    /// As [`Accounts::recognise`].
    pub async fn recognise(
        &self,
        (identifier, lookup): (&Identifier, NameLookup),
        password: &Password,
        asked: (&str, Option<&str>),
        recorder: &Recorder,
    ) -> Result<RecognisedUser, Error> {
        let start = Instant::now();
        let take_over = async |owner: Option<&User>| {
            self.take_over((identifier, owner), password, asked.0, recorder).await
        };
        let named = (identifier, lookup);
        let recognised = self.accounts.recognise(named, password, asked, recorder, take_over);
        let (recognised, step) = tokio::join!(recognised, self.refusal_time());
        if recognised.as_ref().is_err_and(|error| *error == Error::InvalidCredentials)
            && let Some(step) = step
        {
            wait_for_step(start, step).await;
        }
        recognised
    }

    /// Takes over the user of the pool who has this name and password, if nobody has the name here, or
    /// somebody who was imported and to whose account nobody has come yet. `None` if there is none, or
    /// if they cannot be taken over.
    async fn take_over(
        &self,
        (identifier, owner): (&Identifier, Option<&User>),
        password: &Password,
        client_id: &str,
        recorder: &Recorder,
    ) -> Result<Option<User>, Error> {
        let Some(cognito) = &self.elsewhere.cognito else { return Ok(None) };
        let may_come = owner.is_none_or(|user| {
            is_untouched(user) && user.imported_at.is_some() && user.password.is_none()
        });
        if !may_come {
            return Ok(None);
        }
        let name = match identifier {
            Identifier::Address(address) => address.as_str(),
            Identifier::Username(username) => username.as_str(),
        };
        let Some(found) = cognito.user(name, password.as_typed()).await else { return Ok(None) };
        let record = self.record(found, owner, self.users.hash_password(password).await?);
        if !record.has_proven_address() {
            tracing::error!(
                "a user of Cognito has no verified phone and no verified e-mail address"
            );
            return Ok(None);
        }

        let event = |id| {
            let target = user_subject(id);
            recorder.event(Activity::happened(Action::UserImport, target, client_id))
        };
        let imported = match Import::by_person(&self.users).import(&record, event).await {
            Ok(imported) => imported,
            Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "a user of Cognito cannot be taken over");
                return Ok(None);
            }
        };
        // Another request of the same person may have been first.
        let user = self.users.get(imported.user_id).await?;
        let is_theirs = self.users.has_password(&user, password).await?;
        Ok(Some(user).filter(|_| is_theirs))
    }

    /// The record of a user of the pool, who may be the `owner` of the typed name here.
    fn record(
        &self,
        user: CognitoUser,
        owner: Option<&User>,
        password: PasswordHash,
    ) -> ImportRecord {
        // An export as CSV has no `sub`.
        let by_username = owner.and_then(|owner| owner.external_id.clone());
        let by_username = by_username.filter(|id| Some(id.as_str()) == user.username.as_deref());
        let phone = user.phone_number.and_then(|phone| self.challenges.phone(&phone).ok());
        let email = user.email.and_then(|email| self.challenges.email(&email).ok());
        ImportRecord {
            external_id: by_username.or_else(|| ExternalId::parse(&user.sub).ok()),
            phone: phone.map(|address| ImportedAddress {
                address,
                is_verified: user.phone_number_verified,
            }),
            email: email
                .map(|address| ImportedAddress { address, is_verified: user.email_verified }),
            // Of a pool whose people sign in with their addresses, the username is the `sub`.
            username: user
                .username
                .filter(|username| *username != user.sub)
                .and_then(|username| Username::parse(&username).ok()),
            name: user.name.and_then(|name| parse_name(&name).ok()),
            locale: user.locale.as_deref().and_then(parse_locale),
            password: Some(ImportedPassword::Ours(password)),
            ..ImportRecord::default()
        }
    }

    /// The time of refusals, read once a minute in a process.
    async fn refusal_time(&self) -> Option<Duration> {
        let now = self.users.clock.now();
        let read = self.elsewhere.for_hashes.lock().ok().and_then(|read| *read);
        let of_hashes = match read {
            Some((at, time)) if now < at + seconds(KNOWN_SECONDS) && now >= at => time,
            _ => match self.users.store.refusal_time().await {
                Ok(time) => {
                    if let Ok(mut read) = self.elsewhere.for_hashes.lock() {
                        *read = Some((now, time));
                    }
                    time
                }
                Err(error) => {
                    tracing::warn!(%error, "the time of refusals could not be read");
                    read.and_then(|(_, time)| time)
                }
            },
        };
        of_hashes.max(self.elsewhere.cognito.as_ref().map(|_| COGNITO_STEP))
    }
}
