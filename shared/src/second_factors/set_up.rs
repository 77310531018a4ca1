//! Setting up an authenticator app: the secret, and the first code, which confirms it.

use uuid::Uuid;

use super::{
    Enrolment, RecoveryCode, SecondFactor, SecondFactorMethod, SecondFactors, TotpSecret,
    check_form,
};
use crate::{
    apps::App,
    base::{Error, seconds, seconds_until, whole_seconds},
    users::User,
};

/// How many seconds a user has to confirm an authenticator app.
const ENROLMENT_SECONDS: i64 = 600;

/// The data that an authenticator app needs to show codes.
pub struct NewTotp {
    /// The secret.
    pub secret: TotpSecret,
    /// The secret as a URI that authenticator apps read.
    pub otpauth_uri: String,
    /// Seconds until it has to be confirmed.
    pub expires_in: i64,
}

impl SecondFactors {
    /// Starts to set up an authenticator app. It replaces one that was not confirmed.
    ///
    /// # Errors
    /// [`Error::Conflict`] if the user already has a confirmed one.
    pub async fn enrol(&self, user: &User, app: &App) -> Result<NewTotp, Error> {
        if user.totp {
            return Err(Error::conflict(
                "totp",
                "an authenticator app is set up already; remove it first",
            ));
        }

        let now = self.clock.now();
        let secret = TotpSecret::draw(&self.random)?;
        let enrolment = Enrolment {
            sealed_secret: self.seal(user.id, &secret)?,
            expires_at: now + seconds(ENROLMENT_SECONDS),
        };
        self.store.put_enrolment(user.id, &enrolment).await?;

        let otpauth_uri = secret.otpauth_uri(&app.name, &user.display_name());
        Ok(NewTotp { secret, otpauth_uri, expires_in: seconds_until(enrolment.expires_at, now) })
    }

    /// Finishes the set-up with a first code, and ends all sessions but the one that did it. Returns
    /// the user and the recovery codes, which are shown only this once.
    ///
    /// # Errors
    /// [`Error::Conflict`] if no set-up is waiting to be confirmed, or the user already has an
    /// authenticator app; [`Error::OtpIncorrect`]; [`Error::OtpLocked`] during a lockout.
    pub async fn confirm(
        &self,
        (user, session_id): (&User, Uuid),
        code: &str,
    ) -> Result<(User, Vec<RecoveryCode>), Error> {
        check_form(Some(SecondFactorMethod::Totp), code)?;
        // Of two set-ups that began at the same time, the second must not replace the first once
        // that is confirmed.
        if user.totp {
            return Err(Error::conflict(
                "totp",
                "an authenticator app is set up already; remove it first",
            ));
        }

        let now = self.clock.now();
        let enrolment = self.store.enrolment(user.id, now).await?.ok_or_else(|| {
            Error::conflict("totp", "no set-up is waiting to be confirmed; start it again")
        })?;
        let (secret, _) = self.open(user.id, &enrolment.sealed_secret)?;

        // Only the session that began the set-up knows the secret. Another session of the user
        // could guess codes, so tries are counted here, too.
        self.spend(user.id, None).await?;
        let step =
            secret.matching_step(code, now).ok_or(Error::OtpIncorrect { attempts_left: None })?;
        self.refund(user.id, None, now).await?;

        let codes = RecoveryCode::draw_set(&self.random)?;
        let factor = SecondFactor {
            sealed_secret: enrolment.sealed_secret,
            last_step: step,
            recovery_codes: codes.iter().map(|code| code.hash(user.id, &self.hash_keys)).collect(),
            created_at: now,
        };

        // Of several confirmations at the same time, only the one that removes the enrolment
        // succeeds, and its recovery codes count.
        let changed_at = whole_seconds(now);
        let user = self.store.put_second_factor(user.id, &self.hash_keys, &factor, |user| {
            user.totp = true;
            // Sessions that began with one factor are weaker than the account is now.
            user.sign_out_elsewhere(session_id);
            // A device that is known by one factor alone is not known any more.
            user.device_epoch += 1;
            user.updated_at = changed_at;
            Ok(())
        });
        let user = user.await.map_err(|error| match error {
            Error::PreconditionFailed => {
                Error::conflict("totp", "the set-up was already confirmed")
            }
            error => error,
        })?;
        Ok((user, codes))
    }
}
