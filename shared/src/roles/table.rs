//! Roles in the table.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem};

use super::{Role, canonical, role::ROLE_FIELDS};
use crate::{
    audit::{Change, Changes},
    base::Error,
    table::{Item, Key, Listed, Outcome, ROLES_LIST, Store, from_item, to_item, until_written},
};

/// The subject of a change, for the error of [`until_written`].
const ROLES: &str = "roles are";

impl Store {
    /// Checks for a transaction: none of the roles with these names is deleted.
    pub(crate) fn not_deleted<'a>(
        &self,
        names: impl Iterator<Item = &'a String>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let names: BTreeSet<String> = names.map(|name| canonical(name)).collect();
        let checks = names.iter().map(|name| {
            let check = ConditionCheck::builder()
                .table_name(&self.table)
                .set_key(Some(Key::role(name).attributes()))
                // A role that nobody has changed is not stored.
                .condition_expression(
                    "attribute_not_exists(pk) OR attribute_not_exists(deleted) OR deleted = :no",
                )
                .expression_attribute_values(":no", AttributeValue::Bool(false))
                .build()
                .map_err(|error| Error::Internal(error.to_string()))?;
            Ok(TransactWriteItem::builder().condition_check(check).build())
        });
        checks.collect()
    }

    /// The stored roles with these canonical names, including deleted ones.
    pub async fn roles_named(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Role>, Error> {
        let keys = names.iter().map(|name| Key::role(name)).filter(Key::fits);
        let roles = self
            .get_all(keys.map(Key::attributes).collect())
            .await?
            .into_iter()
            .map(from_item::<Role>);
        roles.map(|role| role.map(|role| (role.canonical(), role))).collect()
    }

    /// The roles that were created or changed, in the order of their canonical names.
    pub async fn roles(&self, after: Option<&str>, limit: usize) -> Result<Listed<Role>, Error> {
        self.list(ROLES_LIST, after, limit).await
    }

    /// Creates roles, all or none. Returns whether their names were free.
    pub async fn create_roles(&self, roles: &[Role]) -> Result<bool, Error> {
        let names = roles.iter().map(Role::canonical).collect();
        let mark = self.mark()?;

        until_written!(ROLES, {
            let stored = self.roles_named(&names).await?;
            // Our own write, whose response was lost.
            if !stored.is_empty() && stored.values().all(|role| role.written_by == mark) {
                return Ok(Some(true));
            }

            let (mut items, mut changes) = (Vec::new(), Changes::new());
            for role in roles {
                let new = Role { written_by: mark, ..role.clone() };
                changes.extend(named(role, ROLE_FIELDS.changes(None, Some(role))?));
                items.push(match stored.get(&role.canonical()) {
                    // A deleted role leaves its name free.
                    Some(old) if old.deleted => self.put_over(
                        role_item(&Role { version: old.version + 1, ..new })?,
                        old.version,
                    )?,
                    Some(_) => return Ok(Some(false)),
                    None => self.put_if_absent(&role_item(&new)?)?,
                });
            }
            let outcome = self.noting(&changes).transact(items).await?;
            Ok(matches!(outcome, Outcome::Done).then_some(true))
        })
    }

    /// Changes roles, all or none. `seed` returns a role as it is before its first change. `change`
    /// gets the name of each role, and the role if it exists.
    ///
    /// # Errors
    /// The errors of `change`.
    pub async fn change_roles(
        &self,
        names: &BTreeSet<String>,
        seed: impl Fn(&str) -> Option<Role>,
        change: impl Fn(&str, Option<Role>) -> Result<Role, Error>,
    ) -> Result<Vec<Role>, Error> {
        let mark = self.mark()?;
        let mut written: Option<Vec<Role>> = None;

        until_written!(ROLES, {
            let stored = self.roles_named(names).await?;
            // Our own write, whose response was lost.
            if let Some(written) = &written
                && stored.values().any(|role| role.written_by == mark)
            {
                return Ok(Some(written.clone()));
            }

            let (mut items, mut changed) = (Vec::new(), Vec::new());
            let mut changes = Changes::new();
            for name in names {
                let before =
                    stored.get(name).cloned().or_else(|| seed(name)).filter(|role| !role.deleted);
                let mut role = change(name, before.clone())?;
                changes.extend(named(&role, ROLE_FIELDS.changes(before.as_ref(), Some(&role))?));
                role.version += 1;
                role.written_by = mark;
                items.push(match stored.get(name) {
                    Some(old) => self.put_over(role_item(&role)?, old.version)?,
                    None => self.put_if_absent(&role_item(&role)?)?,
                });
                changed.push(role);
            }
            written = Some(changed.clone());
            let outcome = self.noting(&changes).transact(items).await?;
            Ok(matches!(outcome, Outcome::Done).then_some(changed))
        })
    }
}

/// Changes of a role, under its name: one event can be about several roles.
fn named(role: &Role, changes: Changes) -> impl Iterator<Item = (String, Change)> {
    changes.into_iter().map(|(field, change)| (format!("{}.{field}", role.name), change))
}

fn role_item(role: &Role) -> Result<Item, Error> {
    let name = canonical(&role.name);
    let item = to_item(Key::role(&name), role)?;
    Ok(if role.deleted { item } else { Store::on_list(item, ROLES_LIST, &name) })
}
