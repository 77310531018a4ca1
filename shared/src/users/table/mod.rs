//! Users in the table: their items, the identifiers that they own, and the other items under a
//! user's key.

mod erasure;
mod list;
mod metadata;
mod past;

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, TransactWriteItem, Update};
use serde::Deserialize;
use uuid::Uuid;

pub use self::{erasure::DueErasure, list::UserFilter};
use super::{Metadata, UNDO_SECONDS, User, user::USER_FIELDS};
use crate::{
    aws::unavailable,
    base::Error,
    crypto::{HashKeys, IdentifierHash},
    identifiers::PhoneNumber,
    roles::ADMIN_ROLE,
    table::{
        CHANGE_TRIES, Item, Key, Outcome, Store, from_item, keys, number, text, to_item, version,
    },
};

/// The attribute that identifies the last write of a user.
pub(crate) const CHANGED_BY: &str = "changed_by";

/// The condition that an identifier has no owner, or this user.
const OWN: &str = "attribute_not_exists(pk) OR user_id = :value";

/// The outcome of creating a user.
#[derive(Debug)]
pub enum Created {
    /// The user is created.
    Yes,
    /// Nothing is written, since somebody else has this identifier.
    Taken(IdentifierHash),
}

/// The item with the ids of the administrators who can sign in.
#[derive(Deserialize)]
struct Admins {
    ids: std::collections::BTreeSet<String>,
}

impl Store {
    /// The user with this id, or `None`.
    pub async fn user(&self, id: Uuid) -> Result<Option<User>, Error> {
        self.get(Key::user(id)).await
    }

    /// The user with this id, perhaps without the changes of the last second: a hint, on which no
    /// decision depends. It costs half of [`Self::user`].
    pub async fn user_lately(&self, id: Uuid) -> Result<Option<User>, Error> {
        self.get_lately(Key::user(id)).await
    }

    /// Creates a user with its metadata and its identifiers, all or nothing. The `granted` roles must
    /// exist. The default role of a sign-up is not checked, since a deleted role permits nothing.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if a granted role is deleted; [`Error::Unavailable`].
    pub async fn create_user(
        &self,
        new: (&User, &Metadata),
        granted: &BTreeSet<String>,
        keys: &HashKeys,
    ) -> Result<Created, Error> {
        self.create_user_and(new, granted, keys, Vec::new()).await
    }

    /// As [`Self::create_user`], with more writes in the same transaction, which have no condition.
    ///
    /// # Errors
    /// As [`Self::create_user`].
    pub(crate) async fn create_user_and(
        &self,
        (user, metadata): (&User, &Metadata),
        granted: &BTreeSet<String>,
        keys: &HashKeys,
        more: Vec<TransactWriteItem>,
    ) -> Result<Created, Error> {
        let (identifiers, mut items) = self.claims(user, &user.identifiers(keys))?;
        items.push(self.put_if_absent(&user_item(user)?)?);
        items.extend(self.metadata_write(user.id, &Metadata::default(), metadata)?);
        items.extend(more);
        items.extend(self.admin_write(None, Some(user))?);
        let role_checks_at = items.len();
        items.extend(self.not_deleted(granted.iter())?);

        for _ in 0..CHANGE_TRIES {
            match self.transact(items.clone()).await? {
                Outcome::Done => return Ok(Created::Yes),
                Outcome::Refused(place) if place >= role_checks_at => return Err(role_deleted()),
                Outcome::Refused(place) => {
                    let identifier = identifiers.get(place).cloned();
                    return identifier
                        .map(Created::Taken)
                        .ok_or_else(|| Error::Internal("a new user's id is already taken".into()));
                }
                Outcome::Busy => {}
            }
        }
        Err(Error::Unavailable("a transaction conflicted with others too often".into()))
    }

