//! Sending a code: counted before, and given back where it could not be sent.

use jiff::Timestamp;
use uuid::Uuid;

use super::Challenges;
use crate::{
    address::Address,
    challenge::{ChallengeContent, Purpose},
    error::Error,
    hash_keys::IdentifierHash,
    messages::{Content, Messenger},
    phone::PhoneNumber,
    throttle::Throttle,
};

impl Challenges {
    /// Counts a message against its source; nothing for test phones, which no limit applies to.
    pub(super) async fn count_source(
        &self,
        address: &Address,
        ip: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<IdentifierHash>, Error> {
        if self.test_code(address, now).is_some() {
            return Ok(None);
        }
        let source = self.hash_keys.source(ip);
        self.store.count_send(&source, self.settings.sends_per_ip_per_hour, now).await?;
        Ok(Some(source))
    }

    /// Counts a text against the numbers that begin as its own does: whoever pumps texts owns blocks of them.
    /// Nothing for e-mails and test phones.
    pub(super) async fn count_prefix(
        &self,
        address: &Address,
        is_test: bool,
        now: Timestamp,
    ) -> Result<Option<IdentifierHash>, Error> {
        let Some(prefix) = address.phone().filter(|_| !is_test).map(PhoneNumber::prefix) else { return Ok(None) };
        let prefix = self.hash_keys.identifier("prefix", prefix);
        self.store.count_send(&prefix, self.settings.sends_per_prefix_per_hour, now).await?;
        Ok(Some(prefix))
    }

    /// Counts a message against its address.
    pub(super) async fn reserve(
        &self,
        identifier: &IdentifierHash,
        purpose: Purpose,
        id: Uuid,
        is_test: bool,
        now: Timestamp,
    ) -> Result<Reserved, Error> {
        let limits = &self.settings.limits;
        let identity = self.store.identity(identifier).await?;
        let (owned, mut replaced) = (identity.owner.is_some(), None);
        let reserve = |throttle: &mut Throttle| {
            replaced = throttle.newest(purpose);
            if is_test {
                throttle.replace_newest(purpose, id);
                return Ok(Reserved { replaced, resend_in: 0, owned });
            }
            throttle.reserve_send(purpose, id, limits, now)?;
            Ok(Reserved { replaced, resend_in: throttle.resend_in(limits, now), owned })
        };
        let reserved = self.store.change_throttle(identifier, identity, now, reserve).await;
        if let Err(Error::Unavailable(_)) = &reserved {
            // It may have been counted all the same.
            self.release(identifier, (purpose, id), replaced, now).await;
        }
        reserved
    }

    /// Takes back what [`Self::reserve`] counted. Where that fails too, the limits are too strict for
    /// a while, never too lax.
    pub(super) async fn release(
        &self,
        identifier: &IdentifierHash,
        (purpose, id): (Purpose, Uuid),
        replaced: Option<Uuid>,
        now: Timestamp,
    ) {
        let release = |throttle: &mut Throttle| {
            // Another one in its place has its own message.
            if throttle.newest(purpose) == Some(id) {
                throttle.release_send(purpose, id, replaced, now);
            }
            Ok(())
        };
        let released = match self.store.identity(identifier).await {
            Ok(identity) => self.store.change_throttle(identifier, identity, now, release).await,
            Err(error) => Err(error),
        };
        if let Err(error) = released {
            tracing::warn!(%error, "a message that was not sent stays counted");
        }
    }

    /// Takes back what [`Self::count_source`] or [`Self::count_prefix`] counted.
    pub(super) async fn release_counted(&self, counted: Option<&IdentifierHash>, now: Timestamp) {
        if let Some(counted) = counted
            && let Err(error) = self.store.release_send(counted, now).await
        {
            tracing::warn!(%error, "a message that was not sent stays counted for its source or prefix");
        }
    }

    pub(super) async fn send_code(
        &self,
        content: &ChallengeContent,
        is_test: bool,
        messenger: &Messenger,
    ) -> Result<(), Error> {
        if is_test || content.decoy {
            return Ok(());
        }
        let message = Content {
            subject: content.subject,
            sender: &content.sender,
            code: &content.code,
            valid_minutes: self.settings.otp_ttl_seconds.unsigned_abs().div_ceil(60),
            link: content.link.as_deref(),
        };
        match messenger.send(&content.address, &message, content.locale.as_deref()).await {
            Err(error @ (Error::Unavailable(_) | Error::SmsLimitReached { .. })) if content.hides_failure => {
                tracing::error!(%error, "a code could not be sent, and its caller is not told");
                Ok(())
            }
            sent => sent,
        }
    }
}

/// A message that was counted.
pub(super) struct Reserved {
    pub(super) replaced: Option<Uuid>,
    pub(super) resend_in: i64,
    /// Whether the address has a user.
    pub(super) owned: bool,
}
