//! Users, and who owns which identifier.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{Put, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{CHANGE_TRIES, Item, Store, from_item, keys::Key, number, text, to_item, unavailable};
use crate::{
    error::Error,
    hash_keys::IdentifierHash,
    session::{MAX_SESSIONS, Session},
    user::User,
};

impl Store {
    /// A user; nothing where there is none.
    pub async fn user(&self, id: Uuid) -> Result<Option<User>, Error> {
        self.get(Key::user(id)).await
    }

    /// Makes a user with a first session, and gives it the identifier, all or nothing. Answers whether
    /// it did: `false` where the identifier was given to somebody in the meantime. `token` makes a
    /// repetition of the same call harmless (`ClientRequestToken`).
    pub async fn create_user(
        &self,
        user: &User,
        identifier: &IdentifierHash,
        session: &Session,
        token: Uuid,
    ) -> Result<bool, Error> {
        let owner = HashMap::from([("user_id", user.id.to_string())]);
        let items = [
            to_item(Key::owner(identifier), &owner)?,
            to_item(Key::user(user.id), user)?,
            to_item(Key::session(user.id, session.id), session)?,
        ];
        for _ in 0..CHANGE_TRIES {
            let result = self
                .client
                .transact_write_items()
                .set_transact_items(Some(items.iter().map(|item| self.put_if_absent(item)).collect::<Result<_, _>>()?))
                .client_request_token(token.to_string())
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            let error = match result {
                Ok(answer) => {
                    self.count_write(answer.consumed_capacity.as_ref().and_then(|all| all.first()));
                    return Ok(true);
                }
                Err(error) => error,
            };
            let reasons: Vec<_> = error
                .as_service_error()
                .and_then(|error| match error {
                    aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
                        canceled,
                    ) => canceled.cancellation_reasons.clone(),
                    _ => None,
                })
                .unwrap_or_default()
                .into_iter()
                .filter_map(|reason| reason.code)
                .collect();
            if reasons.iter().any(|reason| reason == "ConditionalCheckFailed") {
                return Ok(false);
            }
            if !reasons.iter().any(|reason| reason == "TransactionConflict") {
                return Err(unavailable(error));
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        Err(Error::Unavailable("a transaction was in conflict too often".into()))
    }

    fn put_if_absent(&self, item: &Item) -> Result<TransactWriteItem, Error> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item.clone()))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Adds a session to its user and notes the sign-in. Answers the user; nothing where there is none.
    ///
    /// # Errors
    /// [`Error::UserDisabled`] for a disabled user; then there is no session.
    pub async fn begin_session(&self, session: &Session, ends_at: Timestamp) -> Result<Option<User>, Error> {
        self.put(to_item(Key::session(session.user_id, session.id), session)?).await?;
        let user = self
            .change_sessions(
                session.user_id,
                "SET sessions.#id = :ends_at, last_sign_in_at = :now",
                "attribute_exists(pk) AND user_status = :active",
                &[session.id],
                HashMap::from([
                    (":active".to_owned(), text("active")),
                    (":ends_at".to_owned(), number(ends_at.as_second())),
                    (":now".to_owned(), number(session.created_at.as_second())),
                ]),
            )
            .await?;
        match user {
            Some(user) if user.sessions.len() > MAX_SESSIONS => {
                // Version 7 ids order by time: the first are the oldest.
                let oldest: Vec<_> = user.sessions.keys().take(user.sessions.len() - MAX_SESSIONS).copied().collect();
                self.end_sessions(user.id, &oldest).await?;
                Ok(Some(user))
            }
            user => Ok(user),
        }
    }

    /// Ends sessions of a user. From here on nothing accepts them; what they stored is swept away.
    pub async fn end_sessions(&self, user_id: Uuid, session_ids: &[Uuid]) -> Result<(), Error> {
        if session_ids.is_empty() {
            return Ok(());
        }
        let remove: Vec<_> = (0..session_ids.len()).map(|index| format!("sessions.{}", placeholder(index))).collect();
        let update = format!("REMOVE {}", remove.join(", "));
        self.change_sessions(user_id, &update, "attribute_exists(pk)", session_ids, HashMap::new()).await?;
        for id in session_ids {
            self.delete(Key::session(user_id, *id)).await?;
        }
        Ok(())
    }

    async fn change_sessions(
        &self,
        user_id: Uuid,
        update: &str,
        condition: &str,
        session_ids: &[Uuid],
        values: Item,
    ) -> Result<Option<User>, Error> {
        let names = session_ids.iter().enumerate().map(|(index, id)| (placeholder(index), id.to_string())).collect();
        let result = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Key::user(user_id).attributes()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values).filter(|values| !values.is_empty()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match result {
            Ok(answer) => {
                self.count_write(answer.consumed_capacity.as_ref());
                answer.attributes.map(from_item).transpose()
            }
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => match failed.item {
                    Some(_) => Err(Error::UserDisabled),
                    None => Ok(None),
                },
                _ => Err(unavailable(error)),
            },
        }
    }
}

/// The name that stands for the `index`th session in an expression.
fn placeholder(index: usize) -> String {
    if index == 0 { "#id".to_owned() } else { format!("#id{index}") }
}
