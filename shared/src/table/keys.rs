//! The table on one page. No other file spells a key.
//!
//! | item                    | pk                  | sk               | ends by `expires_at`        |
//! |-------------------------|---------------------|------------------|-----------------------------|
//! | user, with his sessions | `USER#<id>`         | `USER`           | never                       |
//! | second factor           | `USER#<id>`         | `SECOND_FACTOR`  | never                       |
//! | one to be confirmed     | `USER#<id>`         | `ENROLMENT`      | 10 minutes later            |
//! | owner of an identifier  | `IDENTIFIER#<place>` | `OWNER#<hash>`  | never                       |
//! | limits and challenges of one | `IDENTIFIER#<place>` | `THROTTLE` | when nothing in it counts   |
//! | sign-in half done       | `MFA#<hash>`        | `MFA`            | 5 minutes later             |
//! | reset link              | `RESET#<hash>`      | `RESET`          | 30 minutes later            |
//! | sends of an address     | `ADDRESS#<hash>`    | `SENDS#<hour>`   | with the hour               |
//! | request with a key      | `IDEMPOTENCY#<hash>`| `ANSWER`         | a day later                 |
//! | app                     | `APP#<client id>`   | `APP`            | never                       |
//! | apps of a web origin    | `ORIGIN#<origin>`   | `ORIGIN`         | never                       |
//! | role                    | `ROLE#<name>`       | `ROLE`           | never                       |
//! | audit event             | `AUDIT#<0-f>`       | `<id>`           | `AUDIT_RETENTION_DAYS` later|
//! | active administrators   | `ADMINS`            | `ADMINS`         | never                       |
//! | spent on texts          | `SPENDING#<month>#<0-f>` | `SPENDING`  | some 400 days later         |
//! | of them, by one payer   | `SPENDING#<month>#<payer>` | `SPENDING`| some 400 days later         |
//! | public signing keys     | `SIGNING_KEYS`      | `PUBLIC`         | never                       |
//!
//! An identifier is a phone, an e-mail address or a username. Hashes are keyed ([`crate::crypto::hash_keys`]): a
//! key shows none of them. A place is the beginning of a hash, short enough to be hidden in a challenge's id. An owner is the
//! one authority on whose an identifier is; limits and challenges lie beside it so that one read answers all.
//!
//! What administrators list carries the name of its list (`list`) and its place in it (`list_key`), the
//! keys of the one index, `lists`. Beside the keys the index knows a user's status and roles; all else is
//! read from the table. Users are spread over sixteen partitions by a random part of their ids.
//!
//! | list                    | `list`              | `list_key`       |
//! |-------------------------|---------------------|------------------|
//! | apps but the default one| `APPS`              | `<client id>`    |
//! | roles, once changed     | `ROLES`             | `<name>`         |
//! | users                   | `USERS#<0 to f>`    | `<id>`           |

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::civil::Date;
use uuid::Uuid;

use crate::crypto::{IdentifierHash, Place};

/// The attribute that DynamoDB's TTL reads.
pub const TTL: &str = "expires_at";
/// How the sort key of an owner begins.
const OWNER: &str = "OWNER#";
/// The sort key of a throttle.
pub(crate) const THROTTLE: &str = "THROTTLE";

/// The hash of the identifier that an owner's sort key names.
pub(crate) fn owned(sk: &str) -> Option<&str> {
    sk.strip_prefix(OWNER)
}

/// The index of lists.
pub(crate) const LISTS_INDEX: &str = "lists";
/// The index's partition key: the list that an item is on.
pub(crate) const LIST: &str = "list";
/// The index's sort key: the item's place on its list.
pub(crate) const LIST_KEY: &str = "list_key";
/// The list of roles.
pub(crate) const ROLES_LIST: &str = "ROLES";
/// The list of apps.
pub(crate) const APPS_LIST: &str = "APPS";

/// How many partitions what has no one person's key is spread over.
pub(crate) const SHARDS: u8 = 16;

/// The list of the users of a shard.
pub(crate) fn users_list(shard: u8) -> String {
    format!("USERS#{shard:x}")
}

