//! Wrong passwords from one source address, over all names.

use jiff::Timestamp;

use super::Accounts;
use crate::{
    base::Error,
    crypto::IdentifierHash,
    limits::{Counted, Destination, Window},
};

/// The source of a password that is about to be tried.
pub(super) struct SourceOfFailures {
    counter: IdentifierHash,
    /// The failure that was counted in advance.
    counted: Option<Counted>,
}

impl SourceOfFailures {
    /// Checks that the source may try. Once half its limit is used up, the try is counted before it
    /// is compared; until then only if it is wrong, which saves most sign-ins two writes.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] with the wait.
    pub(super) async fn check(
        accounts: &Accounts,
        ip: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let counter = accounts.hash_keys.password_source(ip);
        let failures = accounts.store.counted(&counter, Window::Hour, now).await?;
        let mut source = Self { counter, counted: None };
        if failures * 2 >= i64::from(accounts.limits.password_failures_per_ip_per_hour) {
            source.counted = Some(source.count(accounts, now).await?);
        }
        Ok(source)
    }

    /// Counts a wrong password.
    ///
    /// # Errors
    /// As [`Self::check`]. The caller must then not reveal that the password was wrong.
    pub(super) async fn fail(self, accounts: &Accounts, now: Timestamp) -> Result<(), Error> {
        if self.counted.is_none() {
            self.count(accounts, now).await?;
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

    async fn count(&self, accounts: &Accounts, now: Timestamp) -> Result<Counted, Error> {
        let max = accounts.limits.password_failures_per_ip_per_hour;
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
