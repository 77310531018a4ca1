//! Wrong passwords from one source address, over all names.

use super::Accounts;
use crate::{
    base::Error,
    crypto::IdentifierHash,
    limits::{Destination, Window},
};

/// The source of a password that is about to be tried.
pub(super) struct SourceOfFailures {
    counter: IdentifierHash,
    /// The failures that it had a moment ago.
    failures: i64,
}

impl SourceOfFailures {
    /// Reads the failures of a source.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn read(accounts: &Accounts, ip: Option<&str>) -> Result<Self, Error> {
        let (counter, now) = (accounts.hash_keys.password_source(ip), accounts.clock.now());
        let failures = accounts.store.counted_lately(&counter, Window::Hour, now).await?;
        Ok(Self { counter, failures })
    }

    /// The same if it is that of `ip`; otherwise that one is read.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn of(self, accounts: &Accounts, ip: Option<&str>) -> Result<Self, Error> {
        let is_same = accounts.hash_keys.password_source(ip) == self.counter;
        if is_same { Ok(self) } else { Self::read(accounts, ip).await }
    }

    /// Checks that the source may try, before its try is counted for a name.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] with the wait.
    pub(super) fn check(&self, accounts: &Accounts) -> Result<(), Error> {
        if self.failures < i64::from(accounts.limits.password_failures_per_ip_per_hour) {
            return Ok(());
        }
        let wait = Window::Hour.left(accounts.clock.now());
        Err(Error::TooManyAttempts { retry_after: Some(wait) })
    }

    /// Counts a wrong password.
    ///
    /// # Errors
    /// As [`Self::check`]. The caller must then not reveal that the password was wrong.
    pub(super) async fn fail(self, accounts: &Accounts) -> Result<(), Error> {
        let (max, now) = (accounts.limits.password_failures_per_ip_per_hour, accounts.clock.now());
        let counted = accounts
            .store
            .count_send(&self.counter, Window::Hour, Destination::Nothing, max, now)
            .await;
        counted.map(drop).map_err(|error| match error {
            Error::SmsLimitReached { retry_after } => {
                Error::TooManyAttempts { retry_after: Some(retry_after) }
            }
            error => error,
        })
    }

    /// Checks after a right password that the source may still try. Of many passwords that are compared
    /// at the same time, no more are then answered than one after the other.
    ///
    /// # Errors
    /// As [`Self::check`]. The caller must then not reveal that the password was right.
    pub(super) async fn pass(mut self, accounts: &Accounts) -> Result<(), Error> {
        let now = accounts.clock.now();
        self.failures = accounts.store.counted(&self.counter, Window::Hour, now).await?;
        self.check(accounts)
    }
}
