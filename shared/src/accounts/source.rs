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
    /// Whether it had much room a moment ago. Its try is then counted beside that of the name: it is
    /// unlikely that one of them is refused.
    pub(super) has_room: bool,
}

/// A try that is counted for its source.
pub(super) struct SourceTry(Counted);

impl SourceOfFailures {
    /// Reads the failures of a source.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn read(accounts: &Accounts, ip: Option<&str>) -> Result<Self, Error> {
        let (counter, now) = (accounts.hash_keys.password_source(ip), accounts.clock.now());
        let failures = accounts.store.counted_lately(&counter, Window::Hour, now).await?;
        let has_room = failures * 2 < i64::from(accounts.limits.password_failures_per_ip_per_hour);
        Ok(Self { counter, has_room })
    }

    /// The same if it is that of `ip`; otherwise that one is read.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(super) async fn of(self, accounts: &Accounts, ip: Option<&str>) -> Result<Self, Error> {
        let is_same = accounts.hash_keys.password_source(ip) == self.counter;
        if is_same { Ok(self) } else { Self::read(accounts, ip).await }
    }

    /// Counts a try as wrong, before it is compared.
    ///
    /// # Errors
    /// [`Error::TooManyAttempts`] with the wait.
    pub(super) async fn spend(&self, accounts: &Accounts) -> Result<SourceTry, Error> {
        let (max, now) = (accounts.limits.password_failures_per_ip_per_hour, accounts.clock.now());
        let counted = accounts
            .store
            .count_send(&self.counter, Window::Hour, Destination::Nothing, max, now)
            .await;
        counted.map(SourceTry).map_err(|error| match error {
            Error::SmsLimitReached { retry_after } => {
                Error::TooManyAttempts { retry_after: Some(retry_after) }
            }
            error => error,
        })
    }
}

impl SourceTry {
    /// Refunds the try: it was refused before it was compared, or its password was right.
    pub(super) async fn refund(self, accounts: &Accounts) {
        if let Err(error) = accounts.store.release_send(&self.0).await {
            tracing::warn!(%error, "a password that was not wrong stays counted for its source");
        }
    }
}
