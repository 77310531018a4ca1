//! The table on one page. No other file writes a key.
//!
//! | item                      | pk                         | sk              | expires (`expires_at`)       |
//! |---------------------------|----------------------------|-----------------|------------------------------|
//! | user, with their sessions | `USER#<id>`                | `USER`          | never                        |
//! | second factor             | `USER#<id>`                | `SECOND_FACTOR` | never                        |
//! | unconfirmed second factor | `USER#<id>`                | `ENROLMENT`     | after 10 minutes             |
//! | metadata                  | `USER#<id>`                | `METADATA`      | never                        |
//! | changes to be undone      | `USER#<id>`                | `PAST`          | 72 hours after the last      |
//! | factor that was removed   | `USER#<id>`                | `REMOVED_FACTOR`| after 72 hours               |
//! | move to a new phone       | `USER#<id>`                | `PHONE_MOVE`    | after a day                  |
//! | passkey                   | `PASSKEY#<id>`             | `PASSKEY`       | never                        |
//! | its challenge, once used  | `PASSKEY#<hash>`           | `CHALLENGE`     | after 5 minutes              |
//! | account to be erased      | `ERASURES`                 | `<time>#<id>`   | never                        |
//! | owner of an identifier    | `IDENTIFIER#<place>`       | `OWNER#<hash>`  | never                        |
//! | its limits and challenges | `IDENTIFIER#<place>`       | `THROTTLE`      | when nothing in it counts    |
//! | pending sign-in           | `MFA#<hash>`               | `MFA`           | after 5 minutes              |
//! | counter of sends, failures| `ADDRESS#<hash>`           | `SENDS#<hour>`  | at the end of the hour       |
//! | proof of work, once used  | `ADDRESS#<hash>`           | `PROOF`         | after 10 minutes             |
//! | pushed request            | `PAR#<hash>`               | `PAR`           | after a minute               |
//! | device that waits         | `DEVICE#<hash>`            | `DEVICE`        | after `DEVICE_CODE_TTL_SECONDS` |
//! | idempotent request        | `IDEMPOTENCY#<hash>`       | `ANSWER`        | after a day                  |
//! | app                       | `APP#<client id>`          | `APP`           | never                        |
//! | its e-mail, as worded     | `APP#<client id>`          | `MAIL#<kind>/<language>` | never              |
//! | apps of a web origin      | `ORIGIN#<origin>`          | `ORIGIN`        | never                        |
//! | role                      | `ROLE#<name>`              | `ROLE`          | never                        |
//! | audit event               | `AUDIT#<0-f>`              | `<id>`          | after `AUDIT_RETENTION_DAYS` |
//! | that an event is of it    | `AUDIT#<subject>`          | `<id>`          | with the event               |
//! | codes tried in an hour    | `AUDIT#CODES#<0-f>`        | `<hour>`        | after two hours              |
//! | active administrators     | `ADMINS`                   | `ADMINS`        | never                        |
//! | spent on texts in a month | `SPENDING#<month>#<0-f>`   | `SPENDING`      | after some 400 days          |
//! | of that, for one payer    | `SPENDING#<month>#<payer>` | `SPENDING`      | after some 400 days          |
//! | reported text             | `REPORT#<hash>`            | `REPORT`        | five days after the text     |
//! | reports of a day's texts  | `DELIVERIES#<day>`         | `<sender>#<country>` | after 90 days           |
//! | time of refused passwords | `FOREIGN_HASHES`           | `FOREIGN_HASHES`| never                        |
//! | public signing keys       | `SIGNING_KEYS`             | `PUBLIC`        | never                        |
//!
//! An identifier is a phone, an e-mail address, a username or an id elsewhere; limits are also kept of users and of
//! mailboxes. No key shows one, only its keyed hash
//! ([`crate::crypto::hash_keys`]). A place is the beginning of a hash, short enough to be hidden in
//! a challenge's id. An owner item is the one authority on who owns an identifier. Limits and
//! challenges lie in the same partition, so that one read returns all of it.
//!
//! An item that administrators can list carries the name of its list (`list`) and its place in it
//! (`list_key`): the keys of the one index, `lists`. Besides the keys, the index has the status and
//! the roles of users; everything else is read from the table. Users are spread over sixteen
//! partitions by random bits of their ids.
//!
//! | list                    | `list`              | `list_key`       |
//! |-------------------------|---------------------|------------------|
//! | apps, except the default| `APPS`              | `<client id>`    |
//! | roles, once changed     | `ROLES`             | `<name>`         |
//! | users                   | `USERS#<0 to f>`    | `<id>`           |

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{Timestamp, civil::Date};
use uuid::Uuid;

