//! Letting people sign in again whom wrong guesses have shut out.

use jiff::Timestamp;

use super::Sessions;
use crate::{
    audit::{Action, Activity},
    base::Error,
    identifiers::Address,
    limits::{Asker, Throttle},
    users::{AuthenticationMethod, Recognised, Session, User},
};

impl Sessions {
    /// Whether strangers get no codes for the mailbox of a user whose address names a part of it. It is
    /// not noted in the user if somebody named another part.
    async fn is_mailbox_shut(&self, user: &User, now: Timestamp) -> Result<bool, Error> {
        let Some(address) = user.email.clone().map(Address::Email) else { return Ok(false) };
        let mailbox = self.hash_keys.recipient(&address);
        if mailbox == self.hash_keys.address(&address) {
            return Ok(false);
        }
        let identity = self.store.identity(&mailbox).await?;
        Ok(identity.throttle().check_code(&Asker::Stranger(String::new()), now).is_err())
    }

    /// Lets strangers sign in again to a user who was shut out after too many wrong codes or
    /// passwords, if the user was recognised by more than a password.
    pub(super) async fn end_lockout(
        &self,
        user: &User,
        recognised: &Recognised,
        session: &Session,
        now: Timestamp,
    ) {
        let is_password_alone = recognised.amr == [AuthenticationMethod::Pwd];
        if is_password_alone && recognised.device.is_none() {
            return;
        }

        let ended = async {
            if !user.locked_out && !self.is_mailbox_shut(user, now).await? {
                return Ok(());
            }
            for identifier in user.counted(&self.hash_keys) {
                let lift = |throttle: &mut Throttle| {
                    throttle.lift();
                    Ok(())
                };
                self.store.throttle(&identifier, now, lift).await?;
            }
            self.store.end_lockout(user.id).await?;
            let activity = Activity::own(Action::LockoutEnd, user.id, &session.client_id);
            self.store.record(&self.audit.event(activity, &session.device)?).await
        };
        if let Err(error) = ended.await {
            tracing::warn!(%error, "a lockout stays until the next sign-in");
        }
    }
}
