//! The list of users. It is spread over shards, which are read concurrently.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::future::try_join_all;
use uuid::Uuid;

use crate::{
    aws::unavailable,
    base::Error,
    table::{Item, LIST, LIST_KEY, LISTS_INDEX, Listed, Store, from_item, keys, number, text},
    users::{User, UserStatus},
};

/// Selects users. Fields that are `None` select all.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Users who have this role in one of these apps.
    pub role: Option<(String, Vec<String>)>,
    /// Users who have a role in this app.
    pub client_id: Option<String>,
    /// Users with this status.
    pub status: Option<UserStatus>,
}

/// The part of a shard that was read.
struct Shard {
    /// The positions of the users that pass the filter, in order.
    positions: Vec<String>,
    /// The position up to which the shard was read, if there is more.
    read_to: Option<String>,
}

impl Store {
    /// A page of up to `limit` users after the position `after`. Users are in the order of their
    /// ids, oldest first, so users who sign up while somebody pages appear on a later page. If few
    /// users pass the filter, a page may be short or empty and still have an end to continue from.
    pub async fn users(
        &self,
        filter: &UserFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<User>, Error> {
        let shards = (0..keys::SHARDS).map(|shard| self.shard(shard, filter, after, limit));
        let shards = try_join_all(shards).await?;

        // Up to this position every shard was read.
        let horizon =
            shards.iter().filter_map(|shard| shard.read_to.as_deref()).min().map(str::to_owned);
        let mut positions: Vec<String> =
            shards.into_iter().flat_map(|shard| shard.positions).collect();
        positions.sort_unstable();
        positions.retain(|position| horizon.as_ref().is_none_or(|horizon| position <= horizon));
        let end = if positions.len() > limit { positions.get(limit - 1).cloned() } else { horizon };
        positions.truncate(limit);

        let keys = positions.iter().filter_map(|position| Uuid::try_parse(position).ok());
        let keys = keys.map(|id| keys::Key::user(id).attributes()).collect();
        let items = self
            .get_all(keys)
            .await?
            .into_iter()
            .map(from_item)
            .collect::<Result<Vec<User>, _>>()?;
        // The index may be a moment behind the users, so they are filtered again.
        let items = items.into_iter().filter(|user| filter.matches(user)).collect();
        Ok(Listed { items, end })
    }

    /// Reads a shard after the position `after`.
    async fn shard(
        &self,
        shard: u8,
        filter: &UserFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Shard, Error> {
        let mut names = HashMap::from([("#list".to_owned(), LIST.to_owned())]);
        let mut values = HashMap::from([(":list".to_owned(), text(keys::users_list(shard)))]);
        let mut condition = "#list = :list".to_owned();
        if let Some(after) = after {
            condition.push_str(" AND #place > :after");
            names.insert("#place".to_owned(), LIST_KEY.to_owned());
            values.insert(":after".to_owned(), text(after));
        }

        let expression = filter.expression(&mut names, &mut values);
        // Ids are spread evenly, so a shard has about a sixteenth of a page. At most twice that
        // share is read, plus 8. If a shard has more, the page is short.
        let share = limit.min(limit / 8 + 8) + 1;
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(LISTS_INDEX)
            .key_condition_expression(condition)
            // With a filter, a query may read up to a megabyte, which is about 6,000 users.
            .set_limit(expression.is_none().then(|| i32::try_from(share).unwrap_or(i32::MAX)))
            .set_filter_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_read(answer.consumed_capacity.as_ref());

        let position =
            |item: &Item| item.get(LIST_KEY).and_then(|position| position.as_s().ok()).cloned();
        Ok(Shard {
            positions: answer.items.unwrap_or_default().iter().filter_map(position).collect(),
            read_to: answer.last_evaluated_key.as_ref().and_then(position),
        })
    }
}

impl UserFilter {
    /// Whether a user passes the filter.
    pub fn matches(&self, user: &User) -> bool {
        let has = |role: &String, client_id: &String| {
            user.roles.get(client_id).is_some_and(|roles| roles.contains(role))
        };
        self.status.is_none_or(|status| user.status == status)
            && self.client_id.as_ref().is_none_or(|client_id| {
                user.roles.get(client_id).is_some_and(|roles| !roles.is_empty())
            })
            && self
                .role
                .as_ref()
                .is_none_or(|(role, apps)| apps.iter().any(|client_id| has(role, client_id)))
    }

    /// The filter as an expression of DynamoDB, whose names and values are added to `names` and
    /// `values`. `None` if it selects all users.
    fn expression(
        &self,
        names: &mut HashMap<String, String>,
        values: &mut HashMap<String, AttributeValue>,
    ) -> Option<String> {
        let mut conditions = Vec::new();
        if let Some(status) = self.status {
            values.insert(":status".to_owned(), text(status.name()));
            conditions.push("user_status = :status".to_owned());
        }
        if self.client_id.is_some() || self.role.is_some() {
            names.insert("#roles".to_owned(), "roles".to_owned());
        }
        if let Some(client_id) = &self.client_id {
            names.insert("#app".to_owned(), client_id.clone());
            values.insert(":none".to_owned(), number(0));
            conditions.push("size(#roles.#app) > :none".to_owned());
        }
        if let Some((role, client_ids)) = &self.role {
            values.insert(":role".to_owned(), text(role));
            let has_role = client_ids.iter().enumerate().map(|(index, client_id)| {
                names.insert(format!("#app{index}"), client_id.clone());
                format!("contains(#roles.#app{index}, :role)")
            });
            conditions.push(format!("({})", has_role.collect::<Vec<_>>().join(" OR ")));
        }
        (!conditions.is_empty()).then(|| conditions.join(" AND "))
    }
}
