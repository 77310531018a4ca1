//! Second factors, and sign-ins that wait for one, in the table.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    operation::update_item::builders::UpdateItemFluentBuilder,
    types::{AttributeValue, TransactWriteItem},
};
use jiff::Timestamp;
use uuid::Uuid;

use super::{Enrolment, PendingSignIn, SecondFactor};
use crate::{
    base::Error,
    crypto::{HashKeys, IdentifierHash},
    table::{Key, Store, Updated, bytes, from_item, number, text, to_item},
    users::{CHANGED_BY, User},
};

impl Store {
    /// Keeps an authenticator app that is not confirmed yet. It replaces the previous one.
    pub async fn put_enrolment(&self, user_id: Uuid, enrolment: &Enrolment) -> Result<(), Error> {
        self.put(to_item(Key::enrolment(user_id), enrolment)?).await
    }

    /// The authenticator app that waits to be confirmed, unless it has expired at `now`.
    pub async fn enrolment(
        &self,
        user_id: Uuid,
        now: Timestamp,
    ) -> Result<Option<Enrolment>, Error> {
        let enrolment = self.get::<Enrolment>(Key::enrolment(user_id)).await?;
        Ok(enrolment.filter(|enrolment| enrolment.expires_at > now))
    }

    /// A user's second factor, whether or not it is switched on.
    pub async fn second_factor(&self, user_id: Uuid) -> Result<Option<SecondFactor>, Error> {
        self.get(Key::second_factor(user_id)).await
    }

    /// The second factor that a user removed within 72 hours.
    pub async fn removed_second_factor(
        &self,
        user_id: Uuid,
    ) -> Result<Option<SecondFactor>, Error> {
        self.get(Key::removed_factor(user_id)).await
    }

    /// Switches a confirmed authenticator app on and deletes the enrolment, in one transaction with the
    /// `change` to the user. If the app was enrolled, its enrolment must still be there.
    ///
    /// # Errors
    /// [`Error::PreconditionFailed`] if another request has confirmed or replaced the enrolment.
    pub async fn put_second_factor(
        &self,
        user_id: Uuid,
        keys: &HashKeys,
        (factor, is_enrolled): (&SecondFactor, bool),
        change: impl FnMut(&mut User) -> Result<(), Error>,
    ) -> Result<User, Error> {
        let (enrolment, sealed) = (Key::enrolment(user_id), bytes(&factor.sealed_secret));
        let items = vec![
            match is_enrolled {
                true => self.delete_where(enrolment, "sealed_secret", sealed)?,
                false => self.delete_always(enrolment)?,
            },
            self.put_always(to_item(Key::second_factor(user_id), factor)?)?,
        ];
        self.change_user_and(user_id, keys, change, items).await
    }

    /// The write that keeps a second factor, if there is one.
    pub(crate) fn factor_writes(
        &self,
        user_id: Uuid,
        factor: Option<&SecondFactor>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let put = |factor| self.put_always(to_item(Key::second_factor(user_id), factor)?);
        factor.map(put).into_iter().collect()
    }

    /// Uses up the code of a step. Returns whether it was still unused (RFC 6238 §5.2), or was last
    /// used with the same `mark`. If the secret was sealed again, that is kept in the same write.
    pub async fn use_totp_step(
        &self,
        user_id: Uuid,
        (sealed_secret, resealed): (&[u8], Option<&[u8]>),
        step: i64,
        mark: &str,
    ) -> Result<bool, Error> {
        let mut update = self.client.update_item();
        update = match resealed {
            None => update.update_expression("SET last_step = :step, changed_by = :mark"),
            Some(resealed) => update
                .update_expression(
                    "SET last_step = :step, changed_by = :mark, sealed_secret = :resealed",
                )
                .expression_attribute_values(":resealed", bytes(resealed)),
        };
        let update = update
            .condition_expression("sealed_secret = :sealed_secret AND last_step < :step")
            .expression_attribute_values(":sealed_secret", bytes(sealed_secret))
            .expression_attribute_values(":step", number(step));
        self.change_second_factor(user_id, update, mark).await
    }