    /// The writes that make a user the owner of these identifiers, with the identifier of each.
    fn claims(
        &self,
        user: &User,
        identifiers: &BTreeSet<IdentifierHash>,
    ) -> Result<(Vec<IdentifierHash>, Vec<TransactWriteItem>), Error> {
        let (mut claimed, mut items) = (Vec::new(), Vec::new());
        for identifier in identifiers {
            for claim in self.claim(identifier, user.id)? {
                claimed.push(identifier.clone());
                items.push(claim);
            }
        }
        Ok((claimed, items))
    }

    /// Records that a user's address was proven for the first time; see [`User::prove`]. This also
    /// deletes their second factor.
    pub async fn prove_user(
        &self,
        user_id: Uuid,
        keys: &HashKeys,
        admin_phone: Option<&PhoneNumber>,
    ) -> Result<User, Error> {
        self.delete_second_factor(user_id, keys, |user| {
            user.prove(admin_phone);
            Ok(())
        })
        .await
    }

    /// Changes a user with optimistic locking: if another change comes first, `change` is applied
    /// again to the user as that one left it. Identifiers that the change adds or removes are
    /// written in the same transaction. Returns the changed user.
    ///
    /// # Errors
    /// The errors of `change`; [`Error::TokenInvalid`] if the user does not exist;
    /// [`Error::Conflict`] if somebody else has a new identifier, or if the change would leave no
    /// administrator; [`Error::InvalidRequest`] if a new role is deleted.
    pub async fn change_user(
        &self,
        id: Uuid,
        keys: &HashKeys,
        change: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<User, Error> {
        self.change_user_and(id, keys, change, Vec::new()).await
    }

    /// Notes in a user that strangers are shut out of one of the user's identifiers.
    pub async fn note_lockout(&self, user_id: Uuid) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET locked_out = :true ADD version :one")
            // Strangers who try at the same time write the user once.
            .condition_expression("attribute_exists(pk) AND NOT locked_out = :true")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":one", number(1));
        self.update_if(Key::user(user_id), update).await.map(drop)
    }

    /// Undoes [`Self::note_lockout`].
    pub async fn end_lockout(&self, user_id: Uuid) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("REMOVE locked_out ADD version :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", number(1));
        self.update_if(Key::user(user_id), update).await.map(drop)
    }

    /// As [`Self::change_user`], with more writes in the same transaction.
    ///
    /// # Errors
    /// As [`Self::change_user`]; [`Error::PreconditionFailed`] if a condition of the writes in
    /// `more` does not hold.
    pub(crate) async fn change_user_and(
        &self,
        id: Uuid,
        keys: &HashKeys,
        change: impl FnMut(&mut User) -> Result<(), Error>,
        more: Vec<TransactWriteItem>,
    ) -> Result<User, Error> {
        self.write_user((id, Some(UNDO_SECONDS), None), keys, change, more).await
    }

    /// As [`Self::change_user_and`], for a change that cannot be undone.
    async fn change_user_unnoted(
        &self,
        id: Uuid,
        keys: &HashKeys,
        change: impl FnMut(&mut User) -> Result<(), Error>,
        more: Vec<TransactWriteItem>,
    ) -> Result<User, Error> {
        self.write_user((id, None, None), keys, change, more).await
    }

    /// The write behind [`Self::change_user_and`]. If there are `undo_seconds`, changes of addresses,
    /// password and second factor are noted in the same transaction, so that they can be undone for
    /// as long ([`super::Past`]). Identifiers that the change removes pass to the `heir`, if there is one.
    async fn write_user(
        &self,
        (id, undo_seconds, heir): (Uuid, Option<i64>, Option<Uuid>),
        keys: &HashKeys,
        mut change: impl FnMut(&mut User) -> Result<(), Error>,
        more: Vec<TransactWriteItem>,
    ) -> Result<User, Error> {
        let mut written = None;
        for _ in 0..CHANGE_TRIES {
            let item = self.item(Key::user(id)).await?.ok_or(Error::TokenInvalid)?;
            // This is our own write, whose response was lost. If another write had the same result
            // for the user, we would not know whether `more` was written.
            let is_ours = written.is_some() && item.get(CHANGED_BY) == written.as_ref();
            let before: User = from_item(item)?;
            if is_ours {
                return Ok(before);
            }

            let mark = text(Uuid::from_bytes(self.random.bytes()?));
            let mut after = before.clone();
            change(&mut after)?;
            if after == before && more.is_empty() {
                return Ok(before);
            }

            after.version += 1;
            let mut item = user_item(&after)?;
            item.insert(CHANGED_BY.to_owned(), mark.clone());
            let mut items = vec![self.put_over(item, before.version)?];

            let admin = self.admin_write(Some(&before), Some(&after))?;
            let writes_admin = admin.is_some();
            items.extend(admin);

            let (old, new) = (before.identifiers(keys), after.identifiers(keys));
            let mut claimed = Vec::new();
            for identifier in new.difference(&old) {
                for claim in self.claim(identifier, id)? {
                    claimed.push((items.len(), identifier));
                    items.push(claim);
                }
            }
            for identifier in old.difference(&new) {
                items.extend(match heir {
                    None => self.release(identifier, id)?,
                    Some(heir) => self.pass_on(identifier, id, heir)?,
                });
            }

            let role_checks_at = items.len();
            items.extend(self.not_deleted(new_roles(&before, &after))?);
            let more_at = items.len();
            items.extend(more.iter().cloned());
            let notes_at = items.len();
            if let Some(undo_seconds) = undo_seconds {
                items.extend(self.notes(&before, &after, undo_seconds).await?);
            }

            let changes = USER_FIELDS.changes(Some(&before), Some(&after))?;
            match self.noting(&changes).transact(items).await? {
                Outcome::Done => return Ok(after),
                Outcome::Refused(1) if writes_admin => return Err(last_admin()),
                // Another change of the user was noted first.
                Outcome::Refused(place) if place >= notes_at => {}
                Outcome::Refused(place) if place >= more_at => {
                    return Err(Error::PreconditionFailed);
                }
                Outcome::Refused(place) if place >= role_checks_at => return Err(role_deleted()),
                Outcome::Refused(place) if place > 0 => {
                    let taken = claimed.iter().find(|(claim_at, _)| *claim_at == place);
                    let field = taken.map(|(_, identifier)| after.field_of(identifier, keys));
                    return Err(Error::taken(field.unwrap_or("address")));
                }
                Outcome::Refused(_) | Outcome::Busy => written = Some(mark),
            }
        }
        Err(Error::Unavailable("too many requests changed a user at the same time".into()))
    }

    /// Deletes a user if `check` allows it, and frees their identifiers. Then deletes all other
    /// items under the user's key.
    ///
    /// # Errors
    /// The errors of `check`; [`Error::Conflict`] for the last administrator.
    pub async fn delete_user(
        &self,
        id: Uuid,
        keys: &HashKeys,
        check: impl Fn(&User) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..CHANGE_TRIES {
            let Some(user) = self.user(id).await? else { break };
            check(&user)?;

            let mut items =
                vec![self.delete_where(Key::user(id), "version", version(user.version))?];
            let admin = self.admin_write(Some(&user), None)?;
            let writes_admin = admin.is_some();
            items.extend(admin);
            for identifier in user.identifiers(keys) {
                items.extend(self.release(&identifier, id)?);
            }
            // The second factor, the passkeys and the metadata are deleted in the transaction: unlike a
            // session, they never expire. So are the changes that could be undone, since they hold addresses.
            items.extend(self.delete_factor_items(id)?);
            items.extend(self.without_passkeys(&user.passkeys)?);
            items.push(self.delete_always(Key::past(id))?);
            items.push(self.delete_always(Key::metadata(id))?);
            items.push(self.delete_always(Key::removed_factor(id))?);

            match self.noting_sign_ins(&user.last_sign_ins()).transact(items).await? {
                Outcome::Done => break,
                Outcome::Refused(1) if writes_admin => return Err(last_admin()),
                Outcome::Refused(_) | Outcome::Busy => {}
            }
        }

        if self.user(id).await?.is_some() {
            return Err(Error::Unavailable(
                "too many requests changed a user at the same time".into(),
            ));
        }
        self.delete_all_of(id).await
    }

    /// The key of the item with the ids of the administrators who can sign in. It exists once there
    /// is one. `latchkey doctor` reads it with an operator's credentials.
    pub fn administrators_key() -> HashMap<String, AttributeValue> {
        Key::admins().attributes()
    }

    /// The ids of the administrators who can sign in.
    pub async fn administrators(&self) -> Result<Vec<Uuid>, Error> {
        let admins: Option<Admins> = self.get(Key::admins()).await?;
        let ids = admins.map(|admins| admins.ids).unwrap_or_default();
        Ok(ids.iter().filter_map(|id| id.parse().ok()).collect())
    }

    /// Checks that the user is not the last administrator who can sign in. The transactions here
    /// enforce this themselves; this is for work that has to be done before one.
    ///
    /// # Errors
    /// [`Error::Conflict`] for the last administrator.
    pub async fn check_not_last_admin(&self, user: &User) -> Result<(), Error> {
        if !user.is_active_admin() {
            return Ok(());
        }
        let admins: Option<Admins> = self.get(Key::admins()).await?;
        if admins.is_some_and(|admins| admins.ids.len() > 1) { Ok(()) } else { Err(last_admin()) }
    }

    /// The write that updates the ids of the administrators who can sign in, if a change adds or
    /// removes one. It fails if it would remove the last one.
    pub(crate) fn admin_write(
        &self,
        before: Option<&User>,
        after: Option<&User>,
    ) -> Result<Option<TransactWriteItem>, Error> {
        let (was, is) =
            (before.is_some_and(User::is_active_admin), after.is_some_and(User::is_active_admin));
        let Some(user) = after.or(before).filter(|_| was != is) else { return Ok(None) };
        let id = user.id.to_string();

        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(Key::admins().attributes()))
            .update_expression(if is { "ADD ids :ids" } else { "DELETE ids :ids" })
            .expression_attribute_values(":ids", AttributeValue::Ss(vec![id.clone()]));
        if was {
            update = update
                .condition_expression("contains(ids, :id) AND size(ids) > :one")
                .expression_attribute_values(":id", text(&id))
                .expression_attribute_values(":one", number(1));
        }
        let update = update.build().map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Some(TransactWriteItem::builder().update(update).build()))
    }

    /// The writes that make a user the owner of an identifier, if it has no owner under any root.
    fn claim(
        &self,
        identifier: &IdentifierHash,
        user_id: Uuid,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let mut items = vec![self.put_if_absent(&owner_item(identifier, user_id)?)?];
        if let Some(other) = identifier.other() {
            // This deletes nothing. It is a check that needs no further right.
            items.push(self.delete_if(Key::owner(&other), "attribute_not_exists(pk)", None)?);
        }
        Ok(items)
    }

    /// The writes after which a user does not own an identifier under any root.
    fn release(
        &self,
        identifier: &IdentifierHash,
        user_id: Uuid,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        match identifier.other() {
            None => {
                let owner = Key::owner(identifier);
                Ok(vec![self.delete_where(owner, "user_id", text(user_id))?])
            }
            Some(other) => [identifier, &other]
                .map(|identifier| self.delete_if(Key::owner(identifier), OWN, Some(text(user_id))))
                .into_iter()
                .collect(),
        }
    }

    /// The writes after which `heir` owns an identifier of a user.
    fn pass_on(
        &self,
        identifier: &IdentifierHash,
        user_id: Uuid,
        heir: Uuid,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let mut items = vec![self.put_where(owner_item(identifier, heir)?, OWN, text(user_id))?];
        if let Some(other) = identifier.other() {
            items.push(self.delete_if(Key::owner(&other), OWN, Some(text(user_id)))?);
        }
        Ok(items)
    }

    /// Moves the identifiers of a user from the previous root to the current one. Does nothing if
    /// there is no previous root.
    pub async fn move_owners(&self, id: Uuid, keys: &HashKeys) -> Result<(), Error> {
        if !keys.are_moving() {
            return Ok(());
        }

        for _ in 0..CHANGE_TRIES {
            let Some(user) = self.user(id).await? else { return Ok(()) };
            let mut owners = Vec::new();
            for identifier in user.identifiers(keys) {
                let Some(previous) = identifier.other() else { continue };
                if self.owner(&previous).await? == Some(id) {
                    let owner = owner_item(&identifier, id)?;
                    owners.push(self.put_where(owner, OWN, text(id))?);
                    owners.push(self.delete_if(Key::owner(&previous), OWN, Some(text(id)))?);
                }
            }
            if owners.is_empty() {
                return Ok(());
            }

            // Every change of a user's identifiers changes the version.
            owners.push(self.touch(Key::user(id), user.version)?);
            if let Outcome::Done = self.transact_alone(owners).await? {
                return Ok(());
            }
        }
        Err(Error::Unavailable("too many requests changed a user at the same time".into()))
    }

    /// Deletes a second factor, and one that waits to be confirmed, in the same transaction as the
    /// `change` of the user.
    ///
    /// # Errors
    /// As [`Self::change_user`].
    pub async fn delete_second_factor(
        &self,
        user_id: Uuid,
        keys: &HashKeys,
        change: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<User, Error> {
        self.change_user_and(user_id, keys, change, self.delete_factor_items(user_id)?).await
    }

    /// The writes that delete a second factor, and one that waits to be confirmed.
    pub(crate) fn delete_factor_items(
        &self,
        user_id: Uuid,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        Ok(vec![
            self.delete_always(Key::second_factor(user_id))?,
            self.delete_always(Key::enrolment(user_id))?,
        ])
    }

    /// The writes that delete passkeys.
    pub(crate) fn without_passkeys<'a>(
        &self,
        ids: impl IntoIterator<Item = &'a Uuid>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        ids.into_iter().map(|id| self.delete_always(Key::passkey(*id))).collect()
    }

    /// Deletes all items under a user's key.
    pub(crate) async fn delete_all_of(&self, user_id: Uuid) -> Result<(), Error> {
        for item in self.items_of(user_id).await? {
            let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
            self.delete(Key::of_user(user_id, &sk)).await?;
        }
        Ok(())
    }

    /// The items under a user's key.
    async fn items_of(&self, user_id: Uuid) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", Key::user(user_id).pk())
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = query.send().await.map_err(unavailable)?;
            self.count_read(answer.consumed_capacity.as_ref());
            items.extend(answer.items.unwrap_or_default());
            start = answer.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }
}

fn last_admin() -> Error {
    Error::conflict("roles", "must leave at least one administrator who can sign in")
}

/// The roles that a change adds, in any app, and that an administrator may delete meanwhile.
fn new_roles<'a>(before: &'a User, after: &'a User) -> impl Iterator<Item = &'a String> {
    let added = after.roles.iter().flat_map(|(client_id, roles)| {
        let had = before.roles.get(client_id);
        roles.iter().filter(move |role| had.is_none_or(|had| !had.contains(*role)))
    });
    added.filter(|role| *role != ADMIN_ROLE)
}

pub(crate) fn role_deleted() -> Error {
    Error::field("roles", "must exist: one was deleted meanwhile")
}

/// The item that names the owner of an identifier.
pub(crate) fn owner_item(identifier: &IdentifierHash, user_id: Uuid) -> Result<Item, Error> {
    to_item(
        Key::owner(identifier),
        &std::collections::BTreeMap::from([("user_id", user_id.to_string())]),
    )
}

/// The item of a user, on the list of users.
pub(crate) fn user_item(user: &User) -> Result<Item, Error> {
    let item = to_item(Key::user(user.id), user)?;
    Ok(Store::on_list(item, &keys::users_list(keys::shard(user.id)), &user.id.to_string()))
}
