//! Users, and who owns which identifier.

mod changes;
mod list;

pub use self::{changes::ResetLink, list::UserFilter};

use std::collections::BTreeSet;

use uuid::Uuid;

use self::changes::{owner_item, role_deleted};
use super::User;
use crate::{
    base::Error,
    crypto::{HashKeys, IdentifierHash},
    identifiers::PhoneNumber,
    table::{CHANGE_TRIES, Item, Key, Outcome, Store, keys, to_item},
};

/// The outcome of making a user.
#[derive(Debug)]
pub enum Created {
    /// It is made.
    Yes,
    /// Nothing is made: somebody else has this identifier.
    Taken(IdentifierHash),
}

impl Store {
    /// A user; nothing where there is none.
    pub async fn user(&self, id: Uuid) -> Result<Option<User>, Error> {
        self.get(Key::user(id)).await
    }

    /// Makes a user and gives it its identifiers, all or nothing. Roles that somebody `granted` have to be
    /// there; the default role of a sign-up is not looked at, since a deleted role permits nothing.
    pub async fn create_user(
        &self,
        user: &User,
        granted: &BTreeSet<String>,
        keys: &HashKeys,
    ) -> Result<Created, Error> {
        let identifiers: Vec<_> = user.identifiers(keys).into_iter().collect();
        let mut items = Vec::new();
        for identifier in &identifiers {
            items.push(self.put_if_absent(&owner_item(identifier, user.id)?)?);
        }
        items.push(self.put_if_absent(&user_item(user)?)?);
        items.extend(self.moved_admin(None, Some(user))?);
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
                        .ok_or_else(|| Error::Internal("an id is there twice".into()));
                }
                Outcome::Busy => {}
            }
        }
        Err(Error::Unavailable("a transaction was in conflict too often".into()))
    }

    /// Keeps that a user's address was proven; see [`User::prove`].
    pub async fn prove_user(
        &self,
        user_id: Uuid,
        keys: &HashKeys,
        admin_phone: Option<&PhoneNumber>,
    ) -> Result<(), Error> {
        self.delete_second_factor(user_id, keys, |user| {
            user.prove(admin_phone);
            Ok(())
        })
        .await
        .map(drop)
    }
}

/// A user, on the list of users.
pub(crate) fn user_item(user: &User) -> Result<Item, Error> {
    let item = to_item(Key::user(user.id), user)?;
    Ok(Store::on_list(item, &keys::users_list(keys::shard(user.id)), &user.id.to_string()))
}
