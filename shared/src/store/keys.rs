//! The table on one page. No other file spells a key.
//!
//! | item                    | pk                  | sk               | ends by `expires_at`        |
//! |-------------------------|---------------------|------------------|-----------------------------|
//! | user                    | `USER#<id>`         | `USER`           | never                       |
//! | session                 | `USER#<id>`         | `SESSION#<id>`   | idle or absolute end        |
//! | owner of an identifier  | `IDENTIFIER#<hash>` | `OWNER`          | never                       |
//! | throttle of one         | `IDENTIFIER#<hash>` | `THROTTLE`       | when nothing in it counts   |
//! | challenge               | `CHALLENGE#<id>`    | `CHALLENGE`      | with the code               |
//! | reset link              | `RESET#<hash>`      | `RESET`          | 30 minutes later            |
//! | sends of an address     | `ADDRESS#<hash>`    | `SENDS#<hour>`   | with the hour               |
//! | app                     | `APP#<client id>`   | `APP`            | never                       |
//! | apps of a web origin    | `ORIGIN#<origin>`   | `ORIGIN`         | never                       |
//! | public signing keys     | `SIGNING_KEYS`      | `PUBLIC`         | never                       |
//!
//! An identifier is a phone, an e-mail address or a username. Hashes are keyed ([`crate::hash_keys`]): a
//! key shows none of them. An owner is the one authority on whose an identifier is; the throttle lies
//! beside it so that one read answers both.
//!
//! What administrators list carries the name of its list (`list`) and its place in it (`list_key`), the
//! keys of the one index, `lists`. The index knows keys only; the items are read from the table.
//!
//! | list                    | `list`              | `list_key`       |
//! |-------------------------|---------------------|------------------|
//! | apps but the default one| `APPS`              | `<client id>`    |

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use crate::hash_keys::IdentifierHash;

/// The attribute that DynamoDB's TTL reads.
pub const TTL: &str = "expires_at";
/// What the sort key of every session starts with.
pub(super) const SESSION_PREFIX: &str = "SESSION#";
/// The sort key of an owner.
pub(super) const OWNER: &str = "OWNER";
/// The sort key of a throttle.
pub(super) const THROTTLE: &str = "THROTTLE";

/// The index of lists.
pub(super) const LISTS_INDEX: &str = "lists";
/// The index's partition key: the list that an item is on.
pub(super) const LIST: &str = "list";
/// The index's sort key: the item's place on its list.
pub(super) const LIST_KEY: &str = "list_key";
/// The list of apps.
pub(super) const APPS_LIST: &str = "APPS";

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pk: String,
    sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// A user.
    pub(super) fn user(id: Uuid) -> Self {
        Self::new(format!("USER#{id}"), "USER")
    }

    /// A session of a user.
    pub(super) fn session(user_id: Uuid, id: Uuid) -> Self {
        Self::new(format!("USER#{user_id}"), format!("{SESSION_PREFIX}{id}"))
    }

    /// A link to set a password.
    pub(super) fn reset_link(token_hash: &IdentifierHash) -> Self {
        Self::new(format!("RESET#{}", token_hash.as_str()), "RESET")
    }

    /// The user whose identifier it is.
    pub(super) fn owner(identifier: &IdentifierHash) -> Self {
        Self::new(format!("IDENTIFIER#{}", identifier.as_str()), OWNER)
    }

    /// What an identifier may do.
    pub(super) fn throttle(identifier: &IdentifierHash) -> Self {
        Self::new(format!("IDENTIFIER#{}", identifier.as_str()), THROTTLE)
    }

    /// A challenge.
    pub(super) fn challenge(id: Uuid) -> Self {
        Self::new(format!("CHALLENGE#{id}"), "CHALLENGE")
    }

    /// The messages that a source address asked for in an hour (hours since 1970).
    pub(super) fn sends(address: &IdentifierHash, hour: i64) -> Self {
        Self::new(format!("ADDRESS#{}", address.as_str()), format!("SENDS#{hour}"))
    }

    /// An app.
    pub(super) fn app(client_id: &str) -> Self {
        Self::new(format!("APP#{client_id}"), "APP")
    }

    /// The apps that a web origin belongs to.
    pub(super) fn origin(origin: &str) -> Self {
        Self::new(format!("ORIGIN#{origin}"), "ORIGIN")
    }

    /// The published key set.
    pub(super) fn public_keys() -> Self {
        Self::new("SIGNING_KEYS", "PUBLIC")
    }

    /// The partition key.
    pub(super) fn pk(&self) -> AttributeValue {
        AttributeValue::S(self.pk.clone())
    }

    /// The attributes of the key.
    pub(super) fn attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([("pk".into(), AttributeValue::S(self.pk)), ("sk".into(), AttributeValue::S(self.sk))])
    }
}
