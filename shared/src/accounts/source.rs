//! Wrong passwords from one source address, over all names.

use super::Accounts;
use crate::{
    base::Error,
    crypto::IdentifierHash,
    limits::{Counted, Destination, Window},
};

/// The source of a password that is about to be tried.
pub(super) struct SourceOfFailures {
    counter: IdentifierHash,
    /// The failures that it had when it was read.
    failures: i64,
    /// The failure that was counted in advance.
    counted: Option<Counted>,
}

impl SourceOfFailures {
    /// Reads the failures of a source.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn read(accounts: &Accounts, ip: Option<&str>) -> Result<Self, Error> {
        let (counter, now) = (accounts.hash_keys.password_source(ip), accounts.clock.now());
        let failures = accounts.store.counted(&counter, Window::Hour, now).await?;
        Ok(Self { counter, failures, counted: None })
    }

    /// The same if it is that of `ip`; otherwise that one is read.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn of(self, accounts: &Accounts, ip: Option<&str>) -> Result<Self, Error> {
        let is_same = accounts.hash_keys.password_source(ip) == self.counter;
        if is_same { Ok(self) } else { Self::read(accounts, ip).await }
    }

    /// Checks that the source may try. Once half its limit is used up, the try is counted before it
    /// is compared; until then only if it is wrong, which saves most sign-ins two writes.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] with the wait.
    pub(super) async fn check(&mut self, accounts: &Accounts) -> Result<(), Error> {
        if self.failures * 2 >= i64::from(accounts.limits.password_failures_per_ip_per_hour) {
            self.counted = Some(self.count(accounts).await?);
        }
        Ok(())
    }

    /// Counts a wrong password.
    ///
    /// # Errors
    /// As [`Self::check`]. The caller must then not reveal that the password was wrong.
    pub(super) async fn fail(self, accounts: &Accounts) -> Result<(), Error> {
        if self.counted.is_none() {
            self.count(accounts).await?;
        }
        Ok(())
    }

    /// Refunds what was counted, because the password was right.
    pub(super) async fn refund(self, accounts: &Accounts) {
        if let Some(counted) = &self.counted
            && let Err(error) = accounts.store.release_send(counted).await
        {
            tracing::warn!(%error, "a right password stays counted for its source");
        }
    }

    async fn count(&self, accounts: &Accounts) -> Result<Counted, Error> {
        let (max, now) = (accounts.limits.password_failures_per_ip_per_hour, accounts.clock.now());
        let counted = accounts
            .store
            .count_send(&self.counter, Window::Hour, Destination::Nothing, max, now)
            .await;
        counted.map_err(|error| match error {
            Error::SmsLimitReached { retry_after } => {
                Error::TooManyAttempts { retry_after: Some(retry_after) }
            }
            error => error,
        })
    }
}