    /// Keeps the secret of an authenticator app, sealed again, unless it was changed meanwhile.
    pub async fn reseal_second_factor(
        &self,
        user_id: Uuid,
        sealed_secret: &[u8],
        resealed: &[u8],
    ) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET sealed_secret = :resealed")
            .condition_expression("sealed_secret = :sealed_secret")
            .expression_attribute_values(":sealed_secret", bytes(sealed_secret))
            .expression_attribute_values(":resealed", bytes(resealed));
        self.update_if(Key::second_factor(user_id), update).await.map(drop)
    }

    /// Uses up a recovery code. Returns whether it was still unused, or was last used with the same
    /// `mark`.
    pub async fn use_recovery_code(
        &self,
        user_id: Uuid,
        hash: &IdentifierHash,
        mark: &str,
    ) -> Result<bool, Error> {
        let update = self
            .client
            .update_item()
            .update_expression("DELETE recovery_codes :codes SET changed_by = :mark")
            .condition_expression("contains(recovery_codes, :code)")
            .expression_attribute_values(
                ":codes",
                AttributeValue::Ss(vec![hash.as_str().to_owned()]),
            )
            .expression_attribute_values(":code", text(hash.as_str()));
        self.change_second_factor(user_id, update, mark).await
    }

    /// Undoes the use of a recovery code with this `mark`, unless the second factor was changed since.
    pub async fn give_back_recovery_code(
        &self,
        user_id: Uuid,
        hash: &IdentifierHash,
        mark: &str,
    ) -> Result<(), Error> {
        let codes = AttributeValue::Ss(vec![hash.as_str().to_owned()]);
        let update = self
            .client
            .update_item()
            .update_expression("ADD recovery_codes :codes")
            .condition_expression("changed_by = :mark")
            .expression_attribute_values(":codes", codes)
            .expression_attribute_values(":mark", text(mark));
        self.update_if(Key::second_factor(user_id), update).await.map(drop)
    }

    /// Replaces the recovery codes. Returns `false` if the user has no second factor.
    pub async fn replace_recovery_codes(
        &self,
        user_id: Uuid,
        hashes: &BTreeSet<IdentifierHash>,
    ) -> Result<bool, Error> {
        let hashes = hashes.iter().map(|hash| hash.as_str().to_owned()).collect();
        let update = self
            .client
            .update_item()
            .update_expression("SET recovery_codes = :codes, changed_by = :mark")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":codes", AttributeValue::Ss(hashes));
        self.change_second_factor(user_id, update, &self.mark()?.to_string()).await
    }

    /// Changes a second factor once. Returns whether the condition held, for this or an earlier try
    /// with the same `mark`.
    async fn change_second_factor(
        &self,
        user_id: Uuid,
        update: UpdateItemFluentBuilder,
        mark: &str,
    ) -> Result<bool, Error> {
        let updated =
            self.update_once(Key::second_factor(user_id), update, (CHANGED_BY, mark)).await?;
        Ok(matches!(updated, Updated::Done(_)))
    }

    /// Keeps a sign-in that waits for its second factor.
    pub async fn put_pending_sign_in(
        &self,
        token_hash: &IdentifierHash,
        pending: &PendingSignIn,
    ) -> Result<(), Error> {
        self.put(to_item(Key::pending_sign_in(token_hash), pending)?).await
    }

    /// A sign-in that waits for its second factor.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] if there is none, or it was used up; [`Error::TokenExpired`].
    pub async fn pending_sign_in(
        &self,
        token_hash: &IdentifierHash,
        now: Timestamp,
    ) -> Result<PendingSignIn, Error> {
        let pending: Option<PendingSignIn> = self.get(Key::pending_sign_in(token_hash)).await?;
        let pending = pending.filter(|pending| pending.used_by.is_none());
        let pending = pending.ok_or(Error::TokenInvalid)?;
        if pending.expires_at <= now { Err(Error::TokenExpired) } else { Ok(pending) }
    }

    /// Spends a try of a sign-in that waits for its second factor, and returns the sign-in.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] if there is none, or it was used up; [`Error::TokenExpired`];
    /// [`Error::OtpLocked`] if it has no tries left.
    pub async fn spend_mfa_attempt(
        &self,
        token_hash: &IdentifierHash,
        now: Timestamp,
    ) -> Result<PendingSignIn, Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET attempts_used = attempts_used + :one, tried_by = :mark")
            .condition_expression(
                "attempts_used < attempts_max AND expires_at > :now AND attribute_not_exists(used_by) \
                 AND (attribute_not_exists(tried_by) OR tried_by <> :mark)",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now.as_second()));

        match self
            .update_once(Key::pending_sign_in(token_hash), update, ("tried_by", self.mark()?))
            .await?
        {
            Updated::Done(item) => from_item(item),
            Updated::Refused(None) => Err(Error::TokenInvalid),
            Updated::Refused(Some(item)) => {
                let pending: PendingSignIn = from_item(item)?;
                Err(if pending.used_by.is_some() {
                    Error::TokenInvalid
                } else if pending.expires_at <= now {
                    Error::TokenExpired
                } else {
                    Error::OtpLocked { retry_after: None }
                })
            }
        }
    }

    /// Uses up a sign-in that waited for its second factor. Returns the id of this use.
    ///
    /// # Errors
    /// [`Error::TokenInvalid`] if it was used up before.
    pub async fn use_pending_sign_in(&self, token_hash: &IdentifierHash) -> Result<Uuid, Error> {
        let id = self.mark()?;
        let update = self
            .client
            .update_item()
            .update_expression("SET used_by = :mark")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(used_by)");
        match self.update_once(Key::pending_sign_in(token_hash), update, ("used_by", id)).await? {
            Updated::Done(_) => Ok(id),
            Updated::Refused(_) => Err(Error::TokenInvalid),
        }
    }

    /// Undoes a use of a sign-in, which then waits for its second factor again.
    pub async fn reopen_pending_sign_in(
        &self,
        token_hash: &IdentifierHash,
        used_by: Uuid,
    ) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("REMOVE used_by")
            .condition_expression("used_by = :used_by")
            .expression_attribute_values(":used_by", text(used_by));
        self.update_if(Key::pending_sign_in(token_hash), update).await.map(drop)
    }
}
