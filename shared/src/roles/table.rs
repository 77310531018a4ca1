//! Roles.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem};

use super::{Role, canonical};
use crate::{
    base::Error,
    table::{CHANGE_TRIES, Item, Key, Listed, Outcome, ROLES_LIST, Store, from_item, to_item},
};

impl Store {
    /// The checks of a transaction that roles of these names were not deleted.
    pub(crate) fn not_deleted<'a>(
        &self,
        names: impl Iterator<Item = &'a String>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let names: BTreeSet<String> = names.map(|name| canonical(name)).collect();
        let checks = names.iter().map(|name| {
            let check = ConditionCheck::builder()
                .table_name(&self.table)
                .set_key(Some(Key::role(name).attributes()))
                // What nobody has changed is not stored.
                .condition_expression("attribute_not_exists(pk) OR attribute_not_exists(deleted) OR deleted = :no")
                .expression_attribute_values(":no", AttributeValue::Bool(false))
                .build()
                .map_err(|error| Error::Internal(error.to_string()))?;
            Ok(TransactWriteItem::builder().condition_check(check).build())
        });
        checks.collect()
    }

    /// The stored roles of these canonical names, the deleted ones too.
    pub async fn roles_named(&self, names: &BTreeSet<String>) -> Result<BTreeMap<String, Role>, Error> {
        let keys = names.iter().map(|name| Key::role(name).attributes()).collect();
        let roles = self.get_all(keys).await?.into_iter().map(from_item::<Role>);
        roles.map(|role| role.map(|role| (role.canonical(), role))).collect()
    }

    /// The roles that were made or changed, by canonical name.
    pub async fn roles(&self, after: Option<&str>, limit: usize) -> Result<Listed<Role>, Error> {
        self.list(ROLES_LIST, after, limit).await
    }

    /// Keeps new roles, all or none; answers whether their names were free.
    pub async fn create_roles(&self, roles: &[Role]) -> Result<bool, Error> {
        let names = roles.iter().map(Role::canonical).collect();
        for _ in 0..CHANGE_TRIES {
            let stored = self.roles_named(&names).await?;
            let mut items = Vec::new();
            for role in roles {
                items.push(match stored.get(&role.canonical()) {
                    // A deleted one makes room.
                    Some(old) if old.deleted => {
                        let role = Role { version: old.version + 1, ..role.clone() };
                        self.put_over(role_item(&role)?, old.version)?
                    }
                    Some(old) => return Ok(*old == *role),
                    None => self.put_if_absent(&role_item(role)?)?,
                });
            }
            match self.transact(items).await? {
                Outcome::Done => return Ok(true),
                Outcome::Refused(_) => return Ok(false),
                Outcome::Busy => {}
            }
        }
        Err(Error::Unavailable("roles are changed too often at once".into()))
    }

    /// Changes roles, all or none. `seed` is what a role is before its first change.
    ///
    /// # Errors
    /// What `change` refuses; [`Error::NotFound`].
    pub async fn change_roles(
        &self,
        names: &BTreeSet<String>,
        seed: impl Fn(&str) -> Option<Role>,
        change: impl Fn(Role) -> Result<Role, Error>,
    ) -> Result<Vec<Role>, Error> {
        let mut written: Option<Vec<Role>> = None;
        for _ in 0..CHANGE_TRIES {
            let stored = self.roles_named(names).await?;
            // Our own write, whose answer was lost.
            if let Some(written) = &written
                && written.iter().all(|role| stored.get(&role.canonical()) == Some(role))
            {
                return Ok(written.clone());
            }
            let (mut items, mut changed) = (Vec::new(), Vec::new());
            for name in names {
                let role = stored.get(name).cloned().or_else(|| seed(name)).filter(|role| !role.deleted);
                let mut role = change(role.ok_or(Error::NotFound)?)?;
                role.version += 1;
                items.push(match stored.get(name) {
                    Some(old) => self.put_over(role_item(&role)?, old.version)?,
                    None => self.put_if_absent(&role_item(&role)?)?,
                });
                changed.push(role);
            }
            match self.transact(items).await? {
                Outcome::Done => return Ok(changed),
                Outcome::Refused(_) | Outcome::Busy => written = Some(changed),
            }
        }
        Err(Error::Unavailable("roles are changed too often at once".into()))
    }
}

fn role_item(role: &Role) -> Result<Item, Error> {
    let name = canonical(&role.name);
    let item = to_item(Key::role(&name), role)?;
    Ok(if role.deleted { item } else { Store::on_list(item, ROLES_LIST, &name) })
}
