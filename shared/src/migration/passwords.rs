//! Recognising people by the passwords that they had in another service.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    CognitoPool, ImportRecord, ImportedAddress, ImportedPassword,
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
    roles::Permissions,
    users::Password,
};

/// How long a process believes what it read about the time of refusals.
const KNOWN_SECONDS: i64 = 60;
/// How long another request may have been faster.
const SIMULTANEOUS_SECONDS: i64 = 10;
/// The time of refusals while Cognito is asked.
const COGNITO_STEP: Duration = Duration::from_secs(1);

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
        let recognised = self.recognise_anywhere((identifier, lookup), password, asked, recorder);
        let (recognised, step) = tokio::join!(recognised, self.refusal_time());
        if recognised.as_ref().is_err_and(|error| *error == Error::InvalidCredentials)
            && let Some(step) = step
        {
            wait_for_step(start, step).await;
        }
        recognised
    }

    async fn recognise_anywhere(
        &self,
        (identifier, lookup): (&Identifier, NameLookup),
        password: &Password,
        asked: (&str, Option<&str>),
        recorder: &Recorder,
    ) -> Result<RecognisedUser, Error> {
        let here = self.accounts.recognise((identifier, lookup), password, asked, recorder).await;
        match (&here, &self.elsewhere.cognito) {
            (Err(Error::InvalidCredentials), Some(cognito)) => {
                if !self.take_over(cognito, identifier, password, (asked.0, recorder)).await? {
                    return here;
                }
                let ip = recorder.device().ip.as_deref();
                let lookup = self.accounts.look_up_name(identifier, ip).await?;
                self.accounts.recognise((identifier, lookup), password, asked, recorder).await
            }
            _ => here,
        }
    }

    /// Takes over the user of the pool who has this name and password, if nobody has the name here, or
    /// somebody who was imported and has not signed in yet. Returns whether they were taken over,
    /// perhaps by another request.
    async fn take_over(
        &self,
        cognito: &Cognito,
        identifier: &Identifier,
        password: &Password,
        (client_id, recorder): (&str, &Recorder),
    ) -> Result<bool, Error> {
        let here = self.users.with_identifier(identifier).await?;
        if let Some(user) = here {
            // Another request of the same person was first.
            let just_now = self.users.clock.now() - seconds(SIMULTANEOUS_SECONDS);
            if user.password.is_some() && user.imported_at.is_some_and(|at| at >= just_now) {
                return Ok(true);
            }
            let is_waiting = is_untouched(&user) && user.imported_at.is_some();
            if !is_waiting || user.password.is_some() {
                return Ok(false);
            }
        }
        let name = match identifier {
            Identifier::Address(address) => address.as_str().to_owned(),
            Identifier::Username(username) => username.as_str().to_owned(),
        };
        let Some(user) = cognito.user(&name, password.as_typed()).await else { return Ok(false) };

        let password = self.users.hash_password(password).await?;
        let record = self.record(user, password);
        if record.phone.is_none() && record.email.is_none() {
            tracing::error!("a user of Cognito has neither a phone nor an e-mail address");
            return Ok(false);
        }
        let event = |id| {
            let target = user_subject(id);
            recorder.event(Activity::happened(Action::UserImport, target, client_id))
        };
        // The record has no roles, and whoever has the password may have the account.
        let by = (&Permissions::all(), uuid::Uuid::nil());
        match self.users.import(&record, by, event).await {
            Ok(_) => Ok(true),
            Err(error @ (Error::Unavailable(_) | Error::Internal(_))) => Err(error),
            Err(error) => {
                tracing::error!(%error, "a user of Cognito cannot be taken over");
                Ok(false)
            }
        }
    }

    fn record(&self, user: CognitoUser, password: crate::users::PasswordHash) -> ImportRecord {
        // One that is not proven would be left out beside a proven address, and may be somebody else's.
        let phone = user
            .phone_number
            .filter(|_| user.phone_number_verified || !user.email_verified)
            .and_then(|phone| self.challenges.phone(&phone).ok());
        let email = user.email.and_then(|email| self.challenges.email(&email).ok());
        ImportRecord {
            external_id: ExternalId::parse(&user.sub).ok(),
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
            name: user.name.and_then(|name| parse_name(name).ok()),
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
