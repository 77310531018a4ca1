//! Pushed requests and devices that wait, in the table.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Decision, WaitingDevice, pushed::PushedRequest};
use crate::{
    base::Error,
    crypto::IdentifierHash,
    table::{Key, Store, Updated, WRITTEN_BY, from_item, number, text, to_item},
};

impl Store {
    /// Keeps a pushed request.
    pub(super) async fn put_pushed_request(
        &self,
        name: &IdentifierHash,
        pushed: &PushedRequest,
    ) -> Result<(), Error> {
        self.put(to_item(Key::pushed_request(name), pushed)?).await
    }

    /// A pushed request of an app that has not expired, once: the write that takes it has the
    /// condition that nobody took it before, and leaves the `mark` there.
    pub(super) async fn take_pushed_request(
        &self,
        name: &IdentifierHash,
        client_id: &str,
        mark: Uuid,
        now: Timestamp,
    ) -> Result<Option<PushedRequest>, Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET taken_by = :mark")
            .condition_expression(
                "client_id = :client_id AND expires_at > :now AND attribute_not_exists(taken_by)",
            )
            .expression_attribute_values(":client_id", text(client_id))
            .expression_attribute_values(":now", number(now.as_second()));
        let key = Key::pushed_request(name);
        match self.update_once(key, update, ("taken_by", mark)).await? {
            Updated::Done(item) => Ok(Some(from_item(item)?)),
            Updated::Refused(_) => Ok(None),
        }
    }

    /// Undoes that a pushed request was taken with this `mark`.
    pub(super) async fn give_back_pushed_request(
        &self,
        name: &IdentifierHash,
        mark: Uuid,
    ) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("REMOVE taken_by")
            .condition_expression("taken_by = :mark")
            .expression_attribute_values(":mark", text(mark));
        self.update_if(Key::pushed_request(name), update).await.map(drop)
    }

    /// Keeps a device that waits, unless another one has the same user code. Returns whether it was
    /// written.
    pub(super) async fn put_device(
        &self,
        code: &IdentifierHash,
        device: &WaitingDevice,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let update = self
            .client
            .update_item()
            .update_expression(
                "SET asked = :request, device = :device, expires_at = :ends, written_by = :mark \
                 REMOVE decision, polled_at",
            )
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now")
            .expression_attribute_values(":request", attribute(&device.request)?)
            .expression_attribute_values(":device", attribute(&device.device)?)
            .expression_attribute_values(":ends", number(device.expires_at.as_second()))
            .expression_attribute_values(":now", number(now.as_second()));
        let mark = self.mark()?;
        let updated = self.update_once(Key::device(code), update, (WRITTEN_BY, mark)).await?;
        Ok(matches!(updated, Updated::Done(_)))
    }

    /// The device of a user code, also if somebody has decided or it has expired.
    pub(super) async fn device(
        &self,
        code: &IdentifierHash,
    ) -> Result<Option<WaitingDevice>, Error> {
        self.get(Key::device(code)).await
    }

    /// Writes the decision about a device. Returns whether there was none before.
    pub(super) async fn decide_device(
        &self,
        code: &IdentifierHash,
        decision: &Decision,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET decision = :decision, decided_by = :mark")
            .condition_expression("expires_at > :now AND attribute_not_exists(decision)")
            .expression_attribute_values(":decision", attribute(decision)?)
            .expression_attribute_values(":now", number(now.as_second()));
        let mark = self.mark()?;
        let updated = self.update_once(Key::device(code), update, ("decided_by", mark)).await?;
        Ok(matches!(updated, Updated::Done(_)))
    }

    /// Notes a poll at `now`, unless there was one after `before` (both in seconds since 1970).
    /// Returns whether it was noted.
    pub(super) async fn count_poll(
        &self,
        code: &IdentifierHash,
        now: i64,
        before: i64,
    ) -> Result<bool, Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET polled_at = :polled_at, polled_by = :mark")
            .condition_expression(
                "expires_at > :polled_at \
                 AND (attribute_not_exists(polled_at) OR polled_at <= :before)",
            )
            .expression_attribute_values(":polled_at", number(now))
            .expression_attribute_values(":before", number(before));
        let mark = self.mark()?;
        let updated = self.update_once(Key::device(code), update, ("polled_by", mark)).await?;
        Ok(matches!(updated, Updated::Done(_)))
    }
}

fn attribute(value: &impl Serialize) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(value).map_err(|error| Error::Internal(error.to_string()))
}
