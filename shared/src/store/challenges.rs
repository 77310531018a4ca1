//! Challenges.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Store, Updated, bytes, from_item, keys::Key, number, text, to_item};
use crate::{
    challenge::{Challenge, Purpose},
    error::Error,
};

/// The outcome of spending a try.
#[derive(Debug)]
pub enum Spent {
    /// It is counted, and the guess is in the challenge.
    Counted(Challenge),
    /// The challenge had none left.
    NoneLeft(Challenge),
}

impl Store {
    /// Keeps a new challenge.
    pub async fn put_challenge(&self, challenge: &Challenge) -> Result<(), Error> {
        self.put(to_item(Key::challenge(challenge.id), challenge)?).await
    }

    /// A challenge, whatever its state; nothing where there is none.
    pub async fn challenge(&self, id: Uuid) -> Result<Option<Challenge>, Error> {
        self.get(Key::challenge(id)).await
    }

    /// Forgets a challenge.
    pub async fn delete_challenge(&self, id: Uuid) -> Result<(), Error> {
        self.delete(Key::challenge(id)).await
    }

    /// Spends a try on `guess`, the keyed hash of a code, and answers the challenge with that guess in
    /// it. In one write the try is counted, and the guess stored: the right one is stored once and
    /// closes the challenge, so of any number of right guesses only one is answered here.
    ///
    /// # Errors
    /// [`Error::OtpExpired`] where the challenge is unknown, too old, used, or of a purpose that is not
    /// `accepted`; [`Error::TokenMissing`] where only its user may try.
    pub async fn spend_attempt(
        &self,
        id: Uuid,
        guess: &[u8],
        caller: Option<Uuid>,
        accepted: &[Purpose],
        now: Timestamp,
    ) -> Result<Spent, Error> {
        let guess_by = self.random.uuid(now)?;
        let placeholders: Vec<_> = (0..accepted.len()).map(|place| format!(":purpose{place}")).collect();
        let mut update = self
            .client
            .update_item()
            .update_expression("SET guess = :guess, guess_by = :guess_by, attempts_used = attempts_used + :one")
            .condition_expression(format!(
                "purpose IN ({}) AND attempts_used < attempts_max AND expires_at > :now AND (attribute_not_exists(guess) OR guess <> code_hash) \
                 AND (attribute_not_exists(guess_by) OR guess_by <> :guess_by) AND (attribute_not_exists(user_id) OR user_id = :caller)",
                placeholders.join(", ")
            ))
            .expression_attribute_values(":guess", bytes(guess))
            .expression_attribute_values(":guess_by", text(guess_by))
            .expression_attribute_values(":caller", text(caller.unwrap_or_default()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now.as_second()));
        for (placeholder, purpose) in placeholders.into_iter().zip(accepted) {
            let value =
                serde_dynamo::to_attribute_value(purpose).map_err(|error| Error::Internal(error.to_string()))?;
            update = update.expression_attribute_values(placeholder, value);
        }
        let challenge: Challenge = match self.update_if(Key::challenge(id), update).await? {
            Updated::Done(item) => return from_item(item).map(Spent::Counted),
            Updated::Refused(None) => return Err(Error::OtpExpired),
            Updated::Refused(Some(item)) => from_item(item)?,
        };
        // Our own write, whose answer was lost.
        if challenge.guess_by == Some(guess_by) {
            return Ok(Spent::Counted(challenge));
        }
        if challenge.user_id.is_some() && challenge.user_id != caller {
            return Err(if caller.is_none() { Error::TokenMissing } else { Error::OtpExpired });
        }
        if !accepted.contains(&challenge.purpose) || challenge.is_used() || challenge.expires_at <= now {
            return Err(Error::OtpExpired);
        }
        Ok(Spent::NoneLeft(challenge))
    }

    /// Takes back the try that closed a challenge: its code proves once more.
    pub async fn reopen_challenge(&self, challenge: &Challenge) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .update_expression("SET attempts_used = attempts_used - :one REMOVE guess, guess_by")
            .condition_expression("guess_by = :guess_by")
            .expression_attribute_values(":guess_by", text(challenge.guess_by.unwrap_or_default()))
            .expression_attribute_values(":one", number(1));
        self.update_if(Key::challenge(challenge.id), update).await.map(drop)
    }
}
