//! Notices of changes to an account.

use futures_util::future::join_all;
use jiff::Timestamp;

use super::Accounts;
use crate::{
    apps::DEFAULT_CLIENT_ID,
    base::Error,
    identifiers::Address,
    limits::Throttle,
    messages::{Content, Messenger, Subject},
    spending::Fund,
    users::User,
};

/// The most administrators who are told of one change. Each message costs a request to AWS.
const MAX_TOLD: usize = 20;

impl Accounts {
    /// Notifies the administrators who can sign in, at most [`MAX_TOLD`], of a change. A notice that
    /// cannot be sent is only logged: the change stands.
    pub async fn tell_administrators(&self, subject: Subject, messenger: &Messenger) {
        let told = async {
            for id in self.store.administrators().await?.into_iter().take(MAX_TOLD) {
                if let Some(administrator) = self.store.user(id).await? {
                    self.tell(&administrator, subject, None, messenger).await;
                }
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = told.await {
            tracing::warn!(%error, "not all administrators could be notified of a change");
        }
    }

    /// Notifies a user of a changed password or second factor, by e-mail if they have proven an
    /// e-mail address, else by text. It prefers an address other than `not_by`, which was used for
    /// the change. The notice has a link that undoes the change. If the notice cannot be sent, the
    /// change still stands.
    pub async fn tell(
        &self,
        user: &User,
        subject: Subject,
        not_by: Option<&Address>,
        messenger: &Messenger,
    ) {
        let mut addresses: Vec<_> = user.addresses().collect();
        addresses.reverse();
        let other = addresses.iter().find(|address| Some(*address) != not_by).or(addresses.first());
        if let Some(address) = other {
            self.tell_at(address, subject, user, messenger).await;
        }
    }

    /// Notifies a user of the new address of their account: at every other proven address and, if it
    /// was replaced, at the `old` one. The `new` one gets nothing, because it may be a thief's.
    pub async fn tell_address(
        &self,
        user: &User,
        (old, new): (Option<&Address>, &Address),
        messenger: &Messenger,
    ) {
        let others = user.addresses().filter(|address| address != new);
        let told: Vec<_> = others.chain(old.cloned()).collect();
        let notices = told
            .iter()
            .map(|address| self.tell_at(address, Subject::AddressChanged, user, messenger));
        join_all(notices).await;
    }

    /// Notifies a user at all proven addresses that the account will be erased.
    pub async fn tell_erasure(&self, user: &User, messenger: &Messenger) {
        self.tell_everywhere(user, Subject::AccountErasure, messenger).await;
    }

    async fn tell_everywhere(&self, user: &User, subject: Subject, messenger: &Messenger) {
        let told: Vec<_> = user.addresses().collect();
        let notices = told.iter().map(|address| self.tell_at(address, subject, user, messenger));
        join_all(notices).await;
    }

    /// Notifies a user at all proven addresses that a new account has the phone of their account,
    /// which nobody had used for long.
    pub async fn tell_detached(&self, user: &User, messenger: &Messenger) {
        self.tell_everywhere(user, Subject::PhoneDetached, messenger).await;
    }

    /// Notifies the owner of `address` of a change of `user`. A phone gets at most three texts a day,
    /// out of a separate budget, because changing something again and again would otherwise be a way
    /// of SMS pumping. No counter of the source or of the block of numbers is asked: whoever has taken
    /// an account over could fill it first, and its owner would not learn of the change. A test phone
    /// is sent nothing. If the notice cannot be sent, that is only logged.
    async fn tell_at(
        &self,
        address: &Address,
        subject: Subject,
        user: &User,
        messenger: &Messenger,
    ) {
        let now = self.clock.now();
        let told = match address.phone() {
            None => self.send_notice(address, subject, user, messenger).await,
            Some(phone) if self.challenge_settings.test_phones.code(phone, now).is_some() => Ok(()),
            Some(_) => {
                self.counted_notice(
                    address,
                    now,
                    self.send_notice(address, subject, user, messenger),
                )
                .await
            }
        };
        if let Err(error) = told {
            tracing::warn!(%error, "a user could not be notified of a change");
        }
    }

    /// Counts a text to a phone and does `send`. If that fails, the count is refunded.
    async fn counted_notice(
        &self,
        address: &Address,
        now: Timestamp,
        send: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let own = self.hash_keys.address(address);
        let reserve = |throttle: &mut Throttle| throttle.reserve_notice(now);
        self.store.throttle(&own, now, reserve).await?;
        let sent = send.await;
        if sent.is_err() {
            let release = |throttle: &mut Throttle| {
                throttle.release_notice(now);
                Ok(())
            };
            self.store.throttle(&own, now, release).await?;
        }
        sent
    }

    async fn send_notice(
        &self,
        address: &Address,
        subject: Subject,
        user: &User,
        messenger: &Messenger,
    ) -> Result<(), Error> {
        let undo_link = self.undo_link(user);
        let erased_on = user.erase_at.map(|at| at.strftime("%Y-%m-%d").to_string());
        let locale = user.locale.as_deref();
        let sender = self.apps.active(DEFAULT_CLIENT_ID).await?.sender(self.apps.settings());
        let content = Content {
            channel: None,
            subject,
            sender: &sender,
            code: "",
            valid_minutes: 0,
            link: None,
            stop_link: None,
            undo_link: Some(&undo_link),
            erased_on: erased_on.as_deref(),
        };
        let prepared = messenger.prepare(address, (Fund::Notices, None), &content, locale).await?;
        messenger.send(prepared).await.map(drop)
    }
}
