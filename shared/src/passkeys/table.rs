//! Passkeys in the table: each is a separate item, found by the id of its credential, and its
//! user names it.

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Passkey, challenge::Challenge};
use crate::{
    base::{Error, epoch_seconds},
    crypto::IdentifierHash,
    table::{Key, Store, number, text, to_item},
    users::User,
};

/// A challenge that was used. It lies in the table until it expires.
#[derive(Serialize)]
struct UsedChallenge {
    #[serde(with = "epoch_seconds")]
    expires_at: Timestamp,
}

impl Store {
    /// A passkey, whether or not its user still names it.
    pub async fn passkey(&self, id: Uuid) -> Result<Option<Passkey>, Error> {
        self.get(Key::passkey(id)).await
    }

    /// The passkeys of a user, in the order in which they were added.
    pub async fn passkeys_of(&self, user: &User) -> Result<Vec<Passkey>, Error> {
        let found = try_join_all(user.passkeys.iter().map(|id| self.passkey(*id))).await?;
        let mut passkeys: Vec<_> = found.into_iter().flatten().collect();
        passkeys.sort_by_key(|passkey| (passkey.created_at, passkey.id()));
        Ok(passkeys)
    }

    /// The write that adds a passkey, if nobody has its credential.
    pub(super) fn new_passkey(&self, passkey: &Passkey) -> Result<TransactWriteItem, Error> {
        self.put_if_absent(&to_item(Key::passkey(passkey.id()), passkey)?)
    }

    /// The write that notes the use of the challenge with which a passkey is added, unless it was used.
    pub(super) fn used_challenge(&self, challenge: &Challenge) -> Result<TransactWriteItem, Error> {
        let key = Key::passkey_challenge(&challenge.name());
        self.put_if_absent(&to_item(key, &UsedChallenge { expires_at: challenge.expires_at })?)
    }

    /// Gives a passkey of a user another name. Returns `false` if there is none.
    pub async fn rename_passkey(
        &self,
        (user_id, id): (Uuid, Uuid),
        name: &str,
    ) -> Result<bool, Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET #name = :name")
            .condition_expression("user_id = :user")
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":name", text(name))
            .expression_attribute_values(":user", text(user_id));
        self.update_if(Key::passkey(id), update).await.map(|updated| updated.is_done())
    }

    /// Notes the use of a passkey.
    pub async fn note_passkey_use(
        &self,
        passkey: &Passkey,
        (sign_count, backed_up): (u32, bool),
        now: Timestamp,
    ) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression(
                "SET sign_count = :count, backed_up = :backed_up, last_used_at = :now",
            )
            .condition_expression("user_id = :user")
            .expression_attribute_values(":count", number(sign_count.into()))
            .expression_attribute_values(":backed_up", AttributeValue::Bool(backed_up))
            .expression_attribute_values(":now", number(now.as_second()))
            .expression_attribute_values(":user", text(passkey.user_id));
        self.update_if(Key::passkey(passkey.id()), update).await.map(drop)
    }

    /// Notes that the challenge of a sign-in is used. Returns `false` if it was before.
    pub async fn use_passkey_challenge(
        &self,
        name: &IdentifierHash,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        self.put_new(Key::passkey_challenge(name), expires_at.as_second()).await
    }
}
