//! The list of users, by shards that are read together.

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

/// Which users are meant.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Those who have this role in one of these apps.
    pub role: Option<(String, Vec<String>)>,
    /// Those who have a role in this app.
    pub client_id: Option<String>,
    /// Those with this status.
    pub status: Option<UserStatus>,
}

/// What a shard has after some place.
struct Shard {
    /// The places of the users that the filter leaves, in order.
    places: Vec<String>,
    /// How far it was read, where there is more.
    read_to: Option<String>,
}

impl Store {
    /// Up to `limit` users after the place `after`, by id: oldest first, so that users who come while
    /// somebody pages are on a later page. Where a filter leaves few, a page may be short, or empty, and
    /// still have an end to go on from.
    pub async fn users(
        &self,
        filter: &UserFilter,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed<User>, Error> {
        let shards = (0..keys::SHARDS).map(|shard| self.shard(shard, filter, after, limit));
        let shards = try_join_all(shards).await?;
        // Up to here every shard was read.
        let horizon =
            shards.iter().filter_map(|shard| shard.read_to.as_deref()).min().map(str::to_owned);
        let mut places: Vec<String> = shards.into_iter().flat_map(|shard| shard.places).collect();
        places.sort_unstable();
        places.retain(|place| horizon.as_ref().is_none_or(|horizon| place <= horizon));
        let end = if places.len() > limit { places.get(limit - 1).cloned() } else { horizon };
        places.truncate(limit);
        let keys = places.iter().filter_map(|place| Uuid::try_parse(place).ok());
        let keys = keys.map(|id| keys::Key::user(id).attributes()).collect();
        let items = self
            .get_all(keys)
            .await?
            .into_iter()
            .map(from_item)
            .collect::<Result<Vec<User>, _>>()?;
        // The index may be a moment behind what was read now.
        let items = items.into_iter().filter(|user| filter.matches(user)).collect();
        Ok(Listed { items, end })
    }

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
        // Ids are spread with_minimum_duration: of a page a shard has a sixteenth. Where it has more than twice that, and
        // some, the page is short.
        let share = limit.min(limit / 8 + 8) + 1;
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(LISTS_INDEX)
            .key_condition_expression(condition)
            // With a filter a query reads up to a megabyte, about 6,000 users.
            .set_limit(expression.is_none().then(|| i32::try_from(share).unwrap_or(i32::MAX)))
            .set_filter_expression(expression)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(unavailable)?;
        self.count_read(answer.consumed_capacity.as_ref());
        let place = |item: &Item| item.get(LIST_KEY).and_then(|place| place.as_s().ok()).cloned();
        Ok(Shard {
            places: answer.items.unwrap_or_default().iter().filter_map(place).collect(),
            read_to: answer.last_evaluated_key.as_ref().and_then(place),
        })
    }
}

impl UserFilter {
    /// Whether a user is meant.
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

    /// The filter as DynamoDB reads it; nothing where everybody is meant.
    fn expression(
        &self,
        names: &mut HashMap<String, String>,
        values: &mut HashMap<String, AttributeValue>,
    ) -> Option<String> {
        let mut all = Vec::new();
        if let Some(status) = self.status {
            values.insert(":status".to_owned(), text(status.name()));
            all.push("user_status = :status".to_owned());
        }
        if self.client_id.is_some() || self.role.is_some() {
            names.insert("#roles".to_owned(), "roles".to_owned());
        }
        if let Some(client_id) = &self.client_id {
            names.insert("#app".to_owned(), client_id.clone());
            values.insert(":none".to_owned(), number(0));
            all.push("size(#roles.#app) > :none".to_owned());
        }
        if let Some((role, client_ids)) = &self.role {
            values.insert(":role".to_owned(), text(role));
            let any = client_ids.iter().enumerate().map(|(index, client_id)| {
                names.insert(format!("#app{index}"), client_id.clone());
                format!("contains(#roles.#app{index}, :role)")
            });
            all.push(format!("({})", any.collect::<Vec<_>>().join(" OR ")));
        }
        (!all.is_empty()).then(|| all.join(" AND "))
    }
}