/// The shard of an id: version 7 ids end in random bits.
pub(crate) fn shard(id: Uuid) -> u8 {
    id.as_bytes().last().copied().unwrap_or_default() % SHARDS
}

/// The primary key of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pk: String,
    sk: String,
}

impl Key {
    fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// A user.
    pub(crate) fn user(id: Uuid) -> Self {
        Self::new(format!("USER#{id}"), "USER")
    }

    /// Whatever is kept of a user under this sort key.
    pub(crate) fn of_user(user_id: Uuid, sk: &str) -> Self {
        Self::new(format!("USER#{user_id}"), sk)
    }

    /// The second factor of a user.
    pub(crate) fn second_factor(user_id: Uuid) -> Self {
        Self::new(format!("USER#{user_id}"), "SECOND_FACTOR")
    }

    /// The second factor that a user has not confirmed.
    pub(crate) fn enrolment(user_id: Uuid) -> Self {
        Self::new(format!("USER#{user_id}"), "ENROLMENT")
    }

    /// A sign-in that waits for its second factor.
    pub(crate) fn pending_sign_in(token_hash: &IdentifierHash) -> Self {
        Self::new(format!("MFA#{}", token_hash.as_str()), "MFA")
    }

    /// A link to set a password.
    pub(crate) fn reset_link(token_hash: &IdentifierHash) -> Self {
        Self::new(format!("RESET#{}", token_hash.as_str()), "RESET")
    }

    /// The user whose identifier it is.
    pub(crate) fn owner(identifier: &IdentifierHash) -> Self {
        Self::new(Self::throttle(&identifier.place()).pk, format!("{OWNER}{}", identifier.as_str()))
    }

    /// What an identifier may do, and its challenges.
    pub(crate) fn throttle(place: &Place) -> Self {
        Self::new(format!("IDENTIFIER#{}", place.as_str()), THROTTLE)
    }

    /// The messages that a source address, or a prefix of numbers, had in an hour (hours since 1970).
    pub(crate) fn sends(address: &IdentifierHash, hour: i64) -> Self {
        Self::new(format!("ADDRESS#{}", address.as_str()), format!("SENDS#{hour}"))
    }

    /// A request that came with an `Idempotency-Key`.
    pub(crate) fn idempotency(id: &IdentifierHash) -> Self {
        Self::new(format!("IDEMPOTENCY#{}", id.as_str()), "ANSWER")
    }

    /// What a shard spent on texts in the month of `day`.
    pub(crate) fn spending(day: Date, shard: i64) -> Self {
        Self::new(format!("SPENDING#{:04}-{:02}#{shard:x}", day.year(), day.month()), "SPENDING")
    }

    /// What the texts of a month cost one of those who pay them.
    pub(crate) fn own_spending(day: Date, payer: &str) -> Self {
        Self::new(format!("SPENDING#{:04}-{:02}#{payer}", day.year(), day.month()), "SPENDING")
    }

    /// An app.
    pub(crate) fn app(client_id: &str) -> Self {
        Self::new(format!("APP#{client_id}"), "APP")
    }

    /// A role, by its canonical name.
    pub(crate) fn role(name: &str) -> Self {
        Self::new(format!("ROLE#{name}"), "ROLE")
    }

    /// The apps that a web origin belongs to.
    pub(crate) fn origin(origin: &str) -> Self {
        Self::new(format!("ORIGIN#{origin}"), "ORIGIN")
    }

    /// An event.
    pub(crate) fn event(shard: u8, id: Uuid) -> Self {
        Self::new(format!("AUDIT#{shard:x}"), id.to_string())
    }

    /// The ids of the administrators who can sign in.
    pub(crate) fn admins() -> Self {
        Self::new("ADMINS", "ADMINS")
    }

    /// The published key set.
    pub(crate) fn public_keys() -> Self {
        Self::new("SIGNING_KEYS", "PUBLIC")
    }

    /// The partition key.
    pub(crate) fn pk(&self) -> AttributeValue {
        AttributeValue::S(self.pk.clone())
    }

    /// The attributes of the key.
    pub(crate) fn attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".into(), AttributeValue::S(self.pk)),
            ("sk".into(), AttributeValue::S(self.sk)),
        ])
    }
}
