//! The past of users in the table: noting changes, and undoing them.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use jiff::Timestamp;
use uuid::Uuid;

use super::{
    super::{DETACHED_SECONDS, Past, Restoration, User},
    user_item,
};
use crate::{
    apps::DEFAULT_CLIENT_ID,
    audit::{Action, Activity, Event, Recorder, user_subject},
    base::{Error, seconds},
    crypto::HashKeys,
    identifiers::Address,
    table::{CHANGE_TRIES, Item, Key, Store, keys, number, to_item, version},
};

impl Store {
    /// The changes of a user that can be undone.
    pub async fn past(&self, user_id: Uuid) -> Result<Past, Error> {
        Ok(self.get(Key::past(user_id)).await?.unwrap_or_default())
    }

    /// The writes that note a change of a user, so that it can be undone for `undo_seconds`, and at
    /// least until the account is erased. A second factor that the
    /// change removes is kept beside the user for as long.
    pub(super) async fn notes(
        &self,
        before: &User,
        after: &User,
        undo_seconds: i64,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let now = after.updated_at;
        let until = after.erase_at.into_iter().fold(now + seconds(undo_seconds), Timestamp::max);
        if !Restoration::concerns(before, after) {
            return Ok(Vec::new());
        }
        let past = self.past(before.id).await?;
        let Some(noted) = past.noting((before, after), now, until) else {
            return Ok(Vec::new());
        };

        let mut items = vec![self.put_past(&noted, past.version, before.id)?];
        if before.totp && !after.totp {
            let factor = self.item(Key::second_factor(before.id)).await?;
            if let Some(factor) = factor {
                items.push(self.put_always(removed_factor(
                    factor,
                    before.id,
                    until.as_second(),
                ))?);
            }
        }
        Ok(items)
    }

    /// Takes the phone from a user who no longer uses it, ends all sessions, known devices and sign-ins
    /// that wait, and creates the user `heir`, to whom it passes: all or nothing. The former owner can undo
    /// it for [`DETACHED_SECONDS`]. Returns them.
    ///
    /// # Errors
    /// As [`Self::change_user`]; [`Error::OtpExpired`] if `is_idle` does not hold any more;
    /// [`Error::PreconditionFailed`] if somebody else has another identifier of the heir.
    pub async fn pass_phone_on(
        &self,
        (user_id, heir): (Uuid, &User),
        keys: &HashKeys,
        now: Timestamp,
        is_idle: impl Fn(&User) -> bool,
    ) -> Result<User, Error> {
        let detach = |user: &mut User| {
            if !is_idle(user) {
                return Err(Error::OtpExpired);
            }
            user.phone = None;
            // Links to set a password must not outlive the change.
            user.password_count += 1;
            user.updated_at = now;
            user.sign_out_everywhere();
            Ok(())
        };
        let mut identifiers = heir.identifiers(keys);
        if let Some(phone) = &heir.phone {
            identifiers.remove(&keys.address(&Address::Sms(phone.clone())));
        }
        let (_, mut items) = self.claims(heir, &identifiers)?;
        items.push(self.put_if_absent(&user_item(heir)?)?);
        items.extend(self.admin_write(None, Some(heir))?);
        let ids = (user_id, Some(DETACHED_SECONDS), Some(heir.id));
        self.write_user(ids, keys, detach, items).await
    }

