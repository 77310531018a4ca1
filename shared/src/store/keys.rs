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
//! | public signing keys     | `SIGNING_KEYS`      | `PUBLIC`         | never                       |
//!
//! An identifier is a phone, an e-mail address or a username. Hashes are keyed ([`crate::hash_keys`]): a
//! key shows none of them. An owner is the one authority on whose an identifier is; the throttle lies
//! beside it so that one read answers both.

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