use crate::crypto::{IdentifierHash, Place};

/// The attribute that DynamoDB's TTL reads.
pub const TTL: &str = "expires_at";
/// The prefix of the sort key of an owner item.
const OWNER: &str = "OWNER#";
/// The sort key of a throttle.
pub(crate) const THROTTLE: &str = "THROTTLE";

/// The prefix of the sort key of a template of e-mails.
pub(crate) const MAIL: &str = "MAIL#";

/// The identifier's hash in the sort key of an owner item; `None` for other sort keys.
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

/// The partition of the accounts that are to be erased.
pub(crate) const ERASURES: &str = "ERASURES";

/// A time in the sort key of an account that is to be erased: sorted as a text, it is sorted by time.
pub(crate) fn erasure_time(at: Timestamp) -> String {
    format!("{:011}", at.as_second())
}

/// The number of partitions for items that do not belong to one person.
pub(crate) const SHARDS: u8 = 16;

/// The name of the list of a shard's users.
pub(crate) fn users_list(shard: u8) -> String {
    format!("USERS#{shard:x}")
}

/// The shard of an id: version 7 ids end in random bits.
pub(crate) fn shard(id: Uuid) -> u8 {
    id.as_bytes().last().copied().unwrap_or_default() % SHARDS
}

/// The longest partition key and the longest sort key that DynamoDB accepts, in bytes.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const MAX_BYTES: (usize, usize) = (2048, 1024);

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

    /// An item of a user, by its sort key.
    pub(crate) fn of_user(user_id: Uuid, sk: &str) -> Self {
        Self::new(format!("USER#{user_id}"), sk)
    }

    /// The second factor of a user.
    pub(crate) fn second_factor(user_id: Uuid) -> Self {
        Self::new(format!("USER#{user_id}"), "SECOND_FACTOR")
    }

    /// A user's second factor that is not confirmed yet.
    pub(crate) fn enrolment(user_id: Uuid) -> Self {
        Self::new(format!("USER#{user_id}"), "ENROLMENT")
    }

    /// The metadata of a user.
    pub(crate) fn metadata(user_id: Uuid) -> Self {
        Self::new(format!("USER#{user_id}"), "METADATA")
    }

    /// The changes of a user that can be undone.
    pub(crate) fn past(user_id: Uuid) -> Self {
        Self::new(format!("USER#{user_id}"), "PAST")
    }

    /// A second factor that was removed and may come back.
    pub(crate) fn removed_factor(user_id: Uuid) -> Self {
        Self::new(format!("USER#{user_id}"), "REMOVED_FACTOR")
    }

    /// A user's move to a new phone, which waits for a second administrator.
    pub(crate) fn phone_move(user_id: Uuid) -> Self {
        Self::new(format!("USER#{user_id}"), "PHONE_MOVE")
    }

    /// A passkey, by the hash of its credential's id.
    pub(crate) fn passkey(id: Uuid) -> Self {
        Self::new(format!("PASSKEY#{id}"), "PASSKEY")
    }

    /// A challenge of a passkey that was used.
    pub(crate) fn passkey_challenge(name: &IdentifierHash) -> Self {
        Self::new(format!("PASSKEY#{}", name.as_str()), "CHALLENGE")
    }

    /// A user who is to be erased at a time, which the sort key begins with.
    pub(crate) fn erasure(at: Timestamp, user_id: Uuid) -> Self {
        Self::new(ERASURES, format!("{}#{user_id}", erasure_time(at)))
    }

    /// A sign-in that waits for its second factor.
    pub(crate) fn pending_sign_in(token_hash: &IdentifierHash) -> Self {
        Self::new(format!("MFA#{}", token_hash.as_str()), "MFA")
    }

    /// The owner of an identifier.
    pub(crate) fn owner(identifier: &IdentifierHash) -> Self {
        Self::new(Self::throttle(&identifier.place()).pk, format!("{OWNER}{}", identifier.as_str()))
    }

    /// The limits and the challenges of an identifier.
    pub(crate) fn throttle(place: &Place) -> Self {
        Self::new(format!("IDENTIFIER#{}", place.as_str()), THROTTLE)
    }

    /// A counter of messages or failures, in a window of time.
    pub(crate) fn counter(counter: &IdentifierHash, window: &str) -> Self {
        Self::new(format!("ADDRESS#{}", counter.as_str()), format!("SENDS#{window}"))
    }

    /// A proof of work that was used.
    pub(crate) fn proof(proof: &IdentifierHash) -> Self {
        Self::new(format!("ADDRESS#{}", proof.as_str()), "PROOF")
    }

    /// A request that an app pushed.
    pub(crate) fn pushed_request(name: &IdentifierHash) -> Self {
        Self::new(format!("PAR#{}", name.as_str()), "PAR")
    }

    /// A device that waits for a person, by its user code.
    pub(crate) fn device(user_code: &IdentifierHash) -> Self {
        Self::new(format!("DEVICE#{}", user_code.as_str()), "DEVICE")
    }

    /// A request that came with an `Idempotency-Key`.
    pub(crate) fn idempotency(id: &IdentifierHash) -> Self {
        Self::new(format!("IDEMPOTENCY#{}", id.as_str()), "ANSWER")
    }

    /// The amount spent on texts in the month of `day`, in a shard.
    pub(crate) fn spending(day: Date, shard: i64) -> Self {
        Self::new(format!("SPENDING#{:04}-{:02}#{shard:x}", day.year(), day.month()), "SPENDING")
    }

    /// The amount spent on texts in the month of `day`, for one payer.
    pub(crate) fn payer_spending(day: Date, payer: &str) -> Self {
        Self::new(format!("SPENDING#{:04}-{:02}#{payer}", day.year(), day.month()), "SPENDING")
    }

    /// A text that its sender has reported on.
    pub(crate) fn report(text: &IdentifierHash) -> Self {
        Self::new(format!("REPORT#{}", text.as_str()), "REPORT")
    }

    /// The counts of a sender's reports on the texts of a day to a country.
    pub(crate) fn deliveries(day: Date, sender: &str, country: &str) -> Self {
        Self::new(Self::deliveries_of(day), format!("{sender}#{country}"))
    }

    /// The partition of what was reported on the texts of a day.
    pub(crate) fn deliveries_of(day: Date) -> String {
        format!("DELIVERIES#{day}")
    }

    /// An app.
    pub(crate) fn app(client_id: &str) -> Self {
        Self::new(format!("APP#{client_id}"), "APP")
    }

    /// A template of an app's e-mails, by its name.
    pub(crate) fn mail_template(client_id: &str, name: &str) -> Self {
        Self::new(Self::app(client_id).pk, format!("{MAIL}{name}"))
    }

    /// A role, by its canonical name.
    pub(crate) fn role(name: &str) -> Self {
        Self::new(format!("ROLE#{name}"), "ROLE")
    }

    /// The apps that a web origin belongs to.
    pub(crate) fn origin(origin: &str) -> Self {
        Self::new(format!("ORIGIN#{origin}"), "ORIGIN")
    }

    /// An audit event.
    pub(crate) fn event(shard: u8, id: Uuid) -> Self {
        Self::new(format!("AUDIT#{shard:x}"), id.to_string())
    }

    /// The mark by which an event is found among those of its actor or target. It has no content.
    pub(crate) fn event_of(subject: &str, id: Uuid) -> Self {
        Self::new(format!("AUDIT#{subject}"), id.to_string())
    }

    /// A part of the count of codes that were tried in an hour since 1970.
    pub(crate) fn codes_tried(shard: u8, hour: i64) -> Self {
        Self::new(format!("AUDIT#CODES#{:x}", shard % SHARDS), hour.to_string())
    }

    /// The ids of the active administrators.
    pub(crate) fn admins() -> Self {
        Self::new("ADMINS", "ADMINS")
    }

    /// The time that refusals of passwords take since hashes of other services were imported.
    pub(crate) fn foreign_hashes() -> Self {
        Self::new("FOREIGN_HASHES", "FOREIGN_HASHES")
    }

    /// The published key set.
    pub(crate) fn public_keys() -> Self {
        Self::new("SIGNING_KEYS", "PUBLIC")
    }

    /// Whether DynamoDB accepts it. If it does not, there is no such item. DynamoDB would refuse the
    /// request instead, which looks like a fault of ours.
    pub(crate) fn fits(&self) -> bool {
        self.pk.len() <= MAX_BYTES.0 && self.sk.len() <= MAX_BYTES.1
    }

    /// The partition key.
    pub(crate) fn pk(&self) -> AttributeValue {
        AttributeValue::S(self.pk.clone())
    }

    /// The key as attributes.
    pub(crate) fn attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".into(), AttributeValue::S(self.pk)),
            ("sk".into(), AttributeValue::S(self.sk)),
        ])
    }
}