    /// Puts the past of a user over the version that was read; 0: there was none.
    fn put_past(&self, past: &Past, read: u64, user_id: Uuid) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(to_item(Key::past(user_id), past)?))
            // If TTL has removed the item that was read, no other write can have changed it.
            .condition_expression("attribute_not_exists(pk) OR version = :version")
            .expression_attribute_values(":version", version(read))
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Undoes all changes of a user that can be undone, if the change `id` is one of them. The user who
    /// owns one of the restored addresses now loses it. Records that the changes were undone, and each
    /// part of it as a separate event. Returns the restored user; `None` if there is nothing to undo.
    pub async fn undo(
        &self,
        (user_id, id): (Uuid, u64),
        keys: &HashKeys,
        recorder: &Recorder,
        now: Timestamp,
    ) -> Result<Option<User>, Error> {
        for _ in 0..CHANGE_TRIES {
            let past = self.past(user_id).await?;
            let Some(mut restoration) = past.restoration(id, now) else { return Ok(None) };
            self.free_addresses(user_id, &restoration, (keys, recorder), now).await?;

            let mut items =
                vec![self.delete_where(Key::past(user_id), "version", version(past.version))?];
            items.extend(self.restored_factor(user_id, &mut restoration).await?);
            if restoration.drops_passkeys {
                let Some(user) = self.user(user_id).await? else { return Ok(None) };
                items.extend(self.without_passkeys(restoration.added_passkeys(&user))?);
            }
            let parts: Vec<_> = restoration.actions().collect();
            let restore = |user: &mut User| {
                restoration.apply(user, now);
                Ok(())
            };
            let mut store = self.clone();
            for action in std::iter::once(Action::ChangesUndo).chain(parts) {
                let activity = Activity::own(action, user_id, DEFAULT_CLIENT_ID);
                store = store.recording(recorder.event(activity)?);
            }
            match store.change_user_unnoted(user_id, keys, restore, items).await {
                Ok(user) => return Ok(Some(user)),
                Err(Error::TokenInvalid) => return Ok(None),
                // Another change came first, or somebody took an address again.
                Err(Error::PreconditionFailed | Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Unavailable("too many requests changed a user at the same time".into()))
    }

    /// Takes the addresses of a restoration from the users who own them now. The changes of
    /// these users can no longer be undone, or they could take the addresses back.
    async fn free_addresses(
        &self,
        user_id: Uuid,
        restoration: &Restoration,
        (keys, recorder): (&HashKeys, &Recorder),
        now: Timestamp,
    ) -> Result<(), Error> {
        let (phone, email) = restoration.addresses();
        let addresses = [phone.cloned().map(Address::Sms), email.cloned().map(Address::Email)];
        for address in addresses.into_iter().flatten() {
            let owner = self.owner(&keys.address(&address)).await?;
            let Some(owner) = owner.filter(|owner| *owner != user_id) else { continue };

            let take = |user: &mut User| {
                match &address {
                    Address::Sms(phone) if user.phone.as_ref() == Some(phone) => user.phone = None,
                    Address::Email(email) if user.email.as_ref() == Some(email) => {
                        user.email = None;
                        user.email_verified = false;
                    }
                    // They gave it up meanwhile.
                    _ => return Err(Error::TokenInvalid),
                }
                user.password_count += 1;
                user.updated_at = now;
                user.sign_out_everywhere();
                Ok(())
            };
            let forget = vec![self.delete_always(Key::past(owner))?];
            let store = self.recording(taken_from(owner, recorder)?);
            match store.change_user_unnoted(owner, keys, take, forget).await {
                // They were deleted meanwhile, or gave the address up.
                Ok(_) | Err(Error::TokenInvalid) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The writes that restore the second factor, or remove it.
    async fn restored_factor(
        &self,
        user_id: Uuid,
        restoration: &mut Restoration,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        if !restoration.restores_factor {
            return if restoration.drops_factor {
                self.delete_factor_items(user_id)
            } else {
                Ok(Vec::new())
            };
        }

        let removed = Key::removed_factor(user_id);
        let Some(kept) = self.item(removed.clone()).await? else {
            // It cannot come back, and the one of now may be somebody else's.
            restoration.restores_factor = false;
            restoration.drops_factor = true;
            return self.delete_factor_items(user_id);
        };
        Ok(vec![
            self.put_always(with_key(kept, Key::second_factor(user_id)))?,
            self.delete_always(removed)?,
            self.delete_always(Key::enrolment(user_id))?,
        ])
    }
}

/// The event of a user who loses an address to the person who undid a change. It does not say where
/// that person is: the user may be the thief.
fn taken_from(owner: Uuid, recorder: &Recorder) -> Result<Event, Error> {
    let activity = Activity::happened(Action::AddressTake, user_subject(owner), DEFAULT_CLIENT_ID);
    Ok(Event { ip: None, user_agent: None, ..recorder.event(activity)? })
}

/// A second factor, as it is kept after its removal.
fn removed_factor(factor: Item, user_id: Uuid, expires_at: i64) -> Item {
    let mut item = with_key(factor, Key::removed_factor(user_id));
    item.insert(keys::TTL.to_owned(), number(expires_at));
    item
}

/// An item under another key, for good.
fn with_key(mut item: Item, key: Key) -> Item {
    item.remove(keys::TTL);
    item.extend(key.attributes().into_iter().collect::<Vec<(String, AttributeValue)>>());
    item
}
