//! Requests with an `Idempotency-Key`, and their responses.

use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, put_item::PutItemError},
    types::{ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure},
};
use futures_util::FutureExt;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    aws::unavailable,
    base::{Error, epoch_millis, epoch_seconds, seconds},
    crypto::IdentifierHash,
    table::{Key, Store, bytes, from_item, number, text, to_item},
};

/// How many seconds a response is kept.
const KEPT_SECONDS: i64 = 24 * 3600;
/// A request that has not finished after this time never will: its deadline is long over.
const AT_WORK_MILLIS: i64 = 15_000;

/// A request and, once it is done, its response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The SHA-256 of the body, by its meaning.
    #[serde(with = "serde_bytes")]
    pub body_hash: Vec<u8>,
    /// Identifies one of the requests with this key.
    pub mark: Uuid,
    #[serde(with = "epoch_millis")]
    begun_at: Timestamp,
    /// The response, sealed.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub answer: Option<Vec<u8>>,
    #[serde(with = "epoch_seconds")]
    expires_at: Timestamp,
}

/// Whether a request is the first with its key.
#[derive(Debug)]
pub enum FirstTime {
    /// It is, and is recorded as running.
    Yes,
    /// This request came first.
    No(KeptAnswer),
}

impl Store {
    /// Records that the request `mark` begins, unless another with the same key began before.
    pub async fn begin_once(
        &self,
        id: &IdentifierHash,
        mark: Uuid,
        body_hash: &[u8],
        now: Timestamp,
    ) -> Result<FirstTime, Error> {
        let expires_at = now + seconds(KEPT_SECONDS);
        let begun = KeptAnswer {
            body_hash: body_hash.to_vec(),
            mark,
            begun_at: now,
            answer: None,
            expires_at,
        };

        let result = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(Key::idempotency(id), &begun)?))
            .condition_expression(
                "attribute_not_exists(pk) OR expires_at <= :now OR (attribute_not_exists(answer) AND begun_at <= :dead)",
            )
            .expression_attribute_values(":now", number(now.as_second()))
            .expression_attribute_values(":dead", number(now.as_millisecond().saturating_sub(AT_WORK_MILLIS)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .boxed()
            .await;

        match result {
            Ok(answer) => {
                self.count_write(answer.consumed_capacity.as_ref());
                Ok(FirstTime::Yes)
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    let earlier: KeptAnswer = from_item(failed.item.clone().unwrap_or_default())?;
                    // The same mark: our own write, whose response was lost.
                    Ok(if earlier.mark == mark { FirstTime::Yes } else { FirstTime::No(earlier) })
                }
                _ => Err(unavailable(error)),
            },
        }
    }

    /// Keeps the sealed response to the request `mark`.
    pub async fn keep_answer(
        &self,
        id: &IdentifierHash,
        mark: Uuid,
        sealed: &[u8],
    ) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET answer = :answer")
            .condition_expression("mark = :mark")
            .expression_attribute_values(":answer", bytes(sealed))
            .expression_attribute_values(":mark", text(mark));
        self.update_if(Key::idempotency(id), update).await.map(drop)
    }

    /// Forgets the request `mark`, which was refused.
    pub async fn forget_answer(&self, id: &IdentifierHash, mark: Uuid) -> Result<(), Error> {
        let result = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(Key::idempotency(id).attributes()))
            .condition_expression("mark = :mark")
            .expression_attribute_values(":mark", text(mark))
            .send()
            .boxed()
            .await;

        match result {
            Err(error)
                if !matches!(
                    error.as_service_error(),
                    Some(DeleteItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                Err(unavailable(error))
            }
            _ => Ok(()),
        }
    }
}
